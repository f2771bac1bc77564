//! A cell's modules as one fused operation, where the device has it.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use softcell_kernels::{
    BlockedMap, CellArguments, CellConfig, CellInput, CellPlan, InputChannels, NormStatistics, Operation,
    Preparation, Statistics, Term, cell,
};

use super::norm::{BatchStatistics, EPSILON};
use super::pass::{Mode, Pass};
use crate::weights::{host, joined_weights, running_statistics};

/// The fused operation of a cell. Its weights stay in the cell's modules, which must be made in the order of
/// the plan: preprocessing, then the operations.
#[derive(Debug, Clone)]
pub(crate) struct FusedCell {
    plan: Arc<CellPlan>,
    /// For each term, whether it is an identity, which drop path leaves alone.
    identities: Vec<bool>,
}

/// Configuration of a [`FusedCell`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FusedCellConfig {
    /// Channels of each node.
    pub channels: usize,
    /// The two inputs.
    pub inputs: [InputChannels; 2],
    /// Whether the previous cell was a reduction.
    pub after_reduction: bool,
    /// Affine normalisation.
    pub affine: bool,
    /// Intermediate nodes.
    pub nodes: usize,
    /// All operations, in the order of the modules.
    pub terms: Vec<Term>,
    /// States of the output.
    pub output: Vec<usize>,
    /// Channels of a block in memory, the same for all cells of a network.
    pub lanes: usize,
}

impl FusedCellConfig {
    /// `None` where the fused operation cannot express the cell.
    pub fn init(self) -> Option<FusedCell> {
        let identities = self.terms.iter().map(|term| term.operation == Operation::Identity).collect();
        Some(FusedCell { plan: Arc::new(self.plan()?), identities })
    }

    /// What the cell computes; `None` as in [`Self::init`].
    pub fn plan(self) -> Option<CellPlan> {
        let first = if self.after_reduction { Preparation::Halve } else { Preparation::Keep };
        let input = |(channels, preparation)| CellInput { channels, preparation };
        CellPlan::new(CellConfig {
            channels: self.channels,
            share: 1,
            inputs: self.inputs.into_iter().zip([first, Preparation::Keep]).map(input).collect(),
            affine: self.affine,
            nodes: self.nodes,
            terms: self.terms,
            output: self.output,
            lanes: self.lanes,
            epsilon: EPSILON,
        })
        .ok()
    }
}

impl FusedCell {
    /// A convolution and its normalisation, as a cell of one input.
    pub fn convolution(plan: CellPlan) -> Self {
        Self { plan: Arc::new(plan), identities: Vec::new() }
    }

    /// The cell whose weights are those of `module`; `terms` weighs the operations (all 1 without it).
    pub fn forward<M: Module>(
        &self,
        module: &M,
        states: Vec<BlockedMap>,
        terms: Option<Tensor<1>>,
        pass: &mut Pass,
    ) -> BlockedMap {
        let device = states[0].values.device().without_autodiff();
        let [images, ..] = states[0].values.dims();
        let terms = terms.unwrap_or_else(|| Tensor::ones([self.identities.len().max(1)], &device));
        let running = running_statistics(module);
        let given = (pass.mode() == Mode::Eval).then(|| {
            let given = running.iter().enumerate().map(|(norm, statistics)| NormStatistics {
                norm,
                mean: host(statistics.mean.clone()),
                variance: host(statistics.variance.clone()),
                count: 0,
            });
            Arc::new(Statistics { norms: given.collect() })
        });
        let scales = match (pass.mode(), pass.drop_path.as_mut()) {
            (Mode::Train, Some(drop_path)) => {
                let scale = |&identity: &bool| {
                    if identity { None } else { drop_path.scales(images) }
                        .unwrap_or_else(|| vec![1.0; images])
                };
                Some(self.identities.iter().flat_map(scale).collect())
            }
            _ => None,
        };
        let weights = joined_weights(module);
        let (y, statistics) = cell(&self.plan, CellArguments { states, weights, terms, scales, given });
        if pass.mode() == Mode::Train {
            let tensor = |values: Vec<f32>| {
                let n = values.len();
                Tensor::<1>::from_data(TensorData::new(values, [n]), &device)
            };
            for NormStatistics { norm, mean, variance, count } in statistics.norms {
                let running = &running[norm];
                let unbiased = count as f32 / (count as f32 - 1.0).max(1.0);
                pass.statistics.push(BatchStatistics {
                    running_mean: running.ids[0],
                    running_var: running.ids[1],
                    mean: tensor(mean),
                    variance: tensor(variance.iter().map(|v| v * unbiased).collect()),
                });
            }
        }
        y
    }
}
