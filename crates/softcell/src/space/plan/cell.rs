//! What a kind of cell is: inputs, nodes, edges and the candidates on them, output.

use super::steps::{Norms, Step, primitive_steps};
use crate::error::{Error, Result};
use crate::space::genotype::CellGene;
use crate::space::primitive::Primitive;
use crate::space::search_space::SearchSpace;
use crate::space::topology::{CellKind, CellOutput, CellTopology, Edge, Layout};
use crate::space::wording::cell_title;

/// A kind of cell. All cells of it share their alphas where it is searched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CellType {
    /// `normal`, `reduction` or `cell`.
    pub name: String,
    /// Whether it halves the resolution.
    pub kind: CellKind,
    /// Input nodes: nodes 0 to `inputs − 1`.
    pub inputs: usize,
    /// Intermediate nodes: the ones behind the inputs, each the sum of its edges.
    pub nodes: usize,
    /// By target; an edge's row of weights has its place in this list.
    pub edges: Vec<EdgePlan>,
    /// Operations see one of so many parts of their source's channels; the others pass by (PC-DARTS). 1 is all.
    pub share: usize,
    /// Whether the last candidate of each edge is a skip connection beside the others (DARTS−), which counts as none of
    /// them where their weights are added up.
    pub auxiliary: bool,
    /// What it hands on.
    pub output: Output,
    /// Whether each edge mixes all its candidates by edge weights, or has one operation.
    pub role: Role,
    /// How tensors of its operations are called.
    pub naming: Naming,
}

/// How many of an edge's candidates are there.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Role {
    /// All, weighted: a supernet.
    Search,
    /// The one that was derived.
    Derived,
}

/// The codes whose state-dict names are used.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Naming {
    /// `_ops.EDGE._ops.CHOICE`, derived `_ops.EDGE`.
    Darts,
    /// `edges.TARGET<-SOURCE.CHOICE`, derived `layers.EDGE`.
    NasBench201,
}

/// An edge and what may be on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EdgePlan {
    /// The node that is read.
    pub source: usize,
    /// The node that sums it.
    pub target: usize,
    /// 1 or 2.
    pub stride: usize,
    /// What may be on it, `none` included, in the order of its weights; one where the cell is derived.
    pub candidates: Vec<Primitive>,
    /// Its number in the names of tensors.
    pub number: usize,
}

/// What a cell hands on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Some nodes side by side, in this order.
    Concat(Vec<usize>),
    /// One node.
    Node(usize),
}

impl Output {
    /// The nodes, in order.
    pub fn nodes(&self) -> &[usize] {
        match self {
            Output::Concat(nodes) => nodes,
            Output::Node(node) => std::slice::from_ref(node),
        }
    }
}

impl CellType {
    /// The kind of cell of that name in a search space. Edges without an operation are left out of no list: they keep
    /// their rows.
    ///
    /// # Panics
    /// If the space has no such kind.
    pub fn of_space(space: &SearchSpace, name: &str) -> CellType {
        let candidates = space.cells.get(name).expect("a kind of cell of the space");
        let (topology, kind) = (space.topology(), CellKind::named(name));
        let edge =
            |(number, (Edge { source, target }, candidates)): (usize, (Edge, &Vec<Primitive>))| EdgePlan {
                source,
                target,
                stride: kind.stride(source, space.inputs),
                candidates: candidates.clone(),
                number,
            };
        let edges = topology.edges().into_iter().zip(candidates).enumerate();
        let mut edges: Vec<EdgePlan> = edges.map(edge).collect();
        if space.auxiliary_skip {
            edges.iter_mut().for_each(|edge| edge.candidates.push(Primitive::SkipConnect));
        }
        CellType {
            name: name.to_owned(),
            kind,
            inputs: space.inputs,
            nodes: space.n_nodes,
            edges,
            share: space.share,
            auxiliary: space.auxiliary_skip,
            output: match space.output {
                CellOutput::All => Output::Concat(topology.nodes().collect()),
                CellOutput::Last => Output::Node(space.inputs + space.n_nodes - 1),
            },
            role: Role::Search,
            naming: match space.layout {
                Layout::Stacked => Naming::Darts,
                Layout::Residual => Naming::NasBench201,
            },
        }
    }

