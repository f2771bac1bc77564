//! The selection among several cells: processes, kills, runs that exist, and what is refused.
#![cfg(unix)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{assert_same, fail, ignores_signals, read_json, run, softcell, succeed};

/// Searches of two epochs, eight trainings of the smallest networks.
const SMALL: &str = "--budget none --images-per-class 20 --search-init-channels 2 --search-layers 2 --nodes 1 \
                     --search-epochs 2 --train-init-channels 2 --train-layers 2 --train-epochs 2 --batch-size 16";
const CELLS: &str = "--seeds 2 --random 2 --select-epochs 1 --longer-epochs 2 --finalists 2 --trainings 1";

/// A selection without its times.
fn timeless(run: &Path) -> Value {
    let mut selection = read_json(&run.join("selection.json"));
    selection.as_object_mut().unwrap().remove("seconds");
    for candidate in selection["candidates"].as_array_mut().unwrap() {
        let candidate = candidate.as_object_mut().unwrap();
        candidate.remove("seconds");
        candidate.remove("search_seconds");
    }
    selection
}

#[test]
fn a_selection_is_the_same_whoever_does_its_parts_and_however_often_it_is_killed() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let clock = Instant::now();
    succeed(here, &format!("fit {SMALL} {CELLS} --jobs 1 --out one"));
    let whole = clock.elapsed();
    succeed(here, &format!("fit {SMALL} {CELLS} --jobs 2 --out two"));
    let expected = timeless(&here.join("one"));
    assert_eq!(expected, timeless(&here.join("two")));
    assert_same(&here.join("one"), &here.join("two"));
    // Killed in the middle, whatever it is at, until it is done.
    let args = format!("fit {SMALL} {CELLS} --jobs 2 --out killed --resume --checkpoint-seconds 0");
    for round in 1.. {
        let mut child = softcell(here, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(0.25 + 0.15 * f64::from(round)));
        child.kill().unwrap();
        if child.wait().unwrap().success() {
            assert!(round > 1, "it was never killed");
            break;
        }
        // Processes that work for it see that it has gone, save and end.
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(expected, timeless(&here.join("killed")));
    assert_same(&here.join("one"), &here.join("killed"));
    let result = read_json(&here.join("one/result.json"));
    let said = &result["selection"];
    assert_eq!((&said["searched"]["cells"], &said["random"]["cells"]), (&2.into(), &2.into()));
    let report = std::fs::read_to_string(here.join("one/report.html")).unwrap();
    assert!(report.contains("What the search bought") && report.contains("random cells"), "no section");
}

#[test]
fn an_interrupted_selection_says_how_it_goes_on() {
    if ignores_signals() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let args = format!("fit {SMALL} {CELLS} --select-epochs 200 --jobs 2 --out a");
    let child = softcell(here, &args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    let parts = here.join("a/parts");
    let trains = || {
        let names = std::fs::read_dir(&parts).into_iter().flatten().flatten();
        names.filter(|part| part.file_name().to_string_lossy().contains("rung")).count() > 0
    };
    while !trains() && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("stopped in the selection; all is saved"), "{said}");
    assert!(said.contains("softcell fit --out a --resume"), "{said}");
    assert!(!here.join("a/result.json").exists());
    let report = succeed(here, "report --run a");
    assert!(report.out.contains("report.html"), "{}", report.out);
}

