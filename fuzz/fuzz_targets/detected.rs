//! Any text as a genotype whose dialect is detected.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use softcell_fuzz::check_round_trips;
use softcell_fuzz::space::parse_architecture;

fuzz_target!(|text: &str| -> Corpus {
    if let Ok(architecture) = parse_architecture(text) {
        check_round_trips(&architecture);
    }
    Corpus::Keep
});