    /// The kind of cell of that name in a genotype. A normal or reduction cell is without what nothing of its inputs
    /// reaches, and the nodes that are left get numbers without a gap; in the only kind of cell such nodes are zero.
    pub fn derived(name: &str, gene: &CellGene) -> CellType {
        let kind = CellKind::named(name);
        let (naming, needed) = match name {
            "cell" => (Naming::NasBench201, vec![true; gene.inputs + gene.nodes.len()]),
            _ => (Naming::Darts, gene.reached()),
        };
        let mut places: Vec<usize> = (0..gene.inputs).collect();
        let mut next = gene.inputs..;
        places.extend(needed[gene.inputs..].iter().map(|&needed| match needed {
            true => next.next().expect("numbers do not end"),
            false => usize::MAX,
        }));
        let kept = |source: usize| source < gene.inputs || needed[source];
        let topology = CellTopology { inputs: gene.inputs, n_nodes: gene.nodes.len() };
        let mut edges = Vec::new();
        for (node, genes) in gene.numbered().filter(|&(node, _)| needed[node]) {
            for gene in genes.iter().filter(|gene| kept(gene.source)) {
                let number = match naming {
                    Naming::Darts => edges.len(),
                    Naming::NasBench201 => topology.incoming(node - topology.inputs).start + gene.source,
                };
                edges.push(EdgePlan {
                    source: places[gene.source],
                    target: places[node],
                    stride: kind.stride(gene.source, topology.inputs),
                    candidates: vec![gene.primitive],
                    number,
                });
            }
        }
        let output: Vec<usize> =
            gene.concat.iter().filter(|&&node| needed[node]).map(|&node| places[node]).collect();
        CellType {
            name: name.to_owned(),
            kind,
            inputs: gene.inputs,
            nodes: needed[gene.inputs..].iter().filter(|&&needed| needed).count(),
            edges,
            share: 1,
            auxiliary: false,
            output: match output[..] {
                [node] if naming == Naming::NasBench201 => Output::Node(node),
                _ => Output::Concat(output),
            },
            role: Role::Derived,
            naming,
        }
    }

    /// Number of edge weights: those of all candidates of all edges, one after another.
    pub fn n_weights(&self) -> usize {
        self.edges.iter().map(|edge| edge.candidates.len()).sum()
    }

    /// Channels that operations see in a cell of so many.
    ///
    /// # Panics
    /// If the parts are not equal.
    pub fn seen(&self, channels: usize) -> usize {
        assert!(channels.is_multiple_of(self.share), "{channels} channels in {} equal parts", self.share);
        channels / self.share
    }

    /// Prefix of the tensors of a candidate within the cell, without a point behind it.
    pub fn candidate_name(&self, edge: usize, candidate: usize) -> String {
        let EdgePlan { source, target, number, .. } = self.edges[edge];
        match (self.naming, self.role) {
            (Naming::Darts, Role::Search) => format!("_ops.{number}._ops.{candidate}"),
            (Naming::Darts, Role::Derived) => format!("_ops.{number}"),
            (Naming::NasBench201, Role::Search) => format!("edges.{target}<-{source}.{candidate}"),
            (Naming::NasBench201, Role::Derived) => format!("layers.{number}"),
        }
    }

    /// What a candidate does in a cell of `channels` channels; none for `none`.
    pub fn steps(&self, edge: usize, candidate: usize, channels: usize, norms: Norms) -> Option<Vec<Step>> {
        let EdgePlan { stride, ref candidates, .. } = self.edges[edge];
        let primitive = candidates[candidate];
        (primitive != Primitive::None).then(|| primitive_steps(primitive, self.seen(channels), stride, norms))
    }

    /// Refuses noise, which other programs would not draw as it is drawn here: answers could not be compared.
    ///
    /// # Errors
    /// When an edge has `noise`.
    pub fn without_noise(&self) -> Result<()> {
        if self.edges.iter().all(|edge| !edge.candidates.contains(&Primitive::Noise)) {
            return Ok(());
        }
        Err(Error::invalid(
            "network",
            format!("noise in the {}", cell_title(&self.name)),
            "operations that answer the same each time",
            "export a network without noise: a search that ends with some has failed",
        ))
    }

    /// Edge and candidate of everything that adds to a node, in the order of tensors and weights: all but `none`.
    pub fn operations(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.edges.iter().enumerate().flat_map(|(edge, plan)| {
            let real = |&candidate: &usize| plan.candidates[candidate] != Primitive::None;
            (0..plan.candidates.len()).filter(real).map(move |candidate| (edge, candidate))
        })
    }
}
