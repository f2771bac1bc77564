//! Classes of uneven size: what is told, class weights, sampling; averages and patience of a training.

use std::path::{Path, PathBuf};

use crate::support::{TINY, assert_same, history, read_json, succeed};
use crate::transcript::Transcript;

const TINY_FIT: &str = "fit --search-init-channels 2 --search-layers 2 --nodes 1 --search-epochs 2 \
                        --train-init-channels 2 --train-layers 2 --batch-size 16 \
                        --duplicates ignore --validation-fraction 0.2 --data uneven";

/// A folder of 60 images of one class and 10 of another, all of them noise.
fn uneven(folder: &Path) -> PathBuf {
    let root = folder.join("uneven");
    let mut state = 20_180_624u64;
    let mut noise = move || {
        state = state * 48_271 % 2_147_483_647;
        (state >> 8) as u8
    };
    for (class, images) in [("many", 60), ("rare", 10)] {
        let class_folder = root.join(class);
        std::fs::create_dir_all(&class_folder).unwrap();
        for i in 0..images {
            let image = image::GrayImage::from_fn(8, 8, |_, _| image::Luma([noise()]));
            image.save(class_folder.join(format!("{i:02}.png"))).unwrap();
        }
    }
    root
}

#[test]
fn a_class_that_is_never_answered_is_told_everywhere() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    uneven(here);
    // Weights under which the rare class is as good as not there.
    std::fs::write(here.join("weights.csv"), "class,weight\nmany,100\nrare,0.001\n").unwrap();
    let said = succeed(
        here,
        &format!("{TINY_FIT} --train-epochs 8 --class-weights weights.csv --sampling shuffled --out r"),
    );
    let told = [
        "test accuracy  85.71 % (60.1 to 96.0 %) on 14 images\n",
        "balanced       50.00 % (mean of the classes' accuracies), macro-F1 46.15 %: the classes are uneven",
        "rare is never answered: all 2 images are taken for other classes",
    ];
    for words in told.iter().chain(&[" validation images, balanced 50.00 %"]) {
        assert!(said.out.contains(words), "no {words:?} in {}", said.out);
    }
    assert!(!said.out.contains("top-5"), "{}", said.out);
    let epoch = said.err.lines().find(|line| line.starts_with("train   8/8")).unwrap();
    assert!(epoch.contains(" %  balanced 50.00 %"), "{epoch}");
    let listed = succeed(here, "runs . --json").json();
    assert_eq!(listed[0]["test_balanced_accuracy"], 0.5);
    let result = read_json(&here.join("r/result.json"));
    assert_eq!(result["test_balanced_accuracy"], 0.5);
    assert_eq!(result["validation_balanced_accuracy"], 0.5);
    let lines = history(&here.join("r"));
    let trained: Vec<_> = lines.iter().filter(|line| line["stage"] == "train").collect();
    assert_eq!(trained.last().unwrap()["valid_balanced_accuracy"], 0.5);
    let page = std::fs::read_to_string(here.join("r/report.html")).unwrap();
    for words in ["balanced accuracy", "rare is never answered"] {
        assert!(page.contains(words), "no {words:?} in the report");
    }
    let evaluated = succeed(here, "evaluate --run r --json").json();
    for key in ["test_balanced_accuracy", "test_macro_f1"] {
        assert_eq!(evaluated[key], result[key], "{key}");
    }
    assert!((evaluated["test_macro_f1"].as_f64().unwrap() - 24.0 / 26.0 / 2.0).abs() < 1e-9);

    // A result of a version that did not know these measures tells them too.
    let mut old = result.clone();
    for key in
        ["test_balanced_accuracy", "test_macro_f1", "validation_balanced_accuracy", "validation_images"]
    {
        old.as_object_mut().unwrap().remove(key).expect("it is in every result");
    }
    std::fs::write(here.join("r/result.json"), old.to_string()).unwrap();
    let said = succeed(here, "train --run r --resume");
    for words in told {
        assert!(said.out.contains(words), "no {words:?} in {}", said.out);
    }
}

#[test]
fn auto_draws_uneven_classes_equally_often_and_says_so() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    uneven(here);
    let fit = format!("{TINY_FIT} --train-epochs 2");
    let said = succeed(here, &format!("{fit} --out auto"));
    assert!(said.err.contains("the classes are uneven"), "{}", said.err);
    let settings = std::fs::read_to_string(here.join("auto/config.toml")).unwrap();
    assert!(settings.contains("sampling = \"balanced\""), "{settings}");
    // Weights that are given take the place of it; both would count the rare class twice.
    let said = succeed(here, &format!("{fit} --class-weights balanced --out given"));
    assert!(said.err.contains("left to the class weights that were given"), "{}", said.err);
    let settings = std::fs::read_to_string(here.join("given/config.toml")).unwrap();
    assert!(settings.contains("sampling = \"shuffled\""), "{settings}");
    succeed(here, &format!("{fit} --sampling shuffled --out shuffled"));
    succeed(here, &format!("{fit} --sampling shuffled --class-weights balanced --out weighted"));
    let losses = |run: &str| -> Vec<f64> {
        history(&here.join(run)).iter().map(|line| line["train_loss"].as_f64().unwrap()).collect()
    };
    let [auto, shuffled, weighted] = ["auto", "shuffled", "weighted"].map(losses);
    // Search and training both see it.
    assert!(auto[0] != shuffled[0] && auto[2] != shuffled[2], "{auto:?} {shuffled:?}");
    assert!(weighted[0] != shuffled[0] && weighted[2] != shuffled[2], "{weighted:?} {shuffled:?}");
}

#[test]
fn weights_that_cannot_be_used_are_found_out_before_there_is_a_run() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    uneven(here);
    std::fs::write(here.join("half.csv"), "many,1\n").unwrap();
    std::fs::write(here.join("zero.json"), "{\"many\": 1, \"rare\": 0}").unwrap();
    let mut told = Transcript::new(here);
    for file in ["half.csv", "zero.json", "balancd"] {
        told.fail(&format!("{TINY_FIT} --train-epochs 1 --class-weights {file} --out r"), 1);
        assert!(!here.join("r").exists());
    }
    told.check("class-weights");
}

#[test]
fn the_new_settings_are_off_unless_they_are_asked_for() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out plain"));
    succeed(
        here,
        &format!(
            "fit {TINY} --class-weights none --sampling shuffled --train-ema 0 --train-patience 0 --out off"
        ),
    );
    assert_same(&here.join("plain"), &here.join("off"));
    // Settings of a version that did not have them.
    let path = here.join("plain/config.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let new = ["class_weights", "sampling", "ema", "patience"];
    let is_new = |line: &&str| new.iter().any(|name| line.starts_with(&format!("{name} = ")));
    assert_eq!(settings.lines().filter(is_new).count(), new.len(), "{settings}");
    let old: Vec<&str> = settings.lines().filter(|line| !is_new(line)).collect();
    std::fs::write(&path, old.join("\n")).unwrap();
    let result = read_json(&here.join("plain/result.json"));
    let evaluated = succeed(here, "evaluate --run plain --json").json();
    assert_eq!(evaluated["test_accuracy"], result["test_accuracy"]);
}
