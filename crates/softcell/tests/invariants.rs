//! The architecture invariants of ARCHITECTURE.md, read off the sources. New files are found by themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in crates/").to_path_buf()
}

/// Every Rust file below `folder` (or the file itself) with its code, comments left out; by its path below `crates`.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut pending = vec![crates().join(folder)];
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<&str> = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect();
            let name = path.strip_prefix(crates()).unwrap().to_string_lossy().replace('\\', "/");
            found.push((name, code.join("\n")));
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources: has it moved?");
    found.sort();
    found
}

/// Words of `code`, split at everything that is not part of an identifier.
fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

/// The modules of the library that code names: `crate::a::…`, and `a`, `b` of `use crate::{a::…, b::{…}}`.
fn modules(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text[..end].to_owned()
    };
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && (c.is_alphabetic() || c == '_') => {
                    begins = false;
                    found.insert(word(&list[at..]));
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn modules_are_found_in_lists() {
    let code = "use crate::{space::{A, B}, nn, \n  error::Error,};\nfn f(x: crate::run::X) { crate::thread_pool::in_pool() }";
    let expected = ["space", "nn", "error", "run", "thread_pool"].map(str::to_owned);
    assert_eq!(modules(code), BTreeSet::from(expected));
}

/// None of these modules of the library is imported or named by its path.
fn assert_independent(folder: &str, others: &[&str]) {
    for (path, code) in sources(folder) {
        let used = modules(&code);
        for module in others {
            assert!(!used.contains(*module), "{path} uses `{module}`");
        }
    }
}

fn assert_without(folder: &str, words: &[&str]) {
    for (path, code) in sources(folder) {
        for word in words {
            assert!(!has_word(&code, word), "{path} names `{word}`");
        }
    }
}

/// No code below `folder` names other modules of the library than these.
fn assert_uses_only(folder: &str, allowed: &[&str]) {
    for (path, code) in sources(folder) {
        for module in modules(&code) {
            assert!(allowed.contains(&module.as_str()), "{path} uses `{module}`");
        }
    }
}

#[test]
fn the_space_is_data_and_never_sees_burn() {
    assert_without("softcell/src/space", &["burn", "softcell_kernels"]);
}

/// The fuzz targets compile it from its sources.
#[test]
fn the_space_needs_nothing_of_the_library_but_errors() {
    assert_uses_only("softcell/src/space", &["error", "space"]);
}

#[test]
fn networks_know_plans_and_nothing_of_what_is_done_with_them() {
    assert_uses_only("softcell/src/network", &["error", "network", "random", "space"]);
}

#[test]
fn exporters_and_importers_never_search() {
    for folder in ["softcell/src/export", "softcell/src/import"] {
        assert_independent(folder, &["search", "replay", "bench"]);
    }
}

#[test]
fn drawings_need_nothing_but_a_plan() {
    assert_uses_only("softcell/src/drawing", &["drawing", "error", "space"]);
}

#[test]
fn reports_read_records_and_never_compute() {
    assert_without("softcell/src/report", &["burn", "softcell_kernels"]);
    assert_independent("softcell/src/report", &["nn", "replay", "bench", "pipeline", "evaluate"]);
}

#[test]
fn methods_know_no_network() {
    for (path, code) in sources("softcell/src/search/method") {
        // Tests may: what an optimiser makes of a gradient, for one.
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let used = modules(code);
        let allowed = ["error", "random", "space", "search"];
        assert!(used.iter().all(|module| allowed.contains(&module.as_str())), "{path} uses {used:?}");
        let inside = code.split("crate::search::").skip(1).all(|used| used.starts_with("method"));
        assert!(inside, "{path} uses more of the search than methods");
        assert!(path.ends_with("softmax.rs") || !has_word(code, "burn"), "{path} uses Burn");
    }
}

#[test]
fn kernels_name_no_concept_of_the_search() {
    let words = ["genotype", "Genotype", "supernet", "SuperNet", "alpha", "alphas", "primitive", "darts"];
    for (path, code) in sources("softcell-kernels/src") {
        for word in words {
            // Burn's own extension API speaks of primitives.
            if word == "primitive" && path.ends_with("extension.rs") {
                continue;
            }
            assert!(!has_word(&code, word), "{path} names `{word}`");
        }
    }
}

/// What may name the file system: readers of data, the folder of a run, what writes a file for a person.
const TOUCH_THE_DISK: [&str; 27] = [
    "benchmark_table.rs",
    "data/cifar.rs",
    "data/class_weights.rs",
    "data/detect.rs",
    "data/files/archive.rs",
    "data/files/parquet.rs",
    "data/files/store.rs",
    "data/files/table.rs",
    "data/files/walk.rs",
    "data/folder.rs",
    "data/idx.rs",
    "data/npz.rs",
    "data/open.rs",
    "data/pixels.rs",
    "data/positioned.rs",
    "data/single.rs",
    "destination.rs",
    "experiment/place.rs",
    "export/onnx/mod.rs",
    "memory.rs",
    "reading.rs",
    "replay/recording.rs",
    "run/directory.rs",
    "run/folder.rs",
    "run/identity.rs",
    "run/listing.rs",
    "run/tensorboard/mod.rs",
];

/// What is left behind and what is told of it lie below all that leaves it behind.
#[test]
fn records_and_events_know_nobody_above_them() {
    assert_uses_only("softcell/src/records", &["loss", "network", "nn", "search", "space", "error"]);
    for (path, code) in sources("softcell/src/records") {
        assert!(!code.replace("crate::search::method", "").contains("crate::search"), "{path}");
    }
    let (_, event) = &sources("softcell/src/event.rs")[0];
    let used = modules(&event.replace("crate::search::method", ""));
    for above in ["search", "train", "run", "report", "experiment"] {
        assert!(!used.contains(above), "event.rs uses {above}");
    }
    // A test there compares its names with the exports'.
    for (path, code) in sources("softcell/src/run").iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
        let used = modules(&code.replace("crate::search::method", ""));
        let above = ["search", "export", "report", "experiment", "pipeline"];
        assert!(above.iter().all(|module| !used.contains(*module)), "{path} uses {used:?}");
    }
}

