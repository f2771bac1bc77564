//! Answers of a trained network.

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use softcell::config::Resize;
use softcell::data::{bring_pixels, find_images, read_image_bytes};
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

    /// Pixels of 8 bits as an image of its shape; `size` is theirs, in rows, columns and channels.
    fn bring<'py>(&self, py: Python<'py>, pixels: &[u8], size: [usize; 3]) -> PyResult<Bound<'py, PyBytes>> {
        let (shape, resize): (_, Resize) = (self.shape(), self.inner.manifest().resize);
        let pixels = pixels.to_vec();
        let brought = py.detach(|| bring_pixels(pixels, size, shape, resize));
        Ok(PyBytes::new(py, &brought.map_err(|error| raised(&error))?))
    }

    /// Probabilities as 32-bit floats, image after image, of images in bytes, channel after channel.
    fn probabilities<'py>(&self, py: Python<'py>, images: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let images = self.images(images)?;
        let answers = py.detach(|| {
            images
                .chunks(BATCH)
                .flat_map(|batch| self.inner.predict(batch))
                .collect::<softcell::Result<Vec<_>>>()
        });
        let answers = answers.map_err(|error| raised(&error))?;
        Ok(PyBytes::new(py, &as_bytes(answers.iter().flat_map(|answer| &answer.probabilities))))
    }

    /// Logits of the same, as 32-bit floats.
    fn logits<'py>(&self, py: Python<'py>, images: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let images = self.images(images)?;
        let logits: Vec<f32> =
            py.detach(|| images.chunks(BATCH).flat_map(|batch| self.inner.logits(batch)).collect());
        Ok(PyBytes::new(py, &as_bytes(logits.iter())))
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

impl Predictor {
    /// Images in bytes, one after another.
    fn images(&self, bytes: &[u8]) -> PyResult<Vec<Vec<u8>>> {
        let length: usize = self.shape().iter().product();
        if !bytes.len().is_multiple_of(length) {
            let found = format!("{} bytes: expected images of {length}", bytes.len());
            return Err(PyValueError::new_err(found));
        }
        Ok(bytes.chunks_exact(length).map(<[u8]>::to_vec).collect())
    }
}

fn as_bytes<'a>(numbers: impl Iterator<Item = &'a f32>) -> Vec<u8> {
    numbers.flat_map(|number| number.to_ne_bytes()).collect()
}
