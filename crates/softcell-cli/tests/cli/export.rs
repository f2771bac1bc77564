//! Trained networks exported, and exports that cannot be.

use std::path::Path;

use serde_json::Value;

use crate::support::{TINY, fail, images, succeed};
use crate::transcript::Transcript;

/// A trained run on the built-in digits.
fn trained(here: &Path) {
    succeed(here, &format!("fit --out run {TINY}"));
}

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_trained_network_becomes_an_onnx_file() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let text = succeed(here, "export --run run --format onnx").out;
    assert!(text.contains("40 test images"), "{text}");
    let first = std::fs::read(here.join("run/model.onnx")).unwrap();
    fail(here, "export --run run --format onnx", 1, &["found a file"]);
    assert!(std::fs::read(here.join("run/model.onnx")).unwrap() == first);
    let text = succeed(here, "export --run run --format onnx --with-resize --out any.onnx").out;
    assert!(
        text.contains("6 made-up images") && text.contains("picture [height, width, channels]"),
        "{text}"
    );
    succeed(here, "bench export any.onnx --runs 1 --batch-size 2 --threads 1");
    fail(
        here,
        "export --run run --format onnx --with-resize --input-range 1 --out no.onnx",
        2,
        &["--input-range"],
    );
    let options = "--no-fold --softmax --input-range 1 --force --threads 1 --json";
    let json = succeed(here, &format!("export --run run --format onnx {options}")).json();
    let second = std::fs::read(here.join("run/model.onnx")).unwrap();
    assert_eq!((&json["format"], &json["path"]), (&"onnx".into(), &"run/model.onnx".into()));
    assert_eq!(json["bytes"].as_u64().unwrap(), second.len() as u64);
    assert!(second.len() > first.len(), "normalisations are kept");
    assert_eq!((&json["white"], &json["output"]), (&1.into(), &"probabilities".into()));
    assert_eq!(json["image_shape"], serde_json::json!([1, 8, 8]));
    let verification = &json["verification"];
    assert_eq!((&verification["images"], &verification["origin"]), (&40.into(), &"test".into()));
    for figure in ["probability_deviation", "logit_deviation"] {
        assert!(verification[figure].as_f64().unwrap() < 1e-5, "{json}");
    }
    succeed(here, "evaluate --run run --json");
}

#[test]
fn a_trained_network_becomes_whole_numbers() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let network = "--init-channels 2 --layers 2 --epochs 1 --images-per-class 20 --batch-size 16";
    succeed(here, &format!("train --genotype DARTS_V2 --out run {network}"));
    let mut told = Transcript::new(here);
    let int8 = "export --run run --format onnx --quantize int8";
    told.succeed(&format!("{int8} --max-drop 100"));
    told.fail(int8, 1);
    told.fail(&format!("{int8} --calibration-images 0 --out other.onnx"), 1);
    told.fail(&format!("{int8} --test-images 0 --out other.onnx"), 1);
    told.fail(&format!("{int8} --max-drop -1 --out other.onnx"), 1);
    told.fail(&format!("{int8} --no-fold --out other.onnx"), 2);
    told.fail("export --run run --format onnx --max-drop 2", 2);
    told.fail("export --run run --format pytorch --quantize int8", 2);
    told.check("export-int8");
    assert!(!here.join("other.onnx").exists());
    let options = "--max-drop 100 --test-images 30 --calibration-images 5 --force --json";
    let json = succeed(here, &format!("{int8} {options}")).json();
    let quantization = &json["quantization"];
    assert_eq!((&quantization["test_images"], &quantization["calibration_images"]), (&30.into(), &5.into()));
    for share in ["accuracy", "f32_accuracy", "agreement"] {
        assert!((0.0..=1.0).contains(&quantization[share].as_f64().unwrap()), "{json}");
    }
    assert!(quantization["agreement"].as_f64().unwrap() > 0.8, "{json}");
    let bytes = std::fs::metadata(here.join("run/model-int8.onnx")).unwrap().len();
    assert_eq!((&json["path"], &json["bytes"]), (&"run/model-int8.onnx".into(), &bytes.into()));
    succeed(here, "export --run run --format onnx");
    succeed(here, "export --run run --format safetensors");
    let files = "run/model.onnx run/model-int8.onnx run/state_dict.safetensors";
    let reports = succeed(here, &format!("bench export {files} --runs 2 --batch-size 5 --json")).json();
    let reports = reports.as_array().unwrap();
    assert_eq!(reports.iter().map(|r| r["path"].as_str().unwrap()).collect::<Vec<_>>().join(" "), files);
    assert_eq!(reports.iter().map(|r| r["quantized"] == true).collect::<Vec<_>>(), [false, true, false]);
    for report in reports {
        for figure in ["load_seconds", "latency_seconds", "images_per_second"] {
            assert!(report[figure].as_f64().unwrap() > 0.0, "{report}");
        }
    }
    fail(here, "bench export run/model.onnx run/config.toml", 1, &["none of the kinds"]);
    fail(here, "bench export run/model.onnx --runs 0", 1, &["runs"]);
}

