//! Help, and what is said of a command line or a file that cannot be meant.

use std::io::pipe;

use crate::support::{fail, run, softcell, succeed};

#[test]
fn help_shows_commands_examples_and_settings() {
    let here = tempfile::tempdir().unwrap();
    let help = succeed(here.path(), "--help").out;
    for word in [
        "fit", "search", "train", "evaluate", "predict", "export", "genotype", "data", "replay", "bench",
        "--resume",
    ] {
        assert!(help.contains(word), "no {word} in {help}");
    }
    assert!(help.contains("softcell fit --data ./my-images"), "{help}");
    let fit = succeed(here.path(), "fit --help").out;
    let headings = ["Run:", "Data:", "Search:", "Training:", "Search and training ("];
    let places: Vec<_> = headings.iter().map(|heading| fit.find(heading).unwrap()).collect();
    assert!(places.is_sorted(), "{fit}");
    for word in ["--init-channels <N>", "--arch-learning-rate <X>", "--data <PATH>", "--drop-path-prob <X>"] {
        assert!(fit.contains(word), "no {word} in {fit}");
    }
    assert!(!succeed(here.path(), "search --help").out.contains("--auxiliary"));
    assert!(!succeed(here.path(), "train --help").out.contains("--unrolled"));
    assert!(succeed(here.path(), "--version").out.starts_with("softcell "));
    let nothing = run(here.path(), "");
    assert!(nothing.code == Some(2) && nothing.err.contains("Usage:"), "{nothing:?}");
}

#[test]
fn a_wrong_command_line_is_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fail(here, "fit --epoch 3", 2, &["unexpected argument '--epoch'", "--epochs"]);
    fail(here, "fit --epochs three", 2, &["'three'", "--epochs", "expected a whole number"]);
    fail(here, "fit --learning-rate -3e-4 --out r", 1, &["learning_rate = -0.0003", "above 0"]);
    fail(here, "search --candidates none,sep_conv_3", 2, &["nearest: sep_conv_3x3"]);
    fail(here, "fit --preset papre-cifar10", 2, &["paper-cifar10"]);
    fail(here, "fit --resume", 2, &["--out"]);
    fail(here, "fit --resume --force --out r", 2, &["cannot be used with"]);
    fail(here, "train", 2, &["--run", "--genotype"]);
    fail(here, "train --run r --genotype DARTS_V2", 2, &["cannot be used with"]);
    fail(here, "train --run r --out q", 2, &["cannot be used with"]);
    fail(here, "fit --threads 0", 2, &["--threads"]);
    fail(here, "fit --device toaster --out r", 1, &["device = toaster", "cpu"]);
    assert!(
        !here.join("r").exists() && !here.join("runs").exists(),
        "nothing is made for a wrong command line"
    );
}

#[test]
fn a_wrong_settings_file_is_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let file = |text: &str| std::fs::write(here.join("my.toml"), text).unwrap();
    file("[search]\nepoch = 3\n");
    fail(here, "fit --config my.toml", 1, &["my.toml", "unknown key `search.epoch`", "`search.epochs`"]);
    file("[search\nepochs = 3\n");
    fail(here, "fit --config my.toml", 1, &["my.toml, line 1"]);
    file("[train]\nmomentum = 1.5\n");
    fail(here, "fit --config my.toml", 1, &["train.momentum = 1.5"]);
    fail(here, "fit --config none.toml", 1, &["none.toml", "because: "]);
}

#[test]
fn missing_data_and_runs_are_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fail(here, "fit --data nowhere --out r", 1, &["nowhere", "no such file or folder"]);
    fail(here, "data inspect nowhere", 1, &["nowhere"]);
    for command in ["evaluate --run nowhere", "predict --run nowhere a.png", "train --run nowhere"] {
        fail(here, command, 1, &["run nowhere", "no such folder"]);
    }
    fail(here, "replay nowhere.safetensors", 1, &["nowhere.safetensors"]);
    fail(here, "genotype show nowhere/genotype.txt", 1, &["nowhere/genotype.txt"]);
    assert!(!here.join("r").exists());
}

#[test]
fn a_reader_that_left_is_no_error() {
    let here = tempfile::tempdir().unwrap();
    for args in ["genotype list", "genotype show DARTS_V2 --json", "data inspect digits"] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = softcell(here.path(), args).stdout(writer).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && err.is_empty(), "{args}: {:?} {err}", output.status);
    }
}

#[test]
fn an_unknown_instruction_set_is_not_ignored() {
    let here = tempfile::tempdir().unwrap();
    let mut command = softcell(here.path(), "bench evaluate --steps 1 --init-channels 4 --layers 3");
    let out = command.env("SOFTCELL_ISA", "sse").output().unwrap();
    let err = String::from_utf8(out.stderr).unwrap();
    assert!(!out.status.success() && err.contains("SOFTCELL_ISA = sse") && err.contains("avx2"), "{err}");
}
