//! What is made of a run that is trained: evaluations, exports, reports and pictures.

use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use serde_json::json;
use softcell::config::DataFormat;
use softcell::data::{Dataset, Wanted, open, open_for_test};
use softcell::drawing::CellChoice;
use softcell::event::Silent;
use softcell::experiment::{Job, Machine, network_cost, read_images, reading_settings};
use softcell::export::onnx::{self, BatchNorms, InputRange, OnnxOptions, Output};
use softcell::export::{Destination, Existing, ExportFormat, Sample, pytorch, safetensors};
use softcell::model::TrainedModel;
use softcell::nn::right_answers;
use softcell::report::{RunRecord, wilson};
use softcell::run::RunFolder;
use softcell::{Advice, Error, Remedy, Result};

use crate::remedies::raised;

/// How well the network of a run answers for its test images, or for others, as JSON.
#[pyfunction]
#[pyo3(signature = (run, data, all))]
pub fn evaluate(py: Python<'_>, run: PathBuf, data: Option<String>, all: bool) -> PyResult<String> {
    py.detach(|| evaluated(run, data, if all { Wanted::All } else { Wanted::TestOrAll }))
        .map_err(|error| raised(&error))
}

fn evaluated(run: PathBuf, data: Option<String>, wanted: Wanted) -> Result<String> {
    let folder = RunFolder::view(&run)?;
    let model = TrainedModel::load(&folder)?;
    let manifest = &model.manifest;
    let mut config = folder.read_config()?;
    let (other, imported) = (data.is_some(), manifest.imported_from.is_some());
    let dataset = match data {
        Some(path) => {
            config = config.with(|config| {
                config.data.path = path;
                config.data.format = DataFormat::Auto;
                config.data.resize = manifest.resize;
            })?;
            let images = open_for_test(&config.data, manifest.image_shape, wanted, &mut |_, _| {})?;
            Dataset::for_test(
                images,
                &manifest.classes,
                manifest.image_shape,
                manifest.normalization.clone(),
            )?
        }
        None if imported && manifest.data_fingerprint.is_empty() => {
            let begin = format!("run {} was imported without images: name them with ", run.display());
            return Err(Error::Refused(Advice::from(begin) + Remedy::Images));
        }
        None => {
            let dataset = read_images(&reading_settings(&config, &folder)?, &mut Silent)?;
            match imported {
                true => dataset.for_network(
                    &manifest.classes,
                    manifest.image_shape,
                    manifest.normalization.clone(),
                )?,
                false => dataset,
            }
        }
    };
    let machine = Machine::open("cpu")?;
    let job = Job {
        folder: &folder,
        config: &config,
        dataset: &dataset,
        device: machine.device(),
        checkpoint_interval: Duration::MAX,
    };
    if !other {
        job.check_data()?;
    }
    let genotype = &model.network.genotype;
    let test = job.test(genotype, &model.weights, &mut Silent)?;
    let cost = network_cost(genotype, &config, &dataset.train);
    Ok(json!({
        "test_accuracy": test.accuracy,
        "test_accuracy_interval": wilson(right_answers(&test.confusion), test.images),
        "test_top5_accuracy": test.top5_accuracy,
        "test_balanced_accuracy": test.balanced_accuracy(),
        "test_macro_f1": test.macro_f1(),
        "test_loss": test.loss,
        "test_images": test.images,
        "parameters": cost.parameters,
        "macs": cost.macs,
        "classes": test.classes,
        "per_class_accuracy": test.per_class_accuracy,
        "confusion": test.confusion,
    })
    .to_string())
}

/// Writes the network for other programs, and answers where.
#[pyfunction]
#[pyo3(signature = (run, format, out, force, fold, softmax, unit_range))]
#[expect(clippy::too_many_arguments, reason = "the keywords of the method in Python")]
pub fn export(
    py: Python<'_>,
    run: PathBuf,
    format: &str,
    out: Option<PathBuf>,
    force: bool,
    fold: bool,
    softmax: bool,
    unit_range: bool,
) -> PyResult<PathBuf> {
    let options = OnnxOptions {
        norms: if fold { BatchNorms::Folded } else { BatchNorms::Kept },
        output: if softmax { Output::Probabilities } else { Output::Logits },
        input_range: if unit_range { InputRange::Unit } else { InputRange::Bytes },
    };
    py.detach(|| {
        let format: ExportFormat = format.parse()?;
        let folder = RunFolder::view(&run)?;
        let model = TrainedModel::load(&folder)?;
        let path = out.unwrap_or_else(|| folder.path().join(format.file_name()));
        let existing = if force { Existing::Replace } else { Existing::Keep };
        let destination = Destination::new(&path, existing)?;
        match format {
            ExportFormat::Onnx => {
                let machine = Machine::open("cpu")?;
                let sample = sample(&folder, &model);
                onnx::write(&model, &options, &destination, &sample, machine.device())?;
            }
            ExportFormat::Safetensors => {
                safetensors::write(&model, &destination)?;
            }
            ExportFormat::Pytorch => {
                let weights = Destination::new(&pytorch::weights_path(&path), existing)?;
                pytorch::write(&model, &destination, &weights)?;
            }
        }
        Ok(path)
    })
    .map_err(|error: Error| raised(&error))
}

/// Test images of the run; made-up ones where they cannot be had.
fn sample(folder: &RunFolder, model: &TrainedModel) -> Sample {
    let read = || -> Result<Dataset> {
        let config = folder.read_config()?;
        let source = open(&config.data, &mut |_, _| {})?;
        Dataset::new(source, &config.data, config.search.train_portion, config.seed)
    };
    match read() {
        Ok(dataset) if dataset.summary.fingerprint == model.manifest.data_fingerprint => {
            Sample::of(&dataset.test)
        }
        _ => Sample::made_up(model.manifest.image_shape),
    }
}

/// Writes the page of a run, and answers where.
#[pyfunction]
pub fn report(py: Python<'_>, run: PathBuf) -> PyResult<PathBuf> {
    py.detach(|| {
        let (folder, activity) = RunFolder::peek(&run)?;
        folder.write_report(&softcell::report::report(&RunRecord::read(&folder, activity)?))?;
        Ok(folder.report())
    })
    .map_err(|error: Error| raised(&error))
}

/// The cells of a genotype as pictures in SVG.
#[pyfunction]
pub fn cells(genotype: &str) -> PyResult<String> {
    let draw = || softcell::drawing::draw_cells(&crate::work::read_genotype(genotype)?, CellChoice::Both);
    draw().map_err(|error| raised(&error))
}

/// The 95 % interval of a share, in words.
#[pyfunction]
pub fn interval(right: u64, images: u64) -> String {
    softcell::report::interval(right, images)
}
