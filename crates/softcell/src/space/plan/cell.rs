//! What a kind of cell is: inputs, nodes, edges and the choices on them, output.

use super::steps::{Norms, Step, primitive_steps};
use crate::space::genotype::CellGene;
use crate::space::primitive::Primitive;
use crate::space::search_space::SearchSpace;
use crate::space::topology::{CellKind, N_INPUTS};

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
    /// Whether each edge mixes all its choices by edge weights, or has one operation.
    pub choice: Choice,
    /// How tensors of its operations are called.
    pub naming: Naming,
}

/// How many of an edge's choices are there.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Choice {
    /// All, weighted: a supernet.
    Mixed,
    /// The one that was derived.
    Fixed,
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
    pub choices: Vec<Primitive>,
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
    /// A searched cell of DARTS: each node reads all earlier ones, `choices` says what may be on the i-th edge.
    pub fn searched(kind: CellKind, n_nodes: usize, choices: impl Fn(usize) -> Vec<Primitive>) -> CellType {
        let pairs =
            (N_INPUTS..N_INPUTS + n_nodes).flat_map(|target| (0..target).map(move |source| (source, target)));
        let edge = |(i, (source, target))| EdgePlan {
            source,
            target,
            stride: kind.stride(source),
            choices: choices(i),
        };
        CellType {
            name: kind.name().to_owned(),
            kind,
            inputs: N_INPUTS,
            nodes: n_nodes,
            edges: pairs.enumerate().map(edge).collect(),
            share: 1,
            output: Output::Concat((N_INPUTS..N_INPUTS + n_nodes).collect()),
            choice: Choice::Mixed,
            naming: Naming::Darts,
        }
    }

    /// The cell of that kind in a search space.
    pub fn of_space(space: &SearchSpace, kind: CellKind) -> CellType {
        CellType::searched(kind, space.n_nodes, |_| space.candidates.clone())
    }

    /// A derived cell.
    pub fn derived(kind: CellKind, gene: &CellGene) -> CellType {
        let edges = gene.nodes.iter().enumerate().flat_map(|(node, genes)| {
            genes.iter().map(move |gene| EdgePlan {
                source: gene.source,
                target: node + N_INPUTS,
                stride: kind.stride(gene.source),
                choices: vec![gene.primitive],
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
            choice: Choice::Fixed,
            naming: Naming::Darts,
        }
    }

    /// A cell of NAS-Bench-201's shape: one input, three nodes of which the last is the output, each reading all
    /// earlier ones; `choices` are those of the i-th edge.
    pub fn nas_bench_201(choice: Choice, choices: impl Fn(usize) -> Vec<Primitive>) -> CellType {
        let pairs = (1..4).flat_map(|target| (0..target).map(move |source| (source, target)));
        let edge = |(i, (source, target))| EdgePlan { source, target, stride: 1, choices: choices(i) };
        CellType {
            name: "cell".to_owned(),
            kind: CellKind::Normal,
            inputs: 1,
            nodes: 3,
            edges: pairs.enumerate().map(edge).collect(),
            share: 1,
            output: Output::Node(3),
            choice,
            naming: Naming::NasBench201,
        }
    }

    /// The same with operations on one of `share` parts of the channels.
    pub fn partial(self, share: usize) -> CellType {
        CellType { share, ..self }
    }

    /// Number of edge weights: those of all choices of all edges, one after another.
    pub fn n_weights(&self) -> usize {
        self.edges.iter().map(|edge| edge.choices.len()).sum()
    }

    /// Channels that operations see in a cell of so many.
    pub fn seen(&self, channels: usize) -> usize {
        channels / self.share
    }

    /// Prefix of the tensors of a choice within the cell, without a point behind it.
    pub fn choice_name(&self, edge: usize, choice: usize) -> String {
        let EdgePlan { source, target, .. } = self.edges[edge];
        match (self.naming, self.choice) {
            (Naming::Darts, Choice::Mixed) => format!("_ops.{edge}._ops.{choice}"),
            (Naming::Darts, Choice::Fixed) => format!("_ops.{edge}"),
            (Naming::NasBench201, Choice::Mixed) => format!("edges.{target}<-{source}.{choice}"),
            (Naming::NasBench201, Choice::Fixed) => format!("layers.{edge}"),
        }
    }

    /// What a choice does in a cell of `channels` channels; none for `none`.
    pub fn steps(&self, edge: usize, choice: usize, channels: usize, norms: Norms) -> Option<Vec<Step>> {
        let EdgePlan { stride, ref choices, .. } = self.edges[edge];
        let primitive = choices[choice];
        (primitive != Primitive::None).then(|| primitive_steps(primitive, self.seen(channels), stride, norms))
    }

    /// Edge and choice of everything that adds to a node, in the order of tensors and weights: all but `none`.
    pub fn operations(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.edges.iter().enumerate().flat_map(|(edge, plan)| {
            let real = |&choice: &usize| plan.choices[choice] != Primitive::None;
            (0..plan.choices.len()).filter(real).map(move |choice| (edge, choice))
        })
    }
}
