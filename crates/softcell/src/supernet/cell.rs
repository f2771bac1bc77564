//! A cell of the supernet.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use softcell_kernels::{BlockedMap, InputChannels, Term, weighted_sum};

use crate::ops::{
    CandidateOp, CandidateOpConfig, FusedCell, FusedCellConfig, Pass, Preprocess, PreprocessConfig, Role,
};
use crate::space::{CellKind, CellTopology, Primitive};

/// All candidate operations of one edge; `None` where the candidate is [`Primitive::None`].
#[derive(Module, Debug)]
pub struct MixedOp {
    ops: Vec<Option<CandidateOp>>,
}

/// A cell: two preprocessed inputs, every candidate on every edge, the nodes concatenated.
#[derive(Module, Debug)]
pub struct SearchCell {
    preprocess0: Preprocess,
    preprocess1: Preprocess,
    edges: Vec<MixedOp>,
    #[module(skip)]
    n_nodes: usize,
    #[module(skip)]
    kind: CellKind,
    #[module(skip)]
    fused: Option<FusedCell>,
}

/// Configuration of a [`SearchCell`].
#[derive(Debug, Clone)]
pub struct SearchCellConfig<'a> {
    /// Nodes and edges.
    pub topology: CellTopology,
    /// Candidates on each edge.
    pub candidates: &'a [Primitive],
    /// Normal or reduction.
    pub kind: CellKind,
    /// Whether the previous cell was a reduction.
    pub after_reduction: bool,
    /// Channels of the two input states.
    pub inputs: [InputChannels; 2],
    /// Channels of each node.
    pub channels: usize,
    /// Channels of a block in memory, where the cell is fused.
    pub lanes: usize,
}

impl SearchCellConfig<'_> {
    /// The cell as one operation; `None` if an operation is no part of such a cell.
    pub(crate) fn fused(&self) -> Option<FusedCellConfig> {
        let mut terms = Vec::new();
        for edge in self.topology.edges() {
            let stride = self.topology.stride(self.kind, edge.source);
            for &primitive in self.candidates.iter().filter(|&&primitive| primitive != Primitive::None) {
                let op = CandidateOpConfig { primitive, channels: self.channels, stride, role: Role::Search };
                let (source, target) = (edge.source, edge.target);
                terms.push(Term { source, target, operation: op.fused()?, stride });
            }
        }
        Some(FusedCellConfig {
            channels: self.channels,
            inputs: self.inputs,
            after_reduction: self.after_reduction,
            affine: false,
            nodes: self.topology.n_nodes,
            terms,
            output: (2..self.topology.n_nodes + 2).collect(),
            lanes: self.lanes,
        })
    }

    /// Builds the cell.
    pub fn init(&self, device: &Device) -> SearchCell {
        let preprocess = |channels_in, halve| {
            PreprocessConfig { channels_in, channels_out: self.channels, halve, affine: false }.init(device)
        };
        let edges = self.topology.edges().into_iter().map(|edge| {
            let stride = self.topology.stride(self.kind, edge.source);
            let op = |&primitive| {
                CandidateOpConfig { primitive, channels: self.channels, stride, role: Role::Search }
                    .init(device)
            };
            MixedOp { ops: self.candidates.iter().map(op).collect() }
        });
        SearchCell {
            preprocess0: preprocess(self.inputs[0].total(), self.after_reduction),
            preprocess1: preprocess(self.inputs[1].total(), false),
            edges: edges.collect(),
            n_nodes: self.topology.n_nodes,
            kind: self.kind,
            fused: self.fused().and_then(FusedCellConfig::init),
        }
    }
}

impl SearchCell {
    /// Normal or reduction.
    pub fn kind(&self) -> CellKind {
        self.kind
    }

    /// Whether [`Self::forward_fused`] exists for this cell.
    pub fn is_fused(&self) -> bool {
        self.fused.is_some()
    }

    /// [`Self::forward`] as one operation.
    ///
    /// # Panics
    /// If the cell [is not fused](Self::is_fused).
    pub fn forward_fused(&self, states: [BlockedMap; 2], weights: &Tensor<2>, pass: &mut Pass) -> BlockedMap {
        let fused = self.fused.as_ref().expect("the caller has asked whether the cell is fused");
        let [edges, candidates] = weights.dims();
        fused.forward(self, states.into(), Some(weights.clone().reshape([edges * candidates])), pass)
    }

    /// `h_j = Σ_{i<j} Σ_k w_{ij,k} · op_{ij,k}(h_i)`; the output is the concatenation of the nodes.
    ///
    /// `weights` has a row for each edge and a column for each candidate that is not
    /// [`Primitive::None`]: that one adds nothing, whatever its weight.
    ///
    /// # Shapes
    /// - Inputs `[N, C0, H0, W0]` and `[N, C1, H, W]`
    /// - `weights` `[edges, candidates without none]`
    /// - Output `[N, nodes · C, H/s, W/s]`
    pub fn forward(&self, s0: Tensor<4>, s1: Tensor<4>, weights: &Tensor<2>, pass: &mut Pass) -> Tensor<4> {
        let mut states = vec![self.preprocess0.forward(s0, pass), self.preprocess1.forward(s1, pass)];
        let topology = CellTopology { n_nodes: self.n_nodes };
        let [_, candidates] = weights.dims();
        for node in 0..self.n_nodes {
            let rows = topology.incoming(node);
            let mut terms = Vec::with_capacity(rows.len() * candidates);
            for (state, edge) in states.iter().zip(&self.edges[rows.clone()]) {
                for op in edge.ops.iter().flatten() {
                    terms.push(op.forward(state.clone(), pass));
                }
            }
            let n = terms.len();
            let weights = weights.clone().slice([rows, 0..candidates]).reshape([n]);
            states.push(weighted_sum(terms, weights));
        }
        Tensor::cat(states.split_off(2), 1)
    }
}
