//! What is said while the work goes on.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{TINY, read_json, run, succeed};

/// The lines of a JSON log, by their event.
fn events(log: &str) -> BTreeMap<String, Vec<Value>> {
    let mut events = BTreeMap::<String, Vec<Value>>::new();
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        events.entry(value["event"].as_str().unwrap().to_owned()).or_default().push(value);
    }
    events
}

#[test]
fn machines_get_a_line_for_each_event_with_the_keys_of_the_help() {
    let here = tempfile::tempdir().unwrap();
    let help = succeed(here.path(), "fit --help").out;
    let notes = &help[help.find("With --log-format json").expect("the help has the keys")..];
    let documented: Vec<&str> = notes.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    for (flags, steps) in [("", 0), ("-v", 28)] {
        let args = format!("fit {TINY} --log-format json {flags} --out r{}", flags.len());
        let events = events(&succeed(here.path(), &args).err);
        let count = |event: &str| events.get(event).map_or(0, Vec::len);
        assert_eq!(["begin", "epoch", "end", "result"].map(count), [2, 4, 2, 1]);
        // 2 epochs of 5 steps and 2 of 9.
        assert_eq!(count("step"), steps);
        let result = read_json(&here.path().join(format!("r{}/result.json", flags.len())));
        let told = events["result"][0].as_object().unwrap();
        assert!(result.as_object().unwrap().keys().all(|key| told.contains_key(key)), "{told:?}");
        for (event, values) in events.iter().filter(|(event, _)| *event != "result") {
            assert!(documented.contains(&event.as_str()), "{event}");
            for key in values.iter().flat_map(|value| value.as_object().unwrap().keys()) {
                assert!(documented.contains(&key.as_str()), "{key} of {event}");
            }
        }
        let epoch = &events["epoch"][0];
        assert!(epoch["images_per_second"].as_f64().unwrap() > 0.0, "{epoch}");
        assert!(epoch["seconds_left"].as_f64().unwrap() > 0.0 && epoch["skips_normal"].is_u64(), "{epoch}");
        assert_eq!(epoch.get("alphas").is_some(), steps > 0);
    }
    let error = run(here.path(), "fit --data nowhere --log-format json");
    assert!(error.code == Some(1) && events(&error.err)["error"][0]["text"].is_string(), "{error:?}");
}

#[test]
fn quiet_says_the_result_alone_and_errors() {
    let here = tempfile::tempdir().unwrap();
    let said = succeed(here.path(), &format!("fit {TINY} --out r -q"));
    assert!(said.err.is_empty() && said.out.contains("test accuracy"), "{said:?}");
}

#[test]
fn verbose_tells_the_weight_of_every_operation() {
    let here = tempfile::tempdir().unwrap();
    let said = succeed(here.path(), &format!("search {} --out r -v", SEARCH));
    assert_eq!(said.err.matches("reduction cell").count(), 2, "{}", said.err);
    assert!(said.err.contains("dil_conv_5x5") && said.err.contains("1 -> 2"), "{}", said.err);
}

const SEARCH: &str =
    "--images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 2 --batch-size 16";
