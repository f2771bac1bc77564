//! What is made of a run that is trained: evaluations, exports, reports and pictures.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use softcell::Error;
use softcell::config::DataFormat;
use softcell::data::Wanted;
use softcell::drawing::CellChoice;
use softcell::event::Silent;
use softcell::experiment::{Machine, TestedOn, evaluate_run};
use softcell::export::onnx::{self, BatchNorms, InputRange, OnnxOptions, Output, Pictures};
use softcell::export::{Destination, Existing, ExportFormat, Sample, pytorch, safetensors};
use softcell::model::TrainedModel;
use softcell::report::RunRecord;
use softcell::run::RunFolder;

use crate::remedies::raised;

/// How well the network of a run answers for its test images, or for others, as JSON.
#[pyfunction]
#[pyo3(signature = (run, data, all))]
pub fn evaluate(py: Python<'_>, run: PathBuf, data: Option<String>, all: bool) -> PyResult<String> {
    let images = match data {
        None => TestedOn::Own,
        Some(path) => TestedOn::Others {
            path,
            format: DataFormat::Auto,
            max_image_pixels: None,
            wanted: if all { Wanted::All } else { Wanted::TestOrAll },
        },
    };
    let tested = py.detach(|| {
        evaluate_run(&RunFolder::view(&run)?, images, Machine::open("cpu")?.device(), &mut Silent)
    });
    let tested = tested.map_err(|error: Error| raised(&error))?;
    serde_json::to_string(&tested.scores).map_err(|error| PyValueError::new_err(error.to_string()))
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
        pictures: Pictures::Sized,
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
                let sample = Sample::of_run(&folder, &model, &mut |_, _| {})
                    .unwrap_or_else(|_| Sample::made_up(model.manifest.image_shape));
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
