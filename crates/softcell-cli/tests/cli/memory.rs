//! Too little memory is an error like every other.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use crate::support::{Said, TINY, assert_same, read_json, succeed};

const SEARCH: &str = "search --images-per-class 20 --init-channels 4 --layers 2 --batch-size 16 --epochs 1";

/// Runs the program for a minute at most with a limit of `ulimit`: of addresses (`-v`), of data (`-d`), in KiB.
fn limited(folder: &Path, limit: &str, args: &str) -> Said {
    let program = env!("CARGO_BIN_EXE_softcell");
    let script = format!("ulimit -c 0; ulimit {limit} && exec timeout -k 5 60 {program} {args}");
    let said: Said = Command::new("sh")
        .current_dir(folder)
        .args(["-c", &script])
        .output()
        .expect("there is a shell")
        .into();
    assert!(!said.err.contains("panicked") && said.code != Some(124), "{limit}, {args}: {said:?}");
    said
}

/// Runs the program with so many KiB of addresses.
fn within(folder: &Path, kibibytes: u32, args: &str) -> Said {
    limited(folder, &format!("-v {kibibytes}"), args)
}

#[test]
fn under_a_limit_there_is_an_error_or_a_result() {
    let here = tempfile::tempdir().unwrap();
    let mut refused = 0;
    for kibibytes in [100_000, 150_000, 200_000, 300_000, 400_000, 600_000, 900_000] {
        for (n, args) in [SEARCH, "fit --images-per-class 20 --threads 64"].iter().enumerate() {
            let out = format!("r{n}-{kibibytes}");
            let said = within(here.path(), kibibytes, &format!("{args} --out {out}"));
            if said.code == Some(0) {
                continue;
            }
            refused += 1;
            assert_eq!(said.code, Some(1), "{kibibytes}: {said:?}");
            let error = said.err.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
            assert!(error.contains("memory") || error.contains("are available"), "{kibibytes}: {said:?}");
            let written = |name: &str| here.path().join(&out).join(name).exists();
            assert!(!written("result.json") && !written("genotype.json"), "{kibibytes}: {said:?}");
        }
    }
    assert!(refused > 1, "some of these limits are too narrow");
}

/// 256 MiB of addresses, or of data.
const QUARTER: [&str; 2] = ["-v 262144", "-d 262144"];

/// Networks of more than 100 GB, and one that runs operation by operation.
const HUGE: [&str; 4] = [
    "search --init-channels 1024 --layers 8",
    "search --init-channels 4096 --layers 256 --nodes 16 --batch-size 65536",
    "train --genotype DARTS_V2 --init-channels 4096 --layers 256 --batch-size 4096",
    "train --genotype AmoebaNet --init-channels 4096 --layers 20",
];

#[test]
fn networks_beyond_the_memory_are_judged_without_being_built() {
    let here = tempfile::tempdir().unwrap();
    for limit in QUARTER {
        for args in HUGE {
            let said = limited(here.path(), limit, &format!("{args} --preset paper-cifar10 --dry-run"));
            assert_eq!(said.code, Some(1), "{limit}, {args}: {said:?}");
            assert!(said.err.contains("a smaller network: no batch fits"), "{limit}, {args}: {said:?}");
            assert!(!said.err.contains("memory allocation"), "{limit}, {args}: {said:?}");
            // What it would take is told all the same, and no step is tried.
            let said = limited(here.path(), limit, &format!("{args} --dry-run --ignore-memory"));
            assert_eq!(said.code, Some(0), "{limit}, {args}: {said:?}");
            assert!(
                said.out.contains("not measured: there is too little memory"),
                "{limit}, {args}: {said:?}"
            );
            let known = !args.contains("AmoebaNet");
            let memory = said.out.lines().find(|line| line.starts_with("memory   ")).unwrap_or_default();
            assert_eq!(memory.contains("at most about"), known, "{limit}, {args}: {said:?}");
        }
    }
    // The networks of `fit`, and a search whose weights are few and whose description is large.
    for args in [
        "fit --train-init-channels 4096 --train-layers 256",
        "search --layers 256 --nodes 16 --init-channels 1",
    ] {
        let said = limited(here.path(), QUARTER[0], &format!("{args} --dry-run --ignore-memory"));
        assert_eq!(said.code, Some(0), "{args}: {said:?}");
    }
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn settings_beyond_all_sense_are_errors() {
    let here = tempfile::tempdir().unwrap();
    let most = u64::MAX;
    for (args, code) in [
        ("search --init-channels 4294967295".to_owned(), 1),
        ("search --layers 1000000".to_owned(), 1),
        ("search --nodes 1000".to_owned(), 1),
        ("search --batch-size 4294967295".to_owned(), 1),
        ("fit --image-size 100000x100000".to_owned(), 1),
        (format!("fit --epochs {most}"), 2),
        (format!("train --genotype DARTS_V2 --max-params {most}"), 2),
        ("train --genotype DARTS_V2 --init-channels 4096 --layers 256 --max-params 1".to_owned(), 1),
        ("search --threads 4294967295".to_owned(), 2),
    ] {
        for limit in QUARTER {
            let said = limited(here.path(), limit, &format!("{args} --dry-run"));
            assert_eq!(said.code, Some(code), "{limit}, {args}: {said:?}");
            assert!(said.err.contains("error: "), "{limit}, {args}: {said:?}");
        }
    }
}

/// A run of a few MB takes addresses for a few, whatever the slabs of the kernels.
#[test]
fn addresses_grow_with_the_need() {
    let here = tempfile::tempdir().unwrap();
    let said = within(here.path(), 280_000, &format!("{SEARCH} --threads 2 --out r"));
    assert_eq!(said.code, Some(0), "{said:?}");
}

#[test]
fn a_thousand_threads_are_no_slower_and_give_the_same() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let said = succeed(here, &format!("fit {TINY} --threads 1000 --out many"));
    assert!(said.err.contains("threads in place of 1000"), "{said:?}");
    let threads = read_json(&here.join("many/manifest.json"))["threads"].as_u64().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get() as u64;
    assert!((1..=processors.max(64)).contains(&threads), "{threads}");
    succeed(here, &format!("fit {TINY} --threads 1 --out one"));
    assert_same(&here.join("many"), &here.join("one"));
}
