//! The tensors of a network, or of a part of it, as one named list.
//!
//! Names are those of the original's state dict (`cells.3._ops.7._ops.4.op.1.weight`), as the plan gives them; so are
//! the order and the shapes. Tensors are kept flat.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use burn::tensor::{Device, FloatDType, Gradients, Tensor, TensorData};
use rand::RngExt;
use softcell_kernels::blend;

use super::mismatch::Mismatch;
use super::norm::MOMENTUM;
use super::pass::BatchStatistics;
use crate::error::{Error, Result};
use crate::random::stream;
use crate::space::plan::{TensorRole, TensorSpec};

/// Plain tensors by state-dict name.
pub type NamedTensors = BTreeMap<String, HostTensor>;

/// A tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Shape.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub values: Vec<f32>,
}

impl HostTensor {
    /// A matrix from its rows, which are equally long.
    pub fn matrix(rows: &[Vec<f32>]) -> Self {
        Self { shape: vec![rows.len(), rows.first().map_or(0, Vec::len)], values: rows.concat() }
    }
}

/// One value per weight, flattened; `None` where a weight took no part.
pub type WeightList = Vec<Option<Tensor<1>>>;

/// Tensors and what they are.
#[derive(Debug, Clone)]
pub struct Weights {
    specs: Arc<Vec<TensorSpec>>,
    tensors: Vec<Tensor<1>>,
}

/// What has weights.
pub trait Weighted: Sized {
    /// Its tensors.
    fn weights(&self) -> &Weights;

    /// Its tensors, to be changed.
    fn weights_mut(&mut self) -> &mut Weights;

    /// The same off the graph, on the plain device: for evaluation.
    fn valid(&self) -> Self
    where
        Self: Clone,
    {
        self.clone().map_tensors(|_, tensor| plain(tensor))
    }

    /// The same with weights that are constants of the graph.
    fn no_grad(self) -> Self {
        self.map_tensors(
            |_, tensor| if tensor.is_autodiff() { tensor.set_require_grad(false) } else { tensor },
        )
    }

    /// The same in f64, which runs on the readable bodies of all kernels.
    fn in_f64(self) -> Self {
        self.map_tensors(|spec, tensor| {
            let trained = !spec.role.is_buffer() && tensor.is_autodiff();
            let tensor = plain(tensor).cast(FloatDType::F64);
            if trained { Tensor::from_inner(tensor).set_require_grad(true) } else { tensor }
        })
    }

    /// Replaces each tensor.
    fn map_tensors(mut self, mut f: impl FnMut(&TensorSpec, Tensor<1>) -> Tensor<1>) -> Self {
        let Weights { specs, tensors } = self.weights_mut();
        let old = std::mem::take(tensors);
        *tensors = specs.iter().zip(old).map(|(spec, tensor)| f(spec, tensor)).collect();
        self
    }

    /// Number of weights and running statistics.
    fn count_values(&self) -> usize {
        self.weights().specs.iter().map(TensorSpec::count).sum()
    }
}

impl Weights {
    /// Zeros, and ones where a normalisation begins with them; trained ones have gradients where the device has, running
    /// statistics are no part of any graph.
    pub(super) fn new(specs: Vec<TensorSpec>, device: &Device) -> Self {
        let plain = device.clone().without_autodiff();
        let tensor = |spec: &TensorSpec| {
            let shape = [spec.count()];
            let device = if spec.role.is_buffer() { &plain } else { device };
            let tensor = match spec.role.is_one() {
                true => Tensor::ones(shape, device),
                false => Tensor::zeros(shape, device),
            };
            if tensor.is_autodiff() { tensor.require_grad() } else { tensor }
        };
        Self { tensors: specs.iter().map(tensor).collect(), specs: Arc::new(specs) }
    }

    /// The tensors, flat, in the order of the plan.
    pub(super) fn tensors(&self) -> &[Tensor<1>] {
        &self.tensors
    }