#[test]
fn cells_of_runs_that_exist_are_compared() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let search = "--images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --batch-size 16";
    for repeat in [1, 2] {
        succeed(here, &format!("search {search} --repeat {repeat} --out search-{repeat}"));
    }
    succeed(here, &format!("search {search} --seed 7 --out other"));
    let trained = "--train-init-channels 2 --train-layers 2 --train-epochs 1 --select-epochs 1 --longer-epochs 0 \
                   --trainings 1 --budget none";
    succeed(here, &format!("select search-1 search-2 --random 2 {trained} --out best"));
    let selection = read_json(&here.join("best/selection.json"));
    let candidates = selection["candidates"].as_array().unwrap();
    let kinds: Vec<&str> = candidates.iter().map(|c| c["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["searched", "searched", "random", "random"]);
    assert!(candidates[0]["run"].as_str().unwrap().ends_with("search-1"));
    let text = std::fs::read_to_string(here.join("search-1/genotype.txt")).unwrap();
    assert_eq!(candidates[0]["genotype"].as_str().unwrap(), text.trim());
    // What has searched with the images by which the cells would be compared is refused.
    fail(
        here,
        "select search-1 other --random 2 --out c",
        1,
        &["divided in another way", "--seed", "--repeat"],
    );
    fail(here, "select search-1 nowhere --out d", 1, &["nowhere"]);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    fail(here, "fit --also DARTS_V3 --out a", 1, &["--also", "DARTS_V2"]);
    fail(here, "fit --random 2 --validation-fraction 0 --out a", 1, &["--validation-fraction", "compares"]);
    fail(here, "fit --seeds 0 --out a", 1, &["--seeds", "1 or more"]);
    fail(here, "fit --space nas-bench-201 --random 2 --also DARTS_V2 --out a", 1, &["--also", "one kind"]);
    assert!(!here.join("a/selection.json").exists());
    fail(here, "fit --random 2 --jobs 0 --out a", 2, &["--jobs"]);
}

#[test]
fn a_run_that_is_replaced_takes_its_parts_along() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    succeed(here, &format!("fit {SMALL} {CELLS} --jobs 1 --out a"));
    assert!(here.join("a/parts/search-1").is_dir());
    // One that does not begin gives them back.
    let said = run(here, &format!("fit {SMALL} --nodes 99 --out a --force"));
    assert_ne!(said.code, Some(0));
    assert!(here.join("a/parts/search-1/genotype.txt").exists());
    succeed(here, &format!("fit {SMALL} --out a --force"));
    assert!(!here.join("a/parts").exists() && !here.join("a/selection.json").exists());
    // A cell that is given alone is trained as it is.
    succeed(here, &format!("fit {SMALL} --nodes 4 --seeds 0 --also DARTS_V2 --out b"));
    assert!(!here.join("b/parts").exists());
    assert!(std::fs::read_to_string(here.join("b/genotype.txt")).unwrap().contains("dil_conv_3x3"));
}

#[test]
fn where_nothing_is_said_a_search_is_compared_with_the_published_cell() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let fit = succeed(
        here,
        "fit --images-per-class 20 --train-epochs 4 --train-init-channels 8 --budget none --out r",
    );
    assert!(
        fit.err.contains("the cell is chosen among one that is searched, 3 random ones and DARTS_V2"),
        "{}",
        fit.err
    );
    let selection = read_json(&here.join("r/selection.json"));
    let names: Vec<&str> =
        selection["candidates"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search-1", "random-1", "random-2", "random-3", "DARTS_V2"]);
    assert_eq!(selection["incumbent"], 4);
    let result = read_json(&here.join("r/result.json"));
    let contest = &result["selection"]["contest"];
    assert_eq!(contest["incumbent"], "DARTS_V2");
    // All images were trained on: there is no best epoch.
    assert_eq!(
        (&result["weights"], &result["validation_accuracy"]),
        (&"last".into(), &serde_json::Value::Null)
    );
    let difference = contest["difference"].as_f64().unwrap();
    let won = difference > 2.0 * contest["standard_error"].as_f64().unwrap();
    assert_eq!(result["selection"]["chosen"] == "DARTS_V2", !won);
    let page = std::fs::read_to_string(here.join("r/report.html")).unwrap();
    assert!(page.contains("What the search bought"));
    // It goes on with what it chose, whatever would be chosen now.
    succeed(here, "fit --out r --resume");
}

#[test]
fn where_time_is_short_the_published_cell_gets_all_of_it() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let fit = succeed(here, "fit --images-per-class 40 --budget 4s --out r");
    assert!(fit.err.contains("nothing is searched: the training of DARTS_V2"), "{}", fit.err);
    let result = read_json(&here.join("r/result.json"));
    assert_eq!(
        (&result["selection"], &result["search_seconds"]),
        (&serde_json::Value::Null, &serde_json::Value::Null)
    );
    // What is said of the search is done.
    let fit =
        succeed(here, "fit --images-per-class 20 --search-epochs 1 --train-epochs 1 --budget none --out s");
    assert!(
        !fit.err.contains("nothing is searched") && !fit.err.contains("the cell is chosen among"),
        "{}",
        fit.err
    );
    let result = read_json(&here.join("s/result.json"));
    assert!(result["search_seconds"].as_f64().unwrap() > 0.0);
}
