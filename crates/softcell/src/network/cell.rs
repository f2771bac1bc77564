//! A cell of the derived network.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use softcell_kernels::{BlockedMap, InputChannels, Term};

use crate::ops::{
    CandidateOp, CandidateOpConfig, FusedCell, FusedCellConfig, Mode, Pass, Preprocess, PreprocessConfig,
    Role,
};
use crate::space::{CellGene, CellKind, CellTopology, EdgeGene};

/// A cell with one operation per kept edge.
#[derive(Module, Debug)]
pub struct DerivedCell {
    preprocess0: Preprocess,
    preprocess1: Preprocess,
    ops: Vec<CandidateOp>,
    /// For each intermediate node, the sources of its operations in order.
    #[module(skip)]
    sources: Vec<Vec<usize>>,
    #[module(skip)]
    concat: Vec<usize>,
    #[module(skip)]
    fused: Option<FusedCell>,
}

/// Configuration of a [`DerivedCell`].
#[derive(Debug, Clone)]
pub struct DerivedCellConfig<'a> {
    /// Which operations from where.
    pub gene: &'a CellGene,
    /// Normal or reduction.
    pub kind: CellKind,
    /// Whether the first input state has twice the size of the second.
    pub after_reduction: bool,
    /// Channels of the two input states.
    pub inputs: [InputChannels; 2],
    /// Channels of each node.
    pub channels: usize,
    /// Channels of a block in memory, where the cell is fused.
    pub lanes: usize,
}

impl DerivedCellConfig<'_> {
    /// Builds the cell.
    ///
    /// # Panics
    /// When the gene contains `none`; [`crate::space::Genotype::check`] refuses that.
    pub fn init(&self, device: &Device) -> DerivedCell {
        let preprocess = |channels_in, halve| {
            PreprocessConfig { channels_in, channels_out: self.channels, halve, affine: true }.init(device)
        };
        let op = |gene: &EdgeGene| self.op(gene).init(device).expect("a checked genotype has no `none`");
        DerivedCell {
            preprocess0: preprocess(self.inputs[0].total(), self.after_reduction),
            preprocess1: preprocess(self.inputs[1].total(), false),
            ops: self.gene.nodes.iter().flatten().map(op).collect(),
            sources: self.gene.nodes.iter().map(|n| n.iter().map(|g| g.source).collect()).collect(),
            concat: self.gene.concat.clone(),
            fused: self.fused().and_then(FusedCellConfig::init),
        }
    }

    fn op(&self, gene: &EdgeGene) -> CandidateOpConfig {
        let topology = CellTopology { n_nodes: self.gene.nodes.len() };
        CandidateOpConfig {
            primitive: gene.primitive,
            channels: self.channels,
            stride: topology.stride(self.kind, gene.source),
            role: Role::Derived,
        }
    }

    /// The cell as one operation; `None` if an operation is no part of such a cell.
    pub(crate) fn fused(&self) -> Option<FusedCellConfig> {
        let mut terms = Vec::new();
        for (node, genes) in self.gene.nodes.iter().enumerate() {
            for gene in genes {
                let op = self.op(gene);
                terms.push(Term {
                    source: gene.source,
                    target: node + 2,
                    operation: op.fused()?,
                    stride: op.stride,
                });
            }
        }
        Some(FusedCellConfig {
            channels: self.channels,
            inputs: self.inputs,
            after_reduction: self.after_reduction,
            affine: true,
            nodes: self.gene.nodes.len(),
            terms,
            output: self.gene.concat.clone(),
            lanes: self.lanes,
        })
    }
}

impl DerivedCell {
    /// Whether [`Self::forward_fused`] exists for this cell.
    pub fn is_fused(&self) -> bool {
        self.fused.is_some()
    }

    /// [`Self::forward`] as one operation.
    ///
    /// # Panics
    /// If the cell [is not fused](Self::is_fused).
    pub fn forward_fused(&self, states: [BlockedMap; 2], pass: &mut Pass) -> BlockedMap {
        let fused = self.fused.as_ref().expect("the caller has asked whether the cell is fused");
        fused.forward(self, states.into(), None, pass)
    }

    /// Each node is the sum of its operations; the output is the concatenation of the nodes named in the
    /// genotype. Drop path (in [`Pass::drop_path`]) acts on every operation but identities.
    ///
    /// # Shapes
    /// - Inputs `[N, C0, H0, W0]` and `[N, C1, H, W]`
    /// - Output `[N, concat · C, H/s, W/s]`
    pub fn forward(&self, s0: Tensor<4>, s1: Tensor<4>, pass: &mut Pass) -> Tensor<4> {
        let mut states = vec![self.preprocess0.forward(s0, pass), self.preprocess1.forward(s1, pass)];
        let mut ops = self.ops.iter();
        for sources in &self.sources {
            let terms = sources.iter().zip(&mut ops).map(|(&source, op)| {
                let y = op.forward(states[source].clone(), pass);
                match pass.drop_path.as_mut() {
                    Some(drop_path) if pass.mode == Mode::Train && !op.is_identity() => drop_path.forward(y),
                    _ => y,
                }
            });
            let sum = terms.reduce(|a, b| a + b).expect("a checked genotype has an operation at each node");
            states.push(sum);
        }
        Tensor::cat(self.concat.iter().map(|&node| states[node].clone()).collect(), 1)
    }
}
