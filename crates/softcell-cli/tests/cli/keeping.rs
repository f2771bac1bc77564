//! What is a user's stays: other folders, files in the way, runs that are replaced, runs that were damaged.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::support::{TINY, assert_same, copy, destination, fail, images, run, softcell, succeed};
use crate::transcript::Transcript;

/// Every file below a folder with its bytes, links as what they lead to.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_symlink() {
                found.insert(name, fs::read_link(&path).unwrap().display().to_string().into_bytes());
            } else if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn a_folder_that_only_looks_like_a_run_is_not_replaced() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fs::create_dir_all(here.join("site/weights")).unwrap();
    fs::write(here.join("site/config.toml"), "title = \"my site\"\n").unwrap();
    for file in ["weights/mine.pt", ".writing-chapter", ".lock"] {
        fs::write(here.join("site").join(file), "mine").unwrap();
    }
    let before = contents(&here.join("site"));
    succeed(here, &format!("fit {TINY} --out r"));
    let model =
        softcell::model::TrainedModel::load(&softcell::run::RunFolder::view(&here.join("r")).unwrap());
    softcell::export::safetensors::write(&model.unwrap(), &destination(&here.join("w.safetensors"))).unwrap();
    for flag in ["--force", "--resume", ""] {
        fail(here, &format!("fit {TINY} --out site {flag}"), 1, &["site", "not a run", "--out"]);
    }
    fail(here, "import --weights w.safetensors --out site --force", 1, &["not a run"]);
    assert_eq!(contents(&here.join("site")), before);
    // In a run's own folders what others put there stays as well.
    fs::write(here.join("r/weights/mine.pt"), "mine").unwrap();
    let said = succeed(here, &format!("fit {TINY} --out r --force"));
    assert!(said.err.contains("is set aside") && said.err.contains("weights/ (2)"), "{}", said.err);
    assert_eq!(fs::read(here.join("r/weights/mine.pt")).unwrap(), b"mine");
}

#[test]
fn answers_and_reports_overwrite_nothing() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let photo = images(here).join("dark/00.png");
    fs::copy(photo, here.join("photo.png")).unwrap();
    succeed(here, &format!("fit {TINY} --out r"));
    succeed(here, &format!("fit {TINY} --out other"));
    fs::write(here.join("page.html"), "mine").unwrap();
    symlink("photo.png", here.join("link.csv")).unwrap();
    let before = contents(here);
    let mut told = Transcript::new(here);
    told.fail("predict --run r photo.png --out photo.png", 1);
    told.fail("predict --run r photo.png --out link.csv", 1);
    told.fail("report --run r --out page.html", 1);
    told.fail("report --compare r other --out page.html", 1);
    told.fail("genotype draw DARTS_V2 --out r/config.toml", 1);
    told.check("overwriting");
    for force in ["", "--force"] {
        for file in [
            "r/weights/best.safetensors",
            "other/weights/last.safetensors",
            "r/history.jsonl",
            "r/softcell.json",
        ] {
            let words = &[file, "a file that a run needs"];
            fail(here, &format!("predict --run r photo.png --out {file} {force}"), 1, words);
            fail(here, &format!("report --compare r other --out {file} {force}"), 1, words);
        }
        let words = &["weights/best.safetensors", "a file that a run needs"];
        fail(here, &format!("report --run r --out r/weights/best.safetensors {force}"), 1, words);
        fail(
            here,
            &format!("export --run r --format safetensors --out r/weights/best.safetensors {force}"),
            1,
            words,
        );
    }
    assert_eq!(contents(here), before);
    // The report's own place is made anew, and so is a comparison in its own.
    for _ in 0..2 {
        succeed(here, "report --run r");
        succeed(here, "report --run r --out r/report.html");
        succeed(here, "report --compare r other");
    }
    succeed(here, "report --run r --out page.html --force");
    // A link is replaced, not followed.
    succeed(here, "predict --run r photo.png --out link.csv --force");
    assert_eq!(contents(here)["photo.png"], before["photo.png"]);
    assert!(!here.join("link.csv").is_symlink());
    fs::write(here.join("compare.html"), "mine").unwrap();
    fail(here, "report --compare r other", 1, &["compare.html", "--force"]);
}

