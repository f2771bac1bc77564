//! The average of the weights, early stopping, and the weights of another run to begin from.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use crate::support::{assert_same, history, images, read_json, softcell, succeed};
use crate::transcript::Transcript;

const TRAIN: &str =
    "train --genotype DARTS_V1 --init-channels 2 --layers 2 --batch-size 16 --images-per-class 20";

fn bytes(run: &Path, name: &str) -> Vec<u8> {
    std::fs::read(run.join(name)).unwrap()
}

/// Starts the program and kills it after its first epoch, in the middle of another.
fn killed(here: &Path, args: &str) {
    let mut child = softcell(here, &format!("{args} --log-format json -v --checkpoint-seconds 0"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut after = lines.by_ref().skip_while(|line| !line.as_ref().unwrap().contains("\"epoch\",\"stage\""));
    // A few steps more.
    assert!(after.nth(4).is_some(), "it came to its end before it was killed");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_average_and_patience_go_on_to_the_same_bits() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args = format!("{TRAIN} --epochs 30 --ema 0.9 --patience 12");
    succeed(here, &format!("{args} --out whole"));
    succeed(here, &format!("{TRAIN} --epochs 30 --patience 12 --out plain"));
    let last = "weights/last.safetensors";
    assert_ne!(bytes(&here.join("whole"), last), bytes(&here.join("plain"), last));
    killed(here, &format!("{args} --out killed"));
    succeed(here, "train --run killed --resume");
    assert_same(&here.join("whole"), &here.join("killed"));
}

#[test]
fn patience_ends_a_training_and_says_so() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    // At such a rate the validation goes up and down: soon an epoch is no better than the one before.
    let args = format!("{TRAIN} --epochs 60 --patience 1 --learning-rate 0.5 --out r");
    let said = succeed(here, &args);
    let result = read_json(&here.join("r/result.json"));
    let done = result["epochs_done"].as_u64().unwrap();
    assert!(done < 60 && done == history(&here.join("r")).len() as u64, "{done}");
    assert_eq!(done, result["epoch"].as_u64().unwrap() + 2);
    assert!(said.err.contains(&format!("ends early, after {done} of 60 epochs")), "{}", said.err);
    assert!(said.out.contains(&format!("ended early, after {done} of 60 epochs")), "{}", said.out);
    succeed(here, "train --run r --resume");
}

#[test]
fn training_begins_from_the_weights_of_another_run() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{TRAIN} --epochs 2 --out a"));
    let data = images(here);
    std::fs::rename(data, here.join("set")).unwrap();

    // Other classes and colours: the genotype comes from the run.
    let args = "train --from a --data set --init-channels 2 --layers 2 --epochs 12 --batch-size 4";
    let said = succeed(here, &format!("{args} --out b"));
    for words in ["training begins from the weights of", "of classifier", "of stem", "10 there, 2 here"] {
        assert!(said.err.contains(words), "no {words:?} in {}", said.err);
    }
    let manifest = read_json(&here.join("b/manifest.json"));
    assert!(manifest["started_from"].as_str().unwrap().ends_with("/a"), "{manifest}");
    assert_eq!(bytes(&here.join("a"), "genotype.txt"), bytes(&here.join("b"), "genotype.txt"));

    // Once begun, a training does not look at the other run any more.
    killed(here, &format!("{args} --out c"));
    std::fs::rename(here.join("a"), here.join("moved")).unwrap();
    let said = succeed(here, "train --run c --resume");
    assert!(!said.err.contains("training begins from"), "{}", said.err);
    assert_same(&here.join("b"), &here.join("c"));

    // The same classes: all fits, and a rate of next to nothing leaves what was learned.
    let same = format!("{TRAIN} --from moved --epochs 1 --learning-rate 1e-9 --learning-rate-min 0 --out d");
    let said = succeed(here, &same);
    assert!(said.err.contains("(100.0 % of the values)") && !said.err.contains("anew:"), "{}", said.err);

    // A training without --from forgets it.
    succeed(here, "train --run b --force --epochs 1");
    let manifest = read_json(&here.join("b/manifest.json"));
    assert!(manifest["started_from"].is_null() && !manifest.to_string().contains("training begins from"));

    let mut told = Transcript::new(here);
    told.fail("train --from moved --data set --init-channels 6 --layers 2 --epochs 1 --out x", 1);
    told.fail("train --run moved --from moved --force", 1);
    told.fail(&format!("{TRAIN} --epochs 2 --patience 1 --validation-fraction 0 --out y"), 1);
    told.check("train-from-wrong");
}
