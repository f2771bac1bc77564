//! Networks as PyTorch source, which the Python side makes modules of.

use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use softcell::config::DataShape;
use softcell::data::Normalization;
use softcell::experiment::Settings;
use softcell::export::pytorch::{self, Purpose};
use softcell::export::safetensors::{self, AuxiliaryHead};
use softcell::model::TrainedModel;
use softcell::run::{Manifest, RunFolder};
use softcell::train::network_config;
use softcell::{Error, Result};

use crate::remedies::raised;
use crate::work::read_genotype;

/// The name that the source bears.
const FILE: &str = "model.py";
/// Most pixels of a side, and most classes.
const MOST: usize = 1 << 16;

/// The network of a run and its weights as the content of a safetensors file, with the auxiliary head if it is wanted.
#[pyfunction]
pub fn torch_of_run(py: Python<'_>, run: PathBuf, auxiliary: bool) -> PyResult<(String, Bound<'_, PyBytes>)> {
    let read = || -> Result<(String, Vec<u8>)> {
        let mut model = TrainedModel::load(&RunFolder::view(&run)?)?;
        if auxiliary && !model.network.auxiliary {
            return Err(Error::invalid(
                "run",
                format!("{} was trained without an auxiliary head", run.display()),
                "one that was trained with auxiliary=True",
                "leave auxiliary out",
            ));
        }
        let head = if auxiliary { AuxiliaryHead::Keep } else { AuxiliaryHead::Drop };
        model.network.auxiliary = auxiliary;
        let source = pytorch::to_source(&model.network, &model.manifest, Purpose::Training, FILE)?;
        Ok((source, safetensors::to_bytes(&model, head)))
    };
    let (source, weights) = py.detach(read).map_err(|error| raised(&error))?;
    Ok((source, PyBytes::new(py, &weights)))
}

/// A network around the cells of a genotype, as the Python side asks for it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Around {
    classes: Vec<String>,
    image_shape: [usize; 3],
    init_channels: usize,
    layers: usize,
    stem: String,
    auxiliary: bool,
    mean: Vec<f32>,
    std: Vec<f32>,
}

/// The network of a genotype.
#[pyfunction]
pub fn torch_of_genotype(genotype: &str, around: Around) -> PyResult<String> {
    source(genotype, around).map_err(|error| raised(&error))
}

fn source(genotype: &str, around: Around) -> Result<String> {
    let Around { classes, image_shape, init_channels, layers, stem, auxiliary, mean, std } = around;
    let within = |numbers: &[usize]| numbers.iter().all(|number| (1..=MOST).contains(number));
    if !within(&image_shape) || !within(&[classes.len()]) {
        return Err(Error::invalid(
            "network",
            format!("{} classes and images of {image_shape:?} (channels, height, width)", classes.len()),
            format!("each of them from 1 to {MOST}"),
            "change classes=, channels= or image_size=",
        ));
    }
    let channels = image_shape[0];
    if [&mean, &std].iter().any(|values| values.len() != channels) || std.iter().any(|&value| value <= 0.0) {
        return Err(Error::invalid(
            "normalisation",
            format!("mean={mean:?}, std={std:?}"),
            format!("{channels} numbers each, one for each channel, deviations above 0"),
            "change mean= and std=",
        ));
    }
    let genotype = read_genotype(genotype)?;
    let (config, _) = Settings::new()
        .with("train.init_channels", init_channels)?
        .with("train.layers", layers)?
        .with("train.stem", stem)?
        .with("train.auxiliary", auxiliary)?
        .build(&DataShape::default())?;
    let network = network_config(&genotype, &config.train, image_shape, classes.len());
    if auxiliary && !network.auxiliary {
        return Err(Error::invalid(
            "network",
            "auxiliary=True",
            "False: the network of NAS-Bench-201 has no place for an auxiliary head",
            "leave it out",
        ));
    }
    let manifest = Manifest::new(classes, image_shape, Normalization { mean, std });
    pytorch::to_source(&network, &manifest, Purpose::Training, FILE)
}
