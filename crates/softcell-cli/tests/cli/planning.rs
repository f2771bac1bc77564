//! What is said before a run: dry runs and times to keep to. And event files, which are asked for beforehand.

use std::path::{Path, PathBuf};

use crate::support::{TINY, assert_same, fail, read_json, succeed};
use crate::transcript::Transcript;

const SEARCH: &str =
    "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 2 --batch-size 16";

/// All files below a folder, with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push((path.clone(), std::fs::read(path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn dry_runs_tell_and_write_nothing() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    told.succeed(&format!("fit {TINY} --dry-run --out r"));
    told.succeed(&format!("{SEARCH} --dry-run"));
    told.succeed("train --genotype DARTS_V1 --dry-run --images-per-class 20 --init-channels 2 --layers 2");
    assert!(files(here).is_empty() && !here.join("runs").exists());
    told.check("dry-run");
    succeed(here, &format!("{SEARCH} --out r"));
    let before = files(here);
    let of_run = succeed(here, "train --run r --dry-run --epochs 3 --init-channels 2 --layers 2");
    assert!(of_run.out.contains("\ntraining ") && of_run.out.contains("epochs = 3"), "{}", of_run.out);
    assert_eq!(files(here), before);
}

#[test]
fn a_time_sizes_search_and_training_and_is_kept_in_mind() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args = "fit --images-per-class 20 --nodes 1 --search-layers 2 --search-init-channels 2 --out r";
    let said = succeed(here, &format!("{args} --budget 5s"));
    assert_eq!(said.err.matches("time: ").count(), 2, "{}", said.err);
    let budget = read_json(&here.join("r/budget.json"));
    assert_eq!((&budget["seconds"], &budget["training_chosen"]), (&5.0.into(), &true.into()));
    let config = std::fs::read_to_string(here.join("r/config.toml")).unwrap();
    let search = &config[config.find("[search]").unwrap()..config.find("[train]").unwrap()];
    assert!(search.contains("layers = 2\n") && search.contains("init_channels = 2\n"), "{search}");
    fail(here, &format!("{args} --budget 6s --resume"), 1, &["a budget of 5.0 s, 6.0 s was given"]);
    let again = succeed(here, &format!("{args} --budget 5s --preset auto --resume"));
    assert_eq!(again.out, said.out);
    // What was chosen stays, and gives the same run without a clock.
    succeed(here, "fit --config r/config.toml --out s");
    assert_same(&here.join("r"), &here.join("s"));
    fail(here, "fit --out s --resume --budget 5s", 1, &["the run began without a budget"]);
    let short = "fit --images-per-class 100 --search-epochs 200 --budget 1s --out t";
    fail(here, short, 1, &["budget = 1s", "expected more time"]);
    assert!(!here.join("t").exists(), "no run for which there is no time");
}

#[test]
fn a_dry_run_tells_what_a_time_would_choose() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, "fit --images-per-class 20 --nodes 1 --budget 20s --dry-run");
    assert_eq!(said.err.matches("time: ").count(), 2, "{}", said.err);
    assert!(said.out.contains("nothing was written") && said.out.contains("\ntraining "), "{}", said.out);
    let short = "fit --images-per-class 100 --search-epochs 200 --budget 1s --dry-run";
    fail(here, short, 1, &["budget = 1s", "expected more time"]);
    assert!(files(here).is_empty() && !here.join("runs").exists());
}

#[test]
fn the_time_is_said_before_the_run_begins() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, &format!("fit {TINY} --out r"));
    let (time, folder) = (said.err.find("time: about "), said.err.find("run folder: "));
    assert!(time.is_some() && time < folder, "{}", said.err);
    assert!(!here.join("r/budget.json").exists(), "below an hour nothing is chosen");
    let again = succeed(here, &format!("fit {TINY} --budget none --out s"));
    assert!(again.err.contains("time: about "), "{}", again.err);
    assert_same(&here.join("r"), &here.join("s"));
}

#[test]
fn what_would_take_longer_than_an_hour_is_brought_to_it() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args =
        "fit --images-per-class 20 --nodes 1 --layers 2 --init-channels 2 --train-epochs 1000000 --dry-run";
    let said = succeed(here, args);
    assert!(said.err.contains("that is more than 1h"), "{}", said.err);
    // The epochs were given: they stay, and it takes what it takes.
    assert!(said.out.contains("epochs = 1000000"), "{}", said.out);
    let lifted = succeed(here, &format!("{args} --budget none"));
    assert!(!lifted.err.contains("that is more than"), "{}", lifted.err);
}

#[test]
fn drop_path_follows_the_epochs() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, "search --images-per-class 10 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --out r");
    let drop_path = |run: &str| {
        let text = std::fs::read_to_string(here.join(run).join("config.toml")).unwrap();
        text.lines().find(|line| line.starts_with("drop_path_prob")).unwrap().to_owned()
    };
    // 300 epochs.
    assert_eq!(drop_path("r"), "drop_path_prob = 0.2");
    let train = "train --run r --epochs 1 --init-channels 2 --layers 2";
    let said = succeed(here, train);
    assert!(said.err.contains("train.drop_path_prob = 0.0 (was 0.2)"), "{}", said.err);
    assert_eq!(drop_path("r"), "drop_path_prob = 0.0");
    succeed(here, &format!("{train} --force --drop-path-prob 0.2"));
    assert_eq!(drop_path("r"), "drop_path_prob = 0.2");
    let fresh = "train --genotype DARTS_V1 --images-per-class 10 --init-channels 2 --layers 2 --epochs 1";
    let said = succeed(here, &format!("{fresh} --out s"));
    assert!(said.err.contains("drop path off for 1 epochs of training; it was 0.2 for 300"), "{}", said.err);
    assert_eq!(drop_path("s"), "drop_path_prob = 0.0");
}

#[test]
fn event_files_are_kept_up_to_date() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let board = here.join("r/tensorboard");
    let said = succeed(here, &format!("fit {TINY} --out r --tensorboard"));
    assert!(said.err.contains("tensorboard --logdir r/tensorboard"), "{}", said.err);
    let [(name, bytes)] = &files(&board)[..] else { panic!("{:?}", files(&board)) };
    assert!(name.display().to_string().contains("events.out.tfevents."), "{name:?}");
    let holds = |tag: &str| bytes.windows(tag.len()).any(|window| window == tag.as_bytes());
    for tag in
        ["search/train_loss", "search/alphas_normal", "train/valid_accuracy", "test/accuracy", "settings"]
    {
        assert!(holds(tag), "{tag}");
    }
    // Asked for later, it is made from what there is.
    succeed(here, &format!("fit {TINY} --out s"));
    assert!(!here.join("s/tensorboard").exists());
    succeed(here, "fit --out s --resume --tensorboard");
    assert_eq!(files(&here.join("s/tensorboard")).len(), 1);
    succeed(here, &format!("fit {TINY} --out r --force"));
    assert!(!board.exists());
    assert_same(&here.join("r"), &here.join("s"));
}
