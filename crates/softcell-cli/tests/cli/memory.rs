//! Too little memory is an error like every other.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use crate::support::Said;

const SEARCH: &str = "search --images-per-class 20 --init-channels 4 --layers 2 --batch-size 16 --epochs 1";

/// Runs the program with so many KiB of addresses.
fn within(folder: &Path, kibibytes: u32, args: &str) -> Said {
    let program = env!("CARGO_BIN_EXE_softcell");
    let script = format!("ulimit -v {kibibytes} && exec {program} {args}");
    Command::new("sh").current_dir(folder).args(["-c", &script]).output().expect("there is a shell").into()
}

#[test]
fn under_a_limit_there_is_an_error_or_a_result() {
    let here = tempfile::tempdir().unwrap();
    let mut refused = 0;
    for kibibytes in [100_000, 150_000, 200_000, 300_000, 400_000, 600_000, 900_000] {
        for (n, args) in [SEARCH, "fit --images-per-class 20 --threads 64"].iter().enumerate() {
            let out = format!("r{n}-{kibibytes}");
            let said = within(here.path(), kibibytes, &format!("{args} --out {out}"));
            assert!(
                !said.err.contains("panicked") && !said.err.contains("stack backtrace:"),
                "{kibibytes}: {said:?}"
            );
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
