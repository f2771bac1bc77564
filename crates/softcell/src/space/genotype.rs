//! The discrete result of a search.

use serde::{Deserialize, Serialize};

use super::primitive::Primitive;
use super::topology::{CellKind, N_INPUTS};
use crate::error::{Error, Result};

/// Most nodes, and most edges, of a cell: many times those of any that was published.
const MOST_IN_A_CELL: usize = 1000;

/// One kept edge.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeGene {
    /// The operation on the edge.
    pub primitive: Primitive,
    /// The node that is read.
    pub source: usize,
}

/// One cell. A node is the sum of its genes' outputs; the cell's output joins the nodes of `concat`.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellGene {
    /// Genes of each intermediate node (node 2 first), usually two, strongest first.
    pub nodes: Vec<Vec<EdgeGene>>,
    /// Node numbers (from 2) joined along channels, in this order, as the cell's output.
    pub concat: Vec<usize>,
}

impl CellGene {
    /// Number of genes that are `skip_connect`: many of them are the sign of a collapsed search.
    pub fn n_skips(&self) -> usize {
        self.nodes.iter().flatten().filter(|gene| gene.primitive.is_skip()).count()
    }

    /// Says whether a cell can be built; `kind` is for the message.
    fn check(&self, kind: CellKind) -> Result<()> {
        let fault = |place: &str, found: String, expected: String| {
            let remedy = "correct the genotype, or derive it again from the search";
            Err(Error::invalid(format!("genotype, {kind} cell{place}"), found, expected, remedy))
        };
        if self.nodes.is_empty() {
            return fault("", "no nodes".into(), "at least one intermediate node".into());
        }
        let (nodes, edges) = (self.nodes.len(), self.nodes.iter().map(Vec::len).sum::<usize>());
        if nodes.max(edges) > MOST_IN_A_CELL {
            let expected = format!("at most {MOST_IN_A_CELL} of each");
            return fault("", format!("{nodes} nodes with {edges} edges"), expected);
        }
        for (i, genes) in self.nodes.iter().enumerate() {
            let node = N_INPUTS + i;
            let place = format!(", node {node}");
            if genes.is_empty() {
                return fault(&place, "no edges".into(), "at least one edge into every node".into());
            }
            for gene in genes {
                if gene.primitive == Primitive::None {
                    return fault(&place, "`none`".into(), "an operation that has an output".into());
                }
                if gene.source >= node {
                    return fault(
                        &place,
                        format!("an edge from node {}", gene.source),
                        format!("one from 0 to {}", node - 1),
                    );
                }
            }
        }
        let (first, end) = (N_INPUTS, N_INPUTS + self.nodes.len());
        if self.concat.is_empty() {
            return fault(", concat", "no nodes".into(), "at least one node as the cell's output".into());
        }
        let mut joined = vec![false; end];
        for &node in &self.concat {
            if !(first..end).contains(&node) {
                let expected = format!("intermediate nodes, {first} to {}", end - 1);
                return fault(", concat", format!("node {node}"), expected);
            }
            if std::mem::replace(&mut joined[node], true) {
                return fault(", concat", format!("node {node} twice"), "every node at most once".into());
            }
        }
        Ok(())
    }
}

/// The discrete result of a search: one cell of each kind.
///
/// Serde refuses a genotype that [`Genotype::check`] refuses. As JSON:
/// `{"normal": {"nodes": [[{"primitive": "sep_conv_3x3", "source": 0}, …], …], "concat": [2, 3, 4, 5]},
/// "reduction": {…}}`.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedGenotype")]
pub struct Genotype {
    /// The cell that keeps the resolution.
    pub normal: CellGene,
    /// The cell that halves it.
    pub reduction: CellGene,
}

impl Genotype {
    /// The cell of that kind.
    pub fn cell(&self, kind: CellKind) -> &CellGene {
        match kind {
            CellKind::Normal => &self.normal,
            CellKind::Reduction => &self.reduction,
        }
    }

