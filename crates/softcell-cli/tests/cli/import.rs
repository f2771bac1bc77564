//! Weights from elsewhere as runs.

use std::path::{Path, PathBuf};

use softcell::export::safetensors;
use softcell::model::TrainedModel;
use softcell::run::RunFolder;

use crate::support::{Said, destination, fail, images, read_json, softcell, succeed};
use crate::transcript::Transcript;

const TINY_TRAIN: &str = "--init-channels 2 --layers 2 --epochs 1 --batch-size 64";
/// The cells of the checkpoints among the library's fixtures.
const CELLS: &str = "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2], \
                     reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])";

fn export(run: &Path, file: &Path) {
    let model = TrainedModel::load(&RunFolder::view(run).unwrap()).unwrap();
    safetensors::write(&model, &destination(file)).unwrap();
}

fn checkpoint(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../softcell/tests/fixtures/checkpoints").join(name)
}

fn import(here: &Path, weights: &Path, more: &[&str]) -> Said {
    softcell(here, "import --weights").arg(weights).args(more).output().unwrap().into()
}

/// What does not depend on the order of the images and the size of the batches, as the last digits of probabilities do.
fn scores(here: &Path, args: &str) -> serde_json::Value {
    let mut scores: serde_json::Value = succeed(here, &format!("evaluate --json {args}")).json();
    let loss = scores.as_object_mut().and_then(|scores| scores.remove("test_loss"));
    assert!(loss.and_then(|loss| loss.as_f64()).is_some_and(|loss| loss > 0.0), "{scores}");
    scores.as_object_mut().unwrap().remove("calibration").expect("it is told");
    scores
}

#[test]
fn an_export_comes_back_as_the_same_run() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("train --genotype DARTS_V1 {TINY_TRAIN} --out r"));
    export(&here.join("r"), &here.join("digits.safetensors"));
    let mut told = Transcript::new(here);
    told.succeed("import --weights digits.safetensors");
    let manifest = read_json(&here.join("runs/digits-1/manifest.json"));
    assert!(manifest["imported_from"].as_str().unwrap().contains("digits.safetensors"), "{manifest}");
    assert_eq!(manifest["classes"], read_json(&here.join("r/manifest.json"))["classes"]);
    told.fail("evaluate --run runs/digits-1", 1);
    let expected = scores(here, "--run r");
    // Of a run's own images the test part is taken, of others all: no fifth is split off.
    let all = scores(here, "--run runs/digits-1 --data digits");
    assert_eq!((&all["test_images"], &expected["test_images"]), (&1797.into(), &359.into()));
    assert_eq!(scores(here, "--run r --data digits"), all);
    told.succeed("import --weights digits.safetensors --data digits --out with-images");
    assert_eq!(scores(here, "--run with-images"), expected);
    let weights = |run: &str| {
        let model = TrainedModel::load(&RunFolder::view(&here.join(run)).unwrap()).unwrap();
        model.weights
    };
    // `best` by validation was exported where there is one.
    assert_eq!(weights("with-images"), weights("r"));
    let root = images(here);
    let predict = |run: &str| {
        let output =
            softcell(here, "predict --json --top 10 --run").arg(run).arg(root.join("dark/00.png")).output();
        Said::from(output.unwrap()).json()
    };
    assert_eq!(predict("runs/digits-1"), predict("r"));

    // What is there is kept, and an imported network is not trained over.
    told.fail("import --weights digits.safetensors --out r", 1);
    for command in ["fit --out", "search --out", "train --genotype DARTS_V1 --out", "train --run"] {
        told.fail(&format!("{command} with-images --resume"), 1);
    }
    told.check("import");
    assert_eq!(scores(here, "--run with-images"), expected);
    succeed(here, "import --weights digits.safetensors --out with-images --force");
    fail(here, "evaluate --run with-images", 1, &["imported without images"]);
}

#[test]
fn checkpoints_of_pytorch_are_imported() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    std::fs::write(here.join("names.txt"), "ant\nbee\ncrab, red\n").unwrap();
    let args = ["--genotype", CELLS, "--classes", "names.txt", "--image-size", "8x10", "--out", "r"];
    let said = import(here, &checkpoint("checkpoint.pth.tar"), &args);
    assert!(said.code == Some(0) && said.err.contains("CIFAR-10"), "{said:?}");
    let manifest = read_json(&here.join("r/manifest.json"));
    assert_eq!(manifest["classes"], serde_json::json!(["ant", "bee", "crab, red"]));
    assert_eq!(manifest["image_shape"], serde_json::json!([3, 8, 10]));
    let image = images(here).join("light/03.png");
    let output = softcell(here, "predict --json --run r").arg(image).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(succeed(here, "genotype show r").out.contains("2 cells from 2 channels"));
}

