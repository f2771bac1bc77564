//! An architecture of the space of NAS-Bench-201 (Dong & Yang 2020): data only, nothing is built from it.

use std::fmt;

use super::wording::{did_you_mean, excerpt};
use crate::error::{Error, Result};

/// A choice on an edge of a NAS-Bench-201 cell.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Nb201Operation {
    /// `none`: zero.
    None,
    /// `skip_connect`: identity.
    SkipConnect,
    /// `nor_conv_1x1`: ReLU, full convolution 1×1, batch normalisation.
    NorConv1x1,
    /// `nor_conv_3x3`: ReLU, full convolution 3×3, batch normalisation.
    NorConv3x3,
    /// `avg_pool_3x3`: padding 1, the padding left out of the mean.
    AvgPool3x3,
}

impl Nb201Operation {
    /// Every choice, in the order of the benchmark.
    pub const ALL: [Nb201Operation; 5] = [
        Nb201Operation::None,
        Nb201Operation::SkipConnect,
        Nb201Operation::NorConv1x1,
        Nb201Operation::NorConv3x3,
        Nb201Operation::AvgPool3x3,
    ];

    /// The benchmark's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Nb201Operation::None => "none",
            Nb201Operation::SkipConnect => "skip_connect",
            Nb201Operation::NorConv1x1 => "nor_conv_1x1",
            Nb201Operation::NorConv3x3 => "nor_conv_3x3",
            Nb201Operation::AvgPool3x3 => "avg_pool_3x3",
        }
    }

    /// Reads the benchmark's spelling exactly.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for any other text; it names the nearest known name.
    pub(super) fn read(text: &str) -> Result<Nb201Operation> {
        let all = Nb201Operation::ALL;
        all.into_iter().find(|operation| operation.name() == text).ok_or_else(|| {
            let names = all.map(Nb201Operation::name);
            let expected = format!("one of {}", names.join(", "));
            Error::invalid("operation name", excerpt(text, 32), expected, did_you_mean(text, names))
        })
    }
}

impl fmt::Display for Nb201Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A cell of NAS-Bench-201: four nodes of which node 0 is the one input and node 3 the output, and one operation
/// on each of the six edges.
///
/// It is no [`Genotype`](super::Genotype): that has two input nodes, two kinds of cell, some of the edges and
/// other operations.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct Nb201Architecture {
    /// Operations of the edges 1←0, 2←0, 2←1, 3←0, 3←1, 3←2.
    pub operations: [Nb201Operation; Nb201Architecture::N_EDGES],
}

impl Nb201Architecture {
    /// Nodes of the cell, its input included.
    pub const N_NODES: usize = 4;

    /// Edges of the cell: every node reads all earlier ones.
    pub const N_EDGES: usize = 6;

    /// Operations of the edges into `node` (1 to 3); the k-th of them leaves node k.
    pub(super) fn incoming(&self, node: usize) -> &[Nb201Operation] {
        let first = first_edge(node);
        &self.operations[first..first + node]
    }
}

/// Place of the first edge into `node` (from 1) among the operations.
pub(super) const fn first_edge(node: usize) -> usize {
    node * (node - 1) / 2
}

impl fmt::Display for Nb201Architecture {
    /// Writes the string that the benchmark uses as a name:
    /// `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in 1..Nb201Architecture::N_NODES {
            f.write_str(if node == 1 { "|" } else { "+|" })?;
            for (source, operation) in self.incoming(node).iter().enumerate() {
                write!(f, "{operation}~{source}|")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_lists_edges_by_target_and_source() {
        use Nb201Operation::{AvgPool3x3, None, NorConv1x1, NorConv3x3, SkipConnect};
        let operations = [NorConv3x3, None, SkipConnect, AvgPool3x3, NorConv1x1, SkipConnect];
        let text = Nb201Architecture { operations }.to_string();
        let expected =
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_edge_belongs_to_one_node() {
        assert_eq!((1..Nb201Architecture::N_NODES).sum::<usize>(), Nb201Architecture::N_EDGES);
        assert_eq!([1, 2, 3].map(first_edge), [0, 1, 3]);
    }

    #[test]
    fn unknown_names_get_the_nearest() {
        let message = Nb201Operation::read("conv_3x3").unwrap_err().to_string();
        assert!(message.ends_with("did you mean `nor_conv_3x3`?"), "{message}");
        for operation in Nb201Operation::ALL {
            assert_eq!(Nb201Operation::read(operation.name()).unwrap(), operation);
        }
    }
}