    fn trained(&self) -> impl Iterator<Item = (&TensorSpec, &Tensor<1>)> {
        self.specs.iter().zip(&self.tensors).filter(|(spec, _)| !spec.role.is_buffer())
    }

    /// Puts `f(place, spec, old)` in the place of each; the tensors stay leaves of the graph as they were.
    fn refill(&mut self, mut f: impl FnMut(usize, &TensorSpec, Tensor<1>) -> Tensor<1>) {
        let old = std::mem::take(&mut self.tensors);
        let new = self.specs.iter().zip(old).enumerate();
        self.tensors = new.map(|(at, (spec, tensor))| renewed(tensor, |old| f(at, spec, old))).collect();
    }
}

/// A tensor with new values, a leaf of the graph where it was one. Nobody else holds the old ones, unless somebody did
/// before.
fn renewed(tensor: Tensor<1>, f: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Tensor<1> {
    let (autodiff, trained) = (tensor.is_autodiff(), tensor.is_require_grad());
    let new = f(plain(tensor));
    if autodiff { Tensor::from_inner(new).set_require_grad(trained) } else { new }
}

/// Off the graph.
fn plain(tensor: Tensor<1>) -> Tensor<1> {
    if tensor.is_autodiff() { tensor.inner() } else { tensor }
}

/// Values as f32, in which networks are kept; a replay may run one in f64.
pub(crate) fn host(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_to_vec::<f32>().expect("converted to f32")
}

fn loaded(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// Weights and buffers by state-dict name, copied to the host.
pub fn named_tensors<W: Weighted>(module: &W) -> NamedTensors {
    let Weights { specs, tensors } = module.weights();
    let named = |(spec, tensor): (&TensorSpec, &Tensor<1>)| {
        let values = host(plain(tensor.clone()));
        (spec.name.clone(), HostTensor { shape: spec.shape.clone(), values })
    };
    specs.iter().zip(tensors).map(named).collect()
}

/// The names of the weights (without buffers), in order.
pub fn weight_names<W: Weighted>(module: &W) -> Vec<String> {
    module.weights().trained().map(|(spec, _)| spec.name.clone()).collect()
}

/// Number of weights, counted by name: `include` says which names count.
pub fn count_weights<W: Weighted>(module: &W, include: impl Fn(&str) -> bool) -> u64 {
    module
        .weights()
        .trained()
        .filter(|(spec, _)| include(&spec.name))
        .map(|(spec, _)| spec.count() as u64)
        .sum()
}

/// Replaces every weight and buffer by the tensor of its name.
///
/// # Errors
/// Missing, surplus and mis-shaped tensors, each by name. `num_batches_tracked` is ignored.
pub fn load_named<W: Weighted>(mut module: W, tensors: &NamedTensors, origin: &str) -> Result<W> {
    check_named(&module, tensors, origin)?;
    let load =
        |_, spec: &TensorSpec, old: Tensor<1>| loaded(tensors[&spec.name].values.clone(), &old.device());
    module.weights_mut().refill(load);
    Ok(module)
}

/// Whether [`load_named`] takes the tensors.
///
/// # Errors
/// As [`load_named`].
pub(crate) fn check_named<W: Weighted>(module: &W, tensors: &NamedTensors, origin: &str) -> Result<()> {
    let specs = &module.weights().specs;
    let mut mismatch = Mismatch::default();
    for spec in specs.iter() {
        match tensors.get(&spec.name) {
            None => mismatch.missing(spec.name.clone()),
            Some(t) if t.shape != spec.shape => {
                mismatch.reshaped(spec.name.clone(), &t.shape, &spec.shape);
            }
            Some(_) => {}
        }
    }
    let known: HashSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    for name in tensors.keys() {
        if !known.contains(name.as_str()) && !name.ends_with("num_batches_tracked") {
            mismatch.surplus(name.clone());
        }
    }
    if !mismatch.is_empty() {
        return Err(Error::Mismatch {
            what: origin.to_owned(),
            found: mismatch.counts(),
            expected: "exactly the tensors of this network".to_owned(),
            remedy: "check that the weights belong to this genotype, width, depth and number of classes"
                .into(),
            list: mismatch.lines(),
        });
    }
    Ok(())
}

/// Number of values of each weight (without buffers) by its name.
pub(crate) fn weight_sizes<W: Weighted>(module: &W) -> BTreeMap<String, usize> {
    module.weights().trained().map(|(spec, _)| (spec.name.clone(), spec.count())).collect()
}

/// Number of values of all tensors together.
pub(crate) fn count_values(tensors: &NamedTensors) -> u64 {
    tensors.values().map(|tensor| tensor.values.len() as u64).sum()
}

/// Draws every weight as PyTorch's defaults do, each from its own stream `init/<name>`.
///
/// Convolutions and linear layers: uniform in ±1/√fan_in (Kaiming uniform with a = √5), their biases
/// likewise. Normalisations: weight 1, bias 0, running mean 0 and variance 1.
pub fn initialize<W: Weighted>(mut module: W, seed: u64) -> W {
    module.weights_mut().refill(|_, spec, old| {
        let TensorRole::Weight { fan_in } = spec.role else {
            // A normalisation keeps the ones and zeros it was built with.
            return old;
        };
        let bound = 1.0 / (fan_in as f32).sqrt();
        let mut random = stream(seed, &format!("init/{}", spec.name), &[]);
        let values = (0..spec.count()).map(|_| (random.random::<f32>() * 2.0 - 1.0) * bound).collect();
        loaded(values, &old.device())
    });
    module
}

/// The weights themselves, flattened, in order.
pub fn weight_list<W: Weighted>(module: &W) -> Vec<Tensor<1>> {
    module.weights().trained().map(|(_, tensor)| plain(tensor.clone())).collect()
}

/// The names of weights and buffers, in order.
pub(crate) fn tensor_names<W: Weighted>(module: &W) -> Vec<String> {
    module.weights().specs.iter().map(|spec| spec.name.clone()).collect()
}

/// Weights and buffers, flattened, in order.
pub(crate) fn all_tensors<W: Weighted>(module: &W) -> Vec<Tensor<1>> {
    module.weights().tensors.iter().cloned().map(plain).collect()
}

/// Replaces weights and buffers by these, which are in the order of [`all_tensors`].
pub(crate) fn replace_tensors<W: Weighted>(mut module: W, tensors: &[Tensor<1>]) -> W {
    assert_eq!(tensors.len(), module.weights().tensors.len(), "as many tensors as the module has");
    module.weights_mut().refill(|index, _, _| tensors[index].clone());
    module
}

/// The gradient of every weight after a backward pass, flattened, in order.
pub fn gradients<W: Weighted>(module: &W, gradients: &Gradients) -> WeightList {
    module.weights().trained().map(|(_, tensor)| tensor.grad(gradients)).collect()
}

/// Replaces the i-th weight `w` by `f(i, w)`; buffers stay.
pub fn update_weights<W: Weighted>(module: &mut W, mut f: impl FnMut(usize, Tensor<1>) -> Tensor<1>) {
    let Weights { specs, tensors } = module.weights_mut();
    let old = std::mem::take(tensors);
    let mut next = 0..;
    let new = specs.iter().zip(old).map(|(spec, tensor)| match spec.role.is_buffer() {
        true => tensor,
        false => renewed(tensor, |old| f(next.next().expect("numbers do not end"), old)),
    });
    *tensors = new.collect();
}

/// Moves the running statistics by what a training pass saw:
/// `running ← (1 − momentum) · running + momentum · batch`.
pub fn absorb<W: Weighted>(module: &mut W, statistics: Vec<BatchStatistics>) {
    let tensors = &mut module.weights_mut().tensors;
    for BatchStatistics { running, mean, variance } in statistics {
        for (place, batch) in running.into_iter().zip([mean, variance]) {
            let old = std::mem::replace(&mut tensors[place], batch.clone());
            tensors[place] = renewed(old, |old| blend(old, batch, [1.0 - MOMENTUM, MOMENTUM]));
        }
    }
}
