//! Round trips, spellings and faults of every dialect.

mod faults;
mod forms;
mod refusals;
mod round_trips;
mod text;
mod truncation;

use super::Dialect;
use crate::space::{Genotype, known_genotype, parse_genotype};

fn darts_v2() -> Genotype {
    known_genotype("DARTS_V2").unwrap()
}

/// Reads a text whose dialect is detected.
#[track_caller]
fn read(dialect: Dialect, text: &str) -> Genotype {
    let found = Dialect::detect(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(found, dialect, "{text}");
    let architecture = parse_genotype(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(dialect.parse(text).unwrap(), architecture);
    architecture
}

/// Reads the genotype of cells in a text whose dialect is detected.
#[track_caller]
fn read_cells(dialect: Dialect, text: &str) -> Genotype {
    read(dialect, text)
}

/// The same edges, whatever their order in a node.
fn sorted(mut genotype: Genotype) -> Genotype {
    for cell in genotype.cells.cells_mut() {
        cell.nodes.iter_mut().for_each(|genes| genes.sort_by_key(|gene| (gene.source, gene.primitive)));
    }
    genotype
}
