//! A cell of the derived network.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::ops::{CandidateOp, CandidateOpConfig, Mode, Pass, Preprocess, PreprocessConfig, Role};
use crate::space::{CellGene, CellKind, CellTopology};

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
    pub channels_in: [usize; 2],
    /// Channels of each node.
    pub channels: usize,
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
        let topology = CellTopology { n_nodes: self.gene.nodes.len() };
        let op = |gene: &crate::space::EdgeGene| {
            let stride = topology.stride(self.kind, gene.source);
            CandidateOpConfig {
                primitive: gene.primitive,
                channels: self.channels,
                stride,
                role: Role::Derived,
            }
            .init(device)
            .expect("a checked genotype has no `none`")
        };
        DerivedCell {
            preprocess0: preprocess(self.channels_in[0], self.after_reduction),
            preprocess1: preprocess(self.channels_in[1], false),
            ops: self.gene.nodes.iter().flatten().map(op).collect(),
            sources: self.gene.nodes.iter().map(|n| n.iter().map(|g| g.source).collect()).collect(),
            concat: self.gene.concat.clone(),
        }
    }
}

impl DerivedCell {
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