#[test]
fn what_cannot_be_imported_is_explained_and_leaves_nothing() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for name in ["weights.pt", "code.pt", "legacy-code.pt", "code-before.pt"] {
        std::fs::copy(checkpoint(name), here.join(name)).unwrap();
    }
    std::fs::write(here.join("cells.txt"), CELLS).unwrap();
    std::fs::write(here.join("mine.txt"), "thesis").unwrap();
    let mut told = Transcript::new(here);
    told.fail("import --weights weights.pt --out r", 1);
    told.fail("import --weights weights.pt --out r --genotype DARTS_V9", 1);
    told.fail("import --weights weights.pt --out r --genotype NASNet", 1);
    for more in ["--classes a,b", "--layers 3", "--mean 0.5 --std 0.5", "--data digits"] {
        told.fail(&format!("import --weights weights.pt --out r --genotype cells.txt {more}"), 1);
    }
    for code in ["code.pt", "legacy-code.pt", "code-before.pt"] {
        told.fail(&format!("import --weights {code} --out r --genotype cells.txt"), 1);
        assert!(!here.join("pickle-was-run").exists(), "{code} was run");
    }
    told.fail("import --weights mine.txt --genotype DARTS_V2", 1);
    told.fail("import --weights w.pt --mean 0.5", 2);
    told.fail("import --weights w.pt --data-format idx", 2);
    told.fail("import", 2);
    told.check("import-wrong");
    assert!(!here.join("r").exists() && !here.join("runs").exists());
}

#[test]
fn classes_are_matched_by_name() {
    let here = tempfile::tempdir().unwrap();
    let root = images(here.path());
    let here = here.path();
    let run = |args: &str, more: &[&str]| -> Said {
        let mut command = softcell(here, args);
        command.arg("--data").arg(&root).args(more);
        command.output().unwrap().into()
    };
    let train = "train --genotype DARTS_V1 --init-channels 4 --layers 2 --epochs 15 --batch-size 4 \
                 --images-per-class 10 --out r";
    assert_eq!(run(train, &[]).code, Some(0));
    export(&here.join("r"), &here.join("w.safetensors"));
    let accuracy = |said: Said| said.json()["test_accuracy"].as_f64().unwrap();
    let trained = accuracy(run("evaluate --run r --json", &[]));
    assert!(trained > 0.5, "{trained}");
    // All images, though the run took some of each class, and no share of them is split off.
    let said = run("evaluate --run r", &[]);
    for words in ["images: 24 of 25 in ", "all that can be read", "broken.png"] {
        assert!(said.err.contains(words), "no {words:?} in {said:?}");
    }
    assert!(said.out.contains(" on 24 images"), "{said:?}");
    // Of given parts the test part, unless all are asked for.
    let parts = here.join("parts");
    for part in ["train", "test"] {
        for class in ["dark", "light"] {
            let folder = parts.join(part).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for i in 0..3 {
                let name = format!("{i:02}.png");
                std::fs::copy(root.join(class).join(&name), folder.join(&name)).unwrap();
            }
        }
    }
    let said = succeed(here, "evaluate --run r --data parts");
    assert!(said.err.contains("images: 6 of 12 in parts, its test part; --part all takes"), "{said:?}");
    let said = succeed(here, "evaluate --run r --data parts --part all");
    assert!(said.err.contains("images: all 12 of parts") && said.out.contains("on 12 images"), "{said:?}");
    // With the names exchanged every right answer is a wrong one.
    succeed(here, "import --weights w.safetensors --classes light,dark --out exchanged");
    let exchanged = run("evaluate --run exchanged --json", &[]);
    assert!((accuracy(exchanged) - (1.0 - trained)).abs() < 1e-12, "{trained}");
    succeed(here, "import --weights w.safetensors --classes dark,bright --out other");
    let said = run("evaluate --run other", &[]);
    for words in ["found light", "those of the network: dark, bright"] {
        assert!(said.code == Some(1) && said.err.contains(words), "no {words:?} in {said:?}");
    }
    let said = run("import --weights w.safetensors --classes dark,bright --out other-images", &[]);
    assert!(said.code == Some(1) && !here.join("other-images").exists(), "{said:?}");
    fail(here, "evaluate --run r --data digits", 1, &["8x8 with 1 channels", "8x8 with 3 channels"]);
}
