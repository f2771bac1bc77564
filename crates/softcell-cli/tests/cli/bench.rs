//! Measurements on tiny networks; no word on how long they take.

use serde_json::{Value, json};

use crate::support::succeed;
use crate::transcript::Transcript;

const TINY: &str = "--init-channels 4 --layers 3 --batch-size 4 --image-size 8 --steps 2 --json";

/// Runs a measurement and checks what every report holds.
fn measure(args: &str) -> Value {
    let here = tempfile::tempdir().unwrap();
    let said = succeed(here.path(), &format!("bench {args}"));
    assert_eq!(
        (said.err.as_str(), said.out.lines().count()),
        ("", 1),
        "one object and nothing else: {said:?}"
    );
    let report = said.json();
    let names = [
        "seconds_per_step",
        "images_per_second",
        "gflops",
        "gflop_per_step",
        "loss",
        "macs",
        "parameters",
        "threads",
    ];
    for name in names {
        assert!(report[name].as_f64().is_some_and(|number| number > 0.0), "{args}: {name} in {report}");
    }
    let seconds: Vec<f64> =
        report["seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).collect();
    assert_eq!(seconds.len() as u64, report["settings"]["steps"].as_u64().unwrap(), "{report}");
    assert!(seconds.iter().all(|&seconds| seconds > 0.0), "{report}");
    let step = report["seconds_per_step"].as_f64().unwrap();
    let per_second = |name: &str, amount: f64| {
        let found = report[name].as_f64().unwrap();
        assert!((found * step / amount - 1.0).abs() < 1e-9, "{args}: {name} in {report}");
    };
    per_second("images_per_second", report["settings"]["batch_size"].as_f64().unwrap());
    per_second("gflops", report["gflop_per_step"].as_f64().unwrap());
    report
}

/// 2 · multiply-adds · images · forward passes, in 10⁹.
fn gflop(report: &Value, passes: f64) -> f64 {
    let number = |value: &Value| value.as_f64().unwrap();
    2.0 * number(&report["macs"]) * number(&report["settings"]["batch_size"]) * passes / 1e9
}

#[test]
fn steps_of_the_search() {
    for (order, name, passes) in
        [("first", "first-order search step", 5.0), ("second", "second-order search step", 13.0)]
    {
        let report = measure(&format!("step --order {order} {TINY}"));
        assert_eq!(report["work"], name);
        assert_eq!((&report["macs"], &report["parameters"]), (&968_320.into(), &72_854.into()));
        assert_eq!(report["gflop_per_step"].as_f64().unwrap(), gflop(&report, passes));
        let settings = json!({
            "method": "darts", "order": order, "init_channels": 4, "layers": 3, "nodes": null, "recompute": false, "space": "darts", "batch_size": 4, "image_size": [8, 8],
            "classes": 10, "seed": 0, "warmup": 1, "steps": 2,
        });
        assert_eq!(report["settings"], settings);
    }
}

/// What cells compute twice they do not keep.
#[test]
fn recomputing_takes_less_memory() {
    let size = "--layers 12 --init-channels 8 --image-size 32 --steps 1 --warmup 0 --json";
    for work in
        ["step --order first --batch-size 16", "train --genotype DARTS_V2 --no-auxiliary --batch-size 64"]
    {
        let [kept, again] = ["", " --recompute"].map(|flag| measure(&format!("{work} {size}{flag}")));
        let megabytes = |report: &Value| report["peak_rss_mb"].as_f64();
        // Only where the system tells.
        if let (Some(kept), Some(again)) = (megabytes(&kept), megabytes(&again)) {
            assert!(again < 0.75 * kept, "{work}: {again} MB of {kept} MB");
        }
        assert_eq!(kept["loss"], again["loss"]);
    }
}

#[test]
fn training_steps_with_and_without_the_auxiliary_head() {
    let with = measure(&format!("train --genotype PDARTS {TINY}"));
    let without = measure(&format!("train --genotype PDARTS --no-auxiliary --drop-path 0 {TINY}"));
    assert_eq!(with["work"], "training step");
    assert_eq!(with["gflop_per_step"].as_f64().unwrap(), gflop(&with, 3.0));
    assert_eq!(with["macs"], without["macs"], "the head is left out");
    assert_eq!(
        (&with["settings"]["auxiliary"], &without["settings"]["auxiliary"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        (&with["settings"]["drop_path"], &without["settings"]["drop_path"]),
        (&0.2.into(), &0.0.into())
    );
    assert!(
        with["settings"]["genotype"].as_str().unwrap().starts_with("Genotype(normal=[('skip_connect', 0),")
    );
    assert!(with["loss"].as_f64() > without["loss"].as_f64(), "the loss of the head is added");
}

#[test]
fn evaluation_takes_single_and_oblong_images() {
    let report = measure(&format!("evaluate {TINY}"));
    assert_eq!(report["work"], "evaluation");
    assert_eq!(report["gflop_per_step"].as_f64().unwrap(), gflop(&report, 1.0));
    let single =
        "--init-channels 3 --layers 2 --batch-size 1 --image-size 5x3 --warmup 0 --steps 1 --classes 2";
    assert_eq!(measure(&format!("evaluate {single} --json"))["settings"]["image_size"], json!([5, 3]));
}

#[test]
fn the_loss_depends_on_the_seed_and_not_on_the_threads() {
    for work in ["step --order second", "train", "evaluate"] {
        let loss = |more: &str| measure(&format!("{work} {TINY} {more}"))["loss"].clone();
        let one = loss("--threads 1");
        assert_eq!(one, loss("--threads 3"), "{work}");
        assert_ne!(one, loss("--threads 1 --seed 1"), "{work}");
    }
}

#[test]
fn people_get_a_few_lines_and_an_explanation_of_what_cannot_be_measured() {
    let here = tempfile::tempdir().unwrap();
    let mut told = Transcript::new(here.path());
    let tiny = TINY.replace("--json", "--threads 1");
    for work in ["step", "train", "evaluate"] {
        told.succeed(&format!("bench {work} {tiny}"));
    }
    told.fail("bench step --steps 0", 1);
    told.fail("bench step --layers 0", 1);
    told.fail("bench step --nodes 0", 1);
    told.fail("bench step --init-channels 0", 1);
    told.fail("bench step --batch-size 1", 1);
    told.fail("bench train --batch-size 1", 1);
    told.fail("bench evaluate --batch-size 0", 1);
    told.fail("bench step --classes 1", 1);
    for size in ["0", "8x0", "auto", "5000", "wide"] {
        told.fail(&format!("bench step --image-size {size}"), 1);
    }
    told.fail("bench train --genotype DARTS_V9", 1);
    told.fail("bench train --drop-path 1", 1);
    told.fail("bench train --drop-path -0.1", 1);
    told.fail("bench train --image-size 4", 1);
    told.fail("bench step --order third", 2);
    told.fail("bench step --threads 0", 2);
    told.fail("bench step --device toaster", 1);
    assert_eq!(told.run("bench", &[]).code, Some(2));
    told.check("bench");
}
