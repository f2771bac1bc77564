//! What a record must not say, and where records must agree: the error names file and field.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use softcell::Error;
use softcell::model::TrainedModel;
use softcell::report::RunRecord;
use softcell::run::RunFolder;

use crate::fixture::{Files, Fixture, Stage, exercise, put};

/// Reads a run in all ways that read its records.
fn read(run: &Path) -> Result<(), Error> {
    let (folder, activity) = RunFolder::peek(run)?;
    folder.read_budget()?;
    RunRecord::read(&folder, activity)?;
    folder.check_agreement()?;
    TrainedModel::load(&folder).map(drop)
}

struct Runs {
    _here: tempfile::TempDir,
    run: std::path::PathBuf,
    files: Files,
    fixture: Fixture,
}

impl Runs {
    fn new() -> Runs {
        let here = tempfile::tempdir().unwrap();
        let fixture = Fixture::new();
        let files = fixture.make(&here.path().join("whole"), Stage::Finished);
        let run = here.path().join("run");
        put(&run, &files);
        read(&run).unwrap();
        Runs { _here: here, run, files, fixture }
    }

    /// The error of the run with another text in a file.
    fn refuse(&self, name: &str, text: &str, words: &[&str]) {
        fs::write(self.run.join(name), text).unwrap();
        let error = read(&self.run).expect_err(&format!("{name}: {words:?}"));
        match self.files.get(Path::new(name)) {
            Some(bytes) => fs::write(self.run.join(name), bytes).unwrap(),
            None => fs::remove_file(self.run.join(name)).unwrap(),
        }
        let message = error.to_string();
        for word in words.iter().chain(&["expected", name.split('/').next_back().unwrap()]) {
            assert!(message.contains(word), "no {word:?} in: {message}");
        }
    }

    fn text(&self, name: &str) -> &str {
        std::str::from_utf8(&self.files[Path::new(name)]).unwrap()
    }

    /// The same with another value at a place of a JSON file.
    fn refuse_value(&self, name: &str, place: &str, value: Value, words: &[&str]) {
        let mut whole: Value = serde_json::from_str(self.text(name)).unwrap();
        *whole.pointer_mut(place).unwrap_or_else(|| panic!("no {place} in {name}")) = value;
        self.refuse(name, &whole.to_string(), words);
    }

    /// The same in a line of the history, counted from 0.
    fn refuse_line(&self, line: usize, place: &str, value: Value, words: &[&str]) {
        let mut lines: Vec<String> = self.text("history.jsonl").lines().map(str::to_owned).collect();
        let mut whole: Value = serde_json::from_str(&lines[line]).unwrap();
        *whole.pointer_mut(place).unwrap() = value;
        lines[line] = whole.to_string();
        let number = format!("line {}", line + 1);
        let words: Vec<&str> = words.iter().copied().chain([number.as_str()]).collect();
        self.refuse("history.jsonl", &(lines.join("\n") + "\n"), &words);
    }
}

#[test]
fn results_have_lists_of_one_length_and_shares_that_fit() {
    let runs = Runs::new();
    let refuse =
        |place: &str, value: Value, words: &[&str]| runs.refuse_value("result.json", place, value, words);
    refuse("/per_class_accuracy", json!([]), &["per_class_accuracy", "0 entries", "10, one for each class"]);
    refuse("/per_class_accuracy/0", json!(0.123), &["per_class_accuracy[0]"]);
    refuse("/confusion", json!([[1]]), &["confusion", "1 entries", "10, one for each class"]);
    refuse("/confusion/3", json!([1, 2]), &["confusion[3]", "2 entries"]);
    refuse("/confusion/3/3", json!(u64::MAX), &["confusion", "more images than can be counted"]);
    refuse("/confusion/3/2", json!(1_000), &["confusion", "as test_images"]);
    refuse("/classes", json!(["a", "b"]), &["per_class_accuracy", "10 entries", "2, one for each class"]);
    refuse("/classes", json!([]), &["classes", "0 names"]);
    refuse("/classes/1", json!("seven"), &["classes[1]", "\"seven\"", "as in manifest.json"]);
    for value in [json!(1.5), json!(-0.1), json!(1e300)] {
        refuse("/test_accuracy", value.clone(), &["test_accuracy", "from 0 to 1"]);
        refuse("/test_top5_accuracy", value.clone(), &["test_top5_accuracy", "from 0 to 1"]);
        refuse("/validation_accuracy", value, &["validation_accuracy", "from 0 to 1"]);
    }
    refuse("/test_accuracy", json!(0.123_456), &["test_accuracy", "as in confusion"]);
    refuse("/test_accuracy", Value::Null, &["null"]);
    refuse("/weights", json!("some"), &["weights", "\"some\"", "best or last"]);
    refuse("/epoch", json!(2), &["epoch", "from 0 to 1"]);
    refuse("/epochs_done", json!(7), &["epochs_done", "from 0 to 2"]);
    refuse("/layers", json!(257), &["layers", "from 0 to 256"]);
    refuse("/layers", json!(3), &["layers", "2, as in config.toml"]);
    refuse("/init_channels", json!(1u64 << 40), &["init_channels"]);
    refuse("/genotype", json!("Genotype(nonsense"), &["genotype"]);
    refuse("/train_seconds", json!(-1), &["train_seconds"]);
    refuse("/search_seconds", json!(1e200), &["search_seconds"]);
    refuse("/peak_rss_mb", json!(-5), &["peak_rss_mb"]);
    refuse("/parameters", json!(u64::MAX), &["parameters"]);
}

