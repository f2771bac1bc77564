//! Whole searches on made-up images: their phases, and what goes on from anywhere within them.

use std::sync::Arc;

use rand::RngExt;

use super::*;
use crate::config::{CheckedConfig, DataFormat, DataShape, Preset, SearchConfig, preset};
use crate::data::{Dataset, ImageSet, Source};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Signal};
use crate::random::stream;
use crate::search::method::{Selection, StageStart, StepOrder};
use crate::space::Primitive;

/// Two classes that are told apart by a bright upper or lower half.
fn dataset(config: &CheckedConfig) -> Dataset {
    let classes = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
    let images = 32;
    let set = || {
        let mut random = stream(1, "made-up images", &[]);
        let pixels = (0..images * 64).map(|at| {
            let (image, row) = (at / 64, at % 64 / 8);
            let bright = (image % 2 == 0) == (row < 4);
            random.random_range(0..100u8) + if bright { 120 } else { 0 }
        });
        let pixels: Vec<u8> = pixels.collect();
        ImageSet::new(Arc::clone(&classes), [1, 8, 8], pixels, (0..images as u32).map(|i| i % 2).collect())
    };
    let source = Source::new(DataFormat::Folder, set(), Some(set()), Vec::new());
    Dataset::new(source, &config.data, config.search.train_portion, 1).unwrap()
}

fn config(change: impl FnOnce(&mut SearchConfig)) -> CheckedConfig {
    let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
    config.data.crop_padding = 1;
    config.data.flip = false;
    let search = &mut config.search;
    (search.nodes, search.layers, search.init_channels) = (2, 2, 4);
    (search.epochs, search.batch_size) = (2, 8);
    search.candidates = vec![Primitive::SepConv3x3, Primitive::SkipConnect];
    change(search);
    config.check().unwrap()
}

/// Keeps what it is told, and stops at a moment.
#[derive(Default)]
struct Listener {
    /// The signal, counted from 1, at which to stop; 0 never.
    stop_at: usize,
    signals: usize,
    state: Option<SearchState>,
    epochs: Vec<SearchEpoch>,
    trials: Vec<[usize; 2]>,
}

impl Observer for Listener {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::SaveSearch(state) => self.state = Some(state.clone()),
            Event::SearchEpoch(epoch) => self.epochs.push(epoch.clone()),
            Event::Trial { batches } => self.trials.push(batches),
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        self.signals += 1;
        if self.signals == self.stop_at { Signal::Stop } else { Signal::Continue }
    }
}

/// The state without its times.
fn timeless(state: Option<SearchState>) -> SearchState {
    SearchState { seconds: 0.0, epoch_seconds: 0.0, ..state.expect("a state is handed out") }
}

fn run(
    config: &CheckedConfig,
    start: Option<&SearchState>,
    stop_at: usize,
) -> (Result<SearchOutcome>, Listener) {
    let mut listener = Listener { stop_at, ..Listener::default() };
    let outcome = search(&dataset(config), config, &Device::flex(), start, &mut listener);
    (outcome, listener)
}

/// A search that is stopped at each of these signals and goes on comes to the same bits as one that is not.
fn goes_on_from(
    config: &CheckedConfig,
    moments: impl IntoIterator<Item = usize>,
) -> (SearchOutcome, Listener) {
    let (outcome, whole) = run(config, None, 0);
    let outcome = outcome.unwrap();
    for moment in moments {
        assert!(moment < whole.signals, "there are {} signals", whole.signals);
        let (stopped, before) = run(config, None, moment);
        assert!(matches!(stopped, Err(Error::Interrupted { .. })), "{moment}: {stopped:?}");
        let state = before.state.expect("a stop hands out the state");
        let (resumed, after) = run(config, Some(&state), 0);
        let resumed = resumed.unwrap();
        assert_eq!(
            (resumed.genotype, resumed.alphas),
            (outcome.genotype.clone(), outcome.alphas.clone()),
            "{moment}"
        );
        let last = after.state.or(Some(state));
        assert!(timeless(last) == timeless(whole.state.clone()), "other bits after {moment}");
        assert_eq!(after.trials.last().or(before.trials.last()), whole.trials.last(), "{moment}");
    }
    (outcome, whole)
}

