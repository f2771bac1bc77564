//! Any text as a genotype whose dialect is detected.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use softcell_fuzz::check_round_trips;
use softcell_fuzz::space::parse_genotype;

fuzz_target!(|text: &str| -> Corpus {
    if let Ok(genotype) = parse_genotype(text) {
        check_round_trips(&genotype);
    }
    Corpus::Keep
});