#[test]
fn calibrations_are_of_the_images_that_were_tested() {
    let runs = Runs::new();
    let refuse = |place: &str, value: Value, words: &[&str]| {
        runs.refuse_value("result.json", &format!("/calibration/{place}"), value, words);
    };
    refuse("expected_calibration_error", json!(1.5), &["expected_calibration_error", "from 0 to 1"]);
    refuse("expected_calibration_error", json!(0.987), &["expected_calibration_error", "as of the bins"]);
    refuse("bins", json!([]), &["calibration.bins", "from 1 to 1000"]);
    refuse("bins", json!([{ "images": 1, "right": 2, "confidence": 0.5 }]), &["bins[0].right", "at most 1"]);
    refuse("bins", json!([{ "images": 1, "right": 1, "confidence": null }]), &["bins[0].confidence"]);
    refuse("bins", json!([{ "images": 0, "right": 0, "confidence": 0.5 }]), &["bins[0].confidence"]);
    refuse("bins/14/images", json!(u64::MAX), &["bins[14].images"]);
    let one = json!({ "expected_calibration_error": 0.5, "bins": [{ "images": 1, "right": 1, "confidence": 0.5 }] });
    runs.refuse_value(
        "result.json",
        "/calibration",
        one,
        &["calibration.bins", "1 images", "as in confusion"],
    );
    let two = json!([{ "images": 1, "right": 1, "confidence": 0.7 }, { "images": 0, "right": 0, "confidence": null }]);
    refuse("bins", two, &["bins[0].confidence", "from 0 to 0.5"]);
    // A run of an earlier version has none.
    let mut result: Value = serde_json::from_str(runs.text("result.json")).unwrap();
    result.as_object_mut().unwrap().remove("calibration").expect("this version writes it");
    fs::write(runs.run.join("result.json"), result.to_string()).unwrap();
    read(&runs.run).unwrap();
}

#[test]
fn manifests_describe_images_that_can_be() {
    let runs = Runs::new();
    let refuse =
        |place: &str, value: Value, words: &[&str]| runs.refuse_value("manifest.json", place, value, words);
    refuse("/normalization/mean", json!([]), &["normalization.mean", "0 entries", "1, one for each channel"]);
    refuse("/normalization/std", json!([0.5, 0.5]), &["normalization.std", "2 entries"]);
    refuse("/normalization/mean", json!([1e300]), &["out of range"]);
    for std in [json!([0.0]), json!([-1.0]), json!([1e-45])] {
        refuse("/normalization/std", std, &["normalization.std", "above 0"]);
    }
    for shape in [
        json!([1, 1u64 << 31, 1u64 << 31]),
        json!([0, 8, 8]),
        json!([1u64 << 62, 4, 4]),
        json!([3, 65_536, 65_536]),
        json!([1, 8, 8_000_000]),
    ] {
        refuse("/image_shape", shape, &["image_shape", "channels, height and width"]);
    }
    refuse("/classes", json!([]), &["classes", "0 names"]);
    refuse("/classes", json!(["one"]), &["classes", "10 entries", "1, one for each class in manifest.json"]);
    refuse("/seed", json!(77), &["seed", "77", "as in config.toml"]);
    refuse("/images/1", json!(1), &["test_images", "1, as in manifest.json"]);
    refuse("/images", json!([1u64 << 60, 1]), &["images"]);
}