#[test]
fn choices_by_trials_go_on_from_anywhere() {
    let config = config(|search| {
        search.method.selection = Selection::Perturb;
        search.method.selection_interval = 1;
    });
    // 2 epochs of 2 steps; 6 rounds before 2 steps each: 5 edges of 2 candidates in both cells, then 3 edges of a node;
    // 2 batches a trial.
    let moments = [2, 4, 5, 6, 7, 12, 13, 15, 16, 17, 50, 62, 63, 66, 67];
    let (outcome, whole) = goes_on_from(&config, moments);
    let trials = 2 * (5 * 2 + 3);
    assert_eq!(whole.trials.last(), Some(&[2 * trials; 2]));
    assert_eq!(whole.signals, 8 * 2 + 2 * trials);
    assert_eq!(whole.epochs.len(), 8);
    // An edge of each cell is decided in each epoch, then it stays.
    let decided =
        |epoch: &SearchEpoch| epoch.edge_weights.cells().flatten().filter(|row| row.contains(&1.0)).count();
    let counts: Vec<usize> = whole.epochs.iter().map(decided).collect();
    assert_eq!(counts, [0, 0, 2, 4, 6, 8, 10, 8]);
    assert_eq!(whole.epochs[7].genotype, outcome.genotype);
    assert_eq!(whole.state.unwrap().trials.len(), trials);
    // A tenth of the first learning rate.
    assert!((whole.epochs[2].learning_rate - 0.0025).abs() < 1e-12);
}

/// 16 images in batches of 6.
#[test]
fn a_smaller_last_batch_of_a_trial_counts_once() {
    let config = config(|search| {
        search.batch_size = 6;
        search.method.selection = Selection::Perturb;
        search.method.selection_interval = 1;
    });
    // 2 epochs of 3 steps, then trials of 3 batches.
    let (_, whole) = goes_on_from(&config, 7..13);
    assert!(whole.state.unwrap().trials.iter().all(|trial| trial.images == 16));
}

/// What changes nothing when it is taken away is not chosen where there is something that does.
#[test]
fn a_useless_operation_is_never_chosen() {
    let config = config(|search| {
        search.epochs = 8;
        search.candidates = vec![Primitive::SepConv3x3, Primitive::None];
        (search.method.selection, search.method.selection_interval) = (Selection::Perturb, 1);
    });
    let (outcome, whole) = run(&config, None, 0);
    outcome.unwrap();
    let last = whole.epochs.last().unwrap();
    for row in last.edge_weights.cells().flatten() {
        assert!(row[..] == [1.0, 0.0] || row[..] == [0.0, 0.0], "{row:?}");
    }
}

#[test]
fn samples_are_measured_after_the_last_epoch() {
    let config = config(|search| {
        let method = &mut search.method;
        method.selection = Selection::ScoredSamples;
        (method.selection_samples, method.selection_batches, method.selection_finalists) = (5, 1, 2);
    });
    // 4 steps, 5 samples of a batch, 2 of the 2 batches that there are.
    let (_, whole) = goes_on_from(&config, [3, 4, 5, 6, 8, 9, 10, 11, 12]);
    assert_eq!((whole.signals, whole.trials.len()), (13, 9));
    assert_eq!((whole.trials[0], whole.trials[8]), ([1, 9], [9, 9]));
}

#[test]
fn a_random_cell_needs_no_search() {
    let with = |seed| {
        let config = config(|search| search.method.selection = Selection::Random);
        config.with(|config| config.seed = seed).unwrap()
    };
    let (outcome, listener) = run(&with(3), None, 0);
    let outcome = outcome.unwrap();
    assert_eq!((listener.signals, outcome.seconds), (0, 0.0));
    outcome.genotype.check().unwrap();
    assert_eq!(run(&with(3), None, 0).0.unwrap().genotype, outcome.genotype);
    let others =
        (4..12).filter(|&seed| run(&with(seed), None, 0).0.unwrap().genotype != outcome.genotype).count();
    assert!(others > 4, "{others}");
}

#[test]
fn trials_of_another_place_are_refused() {
    let config = config(|search| search.method.selection = Selection::Perturb);
    let (_, before) = run(&config, None, 7);
    let state = before.state.unwrap();
    assert_eq!(state.trials.len(), 1);
    let refused = |change: fn(&mut SearchState)| {
        let mut state = state.clone();
        change(&mut state);
        run(&config, Some(&state), 0).0.unwrap_err().to_string()
    };
    assert!(refused(|s| s.trial.right = s.trial.images + 1).contains("trials in epoch 2"));
    assert!(refused(|s| s.position.epoch = 1).contains("1 trials in epoch 1, expected at most 0"));
    assert!(refused(|s| s.trials = vec![s.trials[0]; 9]).contains("9 trials in epoch 2, expected at most 4"));
}

/// The bits do not depend on the number of threads.
#[test]
fn any_number_of_threads() {
    let config = config(|search| {
        (search.method.selection, search.method.selection_interval) = (Selection::Perturb, 1);
    });
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (outcome, listener) = pool.install(|| run(&config, None, 0));
        (outcome.unwrap().genotype, timeless(listener.state))
    };
    assert!(with(1) == with(2));
}

