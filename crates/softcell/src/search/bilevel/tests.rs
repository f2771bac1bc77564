//! The finite difference and the virtual step against their formulas.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt;

use super::halves::Halves;
use super::unrolled::{DIFFERENCE, central_difference};
use super::*;
use crate::loss::class_weight_tensor;
use crate::network::weight_list;
use crate::random::stream;
use crate::search::method::{
    AlphaSchedule, Probe, Relaxation, Sgd as SgdSettings, StepOrder, WeightOptimizer, mean_cosine,
};
use crate::space::SearchSpace;

/// `n` numbers in [-1, 1), from a stream of their own.
fn numbers(name: &str, n: usize) -> Vec<f64> {
    let mut random = stream(7, name, &[]);
    (0..n).map(|_| random.random::<f64>() * 2.0 - 1.0).collect()
}

fn matrix(name: &str, rows: usize, columns: usize) -> Vec<Vec<f64>> {
    numbers(name, rows * columns).chunks(columns).map(<[f64]>::to_vec).collect()
}

fn product(matrix: &[Vec<f64>], vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
}

fn norm(vector: &[f64]) -> f64 {
    vector.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Six numbers as two rows of normal and one of reduction cells.
fn as_rows(values: &[f64]) -> AlphaGradient {
    let row = |range: std::ops::Range<usize>| values[range].iter().map(|&v| f64::from(v as f32)).collect();
    [("normal", vec![row(0..2), row(2..4)]), ("reduction", vec![row(4..6)])].into_iter().collect()
}

/// `L(w, α) = αᵀAw + ½wᵀBw + ½αᵀCα` has `∇_α L = Aw + Cα` and `∇²_{αw} L · v = Av`. B does not occur.
#[test]
fn hessian_vector_product_of_a_quadratic() {
    let (n_alphas, n_weights) = (6, 5);
    let a = matrix("A", n_alphas, n_weights);
    let c_alpha = product(&matrix("C", n_alphas, n_alphas), &numbers("alpha", n_alphas));
    let (w, v) = (numbers("w", n_weights), numbers("v", n_weights));
    let expected = product(&a, &v);
    let size = norm(&v);

    let found = central_difference(size, |epsilon| {
        let moved: Vec<f64> = w.iter().zip(&v).map(|(w, v)| w + epsilon * v).collect();
        let gradient: Vec<f64> = product(&a, &moved).iter().zip(&c_alpha).map(|(x, y)| x + y).collect();
        as_rows(&gradient)
    });

    // The gradients are below 8 and round to half a unit in the 24th binary place; 2ε divides that.
    let tolerance = 2.0 * 8.0 * f64::from(f32::EPSILON) / 2.0 / (2.0 * DIFFERENCE / size);
    assert!(tolerance < 1e-3 * norm(&expected), "the bound says nothing: {tolerance}");
    for (&found, expected) in found.values().zip(expected) {
        assert!((found - expected).abs() <= tolerance, "{found} / {expected}, {tolerance}");
    }
}

/// What is even in ε cancels, and ε is 0.01 over the length of v.
#[test]
fn difference_is_central() {
    let slope = [1.0, -2.0, 3.0, 0.5, 0.25, -4.0];
    let mut visited = Vec::new();
    let found = central_difference(0.25, |epsilon| {
        visited.push(epsilon);
        as_rows(&slope.map(|s| 2.0 + s * epsilon + 100.0 * epsilon * epsilon))
    });
    assert_eq!(visited, [0.04, -0.04]);
    for (&found, expected) in found.values().zip(slope) {
        assert!((found - expected).abs() < 1e-5, "{found} / {expected}");
    }
}

#[test]
fn difference_along_nothing_is_zero() {
    let found = central_difference(0.0, |_| as_rows(&[1.0, -2.0, 3.0, 0.5, 0.25, -4.0]));
    assert!(found.values().all(|&v| v == 0.0), "{found:?}");
}

fn small_space() -> SearchSpace {
    SearchSpace { n_cells: 2, init_channels: 2, ..SearchSpace::darts().with_nodes(2) }
}

fn small_search() -> (Bilevel, DeviceBatch) {
    let method = Method {
        arch_step: ArchStep::Unrolled,
        weights: WeightOptimizer::Sgd(SgdSettings {
            momentum: 0.9,
            weight_decay: 0.01,
            ..SgdSettings::default()
        }),
        ..Method::default()
    };
    small_search_of(method, &small_space())
}

fn small_search_of(method: Method, space: &SearchSpace) -> (Bilevel, DeviceBatch) {
    let device = Device::flex().autodiff();
    let net = Network::new(NetworkPlan::supernet(space, [1, 8, 8], 3), &device);
    let images: Vec<f32> = numbers("images", 4 * 8 * 8).into_iter().map(|v| v as f32).collect();
    let batch = DeviceBatch {
        images: Tensor::from_data(TensorData::new(images, [4, 1, 8, 8]), &device),
        labels: Tensor::<1, Int>::from_data(TensorData::from([0i64, 1, 2, 1]), &device),
    };
    let bilevel = Bilevel {
        net: initialize(net, 3),
        alphas: method.relaxer(space).initial(3),
        relaxer: method.relaxer(space),
        sgd: weight_optimizer(method.weights),
        optimizer: ArchOptimizer::new(method.alphas),
        method,
        fixed: FixedRows::default(),
        grad_clip: 0.0,
        recompute: false,
        class_weights: None,
        seed: 3,
        epochs: 4,
        costs: None,
        latencies: Vec::new(),
        freezer: None,
    };
    (bilevel, batch)
}

const AT: Position = Position { epoch: 0, step: 0 };

fn with(bilevel: &Bilevel, arch_step: ArchStep) -> Bilevel {
    let mut bilevel = bilevel.clone();
    bilevel.method.arch_step = arch_step;
    bilevel
}

/// Weights that are all the same change nothing in a weighted mean; others change both steps.
#[test]
fn class_weights_reach_both_losses() {
    let (bilevel, batch) = small_search();
    let device = Device::flex().autodiff();
    let losses = |weights: Option<[f32; 3]>| {
        let mut bilevel = with(&bilevel, ArchStep::FirstOrder);
        bilevel.class_weights = weights.map(|w| class_weight_tensor(&w, &device));
        let arch = bilevel.step_alphas(AT, &batch, &batch, 0.1).loss;
        (arch, bilevel.step_weights(AT, &batch, 0.1).loss)
    };
    let (none, even, uneven) = (losses(None), losses(Some([3.0; 3])), losses(Some([1.0, 9.0, 1.0])));
    assert!((none.0 - even.0).abs() < 1e-5 && (none.1 - even.1).abs() < 1e-4, "{none:?} {even:?}");
    assert!((none.0 - uneven.0).abs() > 1e-4 && (none.1 - uneven.1).abs() > 1e-4, "{none:?} {uneven:?}");
}

fn on_host(tensors: impl IntoIterator<Item = Tensor<1>>) -> Vec<Vec<f64>> {
    let host = |t: Tensor<1>| t.into_data().try_to_vec::<f32>().unwrap().into_iter().map(f64::from).collect();
    tensors.into_iter().map(host).collect()
}

/// `a + factor · b`, weight by weight.
fn sum(a: &[Vec<f64>], factor: f64, b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let row = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + factor * b).collect();
    a.iter().zip(b).map(row).collect()
}