#[test]
fn images_have_the_shape_of_the_manifest() {
    let runs = Runs::new();
    let mut manifest: Value = serde_json::from_str(runs.text("manifest.json")).unwrap();
    manifest["image_shape"] = json!([1, 8, 16]);
    fs::write(runs.run.join("manifest.json"), manifest.to_string()).unwrap();
    read(&runs.run).expect("such images can be");
    let said = exercise(&runs.fixture, &runs.run);
    for reader in ["evaluate", "export", "search", "train"] {
        let (_, error) = said.iter().find(|(name, _)| *name == reader).unwrap();
        let error = error.as_ref().unwrap_or_else(|| panic!("{reader}: {said:?}"));
        assert!(error.contains("8x16") || error.contains("[1, 8, 16]"), "{reader}: {error}");
    }
}

#[test]
fn pictures_belong_to_the_classes() {
    let runs = Runs::new();
    runs.refuse_value("samples.json", "/classes", json!([]), &["0 entries", "10, one for each class"]);
    runs.refuse_value(
        "samples.json",
        "/classes/0/train_images",
        json!(1u64 << 60),
        &["classes[0].train_images"],
    );
    for address in ["javascript:alert(1)", "data:image/png;base64,\"onload=", "data:text/html;base64,aGk="] {
        runs.refuse_value(
            "samples.json",
            "/classes/0/pictures",
            json!([address]),
            &["pictures", "PNG or JPEG"],
        );
    }
    runs.refuse_value("augmented.json", "/images/0/class", json!(10), &["images[0].class", "from 0 to 9"]);
    runs.refuse_value("augmented.json", "/images/0/after", json!("x"), &["images[0].after", "PNG or JPEG"]);
    let refuse =
        |place: &str, value: Value, words: &[&str]| runs.refuse_value("mistakes.json", place, value, words);
    refuse("/examples/0/answer", json!(10), &["examples[0]", "10", "from 0 to 9"]);
    let mistakes: Value = serde_json::from_str(runs.text("mistakes.json")).unwrap();
    refuse("/examples/0/answer", mistakes["examples"][0]["truth"].clone(), &["another class"]);
    refuse("/examples/0/probability", json!(1.5), &["probability", "from 0 to 1"]);
    refuse("/examples/0/picture", json!("x"), &["picture"]);
    refuse("/listed/0/answer", json!(10), &["listed[0]", "10", "from 0 to 9"]);
    refuse(
        "/listed/0/answer",
        mistakes["listed"][0]["truth"].clone(),
        &["listed[0].answer", "another class"],
    );
    refuse("/listed/0/probability", json!(-0.5), &["listed[0].probability", "from 0 to 1"]);
    refuse("/listed", json!(vec![mistakes["listed"][0].clone(); 500]), &["listed", "500 entries"]);
    refuse("/count", json!(0), &["examples", "at most 0"]);
    refuse("/count", json!(1_000_000), &["count", "as in the confusion"]);
}

