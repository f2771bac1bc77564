//! `--max-params` and `--max-macs`: what is chosen, where it is told, and what survives a kill.

use std::path::Path;

use serde_json::Value;

use crate::support::{assert_same, fail, read_json, run, softcell, succeed};
use crate::transcript::Transcript;

/// A run of seconds whose network of 5 cells from 16 channels is not given, but the preset's.
const FIT: &str = "fit --images-per-class 10 --search-init-channels 2 --search-layers 2 --nodes 1 --search-epochs 1 \
                   --train-epochs 1 --batch-size 16";
const TRAIN: &str = "train --genotype DARTS_V2 --images-per-class 10 --epochs 1 --batch-size 16";

fn shape(value: &Value) -> (u64, u64) {
    (value["init_channels"].as_u64().unwrap(), value["layers"].as_u64().unwrap())
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Numbers in the convolutions, normalisations and the classifier of a file of weights.
fn counted(path: &Path) -> u64 {
    let bytes = std::fs::read(path).unwrap();
    let head = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + head]).unwrap();
    let is_weight = |name: &str| name.ends_with("weight") || name.ends_with("bias");
    let tensors = header.as_object().unwrap().iter().filter(|(name, _)| is_weight(name));
    let size = |tensor: &Value| -> u64 {
        tensor["shape"].as_array().unwrap().iter().map(|side| side.as_u64().unwrap()).product()
    };
    tensors.map(|(_, tensor)| size(tensor)).sum()
}

#[test]
fn a_limit_is_honoured_and_told_everywhere() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{FIT} --out free"));
    let free = read_json(&here.join("free/result.json"));
    assert_eq!(shape(&free), (16, 5));
    assert!(!here.join("free/network.json").exists());

    // Half of what the network has without a limit.
    let limit = free["parameters"].as_u64().unwrap() / 2;
    let said = succeed(here, &format!("{FIT} --max-params {limit} --out r"));
    let r = here.join("r");
    let result = read_json(&r.join("result.json"));
    let (width, cells) = shape(&result);
    assert!((8..16).contains(&width) && cells == 5, "{result}");
    let parameters = result["parameters"].as_u64().unwrap();
    assert!(parameters <= limit);
    assert_eq!(counted(&r.join("weights/last.safetensors")), parameters);
    let told = format!(
        "network of 5 cells from {width} channels, instead of 5 from 16, for at most {limit} parameters"
    );
    assert!(said.err.contains(&told), "{}", said.err);
    assert!(said.out.contains(&format!("5 cells from {width} channels")), "{}", said.out);
    let notes = read_json(&r.join("manifest.json"))["notes"].to_string();
    assert_eq!(notes.matches(&told).count(), 1, "{notes}");
    let chosen = read_json(&r.join("network.json"));
    assert_eq!((shape(&chosen), &chosen["parameters"]), ((width, cells), &result["parameters"]));
    // The settings stay as they were asked for.
    assert!(text(&r.join("config.toml")).contains("init_channels = 16"), "{}", text(&r.join("config.toml")));

    // All that read the run see the chosen network.
    let evaluated = succeed(here, "evaluate --run r --json").json();
    assert_eq!((&evaluated["parameters"], &evaluated["macs"]), (&result["parameters"], &result["macs"]));
    assert_eq!(evaluated["confusion"], result["confusion"]);
    let shown = succeed(here, "genotype show r --json").json();
    assert_eq!(shape(&shown["network"]), (width, cells));
    assert_eq!(shown["peak_activation_bytes"], result["peak_activation_bytes"]);
    image::GrayImage::new(8, 8).save(here.join("x.png")).unwrap();
    succeed(here, "predict --run r x.png");

    // The same again from its settings; and with the flags it began with it is the same run.
    succeed(here, "fit --config r/config.toml --out s");
    assert_same(&r, &here.join("s"));
    succeed(here, &format!("{FIT} --preset auto --max-params {limit} --out r --resume"));
    fail(here, &format!("{FIT} --max-params {} --out r --resume", limit + 1), 1, &["train.max_params is"]);
}

#[test]
fn a_limit_that_is_no_limit_changes_nothing() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{TRAIN} --init-channels 4 --layers 3 --out free"));
    let said = succeed(
        here,
        &format!("{TRAIN} --init-channels 4 --layers 3 --max-params 3.3M --max-macs 1.2G --out r"),
    );
    assert!(
        said.err
            .contains("3 cells from 4 channels, as asked for, for at most 3300000 parameters and at most")
    );
    assert_same(&here.join("free"), &here.join("r"));
}

