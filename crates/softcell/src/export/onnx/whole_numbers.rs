//! What can be asked for and told of a network in whole numbers, whether or not this build can make one.

use serde::Serialize;

use crate::error::{Error, Result};

/// How a network in whole numbers is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Int8Options {
    /// Images that the ranges of the maps are taken from, at least 1; all training images where there are fewer.
    pub calibration_images: usize,
    /// Test images on which the file is measured beside the network, at least 1, evenly over the test part; all where
    /// there are fewer.
    pub test_images: usize,
    /// Percentage points of test accuracy that may be lost.
    pub max_drop: f64,
}

impl Int8Options {
    /// Images that the ranges are taken from, unless another number is asked for.
    pub const CALIBRATION_IMAGES: usize = 256;
    /// Test images on which it is measured, unless another number is asked for: the difference of two networks that answer
    /// alike for 98 % of them has a standard error of 0.3 points.
    pub const TEST_IMAGES: usize = 2000;
    /// Points that may be lost, unless another number is asked for.
    pub const MAX_DROP: f64 = 1.0;

    /// Whether the numbers can be meant.
    ///
    /// # Errors
    /// No images; a number of points that is negative, above 100 or none.
    pub fn check(&self) -> Result<()> {
        for (name, images) in
            [("calibration_images", self.calibration_images), ("test_images", self.test_images)]
        {
            if images == 0 {
                return Err(Error::setting(name, 0, "a whole number from 1"));
            }
        }
        if !(0.0..=100.0).contains(&self.max_drop) {
            return Err(Error::setting("max_drop", self.max_drop, "a number of points from 0 to 100"));
        }
        Ok(())
    }
}

impl Default for Int8Options {
    fn default() -> Int8Options {
        Int8Options {
            calibration_images: Int8Options::CALIBRATION_IMAGES,
            test_images: Int8Options::TEST_IMAGES,
            max_drop: Int8Options::MAX_DROP,
        }
    }
}

/// How a network in whole numbers was made, and how it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantization {
    /// Training images that the ranges of the maps were taken from.
    pub calibration_images: usize,
    /// Convolutions that compute in whole numbers, and all.
    pub convolutions: [usize; 2],
    /// Size of the file in f32.
    pub f32_bytes: u64,
    /// Test images on which both were measured.
    pub test_images: usize,
    /// Share of the test images that the network knows.
    pub f32_accuracy: f64,
    /// Share of the test images that the file knows.
    pub accuracy: f64,
    /// Share of the test images for which both answer the same class.
    pub agreement: f64,
}
