//! The operation as a Burn backend extension.

use burn::backend::autodiff::{
    NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads::Gradients,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{Autodiff, Backend, Dispatch, Flex, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use burn_flex::FlexTensor;

use super::BatchNormOutput;
use super::cpu::{Statistics, backward, normalise, statistics};
use crate::support::flex::{contiguous, dims, tensor};

/// The normalising half of [`batch_norm_train`](crate::batch_norm_train) for backends that have a fast body.
#[backend_extension(Flex, Autodiff)]
pub trait BatchNormOps: Backend {
    /// Normalises `x` with its own statistics; differentiates as if it had computed them.
    fn normalise(
        x: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self>;
}

pub(super) fn batch_norm_train(
    x: Tensor<4>,
    affine: Option<(Tensor<1>, Tensor<1>)>,
    eps: f64,
) -> BatchNormOutput {
    let device = x.device().without_autodiff();
    let [_, channels, height, width] = x.dims();
    let values = x
        .clone()
        .without_autodiff()
        .try_into_primitive::<Flex>()
        .expect("the fast body was chosen for a tensor on the Flex device");
    let values = contiguous(values);
    let Statistics { mean, variance } = statistics(values.storage(), channels, height * width);
    drop(values);
    let mean = Tensor::<1>::from_primitive::<Flex>(tensor(mean, [channels]));
    let variance = Tensor::<1>::from_primitive::<Flex>(tensor(variance, [channels]));
    let (gamma, beta) =
        affine.unwrap_or_else(|| (Tensor::ones([channels], &device), Tensor::zeros([channels], &device)));
    let y = Tensor::from_dispatch(<Dispatch as BatchNormOps>::normalise(
        x.into_dispatch(),
        mean.clone().into_dispatch(),
        variance.clone().into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        eps,
    ));
    BatchNormOutput { y, mean, variance }
}

fn host_statistics(mean: &FlexTensor, variance: &FlexTensor) -> Statistics {
    Statistics { mean: mean.storage().to_vec(), variance: variance.storage().to_vec() }
}

impl BatchNormOps for Flex {
    fn normalise(
        x: FlexTensor,
        mean: FlexTensor,
        variance: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        eps: f64,
    ) -> FlexTensor {
        let (x, gamma, beta) = (contiguous(x), contiguous(gamma), contiguous(beta));
        let shape @ [_, _, height, width] = dims::<4>(&x);
        let statistics = host_statistics(&mean, &variance);
        let y = normalise(x.storage(), height * width, &statistics, gamma.storage(), beta.storage(), eps);
        tensor(y, shape)
    }
}

impl<C: CheckpointStrategy> BatchNormOps for Autodiff<Flex, C> {
    fn normalise(
        x: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f64,
    ) -> FloatTensor<Self> {
        let (mean, variance) = (mean.into_primitive(), variance.into_primitive());
        let inputs = [x.node(), gamma.node(), beta.node()];
        match BatchNormBackward.prepare::<C>(inputs).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = State {
                    x: prep.checkpoint(&x),
                    gamma: prep.checkpoint(&gamma),
                    statistics: host_statistics(&mean, &variance),
                    eps,
                };
                let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.into_primitive());
                prep.finish(state, Flex::normalise(x, mean, variance, gamma, beta, eps))
            }
            OpsKind::UnTracked(prep) => {
                let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.into_primitive());
                prep.finish(Flex::normalise(x, mean, variance, gamma, beta, eps))
            }
        }
    }
}

#[derive(Debug)]
struct BatchNormBackward;

#[derive(Clone, Debug)]
struct State {
    x: NodeId,
    gamma: NodeId,
    statistics: Statistics,
    eps: f64,
}

impl Backward<Flex, 3> for BatchNormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, checkpointer: &mut Checkpointer) {
        let [x_parent, gamma_parent, beta_parent] = ops.parents;
        let State { x, gamma, statistics, eps } = ops.state;
        let x: FlexTensor = contiguous(checkpointer.retrieve_node_output(x));
        let gamma: FlexTensor = contiguous(checkpointer.retrieve_node_output(gamma));
        // The gradient becomes that of x in its own buffer, which is copied only if somebody else holds it.
        let mut gradient = contiguous(grads.consume::<Flex>(&ops.node));
        let [_, channels, height, width] = dims(&x);
        let affine = backward(
            x.storage(),
            height * width,
            &statistics,
            gamma.storage(),
            eps,
            gradient.storage_mut(),
            x_parent.is_some(),
        );
        if let Some(parent) = x_parent {
            grads.register::<Flex>(parent.id, gradient);
        }
        if let Some(parent) = gamma_parent {
            grads.register::<Flex>(parent.id, tensor(affine.gamma, [channels]));
        }
        if let Some(parent) = beta_parent {
            grads.register::<Flex>(parent.id, tensor(affine.beta, [channels]));
        }
    }
}
