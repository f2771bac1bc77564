//! Whole runs: what they leave behind, and how the commands work together.

use std::path::Path;

use crate::support::{TINY, assert_same, fail, history, images, read_json, run, softcell, succeed};
use crate::transcript::Transcript;

fn begun(folder: &Path) -> bool {
    folder.join("config.toml").exists()
}

#[test]
fn fit_writes_all_it_promises_and_the_rest_reads_it() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, &format!("fit {TINY}"));
    let r = here.join("runs/digits-1");
    assert!(said.out.contains("(top-5)") && said.out.contains("--run runs/digits-1"), "{}", said.out);
    let lines = history(&r);
    let stages: Vec<_> = lines.iter().map(|line| line["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["search", "search", "train", "train"]);
    for key in ["train_loss", "valid_accuracy", "learning_rate", "entropy_normal", "skips_normal", "genotype"]
    {
        assert!(!lines[0][key].is_null(), "no {key} in {}", lines[0]);
    }
    let manifest = read_json(&r.join("manifest.json"));
    assert_eq!(manifest["classes"].as_array().unwrap().len(), 10);
    assert_eq!((&manifest["seed"], &manifest["image_shape"]), (&2.into(), &serde_json::json!([1, 8, 8])));
    let result = read_json(&r.join("result.json"));
    let genotype = std::fs::read_to_string(r.join("genotype.txt")).unwrap();
    assert_eq!(result["genotype"].as_str().unwrap(), genotype.trim());
    assert_eq!(result["confusion"].as_array().unwrap().len(), 10);
    for file in ["genotypes/epoch-001.txt", "weights/best.safetensors", "weights/last.safetensors"] {
        assert!(r.join(file).exists(), "no {file}");
    }
    assert!(read_json(&r.join("genotype.json"))["normal"]["nodes"].is_array());

    let evaluated = succeed(here, "evaluate --run runs/digits-1 --json").json();
    for key in
        ["test_accuracy", "test_top5_accuracy", "parameters", "macs", "per_class_accuracy", "confusion"]
    {
        assert_eq!(evaluated[key], result[key], "{key}");
    }
    let shown = succeed(here, "genotype show runs/digits-1 --json").json();
    assert_eq!((&shown["parameters"], &shown["macs"]), (&result["parameters"], &result["macs"]));

    // The settings of a run are a settings file, and give the same run again, in the next free folder.
    succeed(here, "fit --config runs/digits-1/config.toml");
    assert_same(&r, &here.join("runs/digits-2"));
}

#[test]
fn a_run_in_the_way_is_kept_unless_forced() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out r"));
    let before = std::fs::read(here.join("r/weights/last.safetensors")).unwrap();
    for command in ["fit", "search", "train --genotype DARTS_V2"] {
        fail(here, &format!("{command} --out r"), 1, &["there already", "--resume", "--force"]);
    }
    assert_eq!(std::fs::read(here.join("r/weights/last.safetensors")).unwrap(), before);
    // With data that cannot be read the old run stays, even if forced.
    fail(here, "fit --data nowhere --out r --force", 1, &["nowhere"]);
    assert!(begun(&here.join("r")) && here.join("r/result.json").exists());
    std::fs::create_dir(here.join("mine")).unwrap();
    std::fs::write(here.join("mine/thesis.tex"), "years of work").unwrap();
    fail(here, &format!("fit {TINY} --out mine --force"), 1, &["not a run"]);
    assert!(here.join("mine/thesis.tex").exists());
    succeed(here, &format!("search {TINY_SEARCH} --out r --force"));
    assert!(
        begun(&here.join("r")) && !here.join("r/result.json").exists() && !here.join("r/weights").exists()
    );
}

const TINY_SEARCH: &str =
    "--images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 2 --batch-size 16";
const TINY_TRAIN: &str = "--init-channels 2 --layers 2 --epochs 2 --batch-size 16 --no-all-images";

#[test]
fn a_finished_run_says_so_and_keeps_its_settings() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let first = succeed(here, &format!("fit {TINY} --out r"));
    let again = succeed(here, "fit --out r --resume");
    assert_eq!(again.out, first.out);
    succeed(here, &format!("fit {TINY} --preset auto --out r --resume"));
    let mut told = Transcript::new(here);
    told.fail("fit --search-epochs 3 --out r --resume", 1);
    told.fail("fit --seed 7 --out r --resume", 1);
    told.fail(&format!("fit {TINY} --preset paper-cifar10 --out r --resume"), 1);
    told.fail("fit --out r", 1);
    told.fail("search --out r", 1);
    told.fail("search --out r --resume --unrolled", 1);
    told.fail("train --run r", 1);
    told.fail("train --run r --resume --epochs 3", 1);
    told.check("resume-wrong");
    let fresh = succeed(here, &format!("fit {TINY} --out s --resume"));
    assert!(fresh.err.contains("there is no run in s yet"), "{}", fresh.err);
    assert_same(&here.join("r"), &here.join("s"));
}