/// Networks of growing depth, each drawn anew, with fewer candidates each.
#[test]
fn fresh_stages_go_on_from_anywhere() {
    let config = config(|search| {
        search.epochs = 6;
        search.candidates = Primitive::DARTS.to_vec();
        let schedule = &mut search.method.schedule;
        schedule.stage_layers.0 = vec![2, 3, 4];
        schedule.stage_operations.0 = vec![8, 4, 2];
        (schedule.stage_start, schedule.first_epoch) = (StageStart::Fresh, 1);
    });
    let (outcome, whole) = goes_on_from(&config, [3, 4, 5, 8, 9, 11]);
    // Alphas and edge weights are those of all candidates, 0 where one is no more.
    let left = |epoch: &SearchEpoch| -> Vec<usize> {
        let rows = epoch.edge_weights.cells().flatten();
        rows.map(|row| row.iter().filter(|&&weight| weight > 0.0).count()).collect()
    };
    for (epoch, count) in whole.epochs.iter().zip([8, 8, 4, 4, 2, 2]) {
        assert_eq!(left(epoch), [count; 10]);
        assert_eq!(epoch.alphas.lengths(), whole.epochs[0].alphas.lengths());
    }
    // Those that are left had the largest weights.
    for [before, after] in [[1, 2], [3, 4]] {
        let rows =
            |epoch: usize| whole.epochs[epoch].edge_weights.cells().flatten().cloned().collect::<Vec<_>>();
        for (before, after) in rows(before).into_iter().zip(rows(after)) {
            let pairs = || before.iter().zip(&after);
            let gone = pairs().filter(|(_, after)| **after == 0.0).map(|(b, _)| *b).fold(0.0, f64::max);
            let stays = pairs().filter(|(_, after)| **after > 0.0).map(|(b, _)| *b).fold(1.0, f64::min);
            assert!(gone <= stays, "{before:?} {after:?}");
        }
    }
    let rates: Vec<f64> = whole.epochs.iter().map(|epoch| epoch.learning_rate).collect();
    assert_eq!((rates[2], rates[4]), (rates[0], rates[0]));
    // The alphas of a stage stay in its first epoch.
    assert!(whole.epochs[4].alphas.values().all(|alpha| alpha.abs() < 0.01));
    assert_eq!(outcome.alphas, whole.epochs[5].alphas);
    let cells = |state: &SearchState| {
        let number = |name: &String| name.strip_prefix("cells.")?.split('.').next()?.parse::<usize>().ok();
        state.net.keys().filter_map(number).max().unwrap() + 1
    };
    assert_eq!(cells(&whole.state.unwrap()), 4);
}

/// One network that loses candidates and widens what its operations see, with its momentum.
#[test]
fn continued_stages_go_on_from_anywhere() {
    let config = config(|search| {
        (search.epochs, search.init_channels) = (4, 8);
        search.candidates = Primitive::DARTS[1..].to_vec();
        let schedule = &mut search.method.schedule;
        schedule.stage_share.0 = vec![4, 2];
        schedule.stage_operations.0 = vec![7, 3];
    });
    let (_, whole) = goes_on_from(&config, [3, 4, 5, 6, 7]);
    let rates: Vec<f64> = whole.epochs.iter().map(|epoch| epoch.learning_rate).collect();
    assert!(rates.windows(2).all(|pair| pair[1] < pair[0]), "{rates:?}");
    let state = whole.state.unwrap();
    assert_eq!((state.alpha_steps, state.alphas.values().count()), (8, 2 * 5 * 3));
    // The stem goes on: a step of momentum more, not a new beginning.
    let begin = run(&config, None, 4).1.state.unwrap();
    assert_eq!((begin.position.epoch, begin.kept.is_empty()), (1, true));
    let next = run(&config, Some(&begin), 1).1.state.unwrap();
    assert!(!next.kept.is_empty());
    assert_eq!(next.kept.cells().next().unwrap()[0].len(), 3);
    let stem = |state: &SearchState| state.net["stem.0.weight"].values.clone();
    let moved = stem(&next).iter().zip(stem(&begin)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(moved > 0.0 && moved < 0.1, "{moved}");
}

#[test]
fn candidates_of_another_stage_are_refused() {
    let config = config(|search| {
        search.epochs = 2;
        search.method.schedule.stage_operations.0 = vec![2, 1];
    });
    let state = run(&config, None, 3).1.state.unwrap();
    for change in [
        (|s| s.kept = Default::default()) as fn(&mut SearchState),
        |s| s.kept.cells_mut().for_each(|edges| edges[0] = vec![0, 1]),
        |s| s.kept.cells_mut().for_each(|edges| edges[0] = vec![7]),
        |s| s.position.epoch = 0,
    ] {
        let mut state = state.clone();
        change(&mut state);
        let error = run(&config, Some(&state), 0).0.unwrap_err().to_string();
        assert!(error.contains("candidates") && error.contains("in stage"), "{error}");
    }
}

#[test]
fn alphas_stay_where_only_weights_move() {
    let config = config(|search| {
        search.method.order = StepOrder::WeightsOnly;
        (search.method.selection, search.method.selection_interval) = (Selection::Perturb, 1);
    });
    let (outcome, whole) = run(&config, None, 0);
    let first = &whole.epochs[0].alphas;
    assert_eq!(*first, outcome.unwrap().alphas);
    assert!(first.values().all(|alpha| alpha.abs() < 0.01));
}
