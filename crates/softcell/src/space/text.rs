//! The text in which a genotype is shown and kept.

use std::fmt;

use super::dialect::{Nesting, write_call};
use super::genotype::Genotype;

impl Genotype {
    /// The text that the original prints, which other tools read:
    /// `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=[…], …)`.
    ///
    /// Consecutive rising numbers of `concat` are written as a range, others as a list. That text knows only
    /// nodes of two edges; the genes of a cell with other nodes are written as one list per node. For exactly the
    /// original's text, or that of another tool, see [`Dialect::write`](super::Dialect::write).
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Genotype {
    /// Writes [`Genotype::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_call(f, self, Nesting::AsNeeded)
    }
}
