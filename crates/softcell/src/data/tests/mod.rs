//! Tests with small files written as they run.

mod augment;
mod batches;
mod binary;
mod folder;
mod limits;
mod modes;
mod split;
mod whole;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

use super::{ImageSet, Source, open};
use crate::config::{DataConfig, DataFormat, Duplicates, Resize};
use crate::error::Result;

/// The settings of a test that reads `path`.
fn config(path: &Path) -> DataConfig {
    DataConfig {
        path: path.to_str().unwrap().into(),
        format: DataFormat::Auto,
        image_size: "auto".into(),
        resize: Resize::Crop,
        images_per_class: 0,
        validation_fraction: 0.2,
        test_fraction: 0.25,
        max_bad_images: 0,
        max_bad_share: 0.0,
        max_image_pixels: 1_000_000,
        duplicates: Duplicates::Ignore,
        memory: 0,
        crop_padding: 0,
        crop_scale: 0.0,
        color_jitter: 0.0,
        auto_augment: crate::config::AutoAugment::None,
        flip: false,
        class_weights: "none".into(),
        sampling: crate::config::Sampling::Shuffled,
    }
}

/// Reads `path` with the settings of [`config`].
fn read(path: &Path) -> Result<Source> {
    open(&config(path), &mut |_, _| {})
}

/// The text of the error that reading `path` gives.
fn refused(path: &Path) -> String {
    match read(path) {
        Ok(source) => panic!("{} was read: {source:?}", path.display()),
        Err(error) => error.to_string(),
    }
}

/// Asserts that `text` holds each of `parts`.
#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

fn temp() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Writes bytes, and the folders above.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes a picture of one colour.
fn color(path: &Path, width: u32, height: u32, rgb: [u8; 3]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(width, height, Rgb(rgb)).save(path).unwrap();
}

/// Writes a picture of one gray.
fn gray(path: &Path, width: u32, height: u32, value: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    GrayImage::from_pixel(width, height, Luma([value])).save(path).unwrap();
}

/// A set with `counts[c]` images of class `c`; byte `k` of image `i` is `i * image_len + k`, wrapped.
fn synthetic(counts: &[usize], channels: usize, height: usize, width: usize) -> ImageSet {
    let labels: Vec<u32> =
        counts.iter().enumerate().flat_map(|(class, &count)| vec![class as u32; count]).collect();
    let pixels = (0..labels.len() * channels * height * width).map(|i| i as u8).collect();
    let classes = Arc::new((0..counts.len()).map(|class| format!("class {class}")).collect());
    ImageSet::new(classes, [channels, height, width], pixels, labels)
}

/// All bytes of a set.
fn bytes(set: &ImageSet) -> Vec<u8> {
    (0..set.len()).flat_map(|i| set.image(i).into_owned()).collect()
}
