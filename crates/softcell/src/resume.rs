//! Whether a state fits the work that is to go on from it: found out before anything is built or computed.

use crate::error::{Advice, Error, Remedy, Result};
use crate::loss::Meter;
use crate::network::{NamedTensors, Weighted, count_values, weight_sizes};
use crate::records::{Best, Position, Score};

/// What helps where a checkpoint does not fit.
pub(crate) fn remedy() -> Advice {
    "use the checkpoint of this run, or start again with " + Remedy::Replace
}

/// How far a stage was when its state was kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub position: Position,
    pub meter: Meter,
    /// Of the epochs before, and of this one.
    pub seconds: [f64; 2],
}

fn refuse(origin: &str, found: String, expected: String) -> Result<()> {
    Err(Error::invalid(origin, found, expected, remedy()))
}

impl Progress {
    /// # Errors
    /// A position beyond so many epochs of so many steps, counts that contradict one another, numbers that are
    /// none.
    pub fn check(&self, origin: &str, epochs: usize, steps: usize) -> Result<()> {
        let Position { epoch, step } = self.position;
        let ended = epoch == epochs && step == 0;
        if !ended && (epoch >= epochs || step > steps) {
            let expected = format!("one of {epochs} epochs with {steps} steps");
            return refuse(origin, format!("epoch {epoch}, step {step}"), expected);
        }
        let Meter { images, loss_sum, top1, top5 } = self.meter;
        if !(top1 <= top5 && top5 <= images && loss_sum.is_finite()) {
            let found = format!("{images} images, {top5} and {top1} of them right, losses of {loss_sum}");
            return refuse(origin, found, "right answers among the images and a finite loss".into());
        }
        let strange = self.seconds.into_iter().find(|seconds| !(0.0..=1e10).contains(seconds));
        strange.map_or(Ok(()), |found| refuse(origin, format!("{found} seconds"), "0 or more".into()))
    }
}

/// Weights of a network that is built whatever the tensors are: then each one that is missing is told by its name.
const CHEAP: u64 = 1 << 22;

impl Best {
    /// Whether it can be the best of the epochs before this position.
    pub(crate) fn check(&self, position: &Position) -> Result<()> {
        let Score { accuracy, balanced_accuracy, loss } = self.score;
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let fits = self.epoch < position.epoch
            && is_share(accuracy)
            && balanced_accuracy.is_none_or(is_share)
            && loss.is_none_or(f64::is_finite);
        if fits {
            return Ok(());
        }
        Err(Error::invalid(
            "best epoch of the training checkpoint",
            format!("epoch {} with {:?}", self.epoch, self.score),
            format!("one of the {} epochs that are done, with accuracies from 0 to 1", position.epoch),
            remedy(),
        ))
    }
}

/// Refuses tensors of fewer values than a large network has weights, before the network is built: it may be far too
/// large.
///
/// # Errors
/// When there are fewer.
pub(crate) fn check_size(origin: &str, tensors: &NamedTensors, weights: u64) -> Result<()> {
    let values = count_values(tensors);
    if values >= weights || weights <= CHEAP {
        return Ok(());
    }
    Err(Error::invalid(
        origin,
        format!("{values} values"),
        format!("at least {weights}, which the network has"),
        "check that the weights belong to this genotype, width, depth and number of classes",
    ))
}

/// Refuses what is not one flat tensor for each of some of the weights.
///
/// # Errors
/// When a tensor has another length, or belongs to no weight.
pub(crate) fn check_velocity<M: Weighted>(origin: &str, module: &M, velocity: &NamedTensors) -> Result<()> {
    let sizes = weight_sizes(module);
    for (name, tensor) in velocity {
        let (found, size) = (tensor.values.len(), sizes.get(name).copied());
        if size != Some(found) {
            let wanted = size.map_or("no such weight".to_owned(), |size| format!("{size} values"));
            return refuse(origin, format!("velocity.{name} of {found} values"), wanted);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{HostTensor, Operation};
    use crate::space::plan::{Linear, Step};
    use burn::tensor::Device;

    #[test]
    fn progress_stays_within_the_stage() {
        let fits = |epoch, step, meter: Meter, seconds| {
            let progress = Progress { position: Position { epoch, step }, meter, seconds: [seconds, 0.0] };
            progress.check("a checkpoint", 3, 5).is_ok()
        };
        let none = Meter::default();
        for (epoch, step) in [(0, 0), (2, 5), (3, 0)] {
            assert!(fits(epoch, step, none, 1.0), "{epoch} {step}");
        }
        for (epoch, step) in [(0, 6), (3, 1), (4, 0), (usize::MAX, usize::MAX)] {
            assert!(!fits(epoch, step, none, 1.0), "{epoch} {step}");
        }
        assert!(fits(0, 1, Meter { images: 3, loss_sum: -1.0, top1: 1, top5: 2 }, 0.0));
        assert!(!fits(0, 1, Meter { images: 3, loss_sum: 1.0, top1: 3, top5: 2 }, 0.0));
        assert!(!fits(0, 1, Meter { images: 1, loss_sum: 1.0, top1: 1, top5: 2 }, 0.0));
        assert!(!fits(0, 1, Meter { loss_sum: f64::NAN, ..none }, 0.0));
        assert!(!fits(0, 1, none, f64::NAN) && !fits(0, 1, none, -1.0));
    }

    #[test]
    fn velocities_belong_to_weights() {
        let module = Operation::new(
            vec![Step::Linear(Linear { name: "linear", inputs: 2, outputs: 3 })],
            &Device::flex(),
        );
        let check = |name: &str, n: usize| {
            let tensor = HostTensor { shape: vec![n], values: vec![0.0; n] };
            check_velocity("a checkpoint", &module, &[(name.to_owned(), tensor)].into())
        };
        check("linear.weight", 6).unwrap();
        assert!(
            check("linear.weight", 5).unwrap_err().to_string().contains("velocity.linear.weight of 5 values")
        );
        assert!(check("other", 6).is_err());
        assert!(
            check_size("w", &NamedTensors::new(), CHEAP + 1).is_err()
                && check_size("w", &NamedTensors::new(), CHEAP).is_ok()
        );
    }
}