fn assert_close(found: &[Vec<f64>], expected: &[Vec<f64>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!((found - expected).abs() <= 1e-6 * expected.abs().max(0.1), "{found} / {expected}");
    }
}

/// `w' = w − ξ·(μm + ∇ + λw)` with a momentum, and with a gradient that the real step would clip.
#[test]
fn virtual_step_follows_its_formula() {
    let (mut bilevel, batch) = small_search();
    let (lr, xi, momentum, decay) = (0.1, 0.3, 0.9, 0.01);

    let before = on_host(weight_list(&bilevel.net));
    let first = bilevel.step_weights(AT, &batch, lr);
    let velocity = sum(&on_host(first.gradients.into_iter().flatten()), decay, &before);
    let weights = on_host(weight_list(&bilevel.net));
    assert_close(&weights, &sum(&before, -lr, &velocity));

    let raw = bilevel.clone().step_weights(AT, &batch, lr);
    assert!(raw.gradient_norm > 0.01, "{}", raw.gradient_norm);
    bilevel.grad_clip = 0.001;
    let gradient = on_host(raw.gradients.into_iter().flatten());
    let direction = sum(&sum(&gradient, momentum, &velocity), decay, &weights);

    let statistics = running_statistics(&bilevel.net);
    let moment = bilevel.moment(AT, Half::Alphas);
    let relaxed = bilevel.relaxer.relax(&bilevel.alphas, moment);
    let virtual_net = bilevel.virtual_step(&relaxed, &batch, xi, moment);
    assert_close(&on_host(weight_list(&virtual_net)), &sum(&weights, -xi, &direction));
    assert_eq!(on_host(weight_list(&bilevel.net)), weights, "the network itself keeps its weights");
    assert_ne!(running_statistics(&bilevel.net), statistics, "the pass moves its statistics");
}