#[test]
fn a_training_that_is_refused_leaves_the_earlier_one() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    let before = contents(&here.join("r"));
    let refused = run(here, "train --run r --force --init-channels 4096");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.err.contains("memory") && refused.err.contains("nothing was replaced"),
        "{}",
        refused.err
    );
    assert_eq!(contents(&here.join("r")), before);
    // Without checkpoints, to save space, it is trained all the same.
    fs::remove_dir_all(here.join("r/checkpoints")).unwrap();
    let before = contents(&here.join("r"));
    fail(here, "train --run r", 1, &["is trained already", "--resume", "--force"]);
    for args in ["train --run r --resume", "fit --out r --resume"] {
        let said = succeed(here, args);
        assert!(said.out.contains("test accuracy"), "{said:?}");
    }
    let after = contents(&here.join("r"));
    for file in ["weights/best.safetensors", "weights/last.safetensors", "history.jsonl", "result.json"] {
        assert_eq!(after[file], before[file], "{file}");
    }
    // Nor is a training begun anew whose checkpoint alone is gone.
    fs::remove_file(here.join("r/result.json")).unwrap();
    fail(here, "train --run r", 1, &["--force"]);
    fail(here, "train --run r --resume", 1, &["weights are there", "--force"]);
    fail(here, "fit --out r --resume", 1, &["weights are there", "--force"]);
}

#[test]
fn a_search_whose_checkpoint_is_gone_is_not_begun_anew() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    for file in ["result.json", "genotype.json", "report.html"] {
        fs::remove_file(here.join("r").join(file)).unwrap();
    }
    fs::remove_dir_all(here.join("r/checkpoints")).unwrap();
    let before = contents(&here.join("r"));
    fail(
        here,
        "fit --out r --resume",
        1,
        &["2 epochs of its search", "checkpoints/search.safetensors", "--force"],
    );
    assert_eq!(contents(&here.join("r")), before);
}

#[test]
fn kills_of_a_forced_run_leave_one_of_the_two_whole() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --seed 1 --out old"));
    let clock = Instant::now();
    succeed(here, &format!("fit {TINY} --seed 2 --out new"));
    let whole = clock.elapsed();
    let before = contents(&here.join("old"));
    let (mut old, mut new) = (0, 0);
    const KILLS: u32 = 12;
    for kill in 0..KILLS {
        let out = here.join(format!("r{kill}"));
        copy(&here.join("old"), &out);
        let args = format!("fit {TINY} --seed 2 --out r{kill}");
        let mut child = softcell(here, &format!("{args} --force --checkpoint-seconds 0"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * kill / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        let said = run(here, &format!("{args} --resume"));
        if said.code == Some(0) {
            assert_same(&here.join("new"), &out);
            new += 1;
        } else {
            assert!(said.err.contains("seed"), "{said:?}");
            assert_eq!(contents(&out), before);
            succeed(here, &format!("fit --out r{kill} --resume"));
            old += 1;
        }
    }
    println!("{old} old runs were given back, {new} new ones went on");
    assert!(old > 0);
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_one_before_goes_on() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out whole"));
    for (stage, noun, gone) in [
        (
            "train",
            "training",
            ["result.json", "weights/last.safetensors", "weights/best.safetensors"].as_slice(),
        ),
        (
            "search",
            "search",
            &[
                "result.json",
                "weights/last.safetensors",
                "weights/best.safetensors",
                "genotype.json",
                "checkpoints/train.safetensors",
                "checkpoints/train.previous.safetensors",
            ],
        ),
    ] {
        let out = here.join(stage);
        copy(&here.join("whole"), &out);
        for file in gone {
            fs::remove_file(out.join(file)).unwrap();
        }
        let checkpoint = out.join(format!("checkpoints/{stage}.safetensors"));
        let mut bytes = fs::read(&checkpoint).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(&checkpoint, bytes).unwrap();
        let damage = format!("checkpoints/{stage}.safetensors");
        let verified = run(here, &format!("runs {stage} --verify"));
        assert_eq!(verified.code, Some(1), "{verified:?}");
        assert!(verified.out.contains("damaged: ") && verified.out.contains(&damage), "{verified:?}");
        let said = succeed(here, &format!("fit --out {stage} --resume"));
        let sentence = format!("the last checkpoint of the {noun} is damaged");
        let err = said.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(err.contains(&sentence) && err.contains(&damage), "{}", said.err);
        assert_same(&here.join("whole"), &out);
        let verified = succeed(here, &format!("runs {stage} --verify --json"));
        assert_eq!(verified.json()[0]["damaged"], serde_json::json!([]), "{verified:?}");
    }
}

#[test]
fn a_folder_that_is_renamed_at_work_ends_the_run() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out other"));
    let before = contents(&here.join("other"));
    for replaced in [false, true] {
        let mut child =
            softcell(here, &format!("fit {TINY} --search-epochs 100000 --checkpoint-seconds 0 --out r"))
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.starts_with("search ") && line.contains("loss")).expect("an epoch is told");
        fs::rename(here.join("r"), here.join(format!("moved-{replaced}"))).unwrap();
        if replaced {
            copy(&here.join("other"), &here.join("r"));
        }
        let rest: Vec<String> = lines.collect();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
        assert!(rest.iter().any(|line| line.contains("renamed, removed or replaced")), "{rest:?}");
        assert_eq!(here.join("r").exists(), replaced);
        if replaced {
            assert_eq!(contents(&here.join("r")), before);
        }
        succeed(here, &format!("runs moved-{replaced} --verify"));
    }
}