#[test]
fn histories_go_on_from_line_to_line() {
    let runs = Runs::new();
    let refuse =
        |line, place: &str, value: Value, words: &[&str]| runs.refuse_line(line, place, value, words);
    refuse(0, "/alphas/normal", json!([[0.0]]), &["edge_weights.normal"]);
    refuse(
        1,
        "/alphas/reduction/0",
        json!([0.0]),
        &["edge_weights.reduction", "1, one for each candidate in the alphas"],
    );
    refuse(1, "/alphas/normal/0/0", json!(1e300), &["alphas.normal", "inf"]);
    refuse(1, "/edge_weights/normal/0/0", json!(1.5), &["edge_weights.normal", "from 0 to 1"]);
    refuse(1, "/epoch", json!(5), &["epoch", "5", "1, which comes next"]);
    refuse(2, "/epoch", json!(u64::MAX), &["epoch"]);
    refuse(2, "/train_accuracy", json!(2), &["train_accuracy"]);
    refuse(2, "/best_epoch", json!(1), &["best_epoch"]);
    refuse(0, "/valid_accuracy", json!(-1), &["valid_accuracy"]);
    refuse(0, "/seconds", json!(-1), &["seconds"]);
    refuse(0, "/genotype", json!("none"), &["genotype"]);
    refuse(0, "/entropy_normal", json!(1e300), &["entropy_normal"]);
    // Lines of another run: each is whole.
    let rows = |row: Value| {
        let mut lines: Vec<Value> =
            runs.text("history.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for line in lines.iter_mut().take(2) {
            for name in ["alphas", "edge_weights"] {
                line[name] =
                    json!({ "normal": [row.clone(), row.clone()], "reduction": [row.clone(), row.clone()] });
            }
        }
        lines.iter().map(|line| line.to_string() + "\n").collect::<String>()
    };
    runs.refuse(
        "history.jsonl",
        &rows(json!([0.5, 0.5])),
        &["alphas.normal", "2 entries", "candidate in config.toml"],
    );
    let lines: Vec<&str> = runs.text("history.jsonl").lines().collect();
    runs.refuse("history.jsonl", &format!("{}\n", lines[1]), &["epoch", "0, which comes next", "line 1"]);
}

#[test]
fn settings_and_cells_are_those_of_the_run() {
    let runs = Runs::new();
    runs.refuse(
        "network.json",
        r#"{"init_channels":1000000000,"layers":2,"parameters":1,"macs":1}"#,
        &["init_channels"],
    );
    runs.refuse(
        "network.json",
        r#"{"init_channels":2,"layers":0,"parameters":1,"macs":1}"#,
        &["layers", "from 1 to 256"],
    );
    let budget = |seconds: &str| {
        format!(
            r#"{{"seconds":{seconds},"before":0,"fixed":{{"search_epochs":true,"search_size":true,
            "arch_learning_rate":true,"train_epochs":true,"train_size":true}},"training_chosen":true}}"#
        )
    };
    for seconds in ["-1", "1e300", "null"] {
        runs.refuse("budget.json", &budget(seconds), &[]);
    }
    let refuse =
        |place: &str, value: Value, words: &[&str]| runs.refuse_value("genotype.json", place, value, words);
    refuse("/normal/nodes/0/0/source", json!(9), &["node 2", "node 9"]);
    refuse("/normal/concat", json!([2, 2]), &["concat"]);
    refuse("/reduction/nodes/0/0/primitive", json!("teleport"), &["teleport"]);
    let gene = json!([{ "primitive": "skip_connect", "source": 0 }]);
    refuse("/normal/nodes", json!(vec![gene; 1001]), &["1001 nodes", "at most 1000"]);
    // A genotype by itself, but of another run.
    let other = json!({ "primitive": "avg_pool_3x3", "source": 0 });
    refuse("/normal/nodes/0", json!([other.clone(), other]), &["cells", "the last epoch of the search"]);
    let config = runs.text("config.toml");
    let with = |before: &str, after: &str| {
        assert!(config.contains(before), "{before} in {config}");
        config.replacen(before, after, 1)
    };
    let error = |text: &str| {
        fs::write(runs.run.join("config.toml"), text).unwrap();
        read(&runs.run).unwrap_err().to_string()
    };
    assert!(error(&with("nodes = 1", "nodes = 2")).contains("history.jsonl, alphas.normal: found 2 entries"));
    assert!(error(&with("epochs = 2", "epochs = 1")).contains("history.jsonl, epoch: found 1"));
    assert!(error(&config.replace("layers = 2", "layers = 100000")).contains("search.layers = 100000"));
    // A network of terabytes is not built to find out that the weights are others.
    fs::remove_file(runs.run.join("result.json")).unwrap();
    fs::remove_file(runs.run.join("mistakes.json")).unwrap();
    let (before, train) = config.split_once("[train]").unwrap();
    let huge = train.replacen("init_channels = 2", "init_channels = 4096", 1).replacen(
        "layers = 2",
        "layers = 256",
        1,
    );
    fs::write(runs.run.join("config.toml"), format!("{before}[train]{huge}")).unwrap();
    let model = TrainedModel::load(&RunFolder::view(&runs.run).unwrap()).unwrap();
    let error = model.build("weights", &softcell::nn::Device::flex()).unwrap_err().to_string();
    assert!(error.contains("weights: found") && error.contains("at least"), "{error}");
}
