//! Searches that are watched: the eigenvalue, frozen operations, ends and ways back, stopped and gone on with.

use std::collections::BTreeSet;

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use super::lanczos::all_eigenvalues;
use super::method::{Freeze, Guard, Guards, Half, Method, StopRule, Stops, Verdict, dot};
use super::watcher::Watcher;
use super::{Bilevel, SearchEpoch, SearchOutcome, SearchState, search};
use crate::config::{CheckedConfig, Config, SearchConfig};
use crate::data::{Dataset, open};
use crate::evaluate::DeviceBatch;
use crate::event::{Event, Observer, Position, Signal};
use crate::network::{Pass, Weighted, named_tensors, weight_list};
use crate::random::stream;
use crate::records::Leaning;
use crate::space::{EdgeWeights, Primitive, SearchSpace};

/// A search of so few weights that it takes a moment.
fn small(method: Method) -> SearchConfig {
    SearchConfig {
        nodes: 2,
        layers: 2,
        init_channels: 2,
        candidates: vec![Primitive::SkipConnect, Primitive::MaxPool3x3, Primitive::SepConv3x3],
        method,
        ..SearchConfig::default()
    }
}

fn bilevel(method: Method) -> (Bilevel, DeviceBatch, DeviceBatch) {
    bilevel_of(&small(method))
}

fn bilevel_of(config: &SearchConfig) -> (Bilevel, DeviceBatch, DeviceBatch) {
    let device = Device::flex().autodiff();
    let mut random = stream(7, "images", &[]);
    let mut batch = || {
        let images: Vec<f32> = (0..8 * 64).map(|_| random.random::<f32>() * 2.0 - 1.0).collect();
        let labels: Vec<i64> = (0..8).map(|_| random.random_range(0..3)).collect();
        DeviceBatch {
            images: Tensor::from_data(TensorData::new(images, [8, 1, 8, 8]), &device),
            labels: Tensor::<1, Int>::from_data(TensorData::new(labels, [8]), &device),
        }
    };
    let (train, valid) = (batch(), batch());
    let mut bilevel = Bilevel::new(config, [1, 8, 8], 3, 3, &device).unwrap();
    // Somewhere in the middle of a search.
    let mut random = stream(7, "alphas", &[]);
    bilevel.alphas.values_mut().for_each(|alpha| {
        let z: f32 = StandardNormal.sample(&mut random);
        *alpha = 0.5 * z;
    });
    (bilevel, train, valid)
}

const fn at(step: usize) -> Position {
    Position { epoch: 0, step }
}

/// The Hessian column by column, at another step than the products'.
fn dense_hessian(bilevel: &Bilevel, valid: &DeviceBatch) -> Vec<Vec<f64>> {
    let gradient = |column: usize, step: f32| -> Vec<f64> {
        let mut alphas = bilevel.alphas.clone();
        *alphas.values_mut().nth(column).unwrap() += step;
        let relaxed = bilevel.relaxer.relax(&alphas, bilevel.moment(at(0), Half::Alphas));
        let net = bilevel.net.clone().no_grad();
        bilevel.through_alphas(&net, &relaxed, valid, Pass::train()).1.values().copied().collect()
    };
    let column = |column| -> Vec<f64> {
        let (plus, minus) = (gradient(column, 0.02), gradient(column, -0.02));
        plus.iter().zip(minus).map(|(plus, minus)| (plus - minus) / 0.04).collect()
    };
    (0..bilevel.alphas.values().count()).map(column).collect()
}

