//! What is made of a run that is trained: evaluations, exports, reports and pictures.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use softcell::config::DataFormat;
use softcell::drawing::CellChoice;
use softcell::event::Silent;
use softcell::experiment::{Machine, TestedOn, evaluate_run};
use softcell::export::onnx::{
    self, BatchNorms, InputRange, Int8Images, Int8Options, OnnxOptions, Output, Pictures, write_int8,
};
use softcell::export::{Destination, Existing, ExportFormat, Sample, images_of_run, pytorch, safetensors};
use softcell::model::TrainedModel;
use softcell::report::RunRecord;
use softcell::run::{RunFolder, files};
use softcell::{Error, data};

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
            wanted: if all { data::Wanted::All } else { data::Wanted::TestOrAll },
        },
    };
    let tested = py.detach(|| {
        evaluate_run(&RunFolder::view(&run)?, images, Machine::open("cpu")?.device(), &mut Silent)
    });
    let tested = tested.map_err(|error: Error| raised(&error))?;
    serde_json::to_string(&tested.scores).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// How a network is written, as the Python side names it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Wanted {
    format: String,
    force: bool,
    fold: bool,
    softmax: bool,
    unit_range: bool,
    with_resize: bool,
    int8: Option<Int8>,
}

/// How it is written in whole numbers; what is not said is as usual.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Int8 {
    calibration_images: Option<usize>,
    test_images: Option<usize>,
    max_drop: Option<f64>,
}

impl Wanted {
    fn onnx(&self) -> OnnxOptions {
        OnnxOptions {
            norms: if self.fold { BatchNorms::Folded } else { BatchNorms::Kept },
            output: if self.softmax { Output::Probabilities } else { Output::Logits },
            input_range: if self.unit_range { InputRange::Unit } else { InputRange::Bytes },
            pictures: if self.with_resize { Pictures::AnySize } else { Pictures::Sized },
        }
    }
}

impl Int8 {
    fn options(&self) -> Int8Options {
        Int8Options {
            calibration_images: self.calibration_images.unwrap_or(Int8Options::CALIBRATION_IMAGES),
            test_images: self.test_images.unwrap_or(Int8Options::TEST_IMAGES),
            max_drop: self.max_drop.unwrap_or(Int8Options::MAX_DROP),
        }
    }
}

/// Writes the network for other programs, and answers where.
#[pyfunction]
#[pyo3(signature = (run, out, wanted))]
pub fn export(py: Python<'_>, run: PathBuf, out: Option<PathBuf>, wanted: Wanted) -> PyResult<PathBuf> {
    py.detach(|| {
        let format: ExportFormat = wanted.format.parse()?;
        let folder = RunFolder::view(&run)?;
        let model = TrainedModel::load(&folder)?;
        let name = if wanted.int8.is_some() { files::ONNX_INT8 } else { format.file_name() };
        let path = out.unwrap_or_else(|| folder.path().join(name));
        let existing = if wanted.force { Existing::Replace } else { Existing::Keep };
        let destination = Destination::new(&path, existing)?;
        match format {
            ExportFormat::Onnx => write_onnx(&folder, &model, &wanted, &destination)?,
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

fn write_onnx(
    folder: &RunFolder,
    model: &TrainedModel,
    wanted: &Wanted,
    destination: &Destination,
) -> Result<(), Error> {
    let machine = Machine::open("cpu")?;
    let options = wanted.onnx();
    let Some(int8) = &wanted.int8 else {
        let sample = Sample::of_run(folder, model, &mut |_, _| {})
            .unwrap_or_else(|_| Sample::made_up(model.manifest.image_shape));
        onnx::write(model, &options, destination, &sample, machine.device())?;
        return Ok(());
    };
    let int8 = int8.options();
    int8.check()?;
    let dataset = images_of_run(folder, model, &mut |_, _| {})?;
    let images = Int8Images { train: &dataset.train, test: &dataset.test };
    write_int8(model, &options, &int8, images, destination, machine.device(), &mut |_, _| {})?;
    Ok(())
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
