//! The architecture invariants of ARCHITECTURE.md, read off the sources.

use std::fs;
use std::path::{Path, PathBuf};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in crates/").to_path_buf()
}

/// Every Rust file below `folder` (or the file itself) with its code, comments left out.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut pending = vec![crates().join(folder)];
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code: Vec<&str> = text.lines().map(|l| l.split("//").next().unwrap_or("")).collect();
            found.push((path, code.join("\n")));
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources: has it moved?");
    found
}

/// Words of `code`, split at everything that is not part of an identifier.
fn has_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

/// None of these modules of the library is imported or named by its path.
fn assert_independent(folder: &str, modules: &[&str]) {
    for (path, code) in sources(folder) {
        for module in modules {
            let named = [format!("crate::{module}::"), format!("crate::{module};")];
            assert!(!named.iter().any(|n| code.contains(n)), "{} uses `{module}`", path.display());
        }
    }
}

fn assert_without(folders: &[&str], words: &[&str]) {
    for folder in folders {
        for (path, code) in sources(folder) {
            for word in words {
                assert!(!has_word(&code, word), "{} names `{word}`", path.display());
            }
        }
    }
}

/// No code below `folder` names other modules of the library than these.
fn assert_uses_only(folder: &str, modules: &[&str]) {
    for (path, code) in sources(folder) {
        for used in code.split("crate::").skip(1) {
            let module = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            assert!(modules.contains(&module), "{} uses `{module}`", path.display());
        }
    }
}

#[test]
fn the_space_is_data_and_never_sees_burn() {
    assert_without(&["softcell/src/space"], &["burn", "softcell_kernels"]);
    assert_independent(
        "softcell/src/space",
        &["supernet", "network", "ops", "search", "train", "weights", "data"],
    );
}

/// The fuzz targets compile it from its sources.
#[test]
fn the_space_needs_nothing_of_the_library_but_errors() {
    assert_uses_only("softcell/src/space", &["error", "space"]);
}

#[test]
fn the_derived_network_never_sees_the_supernet() {
    assert_independent("softcell/src/network", &["supernet", "search"]);
}

#[test]
fn exporters_and_importers_know_derived_networks_and_never_search() {
    for folder in ["softcell/src/export", "softcell/src/import"] {
        assert_independent(folder, &["supernet", "search", "replay", "bench"]);
    }
}

#[test]
fn drawings_need_nothing_but_a_genotype() {
    assert_uses_only("softcell/src/drawing", &["error", "space"]);
}

#[test]
fn reports_read_records_and_never_compute() {
    assert_without(&["softcell/src/report"], &["burn", "softcell_kernels"]);
    let modules = ["supernet", "network", "ops", "weights", "replay", "bench", "pipeline", "evaluate"];
    assert_independent("softcell/src/report", &modules);
}

#[test]
fn operations_know_neither_network() {
    assert_independent("softcell/src/ops", &["supernet", "network", "search", "train"]);
}

#[test]
fn the_supernet_knows_nothing_of_the_search_or_the_derived_network() {
    assert_independent("softcell/src/supernet", &["search", "network", "train", "data"]);
}

#[test]
fn kernels_name_no_concept_of_the_search() {
    let words = ["genotype", "Genotype", "supernet", "SuperNet", "alpha", "alphas", "primitive", "darts"];
    let allowed = |path: &Path| path.ends_with("extension.rs");
    for (path, code) in sources("softcell-kernels/src") {
        for word in words {
            // Burn's own extension API speaks of primitives.
            if word == "primitive" && allowed(&path) {
                continue;
            }
            assert!(!has_word(&code, word), "{} names `{word}`", path.display());
        }
    }
}

