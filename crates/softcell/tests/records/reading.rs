//! What may stand where a file of a run is expected.

use std::fs;
use std::io::Write;

use softcell::run::{RunFolder, RunState, list_runs};

use crate::fixture::{Fixture, Stage, exercise, files, put};

#[cfg(unix)]
#[test]
fn pipes_are_not_waited_for() {
    let here = tempfile::tempdir().unwrap();
    let fixture = Fixture::new();
    let whole = fixture.make(&here.path().join("whole"), Stage::Finished);
    let run = here.path().join("run");
    let mut names: Vec<_> = whole.keys().cloned().collect();
    names.push("budget.json".into());
    names.push("network.json".into());
    for name in names {
        put(&run, &whole);
        let path = run.join(&name);
        let _ = fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        // A test that hangs fails by the time it takes.
        let said = exercise(&fixture, &run);
        let wrong: Vec<&String> = said.iter().filter_map(|(_, error)| error.as_ref()).collect();
        // Those that nothing reads, or of which there is another.
        let others = ["genotype.txt", "genotypes", "last.safetensors", "checkpoints", "softcell.json"];
        let watched = !others.iter().any(|part| name.to_string_lossy().contains(part));
        let told = |error: &&String| error.contains("a pipe") || error.contains("it is no file");
        assert!(!watched || wrong.iter().any(told), "{name:?}: {said:?}");
    }
}

#[test]
fn a_line_that_was_cut_within_a_letter_is_left_out() {
    let here = tempfile::tempdir().unwrap();
    let fixture = Fixture::new();
    let run = here.path().join("run");
    fixture.make(&run, Stage::Training);
    let history = run.join("history.jsonl");
    let read = || RunFolder::view(&run).unwrap().read_history();
    let lines = read().unwrap();
    let whole = fs::read(&history).unwrap();
    fs::OpenOptions::new().append(true).open(&history).unwrap().write_all(b"{\"stage\":\"tr\xc3").unwrap();
    assert_eq!(read().unwrap(), lines);
    // The run goes on, and the line is gone.
    let said = exercise(&fixture, &run);
    assert!(said.iter().filter(|(name, _)| *name == "train").all(|(_, error)| error.is_none()), "{said:?}");
    assert!(fs::read(&history).unwrap().starts_with(&whole));
    assert!(String::from_utf8(fs::read(&history).unwrap()).is_ok());
    // In the middle it is damage.
    let mut bytes = whole;
    bytes[3] = 0xff;
    fs::write(&history, bytes).unwrap();
    assert!(read().unwrap_err().to_string().contains("line 1"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_is_no_text_is_listed_with_the_others() {
    use std::os::unix::ffi::OsStrExt;
    let here = tempfile::tempdir().unwrap();
    let fixture = Fixture::new();
    let whole = fixture.make(&here.path().join("a"), Stage::Searching);
    let strange = here.path().join(std::ffi::OsStr::from_bytes(b"b\xff"));
    put(&strange, &whole);
    let runs = list_runs(here.path()).unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| !matches!(run.state, RunState::Broken { .. })), "{runs:?}");
    let json = serde_json::to_value(&runs).unwrap();
    assert_eq!(json[0]["folder"], here.path().join("a").to_str().unwrap());
    assert!(json[0].get("folder_bytes").is_none());
    assert!(json[1]["folder"].as_str().unwrap().ends_with("b\u{fffd}"), "{json}");
    let bytes = json[1]["folder_bytes"].as_str().unwrap();
    assert!(bytes.ends_with("62ff") && bytes.len() == 2 * strange.as_os_str().len(), "{bytes}");
    assert_eq!(files(&strange), whole);
    drop(RunFolder::view(&strange).unwrap());
}