#[test]
fn search_then_train_is_fit() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out whole"));
    succeed(here, &format!("search {TINY_SEARCH} --out parts"));
    succeed(here, &format!("train --run parts {TINY_TRAIN}"));
    assert_same(&here.join("whole"), &here.join("parts"));
    let searched = succeed(here, "search --out parts --resume");
    assert!(searched.err.contains("done already"), "{}", searched.err);

    // Trained once, it is trained again only if asked to.
    fail(here, "train --run parts", 1, &["is trained already", "--resume", "--force"]);
    let shown = succeed(here, "train --run parts --resume");
    assert!(shown.err.contains("is trained"), "{}", shown.err);
    succeed(here, "train --run parts --force --epochs 3");
    let epochs = history(&here.join("parts")).iter().filter(|line| line["stage"] == "train").count();
    assert_eq!(epochs, 3);
    assert!(std::fs::read_to_string(here.join("parts/config.toml")).unwrap().contains("epochs = 3"));
    succeed(here, "train --run parts --force --epochs 2");
    assert_same(&here.join("whole"), &here.join("parts"));

    // And `fit` finishes what `search` began.
    succeed(here, &format!("search {TINY_SEARCH} --out third"));
    succeed(here, "fit --out third --resume --search-epochs 2");
    assert!(here.join("third/result.json").exists());
}

#[test]
fn a_given_genotype_is_trained() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args = format!("train --genotype DARTS_V1 --images-per-class 20 {TINY_TRAIN} --out r");
    succeed(here, &args);
    let text = std::fs::read_to_string(here.join("r/genotype.txt")).unwrap();
    assert_eq!(text, succeed(here, "genotype convert DARTS_V1 --to text").out);
    assert!(read_json(&here.join("r/result.json"))["search_seconds"].is_null());
    fail(here, "search --out r --resume", 1, &["given its genotype"]);
    fail(here, "train --genotype DARTS_V2 --out r --resume", 1, &["another genotype"]);
    // A run of the same genotype from a file is the same run; one killed before it had its genotype goes on.
    std::fs::remove_file(here.join("r/result.json")).unwrap();
    let on = format!("{args} --resume").replace("DARTS_V1", "r/genotype.txt");
    succeed(here, &on);
    assert!(here.join("r/result.json").exists());
    let bare = here.join("bare");
    std::fs::create_dir(&bare).unwrap();
    for file in ["config.toml", "manifest.json"] {
        std::fs::copy(here.join("r").join(file), bare.join(file)).unwrap();
    }
    fail(here, "train --run bare --resume", 1, &["no genotype yet", "search --out bare --resume"]);
    succeed(here, "train --genotype DARTS_V1 --out bare --resume");
    assert_same(&here.join("r"), &bare);
    let known = succeed(here, "fit --out r --resume");
    assert!(known.err.contains("finished"), "{}", known.err);
}

#[test]
fn own_images_are_learned_and_predicted() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    let here = here.path();
    let args = "fit --search-init-channels 2 --search-layers 2 --nodes 1 --search-epochs 2 --train-init-channels 4 \
                --train-layers 2 --train-epochs 15 --batch-size 4 --out r --data";
    let said = softcell(here, args).arg("my images").output().unwrap();
    let err = String::from_utf8(said.stderr).unwrap();
    assert!(said.status.success() && err.contains("skipped") && err.contains("broken.png"), "{err}");
    // Two classes as different as day and night.
    let accuracy = read_json(&here.join("r/result.json"))["test_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{accuracy}");

    let image = |name: &str| format!("{}/{name}", root.display());
    let predict = |args: &[&str]| {
        let output = softcell(here, "predict --run r").args(args).output().unwrap();
        crate::support::Said::from(output)
    };
    let one = predict(&[&image("light/03.png")]);
    let words: Vec<_> = one.out.split_whitespace().rev().take(3).collect();
    assert!(one.code == Some(0) && words[2] == "light" && words[0] == "%", "{one:?}");
    let two = predict(&[&image("dark/00.png"), &image("light/03.png"), "--top", "2", "--json"]).json();
    assert_eq!((&two[0]["class"], &two[1]["class"]), (&"dark".into(), &"light".into()));
    let top = two[0]["top"].as_array().unwrap();
    let sum: f64 = top.iter().map(|choice| choice["probability"].as_f64().unwrap()).sum();
    assert!(top.len() == 2 && (sum - 1.0).abs() < 1e-5, "{two}");

    // What cannot be read is told, the rest is answered; a folder stands for its images.
    let folder = predict(&[&image("dark"), "gone.png", &image("light/00.png")]);
    assert_eq!(folder.code, Some(1));
    assert_eq!(folder.out.lines().count(), 14, "{}", folder.out);
    assert!(folder.err.contains("broken.png") && folder.err.contains("gone.png"), "{}", folder.err);
    let json = predict(&[&image("dark/broken.png"), &image("light/00.png"), "--json"]);
    assert_eq!(json.code, Some(1));
    assert!(json.json()[0]["error"].is_string() && json.json()[1]["class"] == "light", "{json:?}");

    // Other images under the same settings are refused.
    std::fs::remove_file(root.join("light/11.png")).unwrap();
    fail(here, "evaluate --run r", 1, &["images have changed"]);
    fail(here, "fit --out r --resume", 1, &["images have changed"]);
}

