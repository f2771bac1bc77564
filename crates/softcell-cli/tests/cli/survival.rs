//! Kills, interruptions and what they leave: every run goes on to the bits of one that was left alone.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::{TINY, assert_same, copy, fail, ignores_signals, run, softcell, succeed};

/// A run of some seconds with hundreds of steps.
const LONGER: &str = "fit --images-per-class 20 --search-init-channels 2 --search-layers 2 --nodes 1 \
                      --search-epochs 25 --train-init-channels 2 --train-layers 2 --train-epochs 40 --batch-size 16";

/// Kills in all: raise it with the variable `SOFTCELL_KILLS`.
fn wanted_kills() -> u32 {
    std::env::var("SOFTCELL_KILLS").map_or(6, |text| text.parse().expect("SOFTCELL_KILLS is a number"))
}

/// Numbers in [0, 1) that look random (a Lehmer generator).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 as f64 / 2_147_483_647.0
    }
}

fn quiet(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

#[test]
fn killed_runs_go_on_to_the_same_bits() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let clock = Instant::now();
    succeed(here, &format!("{LONGER} --out whole"));
    let whole = clock.elapsed();
    let (mut kills, mut in_search, mut in_training) = (0, 0, 0);
    let mut random = Random(20_180_624);
    for round in 0.. {
        assert!(
            round < 100,
            "{kills} kills, {in_search} of them in a search and {in_training} in a training"
        );
        let out = here.join(format!("round-{round}"));
        // Every other round saves after each step, so that some kills hit a save.
        let seconds = if round % 2 == 0 { 0 } else { 60 };
        let args = format!("{LONGER} --out round-{round} --resume --checkpoint-seconds {seconds}");
        loop {
            let mut child = quiet(softcell(here, &args));
            std::thread::sleep(whole.mul_f64(random.next() * 0.6));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "{args}: {status}");
                break;
            }
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                break;
            }
            kills += 1;
            let checkpoint = |stage: &str| out.join(format!("checkpoints/{stage}.safetensors")).exists();
            in_training += u32::from(checkpoint("train"));
            in_search += u32::from(checkpoint("search") && !checkpoint("train"));
        }
        assert_same(&here.join("whole"), &out);
        if kills >= wanted_kills() && in_search > 0 && in_training > 0 {
            break;
        }
    }
    println!("{kills} kills, {in_search} of them in a search and {in_training} in a training");
}

#[test]
fn every_state_between_two_writes_goes_on() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out whole"));
    let whole = here.join("whole");
    let remove: &[(&str, &[&str])] = &[
        ("before-the-result", &["result.json"]),
        ("before-the-weights", &["result.json", "weights"]),
        ("before-the-best-weights", &["result.json", "weights/best.safetensors"]),
        ("between-renames", &["result.json", "weights", "checkpoints/train.safetensors"]),
        (
            "before-the-training",
            &[
                "result.json",
                "weights",
                "checkpoints/train.safetensors",
                "checkpoints/train.previous.safetensors",
            ],
        ),
        (
            "before-the-genotype",
            &[
                "result.json",
                "weights",
                "checkpoints/train.safetensors",
                "checkpoints/train.previous.safetensors",
                "genotype.json",
            ],
        ),
        ("before-the-manifest", &["result.json", "weights", "checkpoints", "genotype.json", "manifest.json"]),
        (
            "before-the-settings",
            &[
                "result.json",
                "weights",
                "checkpoints",
                "genotype.json",
                "genotype.txt",
                "genotypes",
                "history.jsonl",
                "manifest.json",
                "config.toml",
            ],
        ),
    ];
    for &(name, files) in remove {
        let run = here.join(name);
        copy(&whole, &run);
        let shown: &[&str] = match name {
            "before-the-settings" => &["mistakes.json", "report.html", "samples.json", "augmented.json"],
            _ => &["mistakes.json", "report.html"],
        };
        for file in files.iter().chain(shown) {
            let path = run.join(file);
            if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
        }
        // No line of the training comes before its first checkpoint, and none at all before the manifest.
        let kept = match name {
            "before-the-training" => 2,
            "before-the-manifest" => 0,
            _ => usize::MAX,
        };
        if let Ok(text) = std::fs::read_to_string(run.join("history.jsonl")) {
            let lines = text.split_inclusive('\n').take(kept).collect::<String>();
            std::fs::write(run.join("history.jsonl"), lines).unwrap();
        }
        std::fs::write(run.join(".writing-history.jsonl.4711"), "a half-written file").unwrap();
        succeed(here, &format!("fit {TINY} --out {name} --resume"));
        assert_same(&whole, &run);
        assert!(run.join("manifest.json").exists() && !run.join(".writing-history.jsonl.4711").exists());
    }
    // A checkpoint and its predecessor that are both damaged are an error, not a silent new beginning.
    for file in ["train.safetensors", "train.previous.safetensors"] {
        std::fs::write(whole.join("checkpoints").join(file), "noise").unwrap();
    }
    std::fs::remove_file(whole.join("result.json")).unwrap();
    fail(here, "fit --out whole --resume", 1, &["train.safetensors", "--force"]);
}

#[test]
fn ctrl_c_saves_and_says_how_to_go_on() {
    if ignores_signals() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{LONGER} --out whole"));
    // Once in the search, once in the training, each time as soon as an epoch is done.
    for (args, first_line) in [("", "search "), (" --resume", "train ")] {
        let mut child = softcell(here, &format!("{LONGER} --out r{args}"))
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let is_epoch = |line: &String| line.starts_with(first_line) && line.contains("loss");
        lines.find(is_epoch).expect("an epoch is told");
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let rest: Vec<String> = lines.collect();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
        assert!(rest.iter().any(|line| line.trim() == "softcell fit --out r --resume"), "{rest:?}");
        assert!(!here.join("r/result.json").exists());
    }
    let said = succeed(here, "fit --out r --resume");
    assert!(
        said.err.contains("train: 40 epochs of") && said.err.contains(", going on with epoch"),
        "{}",
        said.err
    );
    assert_same(&here.join("whole"), &here.join("r"));
}

#[test]
fn exit_codes_tell_the_signal() {
    if ignores_signals() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let args = format!("{LONGER} --search-epochs 100000 --out r-{signal}");
        let mut child =
            softcell(here.path(), &args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.starts_with("search ") && line.contains("loss")).expect("an epoch is told");
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        let rest: Vec<String> = lines.collect();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}: {rest:?}");
        assert!(rest.iter().any(|line| line.contains("all is saved")), "{signal}: {rest:?}");
    }
}

#[test]
fn two_processes_do_not_work_on_one_run() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut child = softcell(here, &format!("{LONGER} --search-epochs 100000 --out r"))
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.starts_with("search ") && line.contains("loss")).expect("an epoch is told");
    let second = run(here, "fit --out r --resume");
    let third = run(here, "fit --out r --force");
    child.kill().unwrap();
    child.wait().unwrap();
    for said in [second, third] {
        assert!(said.code == Some(1) && said.err.contains("another process"), "{said:?}");
    }
}
