//! Replays a pass through a derived network.

use serde::Deserialize;

use super::compare_gradients;
use super::deviation::{Deviations, Reach};
use super::recording::{Recording, count_recorded};
use super::stage::{Stage, scalar, to_host};
use crate::error::{Error, Result};
use crate::loss::cross_entropy;
use crate::network::{Network, Pass, Weighted, absorb, gradients, load_named, named_tensors, weight_names};
use crate::space::{DerivedNetworkConfig, Genotype, Reductions, StemKind, derived_cost};

/// The case of a recorded derived network.
#[derive(Deserialize)]
struct Case {
    genotype: String,
    init_channels: usize,
    layers: usize,
    classes: usize,
    auxiliary: bool,
    auxiliary_weight: f64,
    /// Without the auxiliary head.
    parameters: u64,
}

/// Largest width and depth; more is refused before anything is computed from them.
const MOST_CHANNELS: usize = 65_536;
const MOST_CELLS: usize = 1000;

/// Weights of the auxiliary head carry this in front.
const AUXILIARY: &str = "auxiliary_head.";

/// A forward and a backward pass in training mode, then one forward in evaluation mode.
pub(super) fn replay(recording: &Recording, stage: &Stage) -> Result<Deviations> {
    let case: Case = recording.case()?;
    let (images, shape) = recording.shaped::<4>("train.input")?;
    let labels = recording.labels("train.target", shape[0], case.classes)?;
    let mut net = start(recording, &case, shape, stage)?;
    let mut deviations = Deviations::default();
    deviations.compare_exact("parameters", Reach::Smooth, &net.parameters(), &case.parameters);

    let images = stage.tensor::<4>(images);
    let labels = stage.labels(labels);
    let mut pass = Pass::train();
    let out = net.forward(images.clone(), &mut pass);
    let mut loss = cross_entropy(out.logits.clone(), labels.clone(), 0.0);
    if let Some(auxiliary) = &out.auxiliary {
        loss = loss + cross_entropy(auxiliary.clone(), labels, 0.0) * case.auxiliary_weight;
        let ours = to_host(auxiliary.clone());
        deviations.compare(
            "auxiliary_logits",
            Reach::Smooth,
            "train.logits_aux",
            &ours,
            recording.float("train.logits_aux")?,
        );
    }
    deviations.compare(
        "logits",
        Reach::Smooth,
        "train.logits",
        &to_host(out.logits),
        recording.float("train.logits")?,
    );
    let value = scalar(to_host(loss.clone()).values[0]);
    deviations.compare("loss", Reach::Smooth, "train.loss", &value, recording.float("train.loss")?);

    let back = loss.backward();
    let names = weight_names(&net);
    let all = gradients(&net, &back);
    compare_gradients(&mut deviations, "gradients", Reach::Kinked, recording, "grad.", &names, &all)?;

    absorb(&mut net, pass.statistics);
    for (name, ours) in named_tensors(&net) {
        if !names.contains(&name) {
            let name = format!("final.{name}");
            deviations.compare("buffers", Reach::Smooth, &name, &ours, recording.float(&name)?);
        }
    }
    let logits = net.no_grad().forward(images, &mut Pass::eval()).logits;
    deviations.compare(
        "eval_logits",
        Reach::Smooth,
        "eval.logits",
        &to_host(logits),
        recording.float("eval.logits")?,
    );
    Ok(deviations)
}

/// The network in its initial state.
fn start(
    recording: &Recording,
    case: &Case,
    [_, channels_in, height, width]: [usize; 4],
    stage: &Stage,
) -> Result<Network> {
    let genotype: Genotype = case.genotype.parse()?;
    in_range("init_channels", case.init_channels, MOST_CHANNELS)?;
    in_range("layers", case.layers, MOST_CELLS)?;
    let (_, [_, classes]) = recording.shaped::<2>("train.logits")?;
    if classes != case.classes {
        let expected = format!("{classes}, as in train.logits");
        return Err(recording.refuse("case", format!("{} classes", case.classes), expected));
    }
    let init = recording.under("init.");
    let stem = if init.contains_key("stem0.0.weight") { StemKind::Imagenet } else { StemKind::Cifar };

    let config = DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype,
        init_channels: case.init_channels,
        n_cells: case.layers,
        channels_in,
        image_size: [height, width],
        classes,
        stem,
        auxiliary: case.auxiliary,
    };
    // Compared before the network is built: a case may claim any size.
    let found = count_recorded(&init, |name| name.starts_with(AUXILIARY));
    let expected = derived_cost(&config.genotype, &config.shape());
    if found != expected.parameters {
        let expected =
            format!("the {} of this genotype, width, depth and number of classes", expected.parameters);
        return Err(recording.refuse("init", format!("{found} weights"), expected));
    }
    let net = load_named(config.init(&stage.device)?, &init, &format!("{}, init", recording.origin()))?;
    Ok(stage.module(net))
}

fn in_range(name: &str, found: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    Err(Error::setting(name, found, format!("a whole number from 1 to {most}")))
}
