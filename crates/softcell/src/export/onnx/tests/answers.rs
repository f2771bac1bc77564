//! Files against the networks they are made of.

use proptest::prelude::*;

use super::*;
use crate::config::Resize;
use crate::destination::Existing;
use crate::export::{Deviation, Origin};
use crate::space::testing::genotypes;

#[track_caller]
fn assert_same(model: &TrainedModel, options: &OnnxOptions) {
    let deviation = deviation(model, options);
    assert!(deviation.logit_deviation < 1e-5, "{deviation:?}");
}

#[track_caller]
fn deviation(model: &TrainedModel, options: &OnnxOptions) -> Deviation {
    let bytes = to_bytes(model, options).unwrap();
    assert_well_formed(&read(&bytes).graph.unwrap());
    let mut sample = Sample::made_up(model.manifest.image_shape);
    sample.images.truncate(10);
    let found = verify(bytes, model, options, &sample, &Device::flex()).unwrap();
    assert_eq!((found.images, found.batches.as_slice()), (10, [1, 7, 2].as_slice()));
    assert!(found.deviation.probability_deviation < 2e-5, "{found:?}");
    found.deviation
}

#[test]
fn files_of_published_cells_answer_as_their_networks() {
    // Between them these use every operation; odd sides, gray images, a single row.
    for (name, shape, stem) in [
        ("DARTS_V2", [3, 8, 8], StemKind::Cifar),
        ("DARTS_V1", [1, 7, 9], StemKind::Cifar),
        ("NASNet", [3, 9, 6], StemKind::Cifar),
        ("AmoebaNet", [1, 11, 11], StemKind::Cifar),
        ("PDARTS", [1, 1, 5], StemKind::Cifar),
        ("PC_DARTS_image", [3, 33, 47], StemKind::Imagenet),
        ("AmoebaNet", [3, 40, 24], StemKind::Imagenet),
        ("NASNet", [1, 5, 70], StemKind::Imagenet),
    ] {
        let model = model(known_genotype(name).unwrap(), shape, stem, 4);
        for options in all_options() {
            assert_same(&model, &options);
        }
    }
}

/// The pixels are compared with those of prediction, the answers with the network's for these pixels.
#[test]
fn files_for_images_of_any_size_see_what_prediction_sees() {
    for (shape, stem) in
        [([3, 16, 24], StemKind::Cifar), ([1, 9, 7], StemKind::Cifar), ([3, 40, 33], StemKind::Imagenet)]
    {
        for resize in [Resize::Crop, Resize::Squash, Resize::Letterbox] {
            let mut model = model(known_genotype("DARTS_V2").unwrap(), shape, stem, 4);
            model.manifest.resize = resize;
            let options = OnnxOptions {
                pictures: Pictures::AnySize,
                output: Output::Probabilities,
                ..OnnxOptions::default()
            };
            let bytes = to_bytes(&model, &options).unwrap();
            let verify = |model: &TrainedModel| {
                verify(bytes.clone(), model, &options, &Sample::made_up(shape), &Device::flex())
            };
            let found = verify(&model).unwrap();
            assert_eq!((found.images, found.origin), (6, Origin::MadeUp));
            assert!(found.deviation.probability_deviation < 2e-5, "{found:?}");
            // Another way to bring images to the size is found out.
            model.manifest.resize = match resize {
                Resize::Crop => Resize::Squash,
                _ => Resize::Crop,
            };
            let error = verify(&model).unwrap_err().to_string();
            assert!(error.contains("brought to other levels"), "{error}");
        }
    }
    let unit = OnnxOptions { pictures: Pictures::AnySize, ..PROBABILITIES };
    assert!(to_bytes(&darts(), &unit).unwrap_err().to_string().contains("0 to 1"));
}

/// Halving to one channel leaves nothing to the convolution of the even pixels.
#[test]
fn narrow_networks_are_written_too() {
    let model = model(known_genotype("DARTS_V1").unwrap(), [1, 6, 5], StemKind::Cifar, 1);
    for options in all_options() {
        assert_same(&model, &options);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn files_of_any_cell_answer_as_their_networks(
        genotype in genotypes(1..=3),
        gray in any::<bool>(),
        sides in [1usize..14, 1usize..14],
        imagenet in any::<bool>(),
        options in prop::sample::select(all_options().collect::<Vec<_>>()),
    ) {
        let stem = if imagenet { StemKind::Imagenet } else { StemKind::Cifar };
        let shape = [if gray { 1 } else { 3 }, sides[0], sides[1]];
        let found = deviation(&model(genotype, shape, stem, 2), &options);
        // Without training all logits may be small beside the maps that they come from: then the probabilities tell.
        prop_assert!(found.logit_deviation < 1e-5 || found.probability_deviation < 1e-6, "{found:?}");
    }
}

#[test]
fn a_file_of_another_network_is_found_out() {
    let (one, mut other) = (darts(), darts());
    other.weights.get_mut("cells.0._ops.0.op.1.weight").map(|t| t.values[0] += 0.5).unwrap();
    let sample = Sample::made_up([3, 8, 8]);
    for options in all_options() {
        let bytes = to_bytes(&other, &options).unwrap();
        let error = verify(bytes, &one, &options, &sample, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains("answers that deviate"), "{error}");
    }
    let error = verify(vec![8, 8, 1], &one, &KEPT, &sample, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("bytes that are no ONNX file"), "{error}");
}

#[test]
fn nothing_is_written_when_the_answers_are_no_numbers() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("model.onnx");
    let write = |model: &TrainedModel, existing| {
        let destination = Destination::new(&path, existing)?;
        write(model, &KEPT, &destination, &Sample::made_up([3, 8, 8]), &Device::flex())
    };
    let mut broken = darts();
    broken.weights.get_mut("stem.0.weight").unwrap().values[0] = f32::NAN;
    let error = write(&broken, Existing::Keep).unwrap_err().to_string();
    assert!(error.contains("NaN in probability"), "{error}");
    assert_eq!(std::fs::read_dir(base.path()).unwrap().count(), 0);
    let written = write(&darts(), Existing::Keep).unwrap();
    assert_eq!(written.bytes, std::fs::metadata(&path).unwrap().len());
    let verification = written.verification.unwrap();
    assert_eq!((verification.images, verification.origin), (Sample::SIZE, Origin::MadeUp));
    let kept = write(&darts(), Existing::Keep).unwrap_err().to_string();
    assert!(kept.contains("Existing::Replace"), "{kept}");
    write(&darts(), Existing::Replace).unwrap();
}
