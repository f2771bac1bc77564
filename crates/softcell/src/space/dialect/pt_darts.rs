//! The text of pt.darts and Katib: the original's, with one list per node.

use super::super::genotype::Genotype;
use super::darts::{self, Nesting, write_call};
use crate::error::Result;

/// Reads `Genotype(…)`, whether its genes are nested or not.
pub(super) fn read(text: &str) -> Result<Genotype> {
    darts::read(text)
}

/// Writes what pt.darts prints.
pub(super) fn write(genotype: &Genotype) -> String {
    let mut text = String::new();
    write_call(&mut text, genotype, Nesting::Always).expect("a string takes any text");
    text
}
