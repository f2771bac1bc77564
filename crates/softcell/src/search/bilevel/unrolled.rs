//! The alphas' gradient through one virtual step of the weights: second order.

use softcell_kernels::blend;

use super::{Bilevel, Draw, constants};
use crate::evaluate::DeviceBatch;
use crate::network::{Network, WeightList, Weighted, gradients, update_weights};
use crate::optim::global_norm;
use crate::search::method::{Moment, Relaxed};
use crate::space::AlphaGradient;

/// `ε · ‖v‖` of the finite difference.
pub(super) const DIFFERENCE: f64 = 0.01;

impl Bilevel {
    /// `∇_α L_val(w', α) − ξ · ∇²_{αw} L_train(w, α) · ∇_{w'} L_val(w', α)`.
    pub(super) fn unrolled(
        &mut self,
        relaxed: &Relaxed,
        train: &DeviceBatch,
        valid: &DeviceBatch,
        xi: f64,
        moment: Moment,
    ) -> (f32, AlphaGradient) {
        let virtual_net = self.virtual_step(relaxed, train, xi, moment);
        // The virtual network is a copy: its statistics are dropped with it.
        let pass = self.training(moment, Draw::Alphas);
        let (pass, direct) = self.through_alphas(&virtual_net, relaxed, valid, pass);
        let mut vector = gradients(&virtual_net, &pass.gradients);
        if let Some(freezer) = &mut self.freezer {
            freezer.validation(vector.clone());
            // Frozen weights do not follow the alphas.
            vector = freezer.moving(vector);
        }
        let implicit = self.hessian_vector_product(relaxed, train, &vector, moment);
        (pass.loss, combine(&direct, &implicit, -xi))
    }

    /// `w' = w − ξ·(μm + ∇_w L_train(w, α) + λw)`; the gradient is not clipped.
    pub(super) fn virtual_step(
        &mut self,
        relaxed: &Relaxed,
        train: &DeviceBatch,
        xi: f64,
        moment: Moment,
    ) -> Network {
        let weights = constants(&relaxed.weights, relaxed.paths, train);
        let pass = self.differentiate(&self.net, &weights, train, self.training(moment, Draw::Virtual));
        self.absorb(pass.statistics);
        let mut gradient = gradients(&self.net, &pass.gradients);
        if let Some(freezer) = &self.freezer {
            gradient = freezer.moving(gradient);
        }
        let mut net = self.net.clone();
        update_weights(&mut net, |i, w| self.sgd.virtual_step(i, w, gradient[i].take(), xi));
        net
    }

    /// `∇²_{αw} L_train · v`, by a central difference along v.
    ///
    /// The weights themselves are never touched: both perturbed networks are copies.
    fn hessian_vector_product(
        &mut self,
        relaxed: &Relaxed,
        train: &DeviceBatch,
        vector: &WeightList,
        moment: Moment,
    ) -> AlphaGradient {
        central_difference(global_norm(vector), |epsilon| {
            let mut perturbed = self.net.clone();
            update_weights(&mut perturbed, |i, w| match &vector[i] {
                Some(v) => blend(w, v.clone(), [1.0, epsilon]),
                None => w,
            });
            let pass = self.training(moment, Draw::Virtual);
            let (pass, gradient) = self.through_alphas(&perturbed.no_grad(), relaxed, train, pass);
            // In the original these passes run through the network itself and move its statistics.
            self.absorb(pass.statistics);
            gradient
        })
    }
}

/// `(g(ε) − g(−ε)) / 2ε` with `ε = 0.01 / norm`, g(ε) being the alphas' gradient at weights `w + ε·v` and
/// `norm` the length of v. Of a v of length zero any ε gives the right product, which is zero.
pub(super) fn central_difference(
    norm: f64,
    mut gradient_at: impl FnMut(f64) -> AlphaGradient,
) -> AlphaGradient {
    let epsilon = if norm > 0.0 { DIFFERENCE / norm } else { DIFFERENCE };
    let plus = gradient_at(epsilon);
    let minus = gradient_at(-epsilon);
    let scale = (1.0 / (2.0 * epsilon)) as f32;
    let mut product = combine(&plus, &minus, -1.0);
    product.values_mut().for_each(|v| *v = f64::from(*v as f32 * scale));
    product
}

/// `a + factor · b`, each number rounded to f32, as the network's own gradients are.
fn combine(a: &AlphaGradient, b: &AlphaGradient, factor: f64) -> AlphaGradient {
    let mut sum = a.clone();
    for (x, &y) in sum.values_mut().zip(b.values()) {
        *x = f64::from((*x + factor * y) as f32);
    }
    sum
}
