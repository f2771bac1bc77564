//! Run folders with files that are damaged, contradict themselves or are no files.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{TINY, fail, read_json, run, succeed};

/// All commands that read the run `run`; `report` first, which changes nothing that the others read.
const READERS: [&str; 5] = [
    "report --run run",
    "predict --run run image.png",
    "evaluate --run run",
    "export --run run --format onnx --out model.onnx --force",
    "genotype show run",
];

fn trained(here: &Path) {
    succeed(here, &format!("fit {TINY} --out run"));
    image::GrayImage::from_pixel(8, 8, image::Luma([90])).save(here.join("image.png")).unwrap();
}

fn change(file: &Path, place: &str, value: Value) {
    let mut whole = read_json(file);
    *whole.pointer_mut(place).unwrap() = value;
    fs::write(file, whole.to_string()).unwrap();
}

#[test]
fn files_that_contradict_themselves_are_errors() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let resume = format!("fit {TINY} --out run --resume");
    for (name, place, value, words) in [
        (
            "result.json",
            "/per_class_accuracy",
            json!([]),
            &["result.json, per_class_accuracy", "0 entries"][..],
        ),
        ("result.json", "/confusion", json!([[1]]), &["result.json, confusion", "1 entries"]),
        ("manifest.json", "/normalization/mean", json!([]), &["manifest.json, normalization.mean"]),
        (
            "manifest.json",
            "/image_shape",
            json!([1, 1u64 << 31, 1u64 << 31]),
            &["manifest.json, image_shape"],
        ),
    ] {
        let file = here.join("run").join(name);
        let whole = fs::read(&file).unwrap();
        change(&file, place, value);
        for command in READERS.into_iter().chain([resume.as_str()]) {
            let said = run(here, command);
            assert!(matches!(said.code, Some(0 | 1)), "{name}{place}, {command}: {said:?}");
        }
        fail(here, "report --run run", 1, words);
        fail(here, &resume, 1, words);
        if name == "manifest.json" {
            fail(here, "predict --run run image.png", 1, words);
        }
        let said = succeed(here, "runs . --json").json();
        assert_eq!(said[0]["state"], "broken", "{said}");
        fs::write(&file, whole).unwrap();
    }
    succeed(here, "report --run run");
    // A shape that can be, but not that of the images.
    change(&here.join("run/manifest.json"), "/image_shape", json!([1, 8, 16]));
    for command in ["export --run run --format onnx --out model.onnx --force", "evaluate --run run", &resume]
    {
        fail(here, command, 1, &[]);
    }
}

/// Puts NaN in the place of the last weight, in a file without a checksum as earlier versions wrote it.
fn spoil(weights: &Path) {
    let mut bytes = fs::read(weights).unwrap();
    let at = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).position(|w| w == text).unwrap();
    for (before, after) in [("softcell_checksum", "softcell_no_check"), ("crc32c:", "nothing")] {
        let at = at(&bytes, before.as_bytes());
        bytes[at..at + before.len()].copy_from_slice(after.as_bytes());
    }
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(weights, bytes).unwrap();
}

#[test]
fn weights_that_are_no_numbers_are_errors() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    for name in ["best", "last"] {
        spoil(&here.join(format!("run/weights/{name}.safetensors")));
    }
    for command in [
        "predict --run run image.png",
        "predict --run run image.png --json",
        "evaluate --run run",
        "export --run run --format onnx --out model.onnx",
        "export --run run --format safetensors --out model.safetensors",
        "train --from run --out other",
    ] {
        fail(here, command, 1, &["NaN or infinite"]);
    }
    assert!(!here.join("other").exists() && !here.join("model.onnx").exists());
}

#[cfg(unix)]
mod unix {
    use std::io::Write;
    use std::os::unix::ffi::OsStrExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::support::softcell;

    /// Runs the program, which has to end by itself and not by a panic.
    fn ends(here: &Path, args: &str) {
        let mut command = softcell(here, args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let clock = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert!(matches!(status.code(), Some(0 | 1)), "{args}: {status}");
                return;
            }
            if clock.elapsed() > Duration::from_secs(60) {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{args} does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn pipes_in_the_place_of_files_are_not_waited_for() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        trained(here);
        for name in [
            ".lock",
            "history.jsonl",
            "result.json",
            "manifest.json",
            "config.toml",
            "weights/best.safetensors",
        ] {
            let file = here.join("run").join(name);
            let whole = fs::read(&file).unwrap();
            fs::remove_file(&file).unwrap();
            assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
            let resume = format!("fit {TINY} --out run --resume");
            for args in ["report --run run", "runs .", "predict --run run image.png", &resume] {
                ends(here, args);
            }
            fs::remove_file(&file).unwrap();
            fs::write(&file, whole).unwrap();
        }
    }

    #[test]
    fn a_last_line_that_is_no_text_does_not_keep_a_run_from_going_on() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        trained(here);
        let history = here.join("run/history.jsonl");
        let whole = fs::read(&history).unwrap();
        fs::remove_file(here.join("run/result.json")).unwrap();
        fs::OpenOptions::new().append(true).open(&history).unwrap().write_all(b"{\"stage\":\"\xc3").unwrap();
        succeed(here, &format!("fit {TINY} --out run --resume"));
        assert_eq!(fs::read(&history).unwrap(), whole);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_run_whose_name_is_no_text_is_listed() {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        trained(here);
        fs::create_dir(here.join("runs")).unwrap();
        fs::rename(here.join("run"), here.join("runs").join(std::ffi::OsStr::from_bytes(b"b\xff"))).unwrap();
        succeed(here, &format!("fit {TINY} --out runs/a"));
        let said = succeed(here, "runs --json").json();
        let folders: Vec<&str> =
            said.as_array().unwrap().iter().map(|r| r["folder"].as_str().unwrap()).collect();
        assert_eq!(folders, ["runs/a", "runs/b\u{fffd}"]);
        assert_eq!(said[1]["folder_bytes"], "72756e732f62ff");
        assert_eq!(said[1]["state"], "finished");
        assert!(said[0].get("folder_bytes").is_none());
    }
}
