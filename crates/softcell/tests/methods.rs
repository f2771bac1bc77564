//! Every known method searches to its end and goes on from its middle to the same bits; of every pair of choices each
//! either searches or is refused with a reason.

use std::sync::atomic::{AtomicUsize, Ordering};

use softcell::config::{CheckedConfig, DataShape};
use softcell::event::{Event, Observer, Signal};
use softcell::experiment::{Experiment, Settings};
use softcell::search::method::Selection;
use softcell::search::method::presets::METHODS;
use softcell::search::{SearchEpoch, SearchState, search};
use softcell::{Error, Result};
use softcell::{data::Dataset, nn::Device};

/// A search of a few steps: two nodes, two cells from 8 channels, three epochs.
fn small(settings: Settings) -> Settings {
    let table = "[data]\nimages_per_class = 6\n[search]\nlayers = 2\nnodes = 2\ninit_channels = 8\nbatch_size = 8\n\
                 epochs = 3";
    settings.with_table(&table.parse().unwrap()).unwrap()
}

struct Bench {
    dataset: Dataset,
    device: Device,
}

impl Bench {
    fn new() -> Bench {
        let settings = small(Settings::new());
        let plan = Experiment::of(settings)
            .plan(&softcell::experiment::Stages::Search, &mut softcell::event::Silent)
            .unwrap();
        let device = softcell::experiment::Machine::open("cpu").unwrap().device().clone();
        Bench { dataset: plan.dataset, device }
    }

    fn config(&self, settings: Settings) -> Result<CheckedConfig> {
        let shape: DataShape = self.dataset.shape();
        settings.build(&shape).map(|(config, _)| config)
    }

    fn run(&self, config: &CheckedConfig, start: Option<&SearchState>, watch: &mut Watch) -> Result<String> {
        let found = search(&self.dataset, config, &self.device, start, watch)?;
        Ok(format!("{:?}\n{}", found.alphas, found.genotype.to_text()))
    }
}

/// Keeps the epochs and the last state, and stops after so many steps.
#[derive(Default)]
struct Watch {
    most: Option<usize>,
    steps: usize,
    epochs: Vec<SearchEpoch>,
    state: Option<SearchState>,
}

impl Observer for Watch {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step(_) => self.steps += 1,
            Event::SearchEpoch(epoch) => self.epochs.push(epoch.clone()),
            Event::SaveSearch(state) => self.state = Some(state.clone()),
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        if self.most.is_some_and(|most| self.steps >= most) { Signal::Stop } else { Signal::Continue }
    }
}

fn timeless(epochs: &[SearchEpoch]) -> Vec<SearchEpoch> {
    epochs.iter().map(|epoch| SearchEpoch { seconds: 0.0, ..epoch.clone() }).collect()
}

#[test]
fn every_method_searches_and_goes_on_to_the_same_bits() {
    let bench = Bench::new();
    for method in METHODS {
        let name = method.name;
        let settings = small(Settings::new().with_method(name).unwrap());
        let config = bench.config(settings).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut whole = Watch::default();
        let found = bench.run(&config, None, &mut whole).unwrap_or_else(|error| panic!("{name}: {error}"));
        if whole.steps < 2 {
            // Nothing is searched.
            assert_eq!(name, "random");
            continue;
        }
        let middle = whole.steps / 2;
        let mut first = Watch { most: Some(middle), ..Watch::default() };
        let stopped = bench.run(&config, None, &mut first).unwrap_err();
        assert!(matches!(stopped, Error::Interrupted { .. }), "{name}: {stopped}");
        let state = first.state.take().unwrap();
        let mut second = Watch::default();
        let again = bench.run(&config, Some(&state), &mut second).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(found, again, "{name}");
        let epochs: Vec<SearchEpoch> = first.epochs.iter().chain(&second.epochs).cloned().collect();
        assert_eq!(timeless(&epochs), timeless(&whole.epochs), "{name}");
    }
}

#[test]
fn resource_terms_go_with_every_method_that_has_alphas() {
    let bench = Bench::new();
    for method in METHODS {
        let mut settings = small(Settings::new().with_method(method.name).unwrap());
        for name in ["params", "macs", "latency"] {
            settings = settings.with(&format!("search.method.resource_{name}"), 0.5).unwrap();
        }
        match bench.config(settings) {
            Err(error) => assert!(
                ["resource terms press on the alphas", "in a search of several stages"]
                    .iter()
                    .any(|reason| error.to_string().contains(reason)),
                "{}: {error}",
                method.name
            ),
            Ok(config) => {
                let mut whole = Watch::default();
                let found =
                    bench.run(&config, None, &mut whole).unwrap_or_else(|e| panic!("{}: {e}", method.name));
                let shares = whole.epochs.last().unwrap().resources.unwrap();
                // One operation an edge may be poolings and `none` alone.
                let method_of = &config.search.method;
                // So it is where trials have decided all edges; which, depends on the times that were measured.
                let one = method_of.relaxation.runs_paths() || method_of.selection == Selection::Perturb;
                let least = if one { 0.0 } else { f64::MIN_POSITIVE };
                let shares = [shares.params, shares.macs, shares.latency];
                assert!(
                    shares.iter().all(|share| (least..f64::INFINITY).contains(share)),
                    "{}: {shares:?}",
                    method.name
                );
                // With the times that the search began with it goes on to the same bits.
                let mut first = Watch { most: Some(whole.steps / 2), ..Watch::default() };
                bench.run(&config, None, &mut first).unwrap_err();
                let state = first.state.take().unwrap();
                assert!(!state.latencies.is_empty());
                let on =
                    |state: &SearchState| bench.run(&config, Some(state), &mut Watch::default()).unwrap();
                assert_eq!(on(&state), on(&state), "{}: {found}", method.name);
            }
        }
    }
}

