//! The discrete result of a search.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use super::by_cell::ByCell;
use super::primitive::Primitive;
use super::topology::{Layout, N_INPUTS};
use super::wording::cell_title;
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
    /// Input nodes, numbered from 0; left out of files where there are two.
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub inputs: usize,
    /// Genes of each intermediate node (the first behind the inputs first), in DARTS two, strongest first. A node may
    /// have none: in a network of normal and reduction cells nothing of what no input reaches is built, and the output
    /// joins the other nodes (FairDARTS); in one of residual blocks it is zero (NAS-Bench-201).
    pub nodes: Vec<Vec<EdgeGene>>,
    /// Node numbers joined along channels, in this order, as the cell's output.
    pub concat: Vec<usize>,
}

fn two() -> usize {
    N_INPUTS
}

fn is_two(inputs: &usize) -> bool {
    *inputs == N_INPUTS
}

impl CellGene {
    /// Number of genes that are `skip_connect`: many of them are the sign of a collapsed search.
    pub fn n_skips(&self) -> usize {
        self.n_of(Primitive::SkipConnect)
    }

    /// Number of operations of a kind.
    pub fn n_of(&self, primitive: Primitive) -> usize {
        self.nodes.iter().flatten().filter(|gene| gene.primitive == primitive).count()
    }

    /// Number of genes.
    pub fn n_edges(&self) -> usize {
        self.nodes.iter().map(Vec::len).sum()
    }