#[test]
fn only_data_run_replay_and_export_touch_the_disk() {
    let disk = ["fs", "File", "OpenOptions"];
    assert_without(
        &[
            "softcell/src/space",
            "softcell/src/ops",
            "softcell/src/supernet",
            "softcell/src/network",
            "softcell/src/search",
            "softcell/src/train",
            "softcell/src/bench",
            "softcell/src/forecast",
            "softcell/src/config",
            "softcell/src/weights.rs",
            "softcell/src/optim.rs",
            "softcell/src/loss.rs",
            "softcell/src/evaluate.rs",
            "softcell/src/pipeline.rs",
            "softcell/src/export/deviation.rs",
            "softcell/src/export/sample.rs",
            "softcell/src/export/onnx/graph.rs",
            "softcell/src/export/onnx/layers.rs",
            "softcell/src/export/onnx/metadata.rs",
            "softcell/src/export/onnx/network.rs",
            "softcell/src/export/onnx/proto.rs",
            "softcell/src/export/onnx/verify.rs",
            "softcell/src/export/pytorch/literal.rs",
            "softcell/src/export/pytorch/source.rs",
            "softcell/src/import/function.rs",
            "softcell/src/import/importer.rs",
            "softcell/src/import/metadata.rs",
            "softcell/src/import/outline.rs",
            "softcell/src/import/pickle.rs",
            "softcell/src/import/storages.rs",
            "softcell/src/import/tensor.rs",
            "softcell/src/sizing.rs",
            "softcell/src/experiment/budget.rs",
            "softcell/src/experiment/builder.rs",
            "softcell/src/experiment/fitted.rs",
            "softcell/src/experiment/outlook.rs",
            "softcell/src/experiment/plan.rs",
            "softcell/src/experiment/run.rs",
            "softcell/src/experiment/settings.rs",
            "softcell/src/experiment/work.rs",
            "softcell/src/predict",
            "softcell/src/examples.rs",
            "softcell/src/drawing",
            "softcell/src/report",
            // Through the handle of the folder.
            "softcell/src/run/contents.rs",
            "softcell/src/run/history.rs",
            "softcell/src/run/keeper.rs",
            "softcell/src/run/verify.rs",
        ],
        &disk,
    );
}

#[test]
fn the_library_prints_nothing_and_parses_no_arguments() {
    assert_without(
        &["softcell/src", "softcell-kernels/src"],
        &["println", "eprintln", "print", "eprint", "clap", "anyhow", "indicatif", "ratatui_core"],
    );
}

/// What helps is typed (`Remedy`), and the program words it. A report is a page for people, who read it with the
/// program at hand.
#[test]
fn the_library_names_no_flags_of_the_program() {
    let elsewhere =
        ["/report/", "/tests", "testing.rs", "location.rs", "colours.rs", "device.rs", "/experiment/run.rs"];
    for (path, code) in sources("softcell/src") {
        let name = path.display().to_string();
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
    assert_without(&["softcell/src", "softcell-cli/src"], &["unsafe"]);
    let root = fs::read_to_string(crates().join("softcell/src/lib.rs")).unwrap();
    assert!(root.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn randomness_comes_from_named_streams_alone() {
    assert_without(
        &["softcell/src", "softcell-cli/src", "softcell-kernels/src"],
        &["thread_rng", "from_os_rng", "from_entropy", "SysRng", "ThreadRng"],
    );
}

#[test]
fn the_operations_are_mapped_to_modules_in_one_place() {
    let maps: Vec<PathBuf> = sources("softcell/src")
        .into_iter()
        .filter(|(path, code)| {
            // `space` and `config` are data; an exporter writes an operation down for another program, a drawing
            // names it.
            let other = ["space", "config", "export", "drawing"];
            let inside = path.strip_prefix(crates()).expect("it lies in crates/");
            let elsewhere = inside.components().any(|c| other.iter().any(|name| c.as_os_str() == *name));
            !elsewhere && code.contains("Primitive::SepConv3x3")
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(maps.len(), 1, "{maps:?}");
    assert!(maps[0].ends_with("ops/mod.rs"));
}