/// A search with two normal and two reduction cells; its gradients of edge weights differ from cell to cell.
fn aligned_search() -> (Bilevel, DeviceBatch) {
    let (mut bilevel, batch) = small_search();
    let device = Device::flex().autodiff();
    let space = SearchSpace { n_cells: 4, init_channels: 2, ..SearchSpace::darts().with_nodes(1) };
    bilevel.net = initialize(Network::new(NetworkPlan::supernet(&space, [1, 8, 8], 3), &device), 3);
    bilevel.relaxer = bilevel.method.relaxer(&space);
    bilevel.alphas = bilevel.relaxer.initial(3);
    bilevel.method.arch_step = ArchStep::FirstOrder;
    bilevel.method.alignment = 0.75;
    (bilevel, batch)
}

const LAST: Position = Position { epoch: 3, step: 1 };

/// In f64, along a direction of all weights: the term against a difference of the mean cosine itself.
#[test]
fn alignment_is_the_derivative_of_the_mean_cosine() {
    let (mut bilevel, mut batch) = aligned_search();
    bilevel.net = bilevel.net.in_f64();
    // So near that no rectifier switches.
    bilevel.method.alignment_epsilon = 1e-7;
    batch.images = batch.images.cast(FloatDType::F64);
    let moment = bilevel.moment(LAST, Half::Weights);
    let weights = bilevel.relaxer.expected(&bilevel.alphas);
    let by_cell = |bilevel: &Bilevel, net: &Network| {
        let leaf = bilevel.apart(&weights, Paths::All, None, &batch).require_grad();
        let pass = bilevel.differentiate(net, &leaf, &batch, Pass::train());
        leaf.gradients(&pass.gradients)
    };
    // The first and the last cell are normal ones.
    let cosine = |gradients: &[Vec<f64>]| mean_cosine(&[gradients[0].clone(), gradients[3].clone()]).unwrap();
    let here = by_cell(&bilevel, &bilevel.net);
    assert_eq!(here.len(), 4);
    assert!(cosine(&here).abs() < 0.95, "{}", cosine(&here));

    let direction: Vec<Tensor<1>> = (weight_list(&bilevel.net).into_iter().enumerate())
        .map(|(i, w)| {
            let values = numbers(&format!("direction {i}"), w.dims()[0]);
            Tensor::from_data(TensorData::new(values, w.dims()), (&w.device(), FloatDType::F64.into()))
        })
        .collect();
    let moved = |step: f64| {
        let mut net = bilevel.net.clone();
        update_weights(&mut net, |i, w| w + direction[i].clone() * step);
        cosine(&by_cell(&bilevel, &net))
    };
    let wanted = (moved(1e-7) - moved(-1e-7)) / 2e-7;
    let term = bilevel.clone().alignment(&weights, Paths::All, here, &batch, moment).unwrap();
    let found: f64 = (term.into_iter().zip(&direction))
        .filter_map(|(term, direction)| Some((term? * direction.clone()).sum().into_scalar::<f64>()))
        .sum();
    assert!(wanted.abs() > 1e-3, "{wanted}");
    assert!((found - wanted).abs() < 2e-3 * wanted.abs(), "{found} / {wanted}");
}

