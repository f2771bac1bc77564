//! A network's weights as one named list, in the names and layouts of the original's state dict.
//!
//! Modules are walked in the order of their fields, which is fixed; "the i-th weight" below always means
//! that order. Weights are what training moves; buffers are the running statistics.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Gradients, Tensor, TensorData};
use rand::RngExt;

use crate::error::{Error, Result};
use crate::ops::BatchStatistics;
use crate::random::stream;

mod mismatch;
mod values;

use mismatch::Mismatch;
pub(crate) use values::unusable;

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

/// The original's segment for field `name` of a module type.
fn original_segment<'a>(container: &str, name: &'a str) -> &'a str {
    match (container, name) {
        (c, _) if c.starts_with("Enum:") => "",
        ("Struct:ReluConvBn", "conv") => "op.1.weight",
        ("Struct:ReluConvBn", "norm") => "op.2",
        ("Struct:FactorizedReduce", "even") => "conv_1.weight",
        ("Struct:FactorizedReduce", "odd") => "conv_2.weight",
        ("Struct:FactorizedReduce", "norm") => "bn",
        ("Struct:SepConv", "depthwise1") | ("Struct:DilConv", "depthwise") => "op.1.weight",
        ("Struct:SepConv", "pointwise1") | ("Struct:DilConv", "pointwise") => "op.2.weight",
        ("Struct:SepConv", "norm1") | ("Struct:DilConv", "norm") => "op.3",
        // The original's one operation that is a bare sequence.
        ("Struct:Conv7x1x7", "row") => "1.weight",
        ("Struct:Conv7x1x7", "column") => "2.weight",
        ("Struct:Conv7x1x7", "norm") => "3",
        ("Struct:SepConv", "depthwise2") => "op.5.weight",
        ("Struct:SepConv", "pointwise2") => "op.6.weight",
        ("Struct:SepConv", "norm2") => "op.7",
        ("Struct:Pool", "norm") => "1",
        ("Struct:SearchCell", "edges") | ("Struct:DerivedCell" | "Struct:MixedOp", "ops") => "_ops",
        ("Struct:CifarStem", "conv") => "stem.0.weight",
        ("Struct:CifarStem", "norm") => "stem.1",
        ("Struct:ImagenetStem", "conv0") => "stem0.0.weight",
        ("Struct:ImagenetStem", "norm0") => "stem0.1",
        ("Struct:ImagenetStem", "conv1") => "stem0.3.weight",
        ("Struct:ImagenetStem", "norm1") => "stem0.4",
        ("Struct:ImagenetStem", "conv2") => "stem1.1.weight",
        ("Struct:ImagenetStem", "norm2") => "stem1.2",
        ("Struct:SuperNet" | "Struct:DerivedNetwork", "stem") => "",
        ("Struct:AuxiliaryHead", "conv1") => "features.2.weight",
        ("Struct:AuxiliaryHead", "norm1") => "features.3",
        ("Struct:AuxiliaryHead", "conv2") => "features.5.weight",
        ("Struct:AuxiliaryHead", "norm2") => "features.6",
        _ => name,
    }
}

/// The path of the module being walked.
#[derive(Default)]
struct NamePath(Vec<String>);

impl NamePath {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push(original_segment(container, name).to_string());
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        let segments: Vec<&str> = self.0.iter().map(String::as_str).filter(|s| !s.is_empty()).collect();
        segments.join(".")
    }

    fn is_buffer(&self) -> bool {
        self.0.last().is_some_and(|last| last.starts_with("running_"))
    }
}

fn flat<const D: usize>(param: &Param<Tensor<D>>) -> Tensor<1> {
    let tensor = param.val().inner();
    let n = tensor.shape().num_elements();
    tensor.reshape([n])
}

/// Values as f32, in which networks are kept; a replay may run one in f64.
pub(crate) fn host(tensor: Tensor<1>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_to_vec::<f32>().expect("converted to f32")
}

/// Puts a flat tensor back into a parameter, which keeps its identity and whether it is trained.
///
/// Where `f` answers `None` the parameter stays the very same leaf of the graph, so that gradients taken
/// through it can still be asked for.
fn refill<const D: usize>(
    param: Param<Tensor<D>>,
    f: impl FnOnce(Tensor<1>) -> Option<Tensor<1>>,
) -> Param<Tensor<D>> {
    let Some(new) = f(flat(&param)) else { return param };
    param.map(|old| {
        let (shape, autodiff, trained) = (old.dims(), old.is_autodiff(), old.is_require_grad());
        let new = new.reshape(shape);
        if autodiff { Tensor::from_inner(new).set_require_grad(trained) } else { new }
    })
}

/// Which parameter a walk has come to.
struct Leaf<'a> {
    id: ParamId,
    shape: &'a [usize],
}

struct Walk<F>(NamePath, F);