#[test]
fn images_that_are_gone_or_changed_are_made_up_for() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    std::fs::rename(images(here), here.join("photos")).unwrap();
    let network = "--init-channels 2 --layers 2 --epochs 1 --batch-size 4";
    succeed(here, &format!("train --genotype DARTS_V2 --data photos --out run {network}"));
    let origin = |json: &Value| json["verification"]["origin"].as_str().unwrap().to_owned();
    let said = succeed(here, "export --run run --format onnx --json --out a.onnx");
    assert_eq!(origin(&said.json()), "test");
    std::fs::remove_file(here.join("photos/dark/00.png")).unwrap();
    let said = succeed(here, "export --run run --format onnx --json --out b.onnx");
    assert!(said.err.contains("made-up") && said.err.contains("changed"), "{said:?}");
    assert_eq!(origin(&said.json()), "made_up");
    std::fs::remove_dir_all(here.join("photos")).unwrap();
    let said = succeed(here, "export --run run --format onnx --out c.onnx");
    assert!(said.err.contains("photos") && said.out.contains("64 made-up images"), "{said:?}");
    // Ranges of made-up images say nothing.
    let int8 = "export --run run --format onnx --quantize int8 --out d.onnx";
    fail(here, int8, 1, &["--quantize takes images of the run", "photos"]);
    assert!(!here.join("d.onnx").exists());
    let files = ["a.onnx", "b.onnx", "c.onnx"].map(|name| std::fs::read(here.join(name)).unwrap());
    assert!(files[0] == files[1] && files[1] == files[2], "the images have no part in the file");
}

#[test]
fn what_cannot_be_exported_is_explained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    succeed(
        here,
        "search --out run --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --batch-size 16",
    );
    told.fail("export --run run --format onnx", 1);
    assert!(!here.join("run/model.onnx").exists());
    told.fail("export --run run --format onxx", 2);
    told.fail("export --run run", 2);
    told.fail("export --run run --format onnx --input-range 100", 2);
    told.check("export-wrong");
}

#[test]
fn places_where_nothing_may_be_written_are_left_alone() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    let before =
        (names(here), names(&here.join("run")), std::fs::read(here.join("run/config.toml")).unwrap());
    let mut told = Transcript::new(here);
    for place in [
        "run",
        "nowhere/model.onnx",
        "run/config.toml/model.onnx",
        "run/config.toml",
        "run/weights/model.onnx",
        "..",
        "/dev/null",
    ] {
        told.fail(&format!("export --run run --format onnx --force --out {place}"), 1);
    }
    told.check("export-places");
    let after = (names(here), names(&here.join("run")), std::fs::read(here.join("run/config.toml")).unwrap());
    assert_eq!(before, after);
}

/// The limit on the size of files stands for a disk that is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_what_was_there() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    trained(here);
    std::fs::write(here.join("model.onnx"), "old").unwrap();
    let before = names(here);
    let command = format!(
        "trap '' XFSZ; ulimit -f 8; exec '{}' export --run run --format onnx --force --out model.onnx",
        env!("CARGO_BIN_EXE_softcell")
    );
    let output = std::process::Command::new("sh").args(["-c", &command]).current_dir(here).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("error: cannot write model.onnx") && err.contains("too large"), "{err}");
    assert_eq!(
        (names(here), std::fs::read_to_string(here.join("model.onnx")).unwrap()),
        (before, "old".into())
    );
}
