//! What is written is recognised and reads back.

use proptest::prelude::*;

use super::super::Dialect;
use crate::space::testing::{genotypes, nb201_architectures, plain_genotypes};
use crate::space::{Genotype, known_genotype, known_names};

/// Writes and reads in every dialect that can; says how many can.
fn round_trips(architecture: &Genotype) -> Result<usize, TestCaseError> {
    let mut able = 0;
    for dialect in Dialect::ALL {
        match dialect.write(architecture) {
            Ok(text) => {
                prop_assert_eq!(Dialect::detect(&text).unwrap(), dialect, "{}", text);
                prop_assert_eq!(&dialect.parse(&text).unwrap(), architecture, "{}", text);
                // As it stands in a file, in a script, and in a log.
                let named = format!("# found\nFOUND = {text}\n");
                let around =
                    if dialect == Dialect::MmRazor { format!("# found\n---\n{text}\n") } else { named };
                let around = around.replace('\n', "\r\n");
                prop_assert_eq!(Dialect::detect(&around).unwrap(), dialect, "{}", around);
                if dialect != Dialect::Json {
                    prop_assert_eq!(&dialect.parse(&around).unwrap(), architecture, "{}", around);
                }
                prop_assert!(!text.ends_with('\n'));
                able += 1;
            }
            Err(error) => {
                let start = format!("genotype in the dialect {dialect}: found ");
                prop_assert!(error.to_string().starts_with(&start), "{}", error);
            }
        }
    }
    Ok(able)
}

#[test]
fn published_genotypes_are_written_by_all_that_can() {
    for name in known_names() {
        let architecture = known_genotype(name).unwrap();
        let expected = match name {
            // Their outputs join some of the nodes, and MMRazor has not all of their operations.
            "NASNet" | "AmoebaNet" => 5,
            _ => 7,
        };
        assert_eq!(round_trips(&architecture).unwrap(), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn plain_genotypes_in_every_dialect_of_cells(genotype in plain_genotypes()) {
        prop_assert_eq!(round_trips(&genotype)?, Dialect::ALL.len() - 1);
    }

    #[test]
    fn any_genotype_in_every_dialect_that_can(genotype in genotypes(1..=3)) {
        // pt-darts, autodl, aw-nas and json can write any.
        prop_assert!(round_trips(&genotype)? >= 4);
    }

    #[test]
    fn any_genotype_of_two_edges_per_node(genotype in genotypes(2..=2)) {
        prop_assert!(round_trips(&genotype)? >= 5);
    }

    #[test]
    fn architectures_of_nas_bench_201(architecture in nb201_architectures()) {
        prop_assert_eq!(round_trips(&architecture)?, 3);
    }
}
