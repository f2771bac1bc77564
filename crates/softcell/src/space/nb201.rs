//! An architecture of the space of NAS-Bench-201 (Dong & Yang 2020) by the operations of its edges, and its string.

use std::fmt;

use super::genotype::{CellGene, EdgeGene, Genotype};
use super::primitive::Primitive;
use super::wording::{did_you_mean, excerpt};
use crate::error::{Error, Result};

/// Reads the benchmark's spelling of an operation exactly.
///
/// # Errors
///
/// [`Error::Invalid`] for any other text; it names the nearest of its five names.
pub(super) fn read_operation(text: &str) -> Result<Primitive> {
    let all = Primitive::NAS_BENCH_201;
    all.into_iter().find(|operation| operation.name() == text).ok_or_else(|| {
        let names = all.map(Primitive::name);
        let expected = format!("one of {}", names.join(", "));
        Error::invalid("operation name", excerpt(text, 32), expected, did_you_mean(text, names))
    })
}

/// A cell of NAS-Bench-201: four nodes of which node 0 is the one input and node 3 the output, and one operation
/// on each of the six edges. It is a [`Genotype`] of that shape ([`Genotype::nas_bench_201`]), in which an edge with
/// `none` is not there.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct Nb201Architecture {
    /// Operations of the edges 1←0, 2←0, 2←1, 3←0, 3←1, 3←2.
    pub operations: [Primitive; Nb201Architecture::N_EDGES],
}

impl Nb201Architecture {
    /// Nodes of the cell, its input included.
    pub const N_NODES: usize = 4;

    /// Edges of the cell: every node reads all earlier ones.
    pub const N_EDGES: usize = 6;

    /// Operations of the edges into `node` (1 to 3); the k-th of them leaves node k.
    pub(crate) fn incoming(&self, node: usize) -> &[Primitive] {
        let first = first_edge(node);
        &self.operations[first..first + node]
    }
}

impl From<&Nb201Architecture> for Genotype {
    fn from(architecture: &Nb201Architecture) -> Genotype {
        let node = |node| {
            let genes = architecture.incoming(node).iter().enumerate();
            let genes = genes.map(|(source, &primitive)| EdgeGene { primitive, source });
            genes.filter(|gene| gene.primitive != Primitive::None).collect()
        };
        let nodes = (1..Nb201Architecture::N_NODES).map(node).collect();
        Genotype::residual(CellGene { inputs: 1, nodes, concat: vec![Nb201Architecture::N_NODES - 1] })
    }
}

impl Genotype {
    /// The architecture of NAS-Bench-201 that this is; none where it has another shape or other operations.
    pub fn nas_bench_201(&self) -> Option<Nb201Architecture> {
        let cell = self.cells.get("cell")?;
        let last = Nb201Architecture::N_NODES - 1;
        if (self.cells.len(), cell.inputs, cell.nodes.len()) != (1, 1, last) || cell.concat != [last] {
            return None;
        }
        let mut operations = [Primitive::None; Nb201Architecture::N_EDGES];
        for (node, genes) in cell.numbered() {
            for gene in genes {
                let place = &mut operations[first_edge(node) + gene.source];
                if *place != Primitive::None || !Primitive::NAS_BENCH_201.contains(&gene.primitive) {
                    return None;
                }
                *place = gene.primitive;
            }
        }
        Some(Nb201Architecture { operations })
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
        use Primitive::{AvgPool3x3, None, NorConv1x1, NorConv3x3, SkipConnect};
        let operations = [NorConv3x3, None, SkipConnect, AvgPool3x3, NorConv1x1, SkipConnect];
        let text = Nb201Architecture { operations }.to_string();
        let expected =
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_architecture_is_a_genotype() {
        use Primitive::{AvgPool3x3, None, NorConv1x1, NorConv3x3, SepConv3x3, SkipConnect};
        for operations in [[NorConv3x3, None, SkipConnect, AvgPool3x3, None, NorConv1x1], [None; 6]] {
            let architecture = Nb201Architecture { operations };
            let genotype = Genotype::from(&architecture);
            genotype.check().unwrap();
            assert_eq!(genotype.nas_bench_201(), Some(architecture));
            assert_eq!(genotype.to_text(), architecture.to_string());
            assert_eq!(genotype.to_text().parse::<Genotype>().unwrap(), genotype);
        }
        let mut other = Genotype::from(&Nb201Architecture { operations: [SkipConnect; 6] });
        other["cell"].nodes[0][0].primitive = SepConv3x3;
        other.check().unwrap();
        assert_eq!(other.nas_bench_201(), Option::None);
        assert_eq!(other.to_text().parse::<Genotype>().unwrap(), other);
    }

    #[test]
    fn every_edge_belongs_to_one_node() {
        assert_eq!((1..Nb201Architecture::N_NODES).sum::<usize>(), Nb201Architecture::N_EDGES);
        assert_eq!([1, 2, 3].map(first_edge), [0, 1, 3]);
    }

    #[test]
    fn unknown_names_get_the_nearest() {
        let message = read_operation("conv_3x3").unwrap_err().to_string();
        assert!(message.ends_with("did you mean `nor_conv_3x3`?"), "{message}");
        for operation in Primitive::NAS_BENCH_201 {
            assert_eq!(read_operation(operation.name()).unwrap(), operation);
        }
    }
}
