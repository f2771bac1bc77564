//! Trainings that begin from other weights, are averaged, end early, and go on after a kill.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use softcell::export::safetensors;
use softcell::model::TrainedModel;
use softcell::nn::NamedTensors;
use softcell::run::RunFolder;

use crate::support::{Said, assert_same, destination, fail, images, read_json, softcell, succeed};

const FIRST: &str =
    "train --genotype DARTS_V1 --images-per-class 20 --init-channels 3 --layers 3 --epochs 2 --batch-size 16";

/// Starts the program, kills it once an epoch beyond the first is told.
fn kill_after_two_epochs(here: &Path, args: &str) {
    let mut child = softcell(here, args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let epochs = lines.filter(|line| line.starts_with("train ") && line.contains("loss")).take(2).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(epochs, 2, "{args}");
}

fn weights(run: &Path) -> NamedTensors {
    TrainedModel::load(&RunFolder::view(run).unwrap()).unwrap().weights
}

#[test]
fn a_training_with_average_and_patience_goes_on_to_the_same_bits() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let train = "train --genotype DARTS_V1 --images-per-class 20 --init-channels 2 --layers 2 --batch-size 16 \
                 --epochs 60 --ema 0.9 --patience 2 --validation-fraction 0.2 --checkpoint-seconds 0";
    let said = succeed(here, &format!("{train} --out whole"));
    let result = read_json(&here.join("whole/result.json"));
    let (done, best) = (result["epochs_done"].as_u64().unwrap(), result["epoch"].as_u64().unwrap());
    assert!(done < 60 && best + 2 + 1 == done, "{result}");
    assert!(said.err.contains(&format!("ends early, after {done} of 60 epochs")), "{}", said.err);
    assert!(said.out.contains(&format!("ended early, after {done} of 60 epochs")), "{}", said.out);
    kill_after_two_epochs(here, &format!("{train} --out killed"));
    succeed(here, "train --run killed --resume");
    assert_same(&here.join("whole"), &here.join("killed"));

    // One that ended early does not go on training when it goes on.
    std::fs::remove_file(here.join("killed/result.json")).unwrap();
    succeed(here, "train --run killed --resume");
    assert_same(&here.join("whole"), &here.join("killed"));

    // Without the average other weights are chosen.
    succeed(here, &format!("{} --out plain", train.replace("--ema 0.9", "")));
    assert_ne!(weights(&here.join("whole")), weights(&here.join("plain")));
    fail(
        here,
        &format!("{} --out none", train.replace("fraction 0.2", "fraction 0")),
        1,
        &["train.patience", "validation"],
    );
}

#[test]
fn a_training_begins_from_the_weights_of_another_run() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    images(here);
    succeed(here, &format!("{FIRST} --out first"));
    // Its genotype, width and depth are taken where no others are named.
    let warm = ["--epochs", "4", "--batch-size", "4", "--duplicates", "ignore", "--checkpoint-seconds", "0"];
    let warm = format!("train --from first {}", warm.join(" "));
    let with_data = |more: &str| {
        let mut command = softcell(here, &format!("{warm} {more}"));
        command.arg("--data").arg(here.join("my images"));
        command
    };
    let said: Said = with_data("--out warm").output().unwrap().into();
    assert_eq!(said.code, Some(0), "{said:?}");
    for words in ["training begins from the weights of", "2 of classifier", "10 there, 2 here", "of stem"] {
        assert!(said.err.contains(words), "no {words:?} in {}", said.err);
    }
    let manifest = read_json(&here.join("warm/manifest.json"));
    assert!(manifest["started_from"].as_str().unwrap().ends_with("first"), "{manifest}");
    let notes = manifest["notes"].to_string();
    assert!(notes.contains("training begins from the weights of"), "{notes}");
    let result = read_json(&here.join("warm/result.json"));
    assert_eq!((&result["init_channels"], &result["layers"]), (&3.into(), &3.into()));
    assert_eq!(result["genotype"], read_json(&here.join("first/result.json"))["genotype"]);

    // Nothing fits a network of another width.
    let said: Said = with_data("--init-channels 5 --out wide").output().unwrap().into();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("that fits the network to be trained"), "{}", said.err);

    // Killed, and the other run gone: it is not looked at any more.
    let mut child = with_data("--out killed").stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("train ") && line.contains("loss")).expect("an epoch is told");
    child.kill().unwrap();
    child.wait().unwrap();
    std::fs::rename(here.join("first"), here.join("gone")).unwrap();
    succeed(here, "train --run killed --resume");
    assert_same(&here.join("warm"), &here.join("killed"));
    fail(here, "train --from first --out other", 1, &["first"]);
}

#[test]
fn imported_weights_are_a_beginning_too() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{FIRST} --out first"));
    let model = TrainedModel::load(&RunFolder::view(&here.join("first")).unwrap()).unwrap();
    safetensors::write(&model, &destination(&here.join("digits.safetensors"))).unwrap();
    succeed(here, "import --weights digits.safetensors --out imported");
    let more = "--images-per-class 20 --epochs 1 --batch-size 16";
    let said = succeed(here, &format!("train --from imported {more} --out warm"));
    // The same classes and sizes: the classifier is taken as well.
    assert!(said.err.contains("(100.0 % of the values)"), "{}", said.err);
    succeed(here, &format!("train --from first {more} --out same"));
    assert_eq!(weights(&here.join("warm")), weights(&here.join("same")));
    fail(here, "train --run warm --from warm --force", 1, &["--from names the run that is to be trained"]);
}