/// Settings of a method, by their keys.
type Choice = &'static [(&'static str, &'static str)];

/// Choices along the axes other than those of plain DARTS, each with what it cannot do without.
const CHOICES: &[(&str, &[Choice])] = &[
    (
        "relaxation",
        &[
            &[("relaxation", "gumbel")],
            &[("relaxation", "gumbel-hard")],
            &[("relaxation", "dirichlet")],
            &[("relaxation", "sigmoid")],
            &[("relaxation", "simplex"), ("alphas.kind", "exponentiated-gradient")],
            &[("relaxation", "uniform"), ("order", "weights-only")],
            &[("relaxation", "random-path"), ("order", "weights-only")],
        ],
    ),
    ("edge_weights", &[&[("edge_weights", "softmax")]]),
    ("order", &[&[("order", "weights-first")], &[("order", "joint")], &[("order", "weights-only")]]),
    ("arch_step", &[&[("arch_step", "unrolled")]]),
    ("perturbation", &[&[("perturbation", "random")], &[("perturbation", "adversarial")]]),
    (
        "regularizer",
        &[
            &[("regularizer", "beta"), ("regularizer_weight", "25")],
            &[("regularizer", "binary"), ("regularizer_weight", "10")],
            &[("regularizer", "binary-l1"), ("regularizer_weight", "10")],
            &[("regularizer", "kl"), ("regularizer_weight", "0.001")],
            &[("regularizer", "entropy"), ("regularizer_weight", "0.01")],
        ],
    ),
    ("resources", &[&[("resource_macs", "0.1")]]),
    (
        "selection",
        &[
            &[("selection", "threshold")],
            &[("selection", "all-edges")],
            &[("selection", "pairs")],
            &[("selection", "limited-skips")],
            &[("selection", "perturb"), ("selection_interval", "1")],
            &[("selection", "scored-samples"), ("selection_samples", "3"), ("selection_batches", "1")],
            &[("selection", "random")],
        ],
    ),
    ("alphas", &[&[("alphas.kind", "sgd")]]),
    ("nesterov", &[&[("weights.nesterov", "true")]]),
    ("stages", &[&[("schedule.stage_operations", "5,3")]]),
    ("first_epoch", &[&[("schedule.first_epoch", "1")]]),
    ("share", &[&[("share", "4")]]),
    ("auxiliary_skip", &[&[("auxiliary_skip", "true")]]),
    ("drop_path", &[&[("drop_path", "0.3")]]),
    ("alignment", &[&[("alignment", "0.25")]]),
    ("freeze", &[&[("freeze.below", "0.5"), ("freeze.every", "1")]]),
    ("guard", &[&[("guard", "stop"), ("guards.skips", "1"), ("guards.interval", "1")]]),
    (
        "stop",
        &[&[("stop", "skips")], &[("stop", "ranking")], &[("stop", "eigenvalue")], &[("stop", "adapt")]],
    ),
];

#[test]
fn every_pair_of_choices_searches_or_is_refused_with_a_reason() {
    let bench = Bench::new();
    let choices: Vec<(usize, Choice)> = CHOICES
        .iter()
        .enumerate()
        .flat_map(|(axis, (_, choices))| choices.iter().map(move |choice| (axis, *choice)))
        .collect();
    let mut pairs: Vec<Vec<(&str, &str)>> = Vec::new();
    for (i, (axis, first)) in choices.iter().enumerate() {
        let others = choices[i..].iter().filter(|(other, second)| axis != other || first == second);
        pairs.extend(others.map(|(_, second)| first.iter().chain(*second).copied().collect()));
    }
    let next = AtomicUsize::new(0);
    let (searched, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut settings = small(Settings::new()).with("search.epochs", 2).unwrap();
            for (key, value) in pair {
                settings = settings.with(&format!("search.method.{key}"), value).unwrap();
            }
            match bench.config(settings) {
                Ok(config) => {
                    let run = || bench.run(&config, None, &mut Watch::default());
                    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
                    let outcome = outcome.unwrap_or_else(|_| panic!("{pair:?} began and panicked"));
                    outcome.unwrap_or_else(|error| panic!("{pair:?} began and failed: {error}"));
                    searched.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    let text = error.to_string();
                    let reason = text.split("expected").nth(1).unwrap_or_default();
                    assert!(reason.len() > 40, "{pair:?} is refused without a reason: {text}");
                    refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    };
    // Such small searches are faster side by side, on one thread each.
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(work));
        }
    });
    let (searched, refused) = (searched.into_inner(), refused.into_inner());
    // The matrix is neither empty nor all refused.
    assert!(searched > 150 && refused > 50, "{searched} searched, {refused} refused");
}

/// What variants of the papers leave undefined.
#[test]
fn combinations_that_no_code_defines_are_refused() {
    let bench = Bench::new();
    for (settings, reason) in [
        (&[("relaxation", "gumbel-hard"), ("selection", "perturb")][..], "no code defines it"),
        (&[("relaxation", "gumbel"), ("arch_step", "unrolled")], "no method defines a virtual step"),
        (
            &[("relaxation", "sigmoid"), ("regularizer", "beta"), ("regularizer_weight", "25")],
            "a term of other alphas",
        ),
        (&[("relaxation", "simplex")], "exponentiated-gradient, because"),
        (&[("relaxation", "gumbel-hard"), ("freeze.below", "-0.68")], "has no gradient"),
    ] {
        let mut given = small(Settings::new());
        for (key, value) in settings {
            given = given.with(&format!("search.method.{key}"), value).unwrap();
        }
        let error = bench.config(given).unwrap_err().to_string();
        assert!(error.contains(reason), "{settings:?}: {error}");
    }
}
