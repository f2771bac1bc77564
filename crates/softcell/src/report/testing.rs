//! Made-up runs for the tests.

use crate::config::{Config, DataShape, Preset, preset};
use crate::data::Normalization;
use crate::records::{Calibrating, Calibration};
use crate::report::RunRecord;
use crate::run::{
    Activity, Augmented, AugmentedImage, ClassSamples, ListedMistake, Manifest, Mistake, Mistakes, RunResult,
    Samples,
};
use crate::search::{CellLeaning, Method, SearchEpoch};
use crate::space::{Alphas, CellKind, SearchSpace, entropy, known_genotype};
use crate::train::TrainEpoch;

/// A name that does harm where it is not escaped.
pub(super) const HOSTILE: &str = "<script>alert(1)</script>";

const PICTURE: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

/// A finished run with `classes` classes, a number of search epochs and of training epochs.
pub(super) fn finished(classes: &[&str], search: usize, train: usize) -> RunRecord {
    let (train_images, classes_n) = (1000, classes.len());
    let shape = DataShape {
        train_images,
        classes: classes_n,
        channels: 3,
        height: 32,
        width: 32,
        ..DataShape::default()
    };
    let mut config: Config = preset(Preset::Auto, &shape).0;
    config.data.path = format!("photos/{}", classes[0]);
    config.search.epochs = search.max(1);
    config.train.epochs = train.max(1);
    config.search.nodes = 4;
    let names: Vec<String> = classes.iter().map(|&name| name.to_owned()).collect();
    let genotype = known_genotype("DARTS_V2").unwrap();
    // 90 of 100 images of each class are right, the others are taken for the next class.
    let n = classes.len();
    let confusion: Vec<Vec<u64>> = (0..n)
        .map(|i| (0..n).map(|j| if i == j { 90 } else { u64::from(j == (i + 1) % n) * 10 }).collect())
        .collect();
    let result = RunResult {
        test_accuracy: 0.9,
        test_top5_accuracy: 1.0,
        test_balanced_accuracy: 0.9,
        test_macro_f1: 0.9,
        validation_balanced_accuracy: Some(0.91),
        validation_images: Some(40),
        epochs_done: train,
        validation_accuracy: Some(0.91),
        test_images: 100 * n as u64,
        weights: "best".to_owned(),
        epoch: train.saturating_sub(2),
        init_channels: 16,
        layers: 8,
        parameters: 123_456,
        macs: 7_654_321,
        peak_activation_bytes: 1_000_000,
        search_seconds: Some(12.5),
        search_epoch: None,
        selection: None,
        train_seconds: 70.0,
        calibration: Some(calibration(n as u64)),
        peak_rss_mb: Some(321.0),
        genotype: genotype.to_text(),
        classes: names.clone(),
        per_class_accuracy: vec![Some(0.9); n],
        confusion,
    };
    let config_text = config.to_toml();
    RunRecord {
        selection: None,
        place: "runs/a".to_owned(),
        activity: Activity::Idle,
        config_text,
        manifest: Some(Manifest {
            version: "0.1.0".to_owned(),
            command: ["softcell", "fit", "--data", HOSTILE].map(str::to_owned).to_vec(),
            seed: 2,
            data_fingerprint: "0123456789abcdef".to_owned(),
            images: [1000, 100 * n],
            device: "cpu".to_owned(),
            threads: 2,
            notes: vec![format!("a note on {HOSTILE}")],
            preset: "auto".to_owned(),
            ..Manifest::new(names, [3, 32, 32], Normalization { mean: vec![0.5; 3], std: vec![0.2; 3] })
        }),
        search: (0..search)
            .map(|epoch| search_epoch(epoch, search, config.search.candidates.len()))
            .collect(),
        train: (0..train).map(|epoch| train_epoch(epoch, train)).collect(),
        config: config.check().unwrap(),
        genotype: Some(genotype),
        result: Some(result),
        samples: Some(Samples {
            classes: vec![
                ClassSamples {
                    train_images: 100,
                    test_images: 100,
                    pictures: vec![PICTURE.to_owned(), "javascript:alert(1)".to_owned()]
                };
                n
            ],
        }),
        augmented: Some(Augmented {
            images: vec![AugmentedImage { class: 0, before: PICTURE.to_owned(), after: PICTURE.to_owned() }],
        }),
        mistakes: Some(Mistakes {
            count: 10 * n as u64,
            examples: vec![Mistake {
                truth: 0,
                answer: n - 1,
                probability: 0.75,
                file: "ant/1.png".to_owned(),
                picture: PICTURE.to_owned(),
            }],
            listed: vec![ListedMistake {
                file: "ant/1.png".to_owned(),
                truth: 0,
                answer: n - 1,
                probability: 0.75,
            }],
        }),
    }
}

/// Of `classes` times 100 images: 20 answers at 0.5 of which 10 are right, 80 at 1 that are all right.
fn calibration(classes: u64) -> Calibration {
    let mut counting = Calibrating::default();
    for _ in 0..classes {
        (0..100).for_each(|i| counting.add(if i < 20 { 0.5 } else { 1.0 }, usize::from(i < 10), 0));
    }
    counting.finish()
}

/// Alphas that decide for the fourth candidate step by step.
fn search_epoch(epoch: usize, of: usize, candidates: usize) -> SearchEpoch {
    let share = (epoch + 1) as f32 / of as f32;
    let row: Vec<f32> = (0..candidates).map(|i| if i == 3 { 3.0 * share } else { 0.0 }).collect();
    let alphas: Alphas = CellKind::ALL.map(|kind| (kind.name(), vec![row.clone(); 14])).into_iter().collect();
    let edge_weights = Method::default().relaxer(&SearchSpace::darts()).expected(&alphas);
    let cell = |skips| CellLeaning { entropy: entropy(edge_weights.get("normal").unwrap()), skips };
    let cells = [("normal", cell(2)), ("reduction", cell(3))].into_iter().collect();
    let name = if 2 * epoch < of { "DARTS_V1" } else { "DARTS_V2" };
    SearchEpoch {
        epoch,
        learning_rate: 0.025,
        train_loss: 2.0 - f64::from(share),
        train_accuracy: 0.2 + 0.5 * f64::from(share),
        train_top5_accuracy: 0.9,
        valid_loss: Some(2.1 - f64::from(share)).filter(|_| epoch != 1),
        valid_accuracy: 0.2 + 0.4 * f64::from(share),
        alphas,
        edge_weights,
        resources: None,
        cells,
        genotype: known_genotype(name).unwrap(),
        tabulated: None,
        seconds: 1.5,
        guard: None,
        frozen: None,
    }
}

fn train_epoch(epoch: usize, of: usize) -> TrainEpoch {
    let share = (epoch + 1) as f64 / of as f64;
    TrainEpoch {
        epoch,
        learning_rate: 0.025,
        drop_path_prob: 0.1,
        train_loss: 2.0 - 1.5 * share,
        train_accuracy: 0.2 + 0.75 * share,
        train_top5_accuracy: 1.0,
        valid_loss: Some(2.0 - share),
        valid_accuracy: Some(0.2 + 0.7 * share),
        valid_balanced_accuracy: None,
        best_epoch: Some(epoch),
        seconds: 2.0,
    }
}
