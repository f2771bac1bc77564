//! The library's reading and writing of genotypes, compiled from its own sources: the module `space` knows nothing
//! of Burn, so that the fuzz targets build in seconds.

// Some of what stands there is for the rest of the library.
#![allow(dead_code, unused_imports)]

#[path = "../../crates/softcell/src/error/mod.rs"]
pub mod error;
#[path = "../../crates/softcell/src/shown.rs"]
pub mod shown;
#[path = "../../crates/softcell/src/space/mod.rs"]
pub mod space;

use space::{Dialect, Genotype};

/// Writes what was read in every dialect that can, and reads it back.
///
/// # Panics
///
/// If something else comes back, or if another dialect is recognised.
pub fn check_round_trips(genotype: &Genotype) {
    let mut able = 0;
    for dialect in Dialect::ALL {
        if let Ok(text) = dialect.write(genotype) {
            // A genotype of a short text may be long in another dialect.
            if text.len() > space::LONGEST_GENOTYPE_TEXT {
                continue;
            }
            assert_eq!(Dialect::detect(&text).expect(&text), dialect, "{text}");
            assert_eq!(&dialect.parse(&text).expect(&text), genotype, "{text}");
            able += 1;
        }
    }
    assert!(able >= 2, "{genotype:?}");
}