/// One candidate, so that the cell is the same whatever is learned, and two classes as different as day and night.
const CERTAIN: &str =
    "--nodes 1 --candidates sep_conv_3x3 --layers 2 --init-channels 4 --batch-size 4 --data photos";

#[test]
fn all_of_a_run_is_told() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    let here = here.path();
    std::fs::rename(root, here.join("photos")).unwrap();
    let mut told = Transcript::new(here);
    told.succeed(&format!("fit {CERTAIN} --search-epochs 2 --train-epochs 20 --out runs/a"));
    told.succeed("fit --out runs/a --resume");
    told.succeed("train --run runs/a --resume");
    told.succeed("evaluate --run runs/a");
    told.succeed("evaluate --run runs/a --data photos/light/../");
    told.succeed("predict --run runs/a photos/light/00.png photos/dark/00.png --top 2");
    told.fail("predict --run runs/a photos/dark gone.png photos/light/*.jpg", 1);
    told.succeed("genotype show runs/a");
    told.succeed("report --run runs/a");
    for format in ["onnx", "safetensors", "pytorch"] {
        told.succeed(&format!("export --run runs/a --format {format}"));
    }
    told.succeed("import --weights runs/a/model.safetensors --out runs/b");
    told.fail("evaluate --run runs/b", 1);
    told.fail("train --run runs/b --resume", 1);
    std::fs::create_dir(here.join("runs/bad")).unwrap();
    std::fs::copy(here.join("runs/a/manifest.json"), here.join("runs/bad/manifest.json")).unwrap();
    std::fs::write(here.join("runs/bad/config.toml"), "nonsense").unwrap();
    told.succeed("runs --sort name");
    told.fail("train --genotype DARTS_V2 --out runs/a --resume", 1);
    std::fs::remove_file(here.join("photos/light/11.png")).unwrap();
    told.fail("evaluate --run runs/a", 1);
    told.fail("fit --out runs/a --resume", 1);
    told.check("run");
}

#[test]
fn all_of_a_search_is_told() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    let here = here.path();
    std::fs::rename(root, here.join("photos")).unwrap();
    let mut told = Transcript::new(here);
    told.succeed(&format!("search {CERTAIN} --epochs 2 --out runs/s"));
    told.succeed("search --out runs/s --resume");
    told.fail("evaluate --run runs/s", 1);
    told.fail("predict --run runs/s a.png", 1);
    told.fail("export --run runs/s --format onnx", 1);
    told.fail("train --run runs/s --seed 5", 1);
    told.succeed("runs");
    told.check("search");
}

#[test]
fn numbers_of_threads_do_not_matter() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args = "fit --images-per-class 40 --search-init-channels 4 --search-layers 3 --nodes 2 --search-epochs 1 \
                --train-init-channels 8 --train-layers 3 --train-epochs 2 --out";
    for threads in [1, 2, 4] {
        succeed(here, &format!("{args} t{threads} --threads {threads}"));
        assert_eq!(read_json(&here.join(format!("t{threads}/manifest.json")))["threads"], threads);
    }
    assert_same(&here.join("t1"), &here.join("t2"));
    assert_same(&here.join("t1"), &here.join("t4"));
}

#[test]
fn the_paper_presets_can_be_asked_for() {
    let here = tempfile::tempdir().unwrap();
    let args = format!("fit {TINY} --preset paper-cifar10 --no-auxiliary --cutout-length 4 --out r");
    let said = succeed(here.path(), &args);
    assert!(said.err.contains("settings: paper-cifar10"), "{}", said.err);
    let result = read_json(&here.path().join("r/result.json"));
    assert!(result["validation_accuracy"].is_null() && result["weights"] == "last", "{result}");
    // The auxiliary head of the paper does not fit on tiny images: found out before anything is made or searched.
    let wrong = run(here.path(), &format!("fit {TINY} --preset paper-cifar10 --image-size 4 --out s"));
    assert!(
        wrong.code == Some(1) && wrong.err.contains("auxiliary") && !here.path().join("s").exists(),
        "{wrong:?}"
    );
}
