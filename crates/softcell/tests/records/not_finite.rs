//! Weights and answers that are no numbers.

use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize};
use softcell::experiment::Job;
use softcell::export::Sample;
use softcell::export::onnx::{self, OnnxOptions};
use softcell::model::Predictor;
use softcell::model::TrainedModel;
use softcell::nn::NamedTensors;
use softcell::run::{RunFolder, Weights};

use crate::fixture::{Fixture, Stage};

/// Weights as another program writes them: without a checksum, and with whatever values.
fn write(path: &Path, tensors: &NamedTensors) {
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let all: Vec<_> = tensors.iter().map(|(name, t)| (name, &t.shape, bytes(&t.values))).collect();
    let views = all.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
    });
    fs::write(path, serialize(views, None).unwrap()).unwrap();
}

#[test]
fn weights_that_are_no_numbers_are_refused_wherever_they_are_read() {
    let here = tempfile::tempdir().unwrap();
    let fixture = Fixture::new();
    fixture.make(&here.path().join("run"), Stage::Finished);
    let folder = RunFolder::view(&here.path().join("run")).unwrap();
    let best = folder.weights_path(Weights::Best);
    let weights = folder.read_weights(Weights::Best).unwrap().unwrap();
    let last = fs::read(folder.weights_path(Weights::Last)).unwrap();
    for (name, value, words) in [
        ("classifier.weight", f32::NAN, "1 of 40 values in classifier.weight that are NaN or infinite"),
        ("stem.0.weight", f32::INFINITY, "values in stem.0.weight"),
        ("stem.1.running_var", -0.5, "-0.5 in stem.1.running_var"),
    ] {
        let mut strange = weights.clone();
        let tensor = strange.get_mut(name).unwrap_or_else(|| panic!("{name} of {:?}", weights.keys()));
        tensor.values[0] = value;
        write(&best, &strange);
        let errors = [
            folder.read_weights(Weights::Best).unwrap_err(),
            TrainedModel::load(&folder).unwrap_err(),
            Predictor::load(&folder, &fixture.device).err().expect("no predictor"),
            // Nor are they written.
            folder.write_weights(Weights::Last, &strange).unwrap_err(),
        ];
        for error in errors {
            let values = error.to_string();
            assert!(values.contains(words) || values.contains(&format!("in {name}")), "{words}: {values}");
        }
        let checkpoint = folder.path().join(folder.checkpoint_name(softcell::event::Stage::Train));
        let mut state = folder.load_train().unwrap().unwrap().state;
        state.net.get_mut(name).unwrap().values[0] = value;
        let before = fs::read(&checkpoint).unwrap();
        assert!(folder.save_train(&state).unwrap_err().to_string().contains("not written"));
        assert_eq!(fs::read(&checkpoint).unwrap(), before, "the last good one is kept");
    }
    assert_eq!(fs::read(folder.weights_path(Weights::Last)).unwrap(), last);
}

#[test]
fn answers_that_overflow_are_errors() {
    let here = tempfile::tempdir().unwrap();
    let fixture = Fixture::new();
    fixture.make(&here.path().join("run"), Stage::Finished);
    let folder = RunFolder::view(&here.path().join("run")).unwrap();
    let mut model = TrainedModel::load(&folder).unwrap();
    // Each weight is finite, their sums are not.
    for value in &mut model.weights.get_mut("classifier.weight").unwrap().values {
        *value = f32::MAX;
    }
    for value in &mut model.weights.get_mut("classifier.bias").unwrap().values {
        *value = f32::MAX;
    }
    let image = vec![200; 64];
    let predictor = Predictor::new(model.clone(), "weights", &fixture.device).unwrap();
    let said = predictor.predict(std::slice::from_ref(&image)).remove(0).unwrap_err().to_string();
    assert!(said.contains("NaN or infinite"), "{said}");
    let path = here.path().join("image.png");
    image::GrayImage::from_raw(8, 8, image).unwrap().save(&path).unwrap();
    let answer = predictor.answers(vec![Ok(path.clone())], 1 << 20).next().unwrap().remove(0);
    let said = answer.outcome.unwrap_err().to_string();
    assert!(said.contains("image.png") && said.contains("NaN or infinite"), "{said}");
    let job: Job<'_> = fixture.job(&folder, &fixture.config);
    let said = job
        .test(&model.network.genotype, &model.weights, &mut softcell::event::Silent)
        .unwrap_err()
        .to_string();
    assert!(said.contains("of 40 images") || said.contains("images"), "{said}");
    assert!(said.contains("NaN or infinite"), "{said}");
    let bytes = onnx::to_bytes(&model, &OnnxOptions::default()).unwrap();
    let sample = Sample::made_up([1, 8, 8]);
    assert!(onnx::verify(bytes, &model, &OnnxOptions::default(), &sample, &fixture.device).is_err());
}
