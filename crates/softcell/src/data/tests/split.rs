//! Division among the parts of a run.

use std::collections::BTreeSet;
use std::path::Path;

use super::{assert_says, bytes, config, synthetic};
use crate::config::{DataConfig, DataFormat, DataShape, Preset, preset};
use crate::data::{Dataset, ImageSet, Normalization, Source};

fn source(counts: &[usize], test: Option<&[usize]>) -> Source {
    let test = test.map(|counts| synthetic(counts, 1, 2, 2));
    Source::new(DataFormat::Folder, synthetic(counts, 1, 2, 2), test, Vec::new())
}

fn settings() -> DataConfig {
    config(Path::new("somewhere"))
}

/// Images of each class among `indices`.
fn counts(data: &Dataset, indices: &[usize]) -> Vec<usize> {
    let mut counts = vec![0; data.train.classes.len()];
    indices.iter().for_each(|&i| counts[data.train.labels[i] as usize] += 1);
    counts
}

#[test]
fn parts_share_no_image_and_keep_the_classes_in_proportion() {
    let data = Dataset::new(source(&[100, 40], Some(&[3, 2])), &settings(), 0.75, 2).unwrap();
    let split = &data.split;
    assert_eq!(counts(&data, &split.validation), [20, 8]);
    assert_eq!(counts(&data, &split.weights), [60, 24]);
    assert_eq!(counts(&data, &split.alphas), [20, 8]);
    let all: BTreeSet<usize> =
        [&split.weights, &split.alphas, &split.validation].into_iter().flatten().copied().collect();
    assert_eq!(all, (0..140).collect());
    let training = data.training_indices();
    assert!(training.is_sorted());
    assert_eq!(training.len(), 112);
    assert!(training.iter().all(|i| !split.validation.contains(i)));
    let with = |all_images| {
        let mut settings = preset(Preset::PaperCifar10, &DataShape::default()).0.train;
        settings.all_images = all_images;
        (data.trained_on(&settings), data.validated_on(&settings).to_vec())
    };
    assert_eq!(with(false), (training, split.validation.clone()));
    assert_eq!(with(true), ((0..140).collect(), Vec::new()));
    assert_eq!((data.test.len(), data.summary.test_images, data.summary.train_images), (5, Some(5), 140));
    assert!(data.summary.notes.is_empty());
    // At random, not in the order of the files.
    assert_ne!(split.validation, (0..20).chain(100..108).collect::<Vec<_>>());
}

#[test]
fn a_missing_test_part_is_split_off() {
    let mut before = source(&[40, 20], None);
    before.train_names = (0..60).map(|i| format!("{i}.png")).collect();
    let data = Dataset::new(before.clone(), &settings(), 0.5, 2).unwrap();
    for i in 0..data.test.len() {
        let place: usize = data.test_name(i).trim_end_matches(".png").parse().unwrap();
        assert_eq!(data.test.image(i), before.train.image(place), "{i}");
    }
    assert_eq!(data.test.class_counts(), [10, 5]);
    assert_eq!(data.train.class_counts(), [30, 15]);
    assert_says(&data.summary.notes.join("\n"), &["15 of 60 images", "test_fraction 0.25"]);
    // No image is lost or doubled: the synthetic ones differ in their first byte.
    let mut first: Vec<u8> = (0..45).map(|i| data.train.image(i)[0]).collect();
    first.extend((0..15).map(|i| data.test.image(i)[0]));
    first.sort_unstable();
    assert_eq!(first, (0..60).map(|i| (i * 4) as u8).collect::<Vec<_>>());
    let labels_fit = (0..45).all(|i| u32::from(data.train.image(i)[0] >= 160) == data.train.labels[i]);
    assert!(labels_fit);
}

#[test]
fn the_seed_alone_decides() {
    let split = |seed| Dataset::new(source(&[40, 20], None), &settings(), 0.5, seed).unwrap();
    let (a, again, b) = (split(2), split(2), split(3));
    assert_eq!((&a.split, &a.test), (&again.split, &again.test));
    assert_ne!(a.split.weights, b.split.weights);
    assert_ne!(a.split.validation, b.split.validation);
    assert_ne!(a.test, b.test);
    assert_eq!(a.summary.fingerprint, b.summary.fingerprint, "the data are the same");
}

