//! Classes of which one has many more images than another.

use std::path::Path;

use crate::support::{fail, read_json, succeed};

const TRAIN: &str = "train --genotype DARTS_V1 --data set --init-channels 2 --layers 2 --batch-size 16";

/// Two classes that look alike, of 60 images and 6: what tells them apart is their number alone.
fn uneven(folder: &Path) {
    for (class, images) in [("many", 60u8), ("rare", 6)] {
        let class_folder = folder.join("set").join(class);
        std::fs::create_dir_all(&class_folder).unwrap();
        for i in 0..images {
            let pixel =
                |x: u32, y: u32| image::Luma([100 + (37 * i as u32 + 11 * x + 7 * y) as u8 % 50 + i % 3]);
            image::GrayImage::from_fn(8, 8, pixel).save(class_folder.join(format!("{i:02}.png"))).unwrap();
        }
    }
}

#[test]
fn a_class_that_is_never_answered_is_told_with_balanced_accuracy_and_f1() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    uneven(here);
    let said = succeed(here, &format!("{TRAIN} --epochs 4 --sampling shuffled --out r"));
    for words in ["% to ", "(top-5)"] {
        assert!(!said.out.contains(words), "{words:?} in {}", said.out);
    }
    for words in ["on 13 images\n", "balanced       50.00 %", "macro-F1", "class rare is never answered"] {
        assert!(said.out.contains(words), "no {words:?} in {}", said.out);
    }
    let result = read_json(&here.join("r/result.json"));
    assert_eq!(result["test_balanced_accuracy"], 0.5);
    assert!(
        result["test_macro_f1"].as_f64().unwrap() < 0.5 && result["validation_images"].as_u64() > Some(0)
    );
    let again = succeed(here, "evaluate --run r --json").json();
    for key in ["test_balanced_accuracy", "test_macro_f1"] {
        assert_eq!(again[key], result[key], "{key}");
    }
    assert!(again["test_accuracy_interval"][0].as_f64() < again["test_accuracy"].as_f64());
    let page = std::fs::read_to_string(here.join("r/report.html")).unwrap();
    assert!(page.contains("macro-F1") && page.contains("rare is never answered"));

    // Results of versions that did not write these figures still have them.
    let mut old = result;
    let fields = old.as_object_mut().unwrap();
    for key in
        ["test_balanced_accuracy", "test_macro_f1", "validation_balanced_accuracy", "validation_images"]
    {
        fields.remove(key).unwrap();
    }
    std::fs::write(here.join("r/result.json"), serde_json::to_string(&old).unwrap()).unwrap();
    let config = std::fs::read_to_string(here.join("r/config.toml")).unwrap();
    let later = ["class_weights =", "sampling =", "ema =", "patience ="];
    let old: Vec<&str> =
        config.lines().filter(|line| !later.iter().any(|key| line.starts_with(key))).collect();
    assert!(old.len() + 4 == config.lines().count());
    std::fs::write(here.join("r/config.toml"), old.join("\n")).unwrap();
    let said = succeed(here, "train --run r --resume");
    assert!(said.out.contains("balanced       50.00 %"), "{}", said.out);
}

#[test]
fn auto_answers_uneven_classes_and_flags_choose() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    uneven(here);
    let said = succeed(here, &format!("{TRAIN} --epochs 2 --out auto"));
    assert!(said.err.contains("the classes are uneven, 5 to 48 images"), "{}", said.err);
    let config = std::fs::read_to_string(here.join("auto/config.toml")).unwrap();
    assert!(config.contains("sampling = \"balanced\""), "{config}");
    let loss = |run: &str| {
        let text = std::fs::read_to_string(here.join(run).join("history.jsonl")).unwrap();
        let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        line["train_loss"].as_f64().unwrap()
    };
    std::fs::write(here.join("w.csv"), "class,weight\nrare,10\nmany,1\n").unwrap();
    let ways = ["none", "balanced", "w.csv"];
    for way in ways {
        let args = format!("{TRAIN} --epochs 1 --sampling shuffled --class-weights {way} --out {way}-run");
        succeed(here, &args);
    }
    let losses = ways.map(|way| loss(&format!("{way}-run")));
    assert!(losses[0] != losses[1] && losses[1] != losses[2] && losses[0] != losses[2], "{losses:?}");
    std::fs::write(here.join("bad.csv"), "rare,10\nmay,1\n").unwrap();
    fail(here, &format!("{TRAIN} --class-weights bad.csv --out x"), 1, &["\"may\"", "nearest is \"many\""]);
    fail(
        here,
        &format!("{TRAIN} --class-weights balancd --out x"),
        1,
        &["balancd", "none, balanced, or a CSV"],
    );
    assert!(!here.join("x/config.toml").exists());
}
