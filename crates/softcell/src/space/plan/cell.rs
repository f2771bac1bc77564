//! What a kind of cell is: inputs, nodes, edges and the candidates on them, output.

use super::steps::{Norms, Step, primitive_steps};
use crate::space::genotype::CellGene;
use crate::space::primitive::Primitive;
use crate::space::search_space::SearchSpace;
use crate::space::topology::{CellKind, CellOutput, Edge, Layout, N_INPUTS};

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
        let edge = |(Edge { source, target }, candidates): (Edge, &Vec<Primitive>)| EdgePlan {
            source,
            target,
            stride: kind.stride(source, space.inputs),
            candidates: candidates.clone(),
        };
        let mut edges: Vec<EdgePlan> = topology.edges().into_iter().zip(candidates).map(edge).collect();
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

    /// A derived cell.
    pub fn derived(kind: CellKind, gene: &CellGene) -> CellType {
        let edges = gene.nodes.iter().enumerate().flat_map(|(node, genes)| {
            genes.iter().map(move |gene| EdgePlan {
                source: gene.source,
                target: node + N_INPUTS,
                stride: kind.stride(gene.source, N_INPUTS),
                candidates: vec![gene.primitive],
            })
        });
        CellType {
            name: kind.name().to_owned(),
            kind,
            inputs: N_INPUTS,
            nodes: gene.nodes.len(),
            edges: edges.collect(),
            share: 1,
            output: Output::Concat(gene.concat.clone()),
            role: Role::Derived,
            naming: Naming::Darts,
        }
    }

    /// A cell of NAS-Bench-201's shape: one input, three nodes of which the last is the output, each reading all
    /// earlier ones; `candidates` are those of the i-th edge.
    pub fn nas_bench_201(role: Role, candidates: impl Fn(usize) -> Vec<Primitive>) -> CellType {
        let pairs = (1..4).flat_map(|target| (0..target).map(move |source| (source, target)));
        let edge = |(i, (source, target))| EdgePlan { source, target, stride: 1, candidates: candidates(i) };
        CellType {
            name: "cell".to_owned(),
            kind: CellKind::Normal,
            inputs: 1,
            nodes: 3,
            edges: pairs.enumerate().map(edge).collect(),
            share: 1,
            output: Output::Node(3),
            role,
            naming: Naming::NasBench201,
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
        let EdgePlan { source, target, .. } = self.edges[edge];
        match (self.naming, self.role) {
            (Naming::Darts, Role::Search) => format!("_ops.{edge}._ops.{candidate}"),
            (Naming::Darts, Role::Derived) => format!("_ops.{edge}"),
            (Naming::NasBench201, Role::Search) => format!("edges.{target}<-{source}.{candidate}"),
            (Naming::NasBench201, Role::Derived) => format!("layers.{edge}"),
        }
    }

    /// What a candidate does in a cell of `channels` channels; none for `none`.
    pub fn steps(&self, edge: usize, candidate: usize, channels: usize, norms: Norms) -> Option<Vec<Step>> {
        let EdgePlan { stride, ref candidates, .. } = self.edges[edge];
        let primitive = candidates[candidate];
        (primitive != Primitive::None).then(|| primitive_steps(primitive, self.seen(channels), stride, norms))
    }

    /// Edge and candidate of everything that adds to a node, in the order of tensors and weights: all but `none`.
    pub fn operations(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.edges.iter().enumerate().flat_map(|(edge, plan)| {
            let real = |&candidate: &usize| plan.candidates[candidate] != Primitive::None;
            (0..plan.candidates.len()).filter(real).map(move |candidate| (edge, candidate))
        })
    }
}
