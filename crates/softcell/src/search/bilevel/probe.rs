//! What a perturbation may ask of the network.

use burn::tensor::FloatDType;

use super::{Bilevel, constants};
use crate::evaluate::{DeviceBatch, scalar};
use crate::network::{Pass, Weighted};
use crate::search::method::Probe;
use crate::space::{EdgeGradient, EdgeWeights, Paths};

/// The network at a batch, with running statistics, which stay as they are.
pub(super) struct BatchProbe<'a> {
    pub bilevel: &'a Bilevel,
    pub batch: &'a DeviceBatch,
    pub paths: Paths,
}

impl BatchProbe<'_> {
    /// With the edges that are decided, as the step has them.
    fn decided(&self, weights: &EdgeWeights) -> EdgeWeights {
        let mut weights = weights.clone();
        self.bilevel.fixed.apply(&mut weights);
        weights
    }
}

impl Probe for BatchProbe<'_> {
    fn loss(&mut self, weights: &EdgeWeights) -> f64 {
        let weights = &self.decided(weights);
        let net = self.bilevel.net.clone().no_grad();
        let weights = constants(weights, self.paths, self.batch);
        let (loss, _) = self.bilevel.loss(&net, &weights, self.batch, &mut Pass::eval());
        f64::from(scalar(loss.inner().cast(FloatDType::F32)))
    }

    fn slope(&mut self, weights: &EdgeWeights) -> EdgeGradient {
        let weights = &self.decided(weights);
        let leaf = constants(weights, self.paths, self.batch).require_grad();
        let net = self.bilevel.net.clone().no_grad();
        let pass = self.bilevel.differentiate(&net, &leaf, self.batch, Pass::eval());
        leaf.gradient(&pass.gradients, weights)
    }
}
