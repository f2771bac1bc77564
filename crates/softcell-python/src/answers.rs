//! Answers of a trained network.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use softcell::config::Resize;
use softcell::data::{find_images, read_image_bytes};
use softcell::experiment::Machine;
use softcell::model;
use softcell::run::RunFolder;

use crate::remedies::raised;

/// Images that are answered at once, as the program does.
const BATCH: usize = 64;

/// The trained network of a run.
#[pyclass(frozen, module = "softcell._softcell")]
pub struct Predictor {
    inner: model::Predictor,
    most_pixels: usize,
}

#[pymethods]
impl Predictor {
    #[new]
    fn open(py: Python<'_>, run: PathBuf) -> PyResult<Predictor> {
        py.detach(|| {
            let folder = RunFolder::view(&run)?;
            let inner = model::Predictor::load(&folder, Machine::open("cpu")?.device())?;
            Ok(Predictor { inner, most_pixels: folder.read_config()?.data.max_image_pixels })
        })
        .map_err(|error: softcell::Error| raised(&error))
    }

    /// Names of the classes, in the order of the probabilities.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.inner.manifest().classes.clone()
    }

    /// Channels, rows and columns of its images.
    #[getter]
    fn shape(&self) -> [usize; 3] {
        self.inner.manifest().image_shape
    }

    /// An image file's bytes as an image of its shape.
    fn decode<'py>(&self, py: Python<'py>, file: &[u8], name: &str) -> PyResult<Bound<'py, PyBytes>> {
        let (shape, resize): (_, Resize) = (self.shape(), self.inner.manifest().resize);
        let pixels = py.detach(|| read_image_bytes(file, Path::new(name), shape, resize, self.most_pixels));
        Ok(PyBytes::new(py, &pixels.map_err(|error| raised(&error))?))
    }

    /// Probabilities as 32-bit floats, image after image, of images in bytes, channel after channel.
    fn probabilities<'py>(&self, py: Python<'py>, images: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let length: usize = self.shape().iter().product();
        if !images.len().is_multiple_of(length) {
            return Err(PyValueError::new_err(format!(
                "{} bytes: expected images of {length}",
                images.len()
            )));
        }
        let answers = py.detach(|| {
            let images: Vec<Vec<u8>> = images.chunks_exact(length).map(<[u8]>::to_vec).collect();
            images
                .chunks(BATCH)
                .flat_map(|batch| self.inner.predict(batch))
                .collect::<softcell::Result<Vec<_>>>()
        });
        let answers = answers.map_err(|error| raised(&error))?;
        Ok(PyBytes::new(py, &as_bytes(answers.iter().flat_map(|answer| &answer.probabilities))))
    }

    /// The files that paths mean, and the probabilities of each as 32-bit floats, or what is wrong with it.
    fn files<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<PathBuf>,
    ) -> Vec<(PathBuf, Option<Bound<'py, PyBytes>>, Option<String>)> {
        let answers: Vec<model::Answer> = py
            .detach(|| self.inner.answers(find_images(&paths).images, self.most_pixels).flatten().collect());
        let said = |answer: model::Answer| match answer.outcome {
            Ok(answered) => {
                let bytes = as_bytes(answered.probabilities.iter());
                (answer.path, Some(PyBytes::new(py, &bytes)), None)
            }
            Err(error) => (answer.path, None, Some(error.worded(&crate::remedies::words))),
        };
        answers.into_iter().map(said).collect()
    }
}

fn as_bytes<'a>(numbers: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    numbers.flat_map(|number| number.to_ne_bytes()).collect()
}
