//! What a training has come to: its test, and the result.

use burn::tensor::{Device, Tensor};

use crate::config::CheckedConfig;
use crate::data::Dataset;
use crate::error::Result;
use crate::evaluate::{Evaluation, WrongAnswer, evaluate_telling};
use crate::event::{Event, Observer};
use crate::memory::peak_rss_mb;
use crate::model;
use crate::network::{NamedTensors, Pass};
use crate::run::RunResult;
use crate::search::Searched;
use crate::sizing::asked_shape;
use crate::space::{Genotype, derived_layers};
use crate::train::{TrainOutcome, evaluation_plan, network_config};

/// Evaluates the network of a genotype with these weights on the test part, and tells `wrong` of each wrong answer.
///
/// # Errors
/// When the weights do not fit, and whatever the observer answers.
pub(crate) fn test(
    config: &CheckedConfig,
    dataset: &Dataset,
    device: &Device,
    (genotype, weights): (&Genotype, &NamedTensors),
    observer: &mut dyn Observer,
    wrong: impl FnMut(WrongAnswer) + Send,
) -> Result<Evaluation> {
    let images = &dataset.train;
    let shape = [images.channels, images.height, images.width];
    let network = network_config(genotype, &config.train, shape, images.classes.len());
    let net = model::build(&network, weights, "weights", device)?.shared(observer.ranks());
    let set = &dataset.test;
    let plan =
        evaluation_plan(set, (0..set.len()).collect(), &dataset.normalization, config.train.batch_size);
    let (mut done, mut told) = (0, Ok(()));
    let forward = |images: Tensor<4>| {
        done += images.dims()[0];
        let logits = net.forward(images, &mut Pass::eval()).logits;
        if told.is_ok() {
            told = observer.on(Event::Testing { done, total: set.len() });
        }
        logits
    };
    let evaluation = evaluate_telling(&plan, device, forward, wrong);
    told.and_then(|()| evaluation.finite())
}

/// What a training and its test came to; `config` has the width and depth that were trained.
pub(crate) fn result(
    config: &CheckedConfig,
    dataset: &Dataset,
    genotype: &Genotype,
    searched: Option<Searched>,
    trained: &TrainOutcome,
    test: Evaluation,
) -> RunResult {
    let size = derived_layers(genotype, &asked_shape(genotype, config, &dataset.train));
    let last_epoch = trained.epochs.saturating_sub(1);
    let best = trained.best.as_ref();
    let validation = dataset.split.validation.len() as u64;
    RunResult {
        test_accuracy: test.accuracy,
        test_top5_accuracy: test.top5_accuracy,
        test_balanced_accuracy: test.balanced_accuracy(),
        test_macro_f1: test.macro_f1(),
        validation_accuracy: best.map(|best| best.score.accuracy),
        validation_balanced_accuracy: best.and_then(|best| best.score.balanced_accuracy),
        validation_images: best.map(|_| validation),
        test_images: test.images,
        weights: if best.is_some() { "best" } else { "last" }.to_string(),
        epoch: best.map_or(last_epoch, |best| best.epoch),
        epochs_done: trained.epochs,
        init_channels: config.train.init_channels,
        layers: config.train.layers,
        parameters: size.cost.parameters,
        macs: size.cost.macs,
        peak_activation_bytes: size.peak_activation_bytes,
        search_seconds: searched.map(|searched| searched.seconds),
        search_epoch: searched.and_then(|searched| searched.epoch),
        selection: None,
        train_seconds: trained.seconds,
        peak_rss_mb: peak_rss_mb(),
        genotype: genotype.to_text(),
        classes: test.classes,
        per_class_accuracy: test.per_class_accuracy,
        confusion: test.confusion,
        calibration: Some(test.calibration),
    }
}