#[test]
fn planted_links_are_not_written_through() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out whole"));
    fs::create_dir(here.join("outside")).unwrap();
    fs::write(here.join("outside/file"), "mine").unwrap();
    let outside = contents(&here.join("outside"));
    for (name, target) in
        [("weights", "../outside"), (".lock", "../outside/file"), ("history.jsonl", "../outside/file")]
    {
        let out = here.join("r");
        copy(&here.join("whole"), &out);
        fs::remove_file(out.join("result.json")).unwrap();
        let planted = out.join(name);
        if planted.is_dir() { fs::remove_dir_all(&planted) } else { fs::remove_file(&planted) }.unwrap();
        symlink(target, &planted).unwrap();
        fail(here, "fit --out r --resume", 1, &[name, "a link leads out of the folder"]);
        assert_eq!(contents(&here.join("outside")), outside, "{name}");
        fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn a_report_that_cannot_be_written_is_told_even_when_quiet() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    for (file, is_folder) in [("result.json", false), ("report.html", true)] {
        fs::remove_file(here.join("r").join(file)).unwrap();
        if is_folder {
            fs::create_dir_all(here.join("r").join(file).join("in-the-way")).unwrap();
        }
    }
    let said = succeed(here, "fit --out r --resume -q");
    assert!(said.err.contains("the report could not be written"), "{said:?}");
}

#[test]
fn exports_that_were_killed_leave_nothing_for_long() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    fs::write(here.join(".writing-model.onnx.a1B2c3"), "half").unwrap();
    fs::write(here.join(".writing-mine"), "mine").unwrap();
    succeed(here, "export --run r --format onnx --out model.onnx");
    assert!(!here.join(".writing-model.onnx.a1B2c3").exists() && here.join(".writing-mine").exists());
}

/// Kills at each step of the files' moves, by a tool that ends the process at the n-th system call of a kind. Takes some
/// minutes, so the variable `SOFTCELL_KILLS` has to ask for it.
#[test]
fn kills_at_each_rename_leave_one_of_the_two_whole() {
    if std::env::var_os("SOFTCELL_KILLS").is_none() {
        return;
    }
    if Command::new("strace").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --seed 1 --out old"));
    succeed(here, &format!("fit {TINY} --seed 2 --out new"));
    let before = contents(&here.join("old"));
    let (mut old, mut new) = (0, 0);
    for n in 1.. {
        let out = here.join("r");
        copy(&here.join("old"), &out);
        let args = format!("fit {TINY} --seed 2 --out r");
        let mut command = Command::new("strace");
        let renames = "rename,renameat,renameat2";
        command.current_dir(here).args(["-f", "-qq", "-e", &format!("trace={renames}"), "-o", "/dev/null"]);
        command.args([
            "-e",
            &format!("inject={renames}:signal=KILL:when={n}"),
            env!("CARGO_BIN_EXE_softcell"),
        ]);
        command.args(format!("{args} --force").split_whitespace());
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        if status.success() {
            println!("{} renames; {old} old runs were given back, {new} new ones went on", n - 1);
            break;
        }
        let said = run(here, &format!("{args} --resume"));
        if said.code == Some(0) {
            assert_same(&here.join("new"), &out);
            new += 1;
        } else {
            assert!(said.err.contains("seed"), "{n}: {said:?}");
            assert_eq!(contents(&out), before, "{n}");
            old += 1;
        }
        fs::remove_dir_all(&out).unwrap();
    }
    assert!(old > 0 && new > 0);
}
