//! What a file knows of test images, beside the network.

use crate::data::ImageSet;
use crate::error::Result;
use crate::evaluate::is_finite;
use crate::export::onnx::runtime::OnnxFile;
use crate::loss::argmax;
use crate::predict::Predictor;

/// Images that are answered at once.
const BATCH: usize = 64;

/// Counts of test images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// All.
    pub images: usize,
    /// Those whose class the network answers.
    pub known_by_network: usize,
    /// Those whose class the file answers.
    pub known_by_file: usize,
    /// Those for which both answer the same class.
    pub same: usize,
}

impl Measured {
    /// So many of all.
    pub fn share(&self, count: usize) -> f64 {
        count as f64 / self.images.max(1) as f64
    }
}

/// Compares the answers of a file and of a network with the classes of `most` images of `test`, evenly over the set, so
/// that every class is there where they are sorted by class, or of all if there are fewer; tells how many are done.
///
/// # Errors
/// What the runtime says.
pub fn measure(
    file: &OnnxFile,
    predictor: &Predictor,
    test: &ImageSet,
    most: usize,
    told: &mut dyn FnMut(usize, usize),
) -> Result<Measured> {
    let mut measured = Measured::default();
    let classes = test.classes.len();
    // An answer that is no number is none.
    let answers = |logits: Vec<f32>| -> Vec<Option<usize>> {
        logits.chunks(classes).map(|row| is_finite(row).then(|| argmax(row))).collect()
    };
    let count = most.min(test.len());
    let indices: Vec<usize> = (0..count).map(|i| i * test.len() / count).collect();
    for batch in indices.chunks(BATCH) {
        let images: Vec<Vec<u8>> = batch.iter().map(|&i| test.image(i).into_owned()).collect();
        let by_network = answers(predictor.logits(&images));
        let by_file = answers(file.values(&images, &["logits"])?.swap_remove(0));
        for ((&i, network), file) in batch.iter().zip(by_network).zip(by_file) {
            let truth = Some(test.labels[i] as usize);
            measured.images += 1;
            measured.known_by_network += usize::from(network == truth);
            measured.known_by_file += usize::from(file == truth);
            measured.same += usize::from(network.is_some() && network == file);
        }
        told(measured.images, count);
    }
    Ok(measured)
}
