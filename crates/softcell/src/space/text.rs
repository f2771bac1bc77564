//! The text in which a genotype is shown and kept.

use std::fmt;

use super::dialect::{Nesting, write_call};
use super::genotype::Genotype;

impl Genotype {
    /// The text that the original prints, which other tools read:
    /// `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=[…], …)`; the string of
    /// NAS-Bench-201 for what has its shape; JSON in one line for cells of other shapes.
    ///
    /// Consecutive rising numbers of `concat` are written as a range, others as a list. The original's text knows only
    /// nodes of two edges; the genes of a cell with other nodes are written as one list per node. For exactly the
    /// original's text, or that of another tool, see [`Dialect::write`](super::Dialect::write).
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Genotype {
    /// Writes [`Genotype::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_darts() {
            return write_call(f, self, Nesting::AsNeeded);
        }
        match self.nas_bench_201() {
            Some(architecture) => write!(f, "{architecture}"),
            None => {
                f.write_str(&serde_json::to_string(self).expect("names and numbers can be written as JSON"))
            }
        }
    }
}