impl<F: FnMut(&NamePath, Leaf<'_>, Tensor<1>)> ModuleVisitor for Walk<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.0.exit();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.dims();
        let n = shape.iter().product::<usize>();
        (self.1)(&self.0, Leaf { id: param.id, shape: &shape }, param.val().reshape([n]));
    }
}

struct Refill<F>(NamePath, F);

impl<F: FnMut(&NamePath, ParamId, Tensor<1>) -> Option<Tensor<1>>> ModuleMapper for Refill<F> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.0.enter(name, container);
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.0.exit();
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id;
        refill(param, |values| (self.1)(&self.0, id, values))
    }
}

/// Goes through all parameters, flattened, as part of the graph.
fn walk_graph<M: Module>(module: &M, f: impl FnMut(&NamePath, Leaf<'_>, Tensor<1>)) {
    module.visit(&mut Walk(NamePath::default(), f));
}

/// Goes through all parameters, flattened, as plain values.
fn walk<M: Module>(module: &M, mut f: impl FnMut(&NamePath, &[usize], Tensor<1>)) {
    walk_graph(module, |path, leaf, tensor| f(path, leaf.shape, tensor.inner()));
}

/// Weights and buffers by state-dict name, copied to the host.
pub fn named_tensors<M: Module>(module: &M) -> NamedTensors {
    let mut all = NamedTensors::new();
    walk(module, |path, shape, tensor| {
        all.insert(path.name(), HostTensor { shape: shape.to_vec(), values: host(tensor) });
    });
    all
}

/// The names of the weights (without buffers), in order.
pub fn weight_names<M: Module>(module: &M) -> Vec<String> {
    let mut names = Vec::new();
    walk(module, |path, _, _| {
        if !path.is_buffer() {
            names.push(path.name());
        }
    });
    names
}

/// Number of weights, counted by name: `include` says which names count.
pub fn count_weights<M: Module>(module: &M, include: impl Fn(&str) -> bool) -> u64 {
    let mut count = 0;
    walk(module, |path, shape, _| {
        if !path.is_buffer() && include(&path.name()) {
            count += shape.iter().product::<usize>() as u64;
        }
    });
    count
}

/// Replaces every weight and buffer by the tensor of its name.
///
/// # Errors
/// Missing, surplus and mis-shaped tensors, each by name. `num_batches_tracked` is ignored.
pub fn load_named<M: Module>(module: M, tensors: &NamedTensors, origin: &str) -> Result<M> {
    check_named(&module, tensors, origin)?;
    Ok(module.map(&mut Refill(NamePath::default(), |path: &NamePath, _, old: Tensor<1>| {
        let new = &tensors[&path.name()];
        Some(Tensor::from_data(TensorData::new(new.values.clone(), [new.values.len()]), &old.device()))
    })))
}

/// Whether [`load_named`] takes the tensors.
///
/// # Errors
/// As [`load_named`].
pub(crate) fn check_named<M: Module>(module: &M, tensors: &NamedTensors, origin: &str) -> Result<()> {
    let mut mismatch = Mismatch::default();
    let mut known = std::collections::HashSet::new();
    walk(module, |path, shape, _| {
        let name = path.name();
        match tensors.get(&name) {
            None => mismatch.missing(name.clone()),
            Some(t) if t.shape != shape => mismatch.reshaped(name.clone(), &t.shape, shape),
            Some(_) => {}
        }
        known.insert(name);
    });
    for name in tensors.keys() {
        if !known.contains(name) && !name.ends_with("num_batches_tracked") {
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
pub(crate) fn weight_sizes<M: Module>(module: &M) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    walk(module, |path, shape, _| {
        if !path.is_buffer() {
            sizes.insert(path.name(), shape.iter().product());
        }
    });
    sizes
}

/// Number of values of all tensors together.
pub(crate) fn count_values(tensors: &NamedTensors) -> u64 {
    tensors.values().map(|tensor| tensor.values.len() as u64).sum()
}

/// Draws every weight as PyTorch's defaults do, each from its own stream `init/<name>`.
///
/// Convolutions and linear layers: uniform in ±1/√fan_in (Kaiming uniform with a = √5), their biases
/// likewise. Normalisations: weight 1, bias 0, running mean 0 and variance 1.
pub fn initialize<M: Module>(module: M, seed: u64) -> M {
    let mut fan_in = HashMap::new();
    walk(&module, |path, shape, _| {
        if shape.len() > 1 {
            let parent = path.name().trim_end_matches("weight").to_string();
            fan_in.insert(parent, shape[1..].iter().product::<usize>());
        }
    });
    module.map(&mut Refill(NamePath::default(), |path: &NamePath, _, old: Tensor<1>| {
        let name = path.name();
        let parent = name.trim_end_matches("weight").trim_end_matches("bias");
        let Some(&fan_in) = fan_in.get(parent) else {
            // A normalisation keeps the ones and zeros it was built with.
            return None;
        };
        let bound = 1.0 / (fan_in as f32).sqrt();
        let mut random = stream(seed, &format!("init/{name}"), &[]);
        let n = old.dims()[0];
        let values: Vec<f32> = (0..n).map(|_| (random.random::<f32>() * 2.0 - 1.0) * bound).collect();
        Some(Tensor::from_data(TensorData::new(values, [n]), &old.device()))
    }))
}

/// The weights themselves, flattened, in order.
pub fn weight_list<M: Module>(module: &M) -> Vec<Tensor<1>> {
    let mut list = Vec::new();
    walk(module, |path, _, tensor| {
        if !path.is_buffer() {
            list.push(tensor);
        }
    });
    list
}

/// All weights of a module one behind the other, as part of the graph: a gradient through it reaches them.
pub(crate) fn joined_weights<M: Module>(module: &M) -> Tensor<1> {
    let mut weights = Vec::new();
    walk_graph(module, |path, _, tensor| {
        if !path.is_buffer() {
            weights.push(tensor);
        }
    });
    Tensor::cat(weights, 0)
}

/// The names of weights and buffers, in order.
pub(crate) fn tensor_names<M: Module>(module: &M) -> Vec<String> {
    let mut names = Vec::new();
    walk(module, |path, _, _| names.push(path.name()));
    names
}

/// Weights and buffers, flattened, in order.
pub(crate) fn all_tensors<M: Module>(module: &M) -> Vec<Tensor<1>> {
    let mut list = Vec::new();
    walk(module, |_, _, tensor| list.push(tensor));
    list
}

/// Replaces weights and buffers by these, which are in the order of [`all_tensors`].
pub(crate) fn replace_tensors<M: Module>(module: M, tensors: &[Tensor<1>]) -> M {
    let mut next = tensors.iter().cloned();
    module.map(&mut Refill(NamePath::default(), |_: &NamePath, _, _| {
        Some(next.next().expect("as many tensors as the module has"))
    }))
}

/// The running mean and variance of every normalisation, in order.
pub(crate) fn running_statistics<M: Module>(module: &M) -> Vec<RunningStatistics> {
    let mut buffers = Vec::new();
    walk_graph(module, |path, leaf, tensor| {
        if path.is_buffer() {
            buffers.push((leaf.id, tensor.inner()));
        }
    });
    let (pairs, _) = buffers.as_chunks::<2>();
    pairs
        .iter()
        .map(|[(mean_id, mean), (variance_id, variance)]| RunningStatistics {
            ids: [*mean_id, *variance_id],
            mean: mean.clone(),
            variance: variance.clone(),
        })
        .collect()
}

/// What a normalisation keeps for evaluation.
pub(crate) struct RunningStatistics {
    /// Identities of mean and variance.
    pub ids: [ParamId; 2],
    pub mean: Tensor<1>,
    pub variance: Tensor<1>,
}

/// The gradient of every weight after a backward pass, flattened, in order.
pub fn gradients<M: Module>(module: &M, gradients: &Gradients) -> WeightList {
    struct Collect<'a>(NamePath, &'a Gradients, WeightList);
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.0.enter(name, container);
        }
        fn exit_module(&mut self, _name: &str, _container: &str) {
            self.0.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.0.is_buffer() {
                self.2.push(param.val().grad(self.1).map(|g| {
                    let n = g.shape().num_elements();
                    g.reshape([n])
                }));
            }
        }
    }
    let mut collect = Collect(NamePath::default(), gradients, Vec::new());
    module.visit(&mut collect);
    collect.2
}

/// Replaces the i-th weight `w` by `f(i, w)`; buffers stay.
pub fn update_weights<M: Module>(module: M, mut f: impl FnMut(usize, Tensor<1>) -> Tensor<1>) -> M {
    let mut index = 0;
    module.map(&mut Refill(NamePath::default(), |path: &NamePath, _, old: Tensor<1>| {
        if path.is_buffer() {
            return None;
        }
        index += 1;
        Some(f(index - 1, old))
    }))
}

/// Moves the running statistics by what a training pass saw:
/// `running ← (1 − momentum) · running + momentum · batch`.
pub fn absorb<M: Module>(module: M, statistics: Vec<BatchStatistics>) -> M {
    let mut new = HashMap::with_capacity(2 * statistics.len());
    for s in statistics {
        new.insert(s.running_mean, s.mean);
        new.insert(s.running_var, s.variance);
    }
    let keep = 1.0 - crate::ops::MOMENTUM;
    module.map(&mut Refill(NamePath::default(), |_: &NamePath, id, old: Tensor<1>| {
        new.remove(&id).map(|batch| old * keep + batch * crate::ops::MOMENTUM)
    }))
}
