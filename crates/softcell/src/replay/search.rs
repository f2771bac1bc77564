//! Replays the first steps of a search.

use serde::Deserialize;

use super::compare_gradients;
use super::deviation::{Deviations, Reach};
use super::recording::{Recording, count_recorded};
use super::stage::{Stage, scalar, to_host};
use crate::error::Result;
use crate::evaluate::DeviceBatch;
use crate::event::Position;
use crate::network::{
    EdgeTensors, HostTensor, Network, Pass, Weighted, load_named, named_tensors, weight_names,
};
use crate::search::method::{Adam, AlphaOptimizer, FixedRows, Sgd, WeightOptimizer};
use crate::search::{ArchOptimizer, ArchStep, Bilevel, Method, weight_optimizer};
use crate::space::{
    Alphas, CellKind, Genotype, NetworkPlan, Primitive, Rows, SearchSpace, supernet_parameters,
};

/// The case of a recorded search.
#[derive(Deserialize)]
struct Case {
    #[serde(default = "darts")]
    space: String,
    init_channels: usize,
    layers: usize,
    nodes: usize,
    classes: usize,
    unrolled: bool,
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    grad_clip: f64,
    arch_learning_rate: f64,
    arch_betas: [f64; 2],
    arch_weight_decay: f64,
    steps: usize,
    genotype: String,
}

impl Case {
    fn method(&self) -> Method {
        let [beta1, beta2] = self.arch_betas;
        Method {
            arch_step: ArchStep::of_unrolled(self.unrolled),
            weights: WeightOptimizer::Sgd(Sgd {
                momentum: self.momentum,
                weight_decay: self.weight_decay,
                ..Sgd::default()
            }),
            alphas: AlphaOptimizer::Adam(Adam {
                learning_rate: self.arch_learning_rate,
                beta1,
                beta2,
                weight_decay: self.arch_weight_decay,
                ..Adam::default()
            }),
            ..Method::default()
        }
    }
}

fn darts() -> String {
    "darts".into()
}

/// How far alphas may be off after a step, in steps of Adam.
const ALPHA_TOLERANCE: f64 = 0.05;

/// Runs the recorded steps, architecture first, then a pass in evaluation mode.
pub(super) fn replay(recording: &Recording, stage: &Stage) -> Result<Deviations> {
    let case: Case = recording.case()?;
    let space = space(recording, &case)?;
    let expected_genotype: Genotype = case.genotype.parse()?;
    let (_, [_, channels_in, height, width]) = recording.shaped::<4>("eval.input")?;
    let mut bilevel = start(recording, &case, &space, [channels_in, height, width], stage)?;
    let mut deviations = Deviations::default();
    let names = weight_names(&bilevel.net);

    for t in 0..case.steps {
        let batch =
            |role: &str| batch(recording, &format!("step.{t}.{role}"), channels_in, case.classes, stage);
        let (train, valid) = (batch("train")?, batch("valid")?);

        let at = Position { epoch: 0, step: t };
        let arch = bilevel.step_alphas(at, &train, &valid, case.learning_rate);
        for (name, gradient) in matrices(&arch.gradient.map_values(|&g| g as f32)) {
            let name = format!("step.{t}.grad.{name}");
            deviations.compare("alpha_gradients", Reach::Kinked, &name, &gradient, recording.float(&name)?);
        }
        let tolerance = ALPHA_TOLERANCE * case.arch_learning_rate * (t + 1) as f64;
        for (name, alphas) in matrices(&bilevel.alphas) {
            let name = format!("step.{t}.{name}");
            deviations.compare_absolute("alphas", &name, &alphas, recording.float(&name)?, tolerance);
        }

        let weights = bilevel.step_weights(at, &train, case.learning_rate);
        // The first forward pass is the last thing that no gradient of a weight has touched.
        let reach = if t == 0 { Reach::Smooth } else { Reach::Kinked };
        for (quantity, reach, name, ours) in [
            ("logits", reach, "logits", to_host(weights.logits)),
            ("loss", reach, "loss", scalar(weights.loss)),
            ("gradient_norm", Reach::Kinked, "grad_norm", scalar(weights.gradient_norm as f32)),
        ] {
            let name = format!("step.{t}.train.{name}");
            deviations.compare(quantity, reach, &name, &ours, recording.float(&name)?);
        }
        if t == 0 {
            let all = &weights.gradients;
            compare_gradients(
                &mut deviations,
                "weight_gradients",
                Reach::Kinked,
                recording,
                "step.0.grad.",
                &names,
                all,
            )?;
        }
    }

    compare_state(&mut deviations, recording, &bilevel, &names)?;
    compare_evaluation(&mut deviations, recording, &bilevel, channels_in, stage)?;
    let found = bilevel.method.select(&bilevel.relaxer.expected(&bilevel.alphas), &space)?;
    deviations.compare_exact("genotype", Reach::Kinked, &found, &expected_genotype);
    Ok(deviations)
}

