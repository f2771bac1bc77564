//! `--json`: standard output is JSON and nothing else, with the keys that docs/json.md names.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::support::{TINY, succeed};

/// What the document says of a command: each key, and whether it is always there.
type Keys = BTreeMap<String, bool>;

/// The keys of each command of docs/json.md: what stands in backquotes before the colon of a list's items, or before any
/// bracket behind it; in square brackets what is there now and then.
fn documented() -> BTreeMap<String, Keys> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut commands: BTreeMap<String, Keys> = BTreeMap::new();
    let mut command = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            command = title.trim_matches('`').to_owned();
            commands.insert(command.clone(), Keys::new());
        } else if let Some(item) = line.strip_prefix("- ") {
            let names = item.split(['(', ':']).next().unwrap();
            for (at, name) in names.split('`').enumerate().filter(|(at, _)| at % 2 == 1) {
                let before = names.split('`').nth(at - 1).unwrap();
                let always = !before.ends_with('[');
                commands.get_mut(&command).unwrap().insert(name.to_owned(), always);
            }
        }
    }
    commands
}

/// Objects as the document has them: those of a list each by themselves.
fn objects(value: &Value) -> Vec<&Map<String, Value>> {
    match value {
        Value::Array(values) => values.iter().map(|value| value.as_object().unwrap()).collect(),
        value => vec![value.as_object().unwrap()],
    }
}

#[test]
fn what_is_printed_is_what_the_document_says() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let mut documented = documented();
    let mut check = |title: &str, args: &str| {
        let said = succeed(here, args);
        let keys = documented.remove(title).unwrap_or_else(|| panic!("docs/json.md has no {title}"));
        let value = said.json();
        let objects = objects(&value);
        assert!(!objects.is_empty(), "{args}: {value}");
        for object in objects {
            for key in object.keys() {
                assert!(keys.contains_key(key), "{title}: {key} is printed and not documented");
            }
            for (key, _) in keys.iter().filter(|(_, always)| **always) {
                assert!(object.contains_key(key), "{title}: {key} is documented and not printed: {value}");
            }
        }
        value
    };
    let search =
        "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --batch-size 16";
    let fit = check("softcell fit --json", &format!("fit {TINY} --out r --json"));
    assert_eq!(fit["run"], "r");
    check("softcell search --json", &format!("{search} --out s --json"));
    check("softcell fit --dry-run --json", &format!("fit {TINY} --dry-run --json"));
    let evaluated = check("softcell evaluate --json", "evaluate --run r --json");
    assert_eq!(evaluated["test_accuracy"], fit["test_accuracy"]);
    image::GrayImage::new(8, 8).save(here.join("a.png")).unwrap();
    check("softcell predict --json", "predict --run r a.png --json");
    check("softcell runs --json", "runs . --json");
    check("softcell runs --verify --json", "runs . --verify --json");
    check(
        "softcell export --format safetensors --json",
        "export --run r --format safetensors --out w.safetensors --json",
    );
    check("softcell export --format onnx --json", "export --run r --format onnx --json");
    check("softcell bench export --json", "bench export r/model.onnx --runs 1 --json");
    let report = check("softcell report --json", "report --run r --json");
    assert_eq!(report["path"], "r/report.html");
    check("softcell import --json", "import --weights w.safetensors --out i --json");
    check("softcell genotype show --json", "genotype show DARTS_V2 --json");
    check("softcell genotype list --json", "genotype list --json");
    check("softcell genotype convert --json", "genotype convert DARTS_V2 --to nni --json");
    check("softcell genotype draw --json", "genotype draw DARTS_V2 --out c.svg --json");
    check("softcell methods --json", "methods --json");
    check("softcell data inspect --json", "data inspect digits --json");
    check(
        "softcell bench step --json",
        "bench step --init-channels 2 --layers 2 --batch-size 2 --image-size 8 --steps 1 --warmup 0 --json",
    );
    check(
        "softcell bench ops --json",
        "bench ops --init-channels 8 --layers 3 --image-size 8 --channels 1 --json",
    );
    check("softcell --version --json", "--version --json");
    check("softcell --device list --json", "--device list --json");
    // Its recordings are too large for here; tests of `replay` look at its keys.
    documented.remove("softcell replay --json");
    assert!(documented.is_empty(), "not tested: {:?}", documented.keys());
}

#[test]
fn results_are_json_alone_also_where_the_run_goes_on() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let first = succeed(here, &format!("fit {TINY} --out r --json")).json();
    let again = succeed(here, "fit --resume --out r --json").json();
    assert_eq!(first["test_accuracy"], again["test_accuracy"]);
    let trained = succeed(here, "train --run r --force --epochs 1 --json --log-format json");
    assert_eq!(trained.json()["epochs_done"], 1);
    let searched =
        "search --images-per-class 20 --init-channels 2 --layers 2 --nodes 1 --epochs 1 --batch-size 16";
    let found = succeed(here, &format!("{searched} --out s --json")).json();
    let text = std::fs::read_to_string(here.join("s/genotype.txt")).unwrap();
    assert_eq!(found["genotype"], text.trim());
    assert_eq!((&found["epochs"], &found["run"]), (&1.into(), &"s".into()));
    let dry = succeed(here, "train --run s --dry-run --epochs 1 --batch-size 16 --json").json();
    assert!(dry["search"].is_null() && dry["settings"]["train"]["epochs"] == 1, "{dry}");
}