#[test]
fn what_was_given_is_kept() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{TRAIN} --max-macs 1M --out both"));
    succeed(here, &format!("{TRAIN} --max-macs 1M --init-channels 16 --out depth"));
    succeed(here, &format!("{TRAIN} --max-macs 1M --init-channels 16 --shrink both --out asked"));
    let of = |run: &str| {
        let result = read_json(&here.join(run).join("result.json"));
        assert!(result["macs"].as_u64().unwrap() <= 1_000_000, "{run}: {result}");
        shape(&result)
    };
    assert_eq!(of("both"), of("asked"));
    assert!(of("both").0 < 16 && of("both").1 == 5, "{:?}", of("both"));
    assert!(of("depth").0 == 16 && of("depth").1 < 5, "{:?}", of("depth"));
}

#[test]
fn wrong_limits_are_explained_before_anything_is_made() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut told = Transcript::new(here);
    for value in ["many", "-3", "1.5", "3,3M", "1.2345k", "99999999999G", "3.3MB"] {
        told.fail(&format!("fit --max-params {value} --out r"), 2);
    }
    told.fail("train --genotype DARTS_V2 --max-macs fast", 2);
    told.fail("fit --max-params 1M --shrink everything", 2);
    told.remark("No genotype at all could meet these; the smallest that can be reached is told.");
    told.fail(&format!("{FIT} --max-params 100 --out r"), 1);
    told.fail(&format!("{FIT} --max-macs 1 --out r"), 1);
    told.remark("These could be met, but not by this genotype.");
    told.fail(&format!("{TRAIN} --max-params 5000 --out r"), 1);
    told.fail(&format!("{TRAIN} --max-macs 1M --init-channels 16 --layers 5 --out r"), 1);
    told.check("limits");
    assert!(!here.join("r").exists() && !here.join("runs").exists());
}

/// Kills between the choice and the training, and before it.
#[test]
fn a_run_killed_around_the_choice_goes_on_with_it() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let fit = format!("{FIT} --max-params 20k");
    succeed(here, &format!("{fit} --out whole"));
    let whole = here.join("whole");
    let trained: &[&str] = &["result.json", "weights", "checkpoints/train.safetensors"];
    let states = [("after-the-choice", &[][..]), ("before-the-choice", &["network.json"][..])];
    for (name, more) in states {
        succeed(here, &format!("{fit} --out {name}"));
        let run = here.join(name);
        for file in trained.iter().chain(more).chain(&["checkpoints/train.previous.safetensors"]) {
            let path = run.join(file);
            let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
        }
        succeed(here, &format!("fit --out {name} --resume"));
        assert_same(&whole, &run);
        assert_eq!(read_json(&run.join("network.json")), read_json(&whole.join("network.json")));
        assert_eq!(
            read_json(&run.join("manifest.json"))["notes"],
            read_json(&whole.join("manifest.json"))["notes"]
        );
    }
}

#[test]
fn another_training_of_a_run_chooses_from_what_was_asked_for() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("{TRAIN} --max-params 40k --out r"));
    let result = || read_json(&here.join("r/result.json"));
    let small = result();
    assert!(small["parameters"].as_u64().unwrap() <= 40_000);
    // A limit out of reach leaves the earlier training as it is.
    fail(here, "train --run r --force --max-params 100", 1, &["--max-params = 100"]);
    assert_eq!(result(), small);
    // A wider limit gives a wider network again, up to what was asked for at the beginning.
    succeed(here, "train --run r --force --max-params 80k");
    assert!(result()["parameters"].as_u64() > small["parameters"].as_u64(), "{small}");
    succeed(here, "train --run r --force --max-params 0");
    assert_eq!(shape(&result()), (16, 5));
    assert!(!here.join("r/network.json").exists());
}

#[test]
fn a_search_tells_what_the_limits_leave() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    std::fs::write(here.join("my.toml"), "[train]\nmax-params = \"20k\"\nepochs = 1\n").unwrap();
    let search =
        "search --images-per-class 10 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --batch-size 16";
    let found = succeed(here, &format!("{search} --config my.toml --out r"));
    assert!(found.out.contains("network "), "{}", found.out);
    assert!(!here.join("r/network.json").exists(), "the choice is made when the training begins");
    succeed(here, "train --run r");
    let result = read_json(&here.join("r/result.json"));
    assert!(result["parameters"].as_u64().unwrap() <= 20_000, "{result}");
    let parameters = result["parameters"].as_u64().unwrap().to_string();
    let plain: String = found.out.chars().filter(|c| *c != ',').collect();
    assert!(plain.contains(&format!("{parameters} parameters")), "{}", found.out);
    std::fs::write(here.join("no.toml"), "[train]\nmax-params = \"lots\"\n").unwrap();
    let wrong = softcell(here, "fit --config no.toml").output().unwrap();
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("train.max_params"));
    assert_eq!(run(here, "fit --config no.toml").code, Some(1));
}