#[test]
fn few_files_touch_the_disk() {
    let words = ["fs", "File", "OpenOptions"];
    let touching: Vec<String> = sources("softcell/src")
        .into_iter()
        .filter(|(path, code)| {
            !path.contains("tests") && {
                // Tests at the end of a file may.
                let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                words.iter().any(|word| has_word(code, word))
            }
        })
        .map(|(path, _)| path.trim_start_matches("softcell/src/").to_owned())
        .collect();
    assert_eq!(touching, TOUCH_THE_DISK);
}

/// A name that is spelt twice can be spelt in two ways.
#[test]
fn the_files_of_a_run_are_named_in_one_place() {
    let names = [
        "softcell.json",
        "history.jsonl",
        "manifest.json",
        "genotype.json",
        "genotype.txt",
        "network.json",
        "ops.json",
        "result.json",
        "samples.json",
        "mistakes.json",
        "report.html",
        "budget.json",
        "weights/last",
        "weights/best",
        "model.onnx",
        "model-int8.onnx",
        "model.py",
        "state_dict.safetensors",
    ];
    for (path, code) in ["softcell/src", "softcell-cli/src"].into_iter().flat_map(sources) {
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // The table itself, and what `--help` says, which is one text.
        let excepted = ["softcell/src/run/files.rs", "softcell-cli/src/args/voice.rs"];
        if path.contains("tests") || excepted.contains(&path.as_str()) {
            continue;
        }
        for name in names {
            assert!(!code.contains(name), "{path} spells {name}: take it from run/files.rs");
        }
    }
}

#[test]
fn the_library_prints_nothing_and_parses_no_arguments() {
    for folder in ["softcell/src", "softcell-kernels/src"] {
        let words = ["println", "eprintln", "print", "eprint", "clap", "anyhow", "indicatif", "ratatui_core"];
        assert_without(folder, &words);
    }
}

/// What helps is typed (`Remedy`), and the program words it. A report is a page for people, who read it with the
/// program at hand.
#[test]
fn the_library_names_no_flags_of_the_program() {
    let elsewhere =
        ["/report/", "/tests", "testing.rs", "location.rs", "colours.rs", "device.rs", "/experiment/run.rs"];
    for (name, code) in sources("softcell/src") {
        if elsewhere.iter().any(|part| name.contains(part)) {
            continue;
        }
        let flag = code
            .match_indices("--")
            .find(|(at, _)| code[at + 2..].starts_with(|c: char| c.is_ascii_lowercase()));
        assert!(flag.is_none(), "{name} names the flag {:.20}", flag.map_or("", |(at, _)| &code[at..]));
    }
}

#[test]
fn unsafe_code_lives_in_the_kernels_alone() {
    assert_without("softcell/src", &["unsafe"]);
    assert_without("softcell-cli/src", &["unsafe"]);
    let root = fs::read_to_string(crates().join("softcell/src/lib.rs")).unwrap();
    assert!(root.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn randomness_comes_from_named_streams_alone() {
    for folder in ["softcell/src", "softcell-cli/src", "softcell-kernels/src"] {
        assert_without(folder, &["thread_rng", "from_os_rng", "from_entropy", "SysRng", "ThreadRng"]);
    }
}

/// One file says what a primitive does, and one where channels double.
#[test]
fn a_network_is_lowered_in_one_place() {
    let places = |found: &dyn Fn(&str) -> bool| -> Vec<String> {
        let files = sources("softcell/src").into_iter();
        let code = |code: &str| code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        files
            .filter(|(path, text)| !path.contains("tests") && found(&code(text)))
            .map(|(path, _)| path)
            .collect()
    };
    let doubling =
        places(&|code| code.contains("channels.saturating_mul(2)") || code.contains("channels *= 2"));
    assert_eq!(doubling, ["softcell/src/space/plan/lower.rs"]);
    // Its name, its spellings elsewhere, its colour and its steps.
    let primitive = places(&|code| code.contains("Primitive::SepConv5x5"));
    let expected =
        ["drawing/colours.rs", "space/dialect/spelling.rs", "space/plan/steps.rs", "space/primitive.rs"];
    assert_eq!(primitive, expected.map(|path| format!("softcell/src/{path}")));
}
