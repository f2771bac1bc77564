use super::proto::Kind;
use super::*;
use crate::config::{DataShape, Preset, preset};
use crate::records::TrainEpoch;
use crate::records::{CellLeaning, SearchEpoch};
use crate::run::{Overwrite, history};
use crate::space::known_genotype;

fn search(epoch: usize) -> HistoryLine {
    let cell = |entropy, skips| CellLeaning { entropy, skips };
    HistoryLine::Search(SearchEpoch {
        epoch,
        learning_rate: 0.1,
        train_loss: 2.0,
        train_accuracy: 0.5,
        train_top5_accuracy: 0.75,
        valid_loss: (epoch > 0).then_some(1.0),
        valid_accuracy: 0.25,
        alphas: ["normal", "reduction"].map(|name| (name, vec![vec![0.25; 4]; 2])).into_iter().collect(),
        edge_weights: ["normal", "reduction"]
            .map(|name| (name, vec![vec![0.25; 4]; 2]))
            .into_iter()
            .collect(),
        resources: None,
        cells: [("normal", cell(1.0, 1)), ("reduction", cell(1.5, 2))].into_iter().collect(),
        genotype: known_genotype(if epoch < 3 { "DARTS_V1" } else { "DARTS_V2" }).unwrap(),
        tabulated: None,
        seconds: 10.0,
        guard: None,
        frozen: None,
    })
}

fn train(epoch: usize) -> HistoryLine {
    HistoryLine::Train(TrainEpoch {
        epoch,
        learning_rate: 0.1,
        drop_path_prob: 0.0,
        train_loss: 2.0,
        train_accuracy: 0.5,
        train_top5_accuracy: 0.75,
        valid_loss: None,
        valid_accuracy: None,
        valid_balanced_accuracy: None,
        best_epoch: None,
        seconds: 5.0,
    })
}

/// All events of the run's only file.
fn events(folder: &RunFolder) -> Vec<Event> {
    let files: Vec<_> =
        std::fs::read_dir(folder.tensorboard()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let records = record::read(&std::fs::read(&files[0]).unwrap()).expect("every checksum is right");
    records.iter().map(|record| Event::decode(&record[..]).unwrap()).collect()
}

/// Everything of one name, and its steps.
fn values<'a>(events: &'a [Event], tag: &str) -> Vec<(i64, &'a Kind)> {
    let of = |event: &'a Event| match &event.what {
        Some(What::Summary(summary)) => {
            let value = summary.value.iter().find(|value| value.tag == tag)?;
            Some((event.step, value.kind.as_ref()?))
        }
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// Steps of a scalar.
fn steps(events: &[Event], tag: &str) -> Vec<i64> {
    let values = values(events, tag);
    assert!(values.iter().all(|(_, kind)| matches!(kind, Kind::Scalar(_))), "{tag}");
    values.into_iter().map(|(step, _)| step).collect()
}

#[test]
fn every_epoch_is_there_once_whatever_was_interrupted() {
    let base = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&base.path().join("run"), Overwrite::Refuse).unwrap();
    folder.write_config(&preset(Preset::PaperCifar10, &DataShape::default()).0.check().unwrap()).unwrap();
    assert!(EventFile::of(&folder).unwrap().is_none(), "nobody asked for one");
    folder.write_tensorboard().unwrap();
    let keep = |file: &mut EventFile, line: HistoryLine| {
        history::append(&folder.directory, &line).unwrap();
        file.add(&line).unwrap();
    };
    let mut file = EventFile::of(&folder).unwrap().unwrap();
    (0..3).for_each(|epoch| keep(&mut file, search(epoch)));
    // Killed, and one epoch further than the last checkpoint.
    let lines = folder.read_history().unwrap();
    history::write(&folder.directory, lines.iter().filter(|line| line.epoch() < 2)).unwrap();
    let mut file = EventFile::of(&folder).unwrap().unwrap();
    (2..4).for_each(|epoch| keep(&mut file, search(epoch)));
    (0..2).for_each(|epoch| keep(&mut file, train(epoch)));
    let events = events(&folder);
    assert_eq!(events[0].what, Some(What::FileVersion("brain.Event:2".into())));
    assert_eq!(steps(&events, "search/train_loss"), [0, 1, 2, 3]);
    assert_eq!(steps(&events, "search/skips_reduction"), [0, 1, 2, 3]);
    assert_eq!(steps(&events, "search/valid_loss"), [1, 2, 3], "none where it overflowed");
    assert_eq!(steps(&events, "train/learning_rate"), [0, 1]);
    assert!(steps(&events, "train/valid_accuracy").is_empty());
    assert!(events.windows(2).all(|pair| pair[0].wall_time <= pair[1].wall_time));
    let tags = |event: &Event| match &event.what {
        Some(What::Summary(summary)) => summary.value.iter().map(|value| value.tag.clone()).collect(),
        _ => Vec::new(),
    };
    assert_eq!(tags(&events[2]), ["settings", "_hparams_/session_start_info"]);
    let cells = if cfg!(feature = "raster") { 2 } else { 0 };
    let number = 10 + 4 + 1 + cells;
    assert_eq!(tags(&events[3]).len(), number, "numbers, matrices, genotype, cells; no loss on validation");
    #[cfg(feature = "raster")]
    for cell in ["search/normal_cell", "search/reduction_cell"] {
        let pictures = values(&events, cell);
        assert_eq!(pictures.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 3], "where it changed");
        for (_, kind) in pictures {
            let Kind::Image(picture) = kind else { panic!("{kind:?}") };
            let read = image::load_from_memory(&picture.encoded).unwrap();
            assert_eq!((picture.width as u32, picture.height as u32), (read.width(), read.height()));
            assert_eq!(i32::from(read.color().channel_count()), picture.colorspace);
        }
    }
}
