//! Times of operations, and networks that keep to a time.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{fail, history, read_json, run, succeed};
use crate::transcript::Transcript;

/// What is trained in these tests: at most three cells from 12 channels.
const TRAIN: &str = "train --genotype DARTS_V2 --images-per-class 5 --init-channels 12 --layers 4 --shrink both \
                     --epochs 1 --batch-size 16 --no-auxiliary";

/// Times of the layers of small networks for the digits, as they would be if they were as the pixels and the channels in
/// and out: no clock decides what is chosen.
fn table(here: &Path) -> Value {
    succeed(
        here,
        "bench ops --image-size 8 --channels 1 --init-channels 12 --layers 4 --genotype DARTS_V2 --out measured.json",
    );
    let mut file = read_json(&here.join("measured.json"));
    for layer in file["times"]["layers"].as_array_mut().unwrap() {
        let number = |name: &str| layer[name].as_f64().unwrap();
        let pixels: f64 =
            layer["size"].as_array().unwrap().iter().map(|side| side.as_f64().unwrap()).product();
        layer["seconds"] = json!(number("inputs") * number("outputs") * pixels * 1e-9);
    }
    file["times"]["networks"] = json!([]);
    let machine = json!({"device": "cpu", "arch": "x86_64", "os": "linux", "vectors": "avx512", "threads": 2, "softcell": "0.1.0"});
    file["machine"] = machine;
    std::fs::write(here.join("ops.json"), file.to_string()).unwrap();
    file
}

/// The network that a run chose, as `[channels, cells]`.
fn chosen(here: &Path, run: &str) -> [u64; 2] {
    let size = read_json(&here.join(run).join("network.json"));
    ["init_channels", "layers"].map(|name| size[name].as_u64().unwrap())
}

/// The estimate in the notes of a run, in milliseconds.
fn estimate(here: &Path, run: &str) -> f64 {
    let manifest = read_json(&here.join(run).join("manifest.json"));
    let notes = manifest["notes"].as_array().unwrap();
    let note = notes.iter().filter_map(Value::as_str).find(|note| note.contains("by estimate")).unwrap();
    let before = note.split("ms by estimate").next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn operations_are_measured_and_written_down() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args = "bench ops --image-size 8 --channels 1 --init-channels 8 --layers 3 --classes 3";
    let said = succeed(here, &format!("{args} --out ops.json"));
    for words in ["sep_conv_3x3", "conv_3x3", "linear", "3 cells from 8 channels", "--latency-table ops.json"]
    {
        assert!(said.out.contains(words), "no {words:?} in {}", said.out);
    }
    let file = read_json(&here.join("ops.json"));
    assert_eq!((&file["format"], &file["version"]), (&"softcell-latencies".into(), &1.into()));
    assert_eq!((&file["image_shape"], &file["machine"]["device"]), (&json!([1, 8, 8]), &"cpu".into()));
    let names: Vec<&str> = file["times"]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["operation"].as_str().unwrap())
        .collect();
    for name in
        ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5"]
    {
        assert!(names.contains(&name), "{names:?}");
    }
    fail(here, &format!("{args} --out ops.json"), 1, &["ops.json", "--force"]);
    let json = succeed(here, &format!("{args} --json")).json();
    assert_eq!(json["times"]["layers"].as_array().unwrap().len(), names.len());
    fail(here, "bench ops --image-size 0", 1, &["image_size"]);
    fail(here, "bench ops --space dart", 1, &["dart"]);
}

#[test]
fn networks_shrink_until_they_are_fast_enough() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    table(here);
    let train = |out: &str, limit: &str| {
        succeed(here, &format!("{TRAIN} --out {out} --latency {limit} --latency-table ops.json"))
    };
    let whole = train("whole", "10s");
    assert!(whole.err.contains("as asked for, for at most 10000ms for an image"), "{}", whole.err);
    assert!(!whole.err.contains("measured, that network"), "of another machine: {}", whole.err);
    assert_eq!(chosen(here, "whole"), [12, 4]);
    let full = estimate(here, "whole");
    // The width first, and then the depth.
    let limit = format!("{}us", full * 1e3 * 0.99);
    train("narrow", &limit);
    assert_eq!(chosen(here, "narrow"), [8, 4]);
    let narrow = estimate(here, "narrow");
    assert!(narrow < full * 0.99, "{narrow} of {full}");
    train("shallow", &format!("{}us", narrow * 1e3 * 0.99));
    assert_eq!(chosen(here, "shallow")[1], 3);
    let shallow = estimate(here, "shallow");
    assert!(shallow <= narrow * 0.99, "{shallow} of {narrow}");

    // What was chosen stays, without the file that it was chosen by.
    std::fs::rename(here.join("ops.json"), here.join("away.json")).unwrap();
    let again = succeed(here, "train --run narrow --resume");
    assert!(again.out.contains("4 cells from 8 channels"), "{again:?}");
    succeed(here, "runs . --verify");
    for file in ["ops.json", "network.json", "result.json"] {
        std::fs::remove_file(here.join("narrow").join(file)).unwrap();
    }
    fail(here, "train --run narrow --resume", 1, &["no ops.json, which it is counted with"]);
    std::fs::rename(here.join("away.json"), here.join("ops.json")).unwrap();

    let mut told = Transcript::new(here);
    told.fail(&format!("{TRAIN} --out none --latency 1us --latency-table ops.json"), 1);
    told.fail("train --genotype DARTS_V2 --out none --latency 5", 2);
    told.fail("train --genotype DARTS_V2 --out none --latency soon", 2);
    told.fail("train --genotype DARTS_V2 --out none --latency 5ms --latency-table gone.json", 1);
    std::fs::write(here.join("other.json"), "{\"format\": \"onnx\"}").unwrap();
    told.fail("train --genotype DARTS_V2 --out none --latency 5ms --latency-table other.json", 1);
    told.check("latency-wrong");
    assert!(!here.join("none").exists(), "nothing is made that would not keep to its limit");
}

#[test]
fn without_a_table_this_machine_is_measured() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, &format!("{TRAIN} --out r --max-latency 10s"));
    assert!(said.err.contains("networks that were measured took "), "{}", said.err);
    assert!(said.err.contains("measured, that network takes "), "{}", said.err);
    let file = read_json(&here.join("r/ops.json"));
    assert!(!file["times"]["networks"].as_array().unwrap().is_empty());
    fail(here, &format!("{TRAIN} --out s --latency 1us"), 1, &["--latency = 0.00100ms", "by estimate with"]);
}

#[test]
fn a_search_takes_its_times_from_a_table() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut file = table(here);
    let search = "search --images-per-class 20 --init-channels 4 --layers 3 --nodes 1 --epochs 3 --batch-size 16 \
                  --resource-latency 1 --latency-table";
    for out in ["a", "b"] {
        succeed(here, &format!("{search} ops.json --out {out}"));
    }
    // With a clock, no two searches were alike.
    assert_eq!(history(&here.join("a")), history(&here.join("b")));
    let layers = file["times"]["layers"].as_array_mut().unwrap();
    layers.retain(|layer| layer["operation"] != "dil_conv_5x5");
    std::fs::write(here.join("less.json"), file.to_string()).unwrap();
    let said = run(here, &format!("{search} less.json --out c"));
    assert!(said.code == Some(1) && said.err.contains("no time of dil_conv_5x5 on 4 channels"), "{said:?}");
}