/// The space of the case, once it is sure that the recording has the weights of its network.
fn space(recording: &Recording, case: &Case) -> Result<SearchSpace> {
    if case.space != "darts" {
        return Err(recording.refuse("case", format!("the space {:?}", case.space), "\"darts\""));
    }
    let space = SearchSpace {
        n_cells: case.layers,
        init_channels: case.init_channels,
        ..SearchSpace::darts().with_nodes(case.nodes)
    };
    space.check()?;
    Ok(space)
}

/// The initial state.
fn start(
    recording: &Recording,
    case: &Case,
    space: &SearchSpace,
    [channels_in, height, width]: [usize; 3],
    stage: &Stage,
) -> Result<Bilevel> {
    let mut init = recording.under("init.");
    let shape = [space.topology().n_edges(), Primitive::DARTS.len()];
    let mut alphas = |name: &str| {
        let tensor = recording.float(&format!("init.{name}"))?;
        init.remove(name);
        if tensor.shape != shape {
            let found = format!("shape {:?}", tensor.shape);
            return Err(recording.refuse(&format!("init.{name}"), found, format!("{shape:?}")));
        }
        Ok(tensor.values.chunks(shape[1]).map(<[f32]>::to_vec).collect())
    };
    let named = |kind: CellKind| Ok((kind.name(), alphas(original_name(kind.name()))?));
    let alphas = CellKind::ALL.into_iter().map(named).collect::<Result<Alphas>>()?;

    // Compared before the network is built: a case may claim any size.
    let (_, [_, classes]) = recording.shaped::<2>("eval.logits")?;
    if classes != case.classes {
        return Err(recording.refuse(
            "case",
            format!("{} classes", case.classes),
            format!("{classes}, as in eval.logits"),
        ));
    }
    let (found, expected) =
        (count_recorded(&init, |_| false), supernet_parameters(space, channels_in, classes));
    if found != expected {
        let expected = format!("the {expected} of a supernet of this width, depth and number of classes");
        return Err(recording.refuse("init", format!("{found} weights"), expected));
    }
    let net =
        Network::new(NetworkPlan::supernet(space, [channels_in, height, width], classes), &stage.device);
    let net = stage.module(load_named(net, &init, &format!("{}, init", recording.origin()))?);
    let method = case.method();
    Ok(Bilevel {
        net,
        alphas,
        sgd: weight_optimizer(method.weights),
        optimizer: ArchOptimizer::new(method.alphas),
        relaxer: method.relaxer(space),
        method,
        fixed: FixedRows::default(),
        grad_clip: case.grad_clip,
        recompute: false,
        class_weights: None,
        seed: 0,
        epochs: 1,
        costs: None,
        latencies: Vec::new(),
        freezer: None,
    })
}

fn batch(
    recording: &Recording,
    prefix: &str,
    channels_in: usize,
    classes: usize,
    stage: &Stage,
) -> Result<DeviceBatch> {
    let images = recording.images(&format!("{prefix}.input"), channels_in)?;
    let labels = recording.labels(&format!("{prefix}.target"), images.shape[0], classes)?;
    Ok(DeviceBatch { images: stage.tensor(images), labels: stage.labels(labels) })
}

/// Weights and running statistics after the last step.
fn compare_state(
    deviations: &mut Deviations,
    recording: &Recording,
    bilevel: &Bilevel,
    weight_names: &[String],
) -> Result<()> {
    for (name, ours) in named_tensors(&bilevel.net) {
        let quantity = if weight_names.contains(&name) { "final_weights" } else { "final_buffers" };
        let name = format!("final.{name}");
        deviations.compare(quantity, Reach::Kinked, &name, &ours, recording.float(&name)?);
    }
    Ok(())
}

/// Logits with running statistics.
fn compare_evaluation(
    deviations: &mut Deviations,
    recording: &Recording,
    bilevel: &Bilevel,
    channels_in: usize,
    stage: &Stage,
) -> Result<()> {
    let images = stage.tensor(recording.images("eval.input", channels_in)?);
    let weights = EdgeTensors::new(&bilevel.relaxer.of_network(&bilevel.alphas, 0, 1), &stage.device);
    let logits = bilevel.net.clone().no_grad().forward_mixed(images, &weights, &mut Pass::eval());
    deviations.compare(
        "eval_logits",
        Reach::Kinked,
        "eval.logits",
        &to_host(logits),
        recording.float("eval.logits")?,
    );
    Ok(())
}

/// The matrices by the original's names.
fn matrices(rows: &Rows<f32>) -> Vec<(&'static str, HostTensor)> {
    rows.iter().map(|(cell, rows)| (original_name(cell), HostTensor::matrix(rows))).collect()
}

/// The original's name for the alphas of a type of cell.
fn original_name(cell: &str) -> &'static str {
    match cell {
        "normal" => "alphas_normal",
        _ => "alphas_reduce",
    }
}