/// Networks whose loss has no kinks in the alphas: nothing that depends on them is rectified. One of all operations, one
/// of nodes that read one another.
#[test]
fn the_curvature_is_the_largest_eigenvalue_of_the_dense_hessian() {
    use Primitive::{AvgPool3x3, None as Nothing, SkipConnect};
    for (nodes, candidates) in [(1, &Primitive::DARTS[..]), (3, &[Nothing, AvgPool3x3, SkipConnect])] {
        let config = |config: SearchConfig| SearchConfig {
            nodes,
            layers: 1,
            candidates: candidates.to_vec(),
            ..config
        };
        let (mut bilevel, train, valid) = bilevel_of(&config(small(Method::default())));
        for step in 0..5 {
            bilevel.step_weights(at(step), &train, 0.1);
        }
        let before = named_tensors(&bilevel.net);
        let columns = dense_hessian(&bilevel, &valid);
        let n = columns.len();
        let both = |sign: f64| -> Vec<Vec<f64>> {
            let entry = |i: usize, j: usize| (columns[i][j] + sign * columns[j][i]) / 2.0;
            (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect()
        };
        let (dense, skew) = (both(1.0), both(-1.0));
        let size = |matrix: &[Vec<f64>]| matrix.iter().map(|row| dot(row, row)).sum::<f64>().sqrt();
        assert!(
            size(&skew) < 1e-2 * size(&dense),
            "a Hessian is symmetric: {} / {}",
            size(&skew),
            size(&dense)
        );
        let eigenvalues = all_eigenvalues(dense);
        let largest = eigenvalues.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(largest > 1e-3, "{largest} says nothing");
        let decay = bilevel.method.alphas.weight_decay();
        let found = bilevel.curvature(0, &valid);
        assert!((found - decay - largest).abs() < 1e-2 * largest, "{n}: {found} − {decay} / {largest}");
        assert_eq!(found.to_bits(), bilevel.curvature(0, &valid).to_bits());
        assert_eq!(named_tensors(&bilevel.net), before, "nothing is moved");
    }
}

fn bits(bilevel: &Bilevel) -> Vec<Vec<u32>> {
    let bits =
        |w: Tensor<1>| w.into_data().try_to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect();
    weight_list(&bilevel.net).into_iter().map(bits).collect()
}

/// Places of weights that are the same in both.
fn same(a: &[Vec<u32>], b: &[Vec<u32>]) -> BTreeSet<usize> {
    (0..a.len()).filter(|&i| a[i] == b[i]).collect()
}

#[test]
fn frozen_weights_keep_their_bits_and_alphas_go_on() {
    for method in [
        Method { freeze: Freeze { below: 1.0, every: 2 }, ..Method::default() },
        Method {
            freeze: Freeze { below: 1.0, every: 2 },
            arch_step: super::ArchStep::Unrolled,
            ..Method::default()
        },
    ] {
        let (mut bilevel, train, valid) = bilevel(method);
        let step = |bilevel: &mut Bilevel, step| drop(bilevel.step(at(step), &train, Some(&valid), 0.1));
        step(&mut bilevel, 0);
        let frozen = |bilevel: &Bilevel| bilevel.freezer.as_ref().unwrap().n_frozen();
        assert_eq!(frozen(&bilevel), 0, "the mean is of two steps");
        let first = bits(&bilevel);
        step(&mut bilevel, 1);
        let n = bilevel.freezer.as_ref().unwrap().n_operations();
        // Cells of 5 edges with a convolution; in the reduction cells skip connections of 4 edges have weights too.
        assert_eq!((frozen(&bilevel), n), (n, 2 * 5 + 2 * 4));
        let second = bits(&bilevel);
        assert!(same(&first, &second).is_empty(), "until then all move");
        let alphas = bilevel.alphas.clone();
        for i in 2..12 {
            step(&mut bilevel, i);
        }
        let names = crate::network::weight_names(&bilevel.net);
        let expected: BTreeSet<usize> = (0..names.len()).filter(|&i| names[i].contains("._ops.")).collect();
        assert_eq!(same(&second, &bits(&bilevel)), expected);
        assert_ne!(alphas, bilevel.alphas);
    }
}

/// Gradients of one batch point the same way, so nothing freezes there; those of a batch with other labels do not.
#[test]
fn operations_freeze_by_the_cosine_of_their_gradients() {
    let method = Method { freeze: Freeze { below: 0.9, every: 1 }, ..Method::default() };
    let (mut alike, train, valid) = bilevel(method.clone());
    let frozen = |bilevel: &Bilevel| bilevel.freezer.as_ref().unwrap().n_frozen();
    *alike.method.alphas.learning_rate_mut() = 0.0;
    let mut unlike = alike.clone();
    alike.step(at(0), &train, Some(&train), 0.1);
    assert_eq!(frozen(&alike), 0);
    unlike.step(at(0), &train, Some(&valid), 0.1);
    assert!(frozen(&unlike) > 0);
    // Without a batch of the alphas there is nothing to compare.
    let mut alone = method;
    alone.schedule.first_epoch = 1;
    alone.freeze.below = 1.0;
    let (mut alone, ..) = bilevel(alone);
    alone.step(at(0), &train, None, 0.1);
    assert_eq!(frozen(&alone), 0);
}

fn digits(method: Method, epochs: usize) -> (Dataset, CheckedConfig) {
    let mut config = Config::default();
    config.data.images_per_class = 12;
    config.search = SearchConfig { epochs, batch_size: 16, ..small(method) };
    let source = open(&config.data, &mut |_, _| {}).unwrap();
    let dataset = Dataset::new(source, &config.data, config.search.train_portion, config.seed).unwrap();
    (dataset, config.check().unwrap())
}

/// Keeps all states, records and ways back.
#[derive(Default)]
struct Kept {
    states: Vec<SearchState>,
    epochs: Vec<SearchEpoch>,
    backs: Vec<(usize, usize)>,
}

impl Observer for Kept {
    fn on(&mut self, event: Event<'_>) -> crate::Result<()> {
        match event {
            Event::SaveSearch(state) => self.states.push(state.clone()),
            Event::SearchEpoch(epoch) => self.epochs.push(epoch.clone()),
            Event::WentBack { rollback, .. } => self.backs.push((rollback.from, rollback.to)),
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        Signal::Save
    }
}

fn run(method: &Method, epochs: usize, start: Option<&SearchState>) -> (Kept, SearchOutcome) {
    let (dataset, config) = digits(method.clone(), epochs);
    let mut kept = Kept::default();
    let outcome = search(&dataset, &config, &Device::flex(), start, &mut kept).unwrap();
    (kept, outcome)
}

/// Without the time it took.
fn timeless(state: &SearchState) -> SearchState {
    SearchState { seconds: 0.0, epoch_seconds: 0.0, ..state.clone() }
}

/// From each of the states the search comes to the same end.
fn resumes(method: &Method, epochs: usize) -> (Kept, SearchOutcome) {
    let (whole, outcome) = run(method, epochs, None);
    let end = timeless(whole.states.last().unwrap());
    for (i, state) in whole
        .states
        .iter()
        .enumerate()
        .step_by(5)
        .chain([(usize::MAX, &whole.states[whole.states.len() - 1])])
    {
        let (rest, again) = run(method, epochs, Some(state));
        let last = rest.states.last().unwrap_or(state);
        assert!(timeless(last) == end, "from state {i}");
        assert_eq!((&again.genotype, again.epoch), (&outcome.genotype, outcome.epoch), "from state {i}");
        assert_eq!(again.alphas, outcome.alphas);
    }
    (whole, outcome)
}

/// An alarm at each rise of the eigenvalue.
fn touchy() -> Guards {
    Guards { interval: 1, ratio: 1.0, window: 1, distance: 1, ..Guards::default() }
}

#[test]
fn a_search_that_goes_back_goes_on_to_the_same_bits() {
    let method = Method { stop: StopRule::Adapt, guard: Guard::Off, guards: touchy(), ..Method::default() };
    let (whole, outcome) = resumes(&method, 6);
    assert!((1..=2).contains(&whole.backs.len()), "{:?}", whole.backs);
    let (from, to) = whole.backs[0];
    assert!(from > to);
    // The epochs after the one it went back to were done twice, with another weight decay.
    let again: Vec<usize> = whole.epochs.iter().map(|epoch| epoch.epoch).collect();
    assert_eq!(again[from + 1], to + 1, "{again:?}");
    assert_ne!(whole.epochs[to + 1].train_loss, whole.epochs[from + 1].train_loss);
    let last = whole.states.last().unwrap();
    assert_eq!((last.trail.rollbacks.len(), last.trail.epochs.len()), (whole.backs.len(), 6));
    assert_eq!(outcome.epoch, Some(5));
    assert_eq!(whole.epochs.last().unwrap().guard.as_ref().unwrap().rollbacks, last.trail.rollbacks);
}

#[test]
fn a_search_ends_before_the_rise() {
    let method =
        Method { stop: StopRule::Eigenvalue, guard: Guard::Off, guards: touchy(), ..Method::default() };
    let (whole, outcome) = resumes(&method, 6);
    let last = whole.epochs.last().unwrap();
    let guard = last.guard.as_ref().unwrap();
    let alarm = guard.alarm.expect("eigenvalues rise at times");
    assert_eq!((alarm.at, outcome.epoch), (last.epoch, Some(alarm.before)));
    assert!(last.epoch < 5 && guard.taken == alarm.before);
    assert_eq!(outcome.genotype, whole.epochs[alarm.before].genotype);
    assert!(whole.epochs.iter().all(|epoch| epoch.guard.as_ref().unwrap().eigenvalue.is_some()));
}

/// Skip connections rule where nothing else is learned fast enough: the guard takes the last epoch before.
#[test]
fn the_guard_takes_the_last_healthy_epoch() {
    let guards = Guards { skips: 1, ..Guards::default() };
    let mut method = Method { guards, ..Method::default() };
    *method.alphas.learning_rate_mut() = 0.3;
    let (whole, outcome) = resumes(&method, 8);
    let judged: Vec<(usize, Verdict, usize)> = whole
        .epochs
        .iter()
        .map(|epoch| {
            let guard = epoch.guard.as_ref().unwrap();
            (guard.skips, guard.verdict, guard.taken)
        })
        .collect();
    for (epoch, (skips, verdict, taken)) in judged.iter().enumerate() {
        let expected = match (epoch, skips) {
            (0..2, _) => Verdict::Early,
            (_, 0..=1) => Verdict::Healthy,
            _ => Verdict::Skips,
        };
        assert_eq!(*verdict, expected, "{judged:?}");
        assert!(verdict.is_collapse() || *taken == epoch, "{judged:?}");
    }
    let (_, _, taken) = judged[7];
    assert_eq!((outcome.epoch, &outcome.genotype), (Some(taken), &whole.epochs[taken].genotype));
    // Nobody looks: the same search with its last epoch's genotype.
    let off = Method { guard: Guard::Off, ..method };
    let (unguarded, last) = run(&off, 8, None);
    assert_eq!((last.epoch, &last.genotype), (Some(7), &whole.epochs[7].genotype));
    assert!(unguarded.epochs.iter().all(|epoch| epoch.guard.is_none()));
    let pairs = unguarded.epochs.iter().zip(&whole.epochs);
    assert!(pairs.into_iter().all(|(a, b)| (&a.alphas, a.train_loss) == (&b.alphas, b.train_loss)));
}

/// Of S4's candidates it is noise that takes over.
#[test]
fn noise_counts_as_skip_connections_do() {
    let space = SearchSpace::darts().with_candidates(&[Primitive::Noise, Primitive::SepConv3x3]);
    let method = Method::default();
    let mut watcher = Watcher::new(&method, 50, 10);
    let mut judge = |noise: f64| {
        let rows = |edges: &[Vec<Primitive>]| vec![vec![noise, 1.0 - noise]; edges.len()];
        let weights: EdgeWeights =
            space.cells.iter().map(|(name, edges)| (name.to_owned(), rows(edges))).collect();
        let watch =
            watcher.watch(&Leaning::of(&weights, &space, &method).unwrap(), &weights, &space, None).unwrap();
        (watch.skips, watch.noise, watch.most_skips, watch.verdict, watch.taken)
    };
    for epoch in 0..20 {
        let (skips, noise, most, verdict, taken) = judge(0.4);
        assert_eq!((skips, noise, most, taken), (0, 0, Some(4), epoch));
        assert!(matches!(verdict, Verdict::Early | Verdict::Healthy));
    }
    assert_eq!(judge(0.6), (0, 8, Some(4), Verdict::Skips, 19));
}

#[test]
fn rankings_that_stay_end_a_search() {
    let method = Method {
        stop: StopRule::Ranking,
        stops: Stops { epochs: 3, ..Stops::default() },
        ..Method::default()
    };
    let (dataset, settings) = digits(Method::default(), 7);
    let settings = settings.with(|config| {
        config.search.candidates.push(Primitive::DilConv3x3);
        config.search.method = method;
        // Alphas that do not move keep their ranking.
        *config.search.method.alphas.learning_rate_mut() = 0.0;
    });
    let settings = settings.unwrap();
    let mut kept = Kept::default();
    let outcome = search(&dataset, &settings, &Device::flex(), None, &mut kept).unwrap();
    assert_eq!((kept.epochs.len(), outcome.epoch), (3, Some(2)));
    assert_eq!(kept.states.last().unwrap().trail.epochs[2].same_ranking, 3);
}

#[test]
fn a_search_with_frozen_operations_goes_on_to_the_same_bits() {
    let method = Method { freeze: Freeze { below: 0.2, every: 7 }, ..Method::default() };
    let (whole, _) = resumes(&method, 3);
    let frozen = whole.epochs.last().unwrap().frozen.unwrap();
    assert!(frozen.operations > 0 && frozen.operations <= frozen.of, "{frozen:?}");
    // A state without frozen operations is not this search's.
    let (dataset, config) = digits(method, 3);
    let state = SearchState { freezing: None, ..whole.states[0].clone() };
    assert!(search(&dataset, &config, &Device::flex(), Some(&state), &mut Kept::default()).is_err());
}