/// `∇ − λ_t · ∇Λ`, with λ_t from 0 in the first epoch to λ in the last.
#[test]
fn alignment_is_added_to_the_weights_gradient() {
    let (bilevel, batch) = aligned_search();
    let with = |alignment: f64, at: Position| {
        let mut bilevel = bilevel.clone();
        bilevel.method.alignment = alignment;
        on_host(bilevel.step_weights(at, &batch, 0.1).gradients.into_iter().map(|g| g.expect("all run")))
    };
    let plain = with(0.0, LAST);
    assert_eq!(with(0.75, AT), plain, "nothing is added in the first epoch");
    let [whole, half] = [0.75, 0.375].map(|alignment| sum(&with(alignment, LAST), -1.0, &plain));
    assert!(norm(&whole.concat()) > 1e-4, "{}", norm(&whole.concat()));
    let rest = sum(&whole, -2.0, &half);
    assert!(norm(&rest.concat()) < 1e-3 * norm(&whole.concat()), "{}", norm(&rest.concat()));
    let moment = bilevel.moment(LAST, Half::Weights);
    assert_eq!(bilevel.method.alignment_at(moment.epoch, moment.epochs), 0.75);
    assert_eq!(bilevel.method.alignment_at(1, 4), 0.25);
}

/// Drop path changes steps from the second epoch on, and a step drawn again is the same.
#[test]
fn drop_path_rises_and_is_drawn_by_its_moment() {
    let (mut bilevel, batch) = small_search();
    bilevel.method.drop_path = 0.5;
    let losses = |bilevel: &Bilevel, at: Position| {
        let mut bilevel = bilevel.clone();
        let arch = bilevel.step_alphas(at, &batch, &batch, 0.1).loss;
        (arch, bilevel.step_weights(at, &batch, 0.1).loss)
    };
    let mut plain = bilevel.clone();
    plain.method.drop_path = 0.0;
    assert_eq!(losses(&bilevel, AT), losses(&plain, AT));
    let later = losses(&bilevel, LAST);
    assert_eq!(later, losses(&bilevel, LAST));
    assert_ne!(later, losses(&bilevel, Position { step: 2, ..LAST }));
    let kept = losses(&plain, LAST);
    assert!(later.0 != kept.0 && later.1 != kept.1, "{later:?} {kept:?}");
}

/// With a learning rate of zero the virtual weights are the weights and the implicit term is gone.
#[test]
fn without_a_learning_rate_both_orders_agree() {
    let (bilevel, batch) = small_search();
    let gradient = |arch_step| with(&bilevel, arch_step).step_alphas(AT, &batch, &batch, 0.0).gradient;
    let (first, second) = (gradient(ArchStep::FirstOrder), gradient(ArchStep::Unrolled));
    assert!(first.values().any(|&g| g.abs() > 1e-5), "{first:?}");
    for (a, b) in first.values().zip(second.values()) {
        assert!((a - b).abs() <= 1e-7, "{a} / {b}");
    }
}

fn running_statistics(net: &Network) -> Vec<Vec<f32>> {
    let all = crate::nn::named_tensors(net);
    all.into_iter().filter(|(name, _)| name.contains("running_")).map(|(_, t)| t.values).collect()
}

/// Notes what is asked of it.
struct Spy {
    method: Method,
    asked: Vec<(Half, Position)>,
}

impl Halves for Spy {
    fn method(&self) -> &Method {
        &self.method
    }

    fn epochs(&self) -> usize {
        2
    }