    /// Numbers and genes of the intermediate nodes.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &[EdgeGene])> {
        self.nodes.iter().enumerate().map(|(i, genes)| (self.inputs + i, genes.as_slice()))
    }

    /// For each node, inputs included, whether anything of the image reaches it.
    pub(super) fn reached(&self) -> Vec<bool> {
        let mut reached = vec![true; self.inputs];
        for genes in &self.nodes {
            let reads = genes.iter().any(|gene| reached[gene.source]);
            reached.push(reads);
        }
        reached
    }

    /// Whether nothing of the image reaches the output.
    pub fn is_dead(&self) -> bool {
        let reached = self.reached();
        self.concat.iter().all(|&node| !reached[node])
    }

    /// Says whether the cell can be built; `name` is for the message.
    fn check(&self, name: &str, layout: Layout) -> Result<()> {
        let cell = cell_title(name);
        let fault = |place: &str, found: String, expected: String| {
            let remedy = "correct the genotype, or derive it again from the search";
            Err(Error::invalid(format!("genotype, {cell}{place}"), found, expected, remedy))
        };
        let most = match layout {
            Layout::Stacked => N_INPUTS,
            Layout::Residual => 1,
        };
        if !(1..=most).contains(&self.inputs) {
            let expected = if most == 1 { "1".to_owned() } else { format!("1 to {most}") };
            return fault(", inputs", self.inputs.to_string(), expected);
        }
        if self.nodes.is_empty() {
            return fault("", "no nodes".into(), "at least one intermediate node".into());
        }
        let (nodes, edges) = (self.nodes.len(), self.n_edges());
        if nodes.max(edges) > MOST_IN_A_CELL {
            let expected = format!("at most {MOST_IN_A_CELL} of each");
            return fault("", format!("{nodes} nodes with {edges} edges"), expected);
        }
        for (node, genes) in self.numbered() {
            let place = format!(", node {node}");
            for gene in genes {
                if gene.primitive == Primitive::None {
                    return fault(
                        &place,
                        "`none`".into(),
                        "an operation that has an output, or no edge".into(),
                    );
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
        let (first, end) = (self.inputs, self.inputs + self.nodes.len());
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
        if layout == Layout::Stacked && self.is_dead() {
            let found = "no edges that lead from an input to the output";
            return fault("", found.into(), "at least one edge into a node of the output".into());
        }
        Ok(())
    }
}

/// The discrete result of a search: one cell of each kind, `normal` and `reduction`, or one `cell` alone where
/// residual blocks stand between (NAS-Bench-201). The names tell the layout of the network.
///
/// Serde refuses a genotype that [`Genotype::check`] refuses. As JSON:
/// `{"normal": {"nodes": [[{"primitive": "sep_conv_3x3", "source": 0}, …], …], "concat": [2, 3, 4, 5]},
/// "reduction": {…}}`, or `{"cell": {"inputs": 1, "nodes": […], "concat": [3]}}`.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Genotype {
    /// The cells by the names of their kinds, in the order of [`Layout::cells`].
    #[serde(deserialize_with = "checked_cells")]
    pub cells: ByCell<CellGene>,
}

impl Genotype {
    /// That of two kinds of cells, as DARTS has them.
    pub fn darts(normal: CellGene, reduction: CellGene) -> Genotype {
        Genotype { cells: [("normal", normal), ("reduction", reduction)].into_iter().collect() }
    }

    /// That of one kind of cell.
    pub fn residual(cell: CellGene) -> Genotype {
        Genotype { cells: [("cell", cell)].into_iter().collect() }
    }

    /// The layout of the network that it is for.
    pub fn layout(&self) -> Layout {
        match self.cells.get("cell") {
            Some(_) => Layout::Residual,
            None => Layout::Stacked,
        }
    }

    /// Whether it has a normal and a reduction cell of two inputs each.
    pub fn is_darts(&self) -> bool {
        self.layout() == Layout::Stacked && self.cells.cells().all(|cell| cell.inputs == N_INPUTS)
    }

    /// Says whether all cells can be built.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], naming cell and node, if kinds of cells are missing or too many, nothing leads from the inputs
    /// to the output, an edge comes from a later node or carries `none`, or `concat` is empty, leaves the intermediate
    /// nodes or repeats one.
    pub fn check(&self) -> Result<()> {
        let layout = self.layout();
        if !self.cells.names().eq(layout.cells().iter().copied()) {
            let names: Vec<&str> = self.cells.names().collect();
            let found =
                if names.is_empty() { "no cells".into() } else { format!("cells {}", names.join(", ")) };
            let expected = "the cells normal and reduction, or one called cell";
            let remedy = "correct the genotype, or derive it again from the search";
            return Err(Error::invalid("genotype", found, expected, remedy));
        }
        self.cells.iter().try_for_each(|(name, cell)| cell.check(name, layout))
    }
}

impl Index<&str> for Genotype {
    type Output = CellGene;

    /// The cell of that name.
    ///
    /// # Panics
    /// If there is none.
    fn index(&self, name: &str) -> &CellGene {
        self.cells.get(name).unwrap_or_else(|| panic!("no {name} cell"))
    }
}

impl IndexMut<&str> for Genotype {
    /// The cell of that name.
    ///
    /// # Panics
    /// If there is none.
    fn index_mut(&mut self, name: &str) -> &mut CellGene {
        self.cells.get_mut(name).unwrap_or_else(|| panic!("no {name} cell"))
    }
}

/// A genotype as written, before [`Genotype::check`]; kinds of cells in any order, `reduce` for `reduction`.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct UncheckedGenotype(ByCell<CellGene>);

impl TryFrom<UncheckedGenotype> for Genotype {
    type Error = Error;

    fn try_from(UncheckedGenotype(cells): UncheckedGenotype) -> Result<Genotype> {
        let mut cells: Vec<(&str, &CellGene)> = cells
            .iter()
            .map(|(name, cell)| (if name == "reduce" { "reduction" } else { name }, cell))
            .collect();
        cells.sort_by_key(|&(name, _)| Layout::Stacked.cells().iter().position(|known| *known == name));
        let cells = cells.into_iter().map(|(name, cell)| (name, cell.clone()));
        let genotype = Genotype { cells: cells.collect() };
        genotype.check()?;
        Ok(genotype)
    }
}

fn checked_cells<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<ByCell<CellGene>, D::Error> {
    let unchecked = UncheckedGenotype::deserialize(deserializer)?;
    Genotype::try_from(unchecked).map(|genotype| genotype.cells).map_err(serde::de::Error::custom)
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
        let cell = CellGene { inputs: 2, nodes: vec![vec![gene]], concat: vec![2] };
        let json = serde_json::to_string(&Genotype::darts(cell.clone(), cell)).unwrap();
        let cell = r#"{"nodes":[[{"primitive":"sep_conv_3x3","source":1}]],"concat":[2]}"#;
        assert_eq!(json, format!(r#"{{"normal":{cell},"reduction":{cell}}}"#));
    }

    #[test]
    fn skips_are_counted_per_cell() {
        let genotype = darts();
        assert_eq!((genotype["normal"].n_skips(), genotype["reduction"].n_skips()), (2, 3));
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
            (message(|g| g["reduction"].nodes.clear()), "reduction cell: found no nodes"),
            (message(|g| g["normal"].nodes.fill(Vec::new())), "normal cell: found no edges that lead"),
            (message(|g| g["normal"].inputs = 3), "normal cell, inputs: found 3, expected 1 to 2"),
            (
                message(|g| g.cells = [("normal", g["normal"].clone())].into_iter().collect()),
                "found cells normal,",
            ),
            (
                message(|g| *g = Genotype::residual(g["normal"].clone())),
                "genotype, cell, inputs: found 2, expected 1",
            ),
            (
                message(|g| g["normal"].nodes[3][1].source = 5),
                "normal cell, node 5: found an edge from node 5",
            ),
            (message(|g| g["normal"].nodes[0][0].primitive = Primitive::None), "node 2: found `none`"),
            (message(|g| g["normal"].concat.clear()), "normal cell, concat: found no nodes"),
            (message(|g| g["reduction"].concat[0] = 1), "reduction cell, concat: found node 1,"),
            (message(|g| g["reduction"].concat[0] = 6), "concat: found node 6,"),
            (message(|g| g["reduction"].concat[0] = 5), "concat: found node 5 twice"),
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

    fn cell(inputs: usize, nodes: &[&[usize]], concat: &[usize]) -> CellGene {
        let gene = |&source: &usize| EdgeGene { primitive: Primitive::SepConv3x3, source };
        let nodes = nodes.iter().map(|sources| sources.iter().map(gene).collect()).collect();
        CellGene { inputs, nodes, concat: concat.to_vec() }
    }

    #[test]
    fn what_nothing_reaches_is_known() {
        // Node 2 reads nothing, 3 reads 2 alone, 4 reads an input and 2.
        let sparse = cell(2, &[&[], &[2], &[0, 2], &[1]], &[2, 3, 4]);
        assert_eq!(sparse.reached(), [true, true, false, false, true, true]);
        assert!(!sparse.is_dead());
        let dead = cell(1, &[&[0], &[], &[2]], &[3]);
        assert!(dead.is_dead());
        // No network can be made of dead cells but where something goes around them.
        Genotype::residual(dead.clone()).check().unwrap();
        assert!(Genotype::darts(cell(2, &[&[0], &[]], &[3]), sparse.clone()).check().is_err());
        Genotype::darts(sparse.clone(), sparse).check().unwrap();
    }

    #[test]
    fn one_cell_has_its_json() {
        let genotype = Genotype::residual(cell(1, &[&[0], &[]], &[2]));
        let json = serde_json::to_string(&genotype).unwrap();
        let expected =
            r#"{"cell":{"inputs":1,"nodes":[[{"primitive":"sep_conv_3x3","source":0}],[]],"concat":[2]}}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Genotype>(&json).unwrap(), genotype);
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
