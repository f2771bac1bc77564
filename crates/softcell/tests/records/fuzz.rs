//! One fuzzer over all files of a run.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use softcell::program::memory::peak_rss_mb;
use softcell::program::stream;

use crate::fixture::{Fixture, Stage, exercise, put};
use crate::mutate::{Chance, mutate};

/// Inputs in all: raise it with the variable `SOFTCELL_INPUTS`.
fn wanted_inputs() -> u64 {
    std::env::var("SOFTCELL_INPUTS").map_or(150, |text| text.parse().expect("SOFTCELL_INPUTS is a number"))
}

/// The first input, with the variable `SOFTCELL_FIRST_INPUT`: to look at one again.
fn first_input() -> u64 {
    std::env::var("SOFTCELL_FIRST_INPUT").map_or(0, |text| text.parse().expect("a number"))
}

#[test]
fn no_file_of_a_run_makes_a_panic() {
    let here = tempfile::tempdir().unwrap();
    let fixture = Fixture::new();
    let stages = [Stage::Searching, Stage::Training, Stage::Finished];
    let whole = stages.map(|stage| fixture.make(&here.path().join(format!("{stage:?}")), stage));
    let run = here.path().join("run");
    for files in &whole {
        put(&run, files);
        let wrong: Vec<_> =
            exercise(&fixture, &run).into_iter().filter(|(_, error)| error.is_some()).collect();
        assert!(wrong.iter().all(|(_, error)| error.as_ref().unwrap().contains("no ")), "{wrong:?}");
    }
    let (mut refused, mut accepted) = (0, 0);
    let mut refusals: BTreeMap<&str, u64> = BTreeMap::new();
    let mut slowest = (Duration::ZERO, String::new());
    let mut panics = Vec::new();
    for input in first_input()..first_input() + wanted_inputs() {
        let mut chance = Chance(stream(18, "records", &[input]));
        // A finished run has most of the files, and most readers.
        let mut files = chance.pick(&[&whole[0], &whole[1], &whole[2], &whole[2]]).to_owned().clone();
        let how = mutate(&mut files, &mut chance);
        put(&run, &files);
        let clock = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| exercise(&fixture, &run))) {
            Ok(said) => {
                let wrong: Vec<&str> =
                    said.iter().filter(|(_, e)| e.is_some()).map(|(name, _)| *name).collect();
                wrong.iter().for_each(|name| *refusals.entry(name).or_default() += 1);
                if wrong.is_empty() { accepted += 1 } else { refused += 1 }
            }
            Err(_) => panics.push(format!("input {input}, {how}")),
        }
        if clock.elapsed() > slowest.0 {
            slowest = (clock.elapsed(), format!("input {input}, {how}"));
        }
    }
    println!(
        "{} inputs: {refused} refused by some reader ({refusals:?}), {accepted} accepted, {} panics; the slowest took \
         {:?} ({}); at most {:?} MB",
        wanted_inputs(),
        panics.len(),
        slowest.0,
        slowest.1,
        peak_rss_mb()
    );
    assert!(panics.is_empty(), "{} panics: {panics:#?}", panics.len());
}