    fn alphas(&mut self, at: Position) {
        self.asked.push((Half::Alphas, at));
    }

    fn weights(&mut self, at: Position) {
        self.asked.push((Half::Weights, at));
    }

    fn both(&mut self, at: Position) {
        self.asked.push((Half::Both, at));
    }
}

#[test]
fn the_alphas_move_first_and_from_their_first_epoch_on() {
    let at = |epoch, step| Position { epoch, step };
    let asked = |first_epoch: usize| {
        let schedule = AlphaSchedule { first_epoch, ..AlphaSchedule::default() };
        let method = Method { schedule, ..Method::default() };
        let mut spy = Spy { method, asked: Vec::new() };
        for position in [at(0, 0), at(0, 1), at(1, 0)] {
            walk(&mut spy, position);
        }
        spy.asked
    };
    use Half::{Alphas, Weights};
    let all = [
        (Alphas, at(0, 0)),
        (Weights, at(0, 0)),
        (Alphas, at(0, 1)),
        (Weights, at(0, 1)),
        (Alphas, at(1, 0)),
        (Weights, at(1, 0)),
    ];
    assert_eq!(asked(0), all);
    let late = [(Weights, at(0, 0)), (Weights, at(0, 1)), (Alphas, at(1, 0)), (Weights, at(1, 0))];
    assert_eq!(asked(1), late);
}

#[test]
fn every_order_has_its_halves() {
    use Half::{Alphas, Both, Weights};
    let at = |epoch| Position { epoch, step: 3 };
    for (order, resting, moving) in [
        (StepOrder::AlphasFirst, &[Weights][..], &[Alphas, Weights][..]),
        (StepOrder::WeightsFirst, &[Weights], &[Weights, Alphas]),
        (StepOrder::Joint, &[Weights], &[Both]),
        (StepOrder::WeightsOnly, &[Weights], &[Weights]),
    ] {
        let schedule = AlphaSchedule { first_epoch: 1, ..AlphaSchedule::default() };
        let method = Method { order, schedule, ..Method::default() };
        let mut spy = Spy { method, asked: Vec::new() };
        for (epoch, wanted) in [resting, moving].into_iter().enumerate() {
            spy.asked.clear();
            walk(&mut spy, at(epoch));
            let wanted: Vec<_> = wanted.iter().map(|half| (*half, at(epoch))).collect();
            assert_eq!(spy.asked, wanted, "{order:?}, epoch {epoch}");
            let images = wanted.iter().any(|(half, _)| *half == Alphas);
            assert_eq!(spy.method.needs_alphas_images_in(epoch, 2), images, "{order:?}");
            let moves = wanted.iter().any(|(half, _)| *half != Weights);
            assert_eq!(spy.method.alphas_move_in(epoch, 2), moves, "{order:?}");
        }
    }
}

/// The weights of a step see the alphas that it has moved; in epochs before the alphas' first, these stay as drawn.
#[test]
fn a_step_is_both_halves() {
    let (bilevel, batch) = small_search();
    let mut one = bilevel.clone();
    let report = one.step(AT, &batch, Some(&batch), 0.1);
    let mut halves = bilevel.clone();
    let arch = halves.step_alphas(AT, &batch, &batch, 0.1);
    let weight = halves.step_weights(AT, &batch, 0.1);
    assert_eq!((report.alphas.unwrap().gradient, report.weights.loss), (arch.gradient, weight.loss));
    assert_eq!(one.alphas, halves.alphas);
    assert_eq!(on_host(weight_list(&one.net)), on_host(weight_list(&halves.net)));
    let mut frozen = bilevel.clone();
    frozen.method.schedule.first_epoch = 1;
    let report = frozen.step(AT, &batch, Some(&batch), 0.1);
    assert!(report.alphas.is_none() && frozen.alphas == bilevel.alphas);
    assert_ne!(on_host(weight_list(&frozen.net)), on_host(weight_list(&bilevel.net)));
}

