//! How steep the validation loss has become in the alphas.

use rand_distr::{Distribution, StandardNormal};

use super::bilevel::Bilevel;
use super::lanczos::largest_eigenvalue;
use super::method::{Half, PASSES};
use crate::evaluate::DeviceBatch;
use crate::event::Position;
use crate::network::{Pass, Weighted};
use crate::random::stream;
use crate::space::Alphas;

/// `ε · ‖v‖` of the finite differences. Alphas differ by some tenths, and gradients are in f32; the loss has kinks where
/// something is rectified, and a smaller step meets too few of them for their mean.
const DIFFERENCE: f64 = 0.05;
/// Products with the Hessian at most, two passes forward and backward each.
const MOST_PRODUCTS: usize = PASSES / 2;

impl Bilevel {
    /// The largest algebraic eigenvalue of `∇²_α L_val(w, α) + λ_α·I` on a batch of the alphas, λ_α being their weight
    /// decay (Zela et al. 2020): Lanczos' iteration with `Hv ≈ (∇_α L(α + εv) − ∇_α L(α − εv)) / 2ε`, `ε‖v‖ = 0.05`.
    ///
    /// The gradients go through the relaxation with the draws of the first step of the epoch, and use the batch's
    /// statistics; the network stays as it is. Terms that the method adds to the loss are left out.
    pub fn curvature(&self, epoch: usize, valid: &DeviceBatch) -> f64 {
        let net = self.net.clone().no_grad();
        let moment = self.moment(Position { epoch, step: 0 }, Half::Alphas);
        let gradient = |vector: &[f64], step: f64| -> Vec<f64> {
            let alphas = moved(&self.alphas, vector, step);
            let relaxed = self.relaxer.relax(&alphas, moment);
            let (_, gradient) = self.through_alphas(&net, &relaxed, valid, Pass::train());
            gradient.values().copied().collect()
        };
        let n = self.alphas.values().count();
        let mut random = stream(self.seed, "search/curvature", &[epoch as u64]);
        let start = (0..n).map(|_| StandardNormal.sample(&mut random)).collect();
        let largest = largest_eigenvalue(start, MOST_PRODUCTS, |vector| {
            let (plus, minus) = (gradient(vector, DIFFERENCE), gradient(vector, -DIFFERENCE));
            plus.iter().zip(minus).map(|(plus, minus)| (plus - minus) / (2.0 * DIFFERENCE)).collect()
        });
        largest + self.method.alphas.weight_decay()
    }
}

/// `α + step · v`.
fn moved(alphas: &Alphas, vector: &[f64], step: f64) -> Alphas {
    let mut alphas = alphas.clone();
    let pairs = alphas.values_mut().zip(vector);
    pairs.for_each(|(alpha, v)| *alpha = (f64::from(*alpha) + step * v) as f32);
    alphas
}