#[test]
fn classes_are_drawn_independently() {
    let split = Dataset::new(source(&[40, 40], Some(&[1, 1])), &settings(), 0.5, 2).unwrap().split;
    let (first, second) = split.validation.split_at(8);
    assert_ne!(first, second.iter().map(|i| i - 40).collect::<Vec<_>>());
}

#[test]
fn the_share_of_the_weights_does_not_move_validation() {
    let split = |portion| Dataset::new(source(&[40, 20], None), &settings(), portion, 2).unwrap().split;
    assert_eq!(split(0.5).validation, split(0.9).validation);
    assert!(split(1.0).alphas.is_empty());
    assert_eq!(split(1.0).weights.len(), 36);
}

#[test]
fn every_part_has_every_class_or_it_is_refused() {
    let data = Dataset::new(source(&[4, 100], None), &settings(), 0.99, 2).unwrap();
    for part in [&data.split.weights, &data.split.alphas, &data.split.validation] {
        assert_eq!(counts(&data, part)[0], 1);
    }
    assert_eq!(data.test.class_counts()[0], 1);
    let refused = |counts: &[usize], test, portion, validation| {
        let data = DataConfig { validation_fraction: validation, ..settings() };
        Dataset::new(source(counts, test), &data, portion, 2).map(|_| ()).map_err(|e| e.to_string())
    };
    let error = refused(&[3, 100], None, 0.5, 0.2).unwrap_err();
    assert_says(&error, &["class 0 (3)", "at least 4", "weights, alphas, validation, test"]);
    assert_says(&refused(&[2, 100], Some(&[1, 1]), 0.5, 0.2).unwrap_err(), &["at least 3"]);
    assert!(refused(&[3, 100], Some(&[1, 1]), 0.5, 0.2).is_ok());
    assert!(refused(&[1, 100], Some(&[1, 1]), 1.0, 0.0).is_ok());
}

#[test]
fn shares_out_of_range_are_refused() {
    let error = |data: DataConfig, portion| {
        Dataset::new(source(&[40, 20], None), &data, portion, 2).map(|_| ()).unwrap_err().to_string()
    };
    for portion in [0.0, 1.01, f64::NAN] {
        assert_says(&error(settings(), portion), &["search.train_portion"]);
    }
    for fraction in [0.0, 1.0, -0.5] {
        assert_says(
            &error(DataConfig { test_fraction: fraction, ..settings() }, 0.5),
            &["data.test_fraction"],
        );
    }
    for fraction in [-0.1, 1.0] {
        let data = DataConfig { validation_fraction: fraction, ..settings() };
        assert_says(&error(data, 0.5), &["data.validation_fraction"]);
    }
}

#[test]
fn statistics_leave_validation_and_test_out() {
    let mut before = source(&[40, 20], Some(&[1, 1]));
    let split = Dataset::new(before.clone(), &settings(), 0.5, 2).unwrap().split;
    let mut bytes = bytes(&before.train);
    for &i in &split.validation {
        bytes[i * 4..(i + 1) * 4].fill(255);
    }
    before.train = ImageSet::new(before.train.classes, [1, 2, 2], bytes, before.train.labels);
    let indices = [split.weights, split.alphas].concat();
    let values: Vec<f64> = indices
        .iter()
        .flat_map(|&i| before.train.image(i).into_owned())
        .map(|byte| f64::from(byte) / 255.0)
        .collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let std = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    let Normalization { mean: found, std: spread } =
        Dataset::new(before, &settings(), 0.5, 2).unwrap().normalization;
    assert!((f64::from(found[0]) - mean).abs() < 1e-7, "{found:?} {mean}");
    assert!((f64::from(spread[0]) - std).abs() < 1e-7, "{spread:?} {std}");
}

#[test]
fn images_of_one_colour_have_a_floor_under_their_deviation() {
    let set = synthetic(&[2, 2], 3, 2, 2);
    let set = ImageSet::new(set.classes, [3, 2, 2], vec![51; 48], set.labels);
    let normalization = Normalization::measure(&set, &[0, 1, 2, 3]);
    assert_eq!(normalization.mean, [0.2; 3]);
    assert_eq!(normalization.std, [1e-3; 3]);
}
