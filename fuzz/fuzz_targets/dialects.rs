//! Any text as a genotype of every dialect, whatever it looks like.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use softcell_fuzz::check_round_trips;
use softcell_fuzz::space::Dialect;

fuzz_target!(|text: &str| -> Corpus {
    for dialect in Dialect::ALL {
        if let Ok(architecture) = dialect.parse(text) {
            check_round_trips(&architecture);
        }
    }
    Corpus::Keep
});
