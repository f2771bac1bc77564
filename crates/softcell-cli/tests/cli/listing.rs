//! `softcell runs`.

use crate::support::{TINY, fail, succeed};

#[test]
fn runs_are_listed_with_what_they_came_to() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {TINY} --out runs/whole"));
    succeed(
        here,
        "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 2 --batch-size 16 --out runs/half",
    );
    std::fs::create_dir(here.join("runs/bad")).unwrap();
    std::fs::copy(here.join("runs/whole/manifest.json"), here.join("runs/bad/manifest.json")).unwrap();
    std::fs::write(here.join("runs/bad/config.toml"), "nonsense").unwrap();
    let json = succeed(here, "runs --json --sort name").json();
    let states: Vec<_> = json.as_array().unwrap().iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "searched", "finished"]);
    let whole = &json[2];
    assert_eq!(
        (&whole["data"], &whole["order"], &whole["preset"]),
        (&"digits".into(), &"first".into(), &"auto".into())
    );
    for key in
        ["test_accuracy", "validation_accuracy", "search_accuracy", "parameters", "seconds", "genotype"]
    {
        assert!(!whole[key].is_null(), "no {key} in {whole}");
    }
    assert!(json[1]["parameters"].is_u64() && json[1]["test_accuracy"].is_null(), "{}", json[1]);
    assert_eq!(succeed(here, "runs runs/whole").out.matches("finished").count(), 1);
    fail(here, "runs nowhere", 1, &["nowhere"]);
    std::fs::create_dir(here.join("empty")).unwrap();
    assert!(succeed(here, "runs empty").out.contains("no run in empty"));
}