    /// Says whether both cells can be built.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], naming cell and node, if a node has no edge, an edge comes from a later node or
    /// carries `none`, or `concat` is empty, leaves the intermediate nodes or repeats one.
    pub fn check(&self) -> Result<()> {
        CellKind::ALL.into_iter().try_for_each(|kind| self.cell(kind).check(kind))
    }
}

/// A genotype as written, before [`Genotype::check`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UncheckedGenotype {
    normal: CellGene,
    #[serde(alias = "reduce")]
    reduction: CellGene,
}

impl TryFrom<UncheckedGenotype> for Genotype {
    type Error = Error;

    fn try_from(UncheckedGenotype { normal, reduction }: UncheckedGenotype) -> Result<Genotype> {
        let genotype = Genotype { normal, reduction };
        genotype.check()?;
        Ok(genotype)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::space::known_genotype;
    use crate::space::testing::genotypes;

    fn darts() -> Genotype {
        known_genotype("DARTS_V2").unwrap()
    }

    #[test]
    fn json_form_is_stable() {
        let gene = EdgeGene { primitive: Primitive::SepConv3x3, source: 1 };
        let cell = CellGene { nodes: vec![vec![gene]], concat: vec![2] };
        let json = serde_json::to_string(&Genotype { normal: cell.clone(), reduction: cell }).unwrap();
        let cell = r#"{"nodes":[[{"primitive":"sep_conv_3x3","source":1}]],"concat":[2]}"#;
        assert_eq!(json, format!(r#"{{"normal":{cell},"reduction":{cell}}}"#));
    }

    #[test]
    fn skips_are_counted_per_cell() {
        let genotype = darts();
        assert_eq!((genotype.normal.n_skips(), genotype.reduction.n_skips()), (2, 3));
        assert_eq!(genotype.cell(CellKind::Reduction), &genotype.reduction);
        assert_eq!(genotype.cell(CellKind::Normal), &genotype.normal);
    }

    #[test]
    fn faults_are_located() {
        let message = |change: fn(&mut Genotype)| {
            let mut genotype = darts();
            genotype.check().unwrap();
            change(&mut genotype);
            let message = genotype.check().unwrap_err().to_string();
            let json = serde_json::to_string(&genotype).unwrap();
            let from_serde = serde_json::from_str::<Genotype>(&json).unwrap_err().to_string();
            assert!(from_serde.starts_with(&message), "{from_serde} / {message}");
            message
        };
        for (found, place) in [
            (message(|g| g.reduction.nodes.clear()), "reduction cell: found no nodes"),
            (message(|g| g.normal.nodes[1].clear()), "normal cell, node 3: found no edges"),
            (message(|g| g.normal.nodes[3][1].source = 5), "normal cell, node 5: found an edge from node 5"),
            (message(|g| g.normal.nodes[0][0].primitive = Primitive::None), "node 2: found `none`"),
            (message(|g| g.normal.concat.clear()), "normal cell, concat: found no nodes"),
            (message(|g| g.reduction.concat[0] = 1), "reduction cell, concat: found node 1,"),
            (message(|g| g.reduction.concat[0] = 6), "concat: found node 6,"),
            (message(|g| g.reduction.concat[0] = 5), "concat: found node 5 twice"),
        ] {
            assert!(found.contains(place), "{found} / {place}");
        }
    }

    #[test]
    fn json_keys_are_checked() {
        let json = serde_json::to_string(&darts()).unwrap();
        assert!(serde_json::from_str::<Genotype>(&json.replace("source", "from")).is_err());
        assert!(serde_json::from_str::<Genotype>(&json.replacen('{', r#"{"more":1,"#, 1)).is_err());
        assert_eq!(serde_json::from_str::<Genotype>(&json.replace("reduction", "reduce")).unwrap(), darts());
    }

    proptest! {
        #[test]
        fn json_round_trip(genotype in genotypes(1..=3)) {
            genotype.check().unwrap();
            let json = serde_json::to_string_pretty(&genotype).unwrap();
            prop_assert_eq!(serde_json::from_str::<Genotype>(&json).unwrap(), genotype.clone());
            prop_assert_eq!(json.parse::<Genotype>().unwrap(), genotype);
        }
    }
}
