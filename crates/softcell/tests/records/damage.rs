//! Every byte of checkpoints and weights, damaged: an error or the previous checkpoint, never other numbers.

use std::fs;
use std::path::Path;

use softcell::event::{Position, Stage};
use softcell::nn::Meter;
use softcell::nn::{HostTensor, NamedTensors};
use softcell::run::{Overwrite, RunFolder, Weights};
use softcell::search::SearchState;
use softcell::search::method::{Tally, Trail};
use softcell::train::{Best, Score, TrainState};

fn tensors(seed: f32) -> NamedTensors {
    let tensor = HostTensor { shape: vec![2], values: vec![seed, 3.0] };
    [("a.running_var".to_owned(), tensor)].into()
}

fn search_state(step: usize) -> SearchState {
    SearchState {
        position: Position { epoch: 3, step },
        meter: Meter { images: 5, loss_sum: 1.25, top1: 2, top5: 4 },
        epoch_seconds: 1.5,
        seconds: 20.25,
        net: tensors(1.0),
        velocity: tensors(0.5),
        alphas: [("normal", vec![vec![0.1, 0.2]]), ("reduction", vec![vec![0.3, 0.4]])].into_iter().collect(),
        alpha_steps: 7,
        alpha_moments: tensors(0.0),
        trials: Vec::new(),
        trial: Tally::default(),
        kept: Default::default(),
        latencies: Vec::new(),
        trail: Trail::default(),
        earlier: Vec::new(),
        freezing: None,
    }
}

fn train_state(step: usize) -> TrainState {
    TrainState {
        position: Position { epoch: 3, step },
        meter: Meter::default(),
        epoch_seconds: 0.5,
        seconds: 2.0,
        net: tensors(1.0),
        velocity: tensors(0.5),
        best: Some(Best {
            epoch: 2,
            score: Score { accuracy: 0.5, balanced_accuracy: Some(0.25), loss: Some(0.7) },
            net: tensors(2.0),
        }),
        average: NamedTensors::new(),
    }
}

/// Calls `check` with each byte of the file changed in several ways.
fn with_each_byte(path: &Path, mut check: impl FnMut(&str)) -> usize {
    let whole = fs::read(path).unwrap();
    let mut tried = 0;
    for at in 0..whole.len() {
        let old = whole[at];
        let others = [old ^ 1, old ^ 0x20, old ^ 0xff, if old == 0 { b'"' } else { 0 }];
        for other in others {
            let mut bytes = whole.clone();
            bytes[at] = other;
            fs::write(path, bytes).unwrap();
            check(&format!("byte {at} of {}: {old:#x} became {other:#x}", whole.len()));
            tried += 1;
        }
    }
    fs::write(path, whole).unwrap();
    tried
}

fn folder() -> (tempfile::TempDir, RunFolder) {
    let here = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&here.path().join("run"), Overwrite::Refuse).unwrap();
    (here, folder)
}

#[test]
fn every_byte_of_weights_is_watched() {
    let (_here, folder) = folder();
    let read = || folder.read_weights(Weights::Best);
    folder.write_weights(Weights::Best, &tensors(1.0)).unwrap();
    let tried =
        with_each_byte(&folder.weights_path(Weights::Best), |what| assert!(read().is_err(), "{what}"));
    assert!(tried > 500);
    assert_eq!(read().unwrap(), Some(tensors(1.0)));
}

#[test]
fn every_byte_of_a_checkpoint_is_watched_and_the_previous_one_steps_in() {
    let (_here, folder) = folder();
    let [search, train] = Stage::ALL.map(|stage| folder.path().join(folder.checkpoint_name(stage)));
    folder.save_search(&search_state(1)).unwrap();
    folder.save_train(&train_state(1)).unwrap();
    let alone = with_each_byte(&search, |what| assert!(folder.load_search().is_err(), "{what}"))
        + with_each_byte(&train, |what| assert!(folder.load_train().is_err(), "{what}"));
    folder.save_search(&search_state(2)).unwrap();
    folder.save_train(&train_state(2)).unwrap();
    let step_in = with_each_byte(&search, |what| {
        let loaded = folder.load_search().unwrap().unwrap();
        assert!(loaded.state == search_state(1) && loaded.damage.is_some(), "{what}");
    }) + with_each_byte(&train, |what| {
        let loaded = folder.load_train().unwrap().unwrap();
        assert!(loaded.state == train_state(1) && loaded.damage.is_some(), "{what}");
    });
    println!("{alone} errors, {step_in} times the previous checkpoint");
    assert!(alone > 4000 && step_in == alone);
    let loaded = folder.load_search().unwrap().unwrap();
    assert!(loaded.state == search_state(2) && loaded.damage.is_none());
}

#[test]
fn every_length_of_a_cut_file_is_noticed() {
    let (_here, folder) = folder();
    folder.save_search(&search_state(1)).unwrap();
    folder.write_weights(Weights::Last, &tensors(1.0)).unwrap();
    let path = folder.path().join(folder.checkpoint_name(Stage::Search));
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        fs::write(folder.weights_path(Weights::Last), &whole[..length]).unwrap();
        let (state, weights) = (folder.load_search(), folder.read_weights(Weights::Last));
        assert!(state.is_err() && weights.is_err(), "{length} bytes");
    }
}
