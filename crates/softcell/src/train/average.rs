//! The moving average of the weights.

use burn::tensor::{Device, Tensor, TensorData};
use softcell_kernels::blend;

use crate::network::{NamedTensors, Weighted, all_tensors, named_tensors, replace_tensors};

/// An exponential moving average of weights and running statistics: `average ← d · average + (1 − d) · value` after
/// each step.
///
/// The first step's values are taken as they are. From then on `d = min(decay, (1 + n) / (10 + n))` after n steps
/// before, as TensorFlow's `ExponentialMovingAverage(num_updates=n)` has it: a short training would otherwise keep
/// mostly the weights it began with. The running statistics of the normalisations are averaged as the weights are
/// (timm's `ModelEma`, and `AveragedModel(use_buffers=True)` of PyTorch), so that they belong to them.
#[derive(Debug, Clone)]
pub struct Average {
    decay: f64,
    /// In the order of the module; empty before the first step.
    tensors: Vec<Tensor<1>>,
}

impl Average {
    /// An average without a past; none where `decay` is 0.
    pub fn new(decay: f64) -> Option<Average> {
        (decay > 0.0).then(|| Average { decay, tensors: Vec::new() })
    }

    /// Takes in the values of `module` after a step; `before` is the number of steps before this one.
    pub fn update<M: Weighted>(&mut self, module: &M, before: u64) {
        let new = all_tensors(module);
        if self.tensors.is_empty() {
            self.tensors = new;
            return;
        }
        let decay = decay_after(self.decay, before);
        let old = std::mem::take(&mut self.tensors);
        self.tensors = old.into_iter().zip(new).map(|(a, b)| blend(a, b, [decay, 1.0 - decay])).collect();
    }

    /// `module` with the averaged values; as it is before the first step.
    pub fn of<M: Weighted>(&self, module: M) -> M {
        if self.tensors.is_empty() { module } else { replace_tensors(module, &self.tensors) }
    }

    /// The averaged values by name, for a checkpoint; empty before the first step.
    pub fn to_named<M: Weighted + Clone>(&self, module: &M) -> NamedTensors {
        if self.tensors.is_empty() { NamedTensors::new() } else { named_tensors(&self.of(module.clone())) }
    }

    /// Goes on from what [`Average::to_named`] gave for a module with these names.
    pub fn restore(&mut self, names: &[String], tensors: &NamedTensors, device: &Device) {
        let load = |name: &String| {
            let values = tensors.get(name)?.values.clone();
            let n = values.len();
            Some(Tensor::from_data(TensorData::new(values, [n]), device))
        };
        // A checkpoint without an average, or a warm start, begins one.
        self.tensors = names.iter().map(load).collect::<Option<_>>().unwrap_or_default();
    }
}

/// The decay of a step that has `before` steps before it.
fn decay_after(decay: f64, before: u64) -> f64 {
    decay.min((1.0 + before as f64) / (10.0 + before as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Operation, tensor_names, update_weights};
    use crate::space::plan::{Linear, Step};

    fn values(average: &Average) -> Vec<f32> {
        average.tensors.iter().flat_map(|t| t.clone().into_data().try_to_vec::<f32>().unwrap()).collect()
    }

    #[test]
    fn the_average_is_that_of_the_formula_and_goes_on_to_the_same_bits() {
        let device = Device::flex();
        let module =
            Operation::new(vec![Step::Linear(Linear { name: "linear", inputs: 2, outputs: 3 })], &device);
        let at = |value: f64| {
            let mut module = module.clone();
            update_weights(&mut module, |_, w| w * 0.0 + value);
            module
        };
        let mut average = Average::new(0.5).unwrap();
        assert!(average.to_named(&module).is_empty());
        let (mut expected, steps) = (0.0, [3.0, -1.0, 4.5, 2.0]);
        let mut resumed = None;
        for (n, &value) in steps.iter().enumerate() {
            average.update(&at(value), n as u64);
            let decay = 0.5f64.min((1.0 + n as f64) / (10.0 + n as f64));
            expected = if n == 0 { value } else { decay * expected + (1.0 - decay) * value };
            assert!(values(&average).iter().all(|v| (f64::from(*v) - expected).abs() < 1e-6));
            if n == 1 {
                let mut other = Average::new(0.5).unwrap();
                other.restore(&tensor_names(&module), &average.to_named(&module), &device);
                resumed = Some(other);
            } else if let Some(other) = &mut resumed {
                other.update(&at(value), n as u64);
            }
        }
        assert_eq!(values(&resumed.unwrap()), values(&average));
        assert_eq!(named_tensors(&average.of(module.clone())), average.to_named(&module));
        assert!(Average::new(0.0).is_none());
    }

    #[test]
    fn the_decay_rises_to_its_value() {
        assert_eq!(decay_after(0.999, 0), 0.1);
        assert_eq!(decay_after(0.999, 90), 0.91);
        assert_eq!(decay_after(0.999, 100_000), 0.999);
    }
}
