//! Answers for many image files: decoded ahead in parallel, answered in batches.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use rayon::prelude::*;
use softcell_kernels::OUT_OF_MEMORY;

use super::{Prediction, Predictor};
use crate::data::{NotFound, read_image, read_image_bytes};
use crate::error::{Error, Result};

/// Images that the network answers at once.
pub(super) const BATCH: usize = 64;
/// Batches that wait decoded at most.
const AHEAD: usize = 2;

/// An image that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// A file.
    Path(PathBuf),
    /// The bytes of a file that lies nowhere, such as one from standard input.
    Bytes {
        /// What stands for its path in the answer.
        path: PathBuf,
        /// What errors call it.
        name: PathBuf,
        /// The file.
        bytes: Vec<u8>,
    },
}

impl From<PathBuf> for Image {
    fn from(path: PathBuf) -> Image {
        Image::Path(path)
    }
}

/// What is said of one image.
#[derive(Debug)]
pub struct Answer {
    /// The file, or what was named instead of one.
    pub path: PathBuf,
    /// The prediction, or why there is none.
    pub outcome: Result<Prediction>,
}

/// A file, and its bytes in the shape of the network's images or why there are none.
type Decoded = (PathBuf, Result<Vec<u8>>);

/// The answers for files in their order, batch by batch.
///
/// While the network answers one batch, a thread decodes the next ones on the pool. Dropping it early ends
/// the thread.
pub struct Answers<'a> {
    predictor: &'a Predictor,
    /// Taken away first on drop, which ends the worker.
    decoded: Option<Receiver<Vec<Decoded>>>,
    worker: Option<JoinHandle<()>>,
}

impl Predictor {
    /// Answers for image files, as [`crate::data::find_images`] finds them. Each is read as a folder of
    /// training images is, and may have at most so many pixels: see [`read_image`].
    pub fn answers<I>(&self, images: Vec<Result<I, NotFound>>, most_pixels: usize) -> Answers<'_>
    where
        I: Into<Image> + Send + 'static,
    {
        let (shape, resize) = (self.manifest.image_shape, self.manifest.resize);
        let (sender, receiver) = sync_channel(AHEAD);
        let decode = move |found: Result<I, NotFound>| match found.map(Into::into) {
            Ok(Image::Path(path)) => {
                let pixels = read_image(&path, shape, resize, most_pixels);
                (path, pixels)
            }
            Ok(Image::Bytes { path, name, bytes }) => {
                (path, read_image_bytes(&bytes, &name, shape, resize, most_pixels))
            }
            Err(NotFound { path, error }) => (path, Err(error)),
        };
        let work = move || {
            let mut images = images.into_iter();
            loop {
                let batch: Vec<_> = images.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    return;
                }
                let decoded: Vec<Decoded> = batch.into_par_iter().map(&decode).collect();
                if sender.send(decoded).is_err() {
                    return; // nobody listens any more
                }
            }
        };
        let worker = thread::Builder::new()
            .name("images".into())
            .spawn(work)
            .unwrap_or_else(|error| panic!("{OUT_OF_MEMORY}: a thread cannot be started ({error})"));
        Answers { predictor: self, decoded: Some(receiver), worker: Some(worker) }
    }
}

impl Iterator for Answers<'_> {
    type Item = Vec<Answer>;

    fn next(&mut self) -> Option<Vec<Answer>> {
        let Ok(batch) = self.decoded.as_ref()?.recv() else {
            self.decoded = None;
            if let Some(Err(payload)) = self.worker.take().map(JoinHandle::join) {
                std::panic::resume_unwind(payload);
            }
            return None;
        };
        let mut readable = Vec::with_capacity(batch.len());
        let mut read = Vec::with_capacity(batch.len());
        for (path, pixels) in batch {
            read.push((path, pixels.map(|pixels| readable.push(pixels))));
        }
        let mut predictions = self.predictor.predict(&readable).into_iter();
        let mut answer = |(path, pixels): (PathBuf, Result<()>)| {
            let predicted = pixels.map(|()| predictions.next().expect("every readable image is answered"));
            let outcome = predicted.and_then(|prediction| {
                let overflows = "the network answers with numbers that are NaN or infinite";
                let remedy = "its weights overflow: train it again with a lower learning rate";
                prediction.map_err(|_| Error::data(&path, overflows, remedy))
            });
            Answer { path, outcome }
        };
        Some(read.into_iter().map(&mut answer).collect())
    }
}

impl Drop for Answers<'_> {
    fn drop(&mut self) {
        self.decoded = None;
        if let Some(worker) = self.worker.take() {
            // A panic of the worker has nowhere to go from here.
            let _ = worker.join();
        }
    }
}