/// Cells that are computed twice change neither alphas nor weights nor running statistics, in any bit: second order with
/// drop path, and one path of each edge.
#[test]
fn recomputing_cells_changes_no_bit() {
    let dropping = Method { drop_path: 0.5, arch_step: ArchStep::Unrolled, ..Method::default() };
    let sampled = Method { relaxation: Relaxation::GumbelHard, ..Method::default() };
    for method in [dropping, sampled] {
        let (mut kept, batch) = small_search_of(method, &small_space());
        let mut again = Bilevel { recompute: true, ..kept.clone() };
        for step in 0..3 {
            let at = Position { step, ..LAST };
            let [one, two] = [&mut kept, &mut again].map(|search| search.step(at, &batch, Some(&batch), 0.1));
            assert_eq!(one.weights.loss, two.weights.loss);
        }
        assert_eq!(kept.alphas, again.alphas);
        assert_eq!(crate::nn::named_tensors(&kept.net), crate::nn::named_tensors(&again.net));
    }
}

/// What a perturbation may ask for: the gradient of the edge weights, the network being as it is in evaluation.
#[test]
fn probes_give_the_slope_of_the_loss() {
    let (mut bilevel, batch) = small_search();
    bilevel.step_weights(AT, &batch, 0.1);
    let statistics = running_statistics(&bilevel.net);
    let weights = bilevel.relaxer.expected(&bilevel.alphas);
    let mut probe = BatchProbe { bilevel: &bilevel, batch: &batch, paths: Paths::All };
    let slope = probe.slope(&weights);
    assert!(slope.values().any(|&g| g.abs() > 1e-4), "{slope:?}");
    // Along the gradient itself, where the slope is its length.
    let length = norm(&slope.values().copied().collect::<Vec<_>>());
    let mut moved = |step: f64| {
        let mut weights = weights.clone();
        let pairs = weights.values_mut().zip(slope.values());
        pairs.for_each(|(weight, g)| *weight += step * g / length);
        probe.loss(&weights)
    };
    let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
    assert!((difference - length).abs() < 0.02 * length, "{difference} / {length}");
    assert_eq!(running_statistics(&bilevel.net), statistics);
}

/// The gradient handed to the optimiser is that of the loss in the alphas.
#[test]
fn the_alphas_gradient_is_the_slope_of_the_loss() {
    let with_skips = SearchSpace { auxiliary_skip: true, ..small_space() };
    let parts = SearchSpace { share: 2, ..small_space() };
    for (text, space) in [
        ("", &small_space()),
        ("edge_weights = \"softmax\"", &with_skips),
        ("edge_weights = \"softmax\"", &parts),
        ("relaxation = \"gumbel\"\norder = \"joint\"", &with_skips),
        ("relaxation = \"sigmoid\"\nregularizer = \"binary\"\nregularizer_weight = 10", &small_space()),
        (
            "relaxation = \"simplex\"\nedge_weights = \"softmax\"\nalphas = { kind = \"exponentiated-gradient\" }",
            &parts,
        ),
        ("regularizer = \"beta\"\nregularizer_weight = 0.1", &small_space()),
    ] {
        let method: Method = toml::from_str(text).unwrap();
        method.check().unwrap();
        let (bilevel, batch) = small_search_of(method, space);
        let report = |mut bilevel: Bilevel| match bilevel.method.order {
            StepOrder::Joint => bilevel.step_both(AT, &batch, 0.1).0,
            _ => bilevel.step_alphas(AT, &batch, &batch, 0.1),
        };
        let gradient = report(bilevel.clone()).gradient;
        let length = norm(&gradient.values().copied().collect::<Vec<_>>());
        let moved = |step: f64| {
            let mut bilevel = bilevel.clone();
            let pairs = bilevel.alphas.values_mut().zip(gradient.values());
            pairs.for_each(|(alpha, g)| *alpha += (step * g / length) as f32);
            f64::from(report(bilevel).loss)
        };
        let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        assert!((slope - length).abs() < 0.02 * length, "{text}: {slope} / {length}");
    }
}
