//! Every known space from the search to the exported network.

use std::path::Path;

use softcell::config::{SPACES, known_space};
use softcell::space::Genotype;

use crate::support::{fail, history, read_json, succeed};

/// Sizes of a run of a second or two; what the space says of them is overruled.
const TINY: &str = "--images-per-class 20 --search-init-channels 4 --search-layers 3 --search-epochs 1 \
                    --train-init-channels 4 --train-layers 3 --train-epochs 1 --batch-size 16";

/// A file with the settings of a space.
fn file(here: &Path, name: &str) -> String {
    let path = format!("{name}.toml");
    std::fs::write(here.join(&path), known_space(name).unwrap().settings().to_string()).unwrap();
    path
}

fn genotype(run: &Path) -> Genotype {
    serde_json::from_value(read_json(&run.join("genotype.json"))).unwrap()
}

#[test]
fn every_space_is_searched_trained_shown_and_exported() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for space in &SPACES {
        let config = file(here, space.name);
        // The name alone may be that of a published genotype.
        let name = &format!("run-{}", space.name);
        let said = succeed(here, &format!("fit --out {name} --config {config} {TINY} -v"));
        let found = genotype(&here.join(name));
        found.check().unwrap();
        assert!(said.out.contains("accuracy"), "{name}: {}", said.out);
        let shown = succeed(here, &format!("genotype show {name} --json")).json();
        assert_eq!(shown["text"].as_str().unwrap().parse::<Genotype>().unwrap(), found, "{name}");
        assert_eq!(shown["parameters"], read_json(&here.join(name).join("result.json"))["parameters"]);
        succeed(here, &format!("genotype draw {name} --out {name}.svg"));
        succeed(here, &format!("report --run {name}"));
        succeed(here, &format!("evaluate --run {name} --json"));
        let noisy = found.to_text().contains("noise");
        if noisy {
            fail(here, &format!("export --run {name} --format onnx"), 1, &["found noise in the "]);
            continue;
        }
        let json = succeed(here, &format!("export --run {name} --format onnx --json")).json();
        assert!(json["verification"]["logit_deviation"].as_f64().unwrap() < 1e-4, "{name}: {json}");
        succeed(here, &format!("export --run {name} --format pytorch"));
        succeed(here, &format!("export --run {name} --format safetensors"));
    }
}

/// A search with noise comes to the same on any number of threads.
#[test]
fn noise_is_the_same_on_any_number_of_threads() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let config = file(here, "s4");
    let args = format!("search --config {config} {TINY} --search-epochs 2");
    let args = args.replace("--search-epochs 1 ", "").replace("--search-epochs", "--epochs");
    let args = args
        .replace("--search-", "--")
        .replace("--train-init-channels 4 --train-layers 3 --train-epochs 1", "");
    succeed(here, &format!("{args} --out one --threads 1"));
    succeed(here, &format!("{args} --out two --threads 2"));
    assert_eq!(history(&here.join("one")), history(&here.join("two")));
}

#[test]
fn the_biggest_and_random_cells_are_trained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let config = file(here, "nas-bench-201");
    let train = "--images-per-class 20 --init-channels 4 --layers 3 --epochs 1 --batch-size 16";
    for (word, start) in [("biggest", "|nor_conv_3x3~0|+"), ("random:3", "|")] {
        let run = word.replace(':', "-");
        succeed(here, &format!("train --genotype {word} --config {config} --out {run} {train}"));
        assert!(genotype(&here.join(&run)).to_text().starts_with(start));
    }
    let shown = succeed(here, "genotype show biggest:nas-bench-201 --json").json();
    assert_eq!(shown["text"], genotype(&here.join("biggest")).to_text());
    let again = succeed(here, "genotype show random:3:nas-bench-201 --json").json();
    assert_eq!(again["text"], genotype(&here.join("random-3")).to_text());
    fail(here, "genotype show random:x", 1, &["expected a whole number as seed"]);
    fail(here, "genotype show biggest:s5", 1, &["one of darts, s1"]);
    // A string of the benchmark alone, without its space in the settings.
    let string = "|nor_conv_1x1~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|";
    succeed(here, &format!("train --genotype {string} --out string {train}"));
    let json = succeed(here, "export --run string --format onnx --json").json();
    assert!(json["verification"]["logit_deviation"].as_f64().unwrap() < 1e-4, "{json}");
}
