//! `augmented.json`: a few images of the training's first batch, as they are and as the network sees them.

use serde::{Deserialize, Serialize};

use super::record::{Checked, Record};
use super::samples::picture;

/// The first images of the first batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Augmented {
    /// In the order of the batch.
    pub images: Vec<AugmentedImage>,
}

/// A training image before and after it was varied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AugmentedImage {
    /// Index of its class.
    pub class: usize,
    /// As it is, as a `data:` address.
    pub before: String,
    /// As the network sees it.
    pub after: String,
}

impl Record for Augmented {
    fn check(&self) -> Checked {
        for (i, image) in self.images.iter().enumerate() {
            picture(&format!("images[{i}].before"), &image.before)?;
            picture(&format!("images[{i}].after"), &image.after)?;
        }
        Ok(())
    }
}
