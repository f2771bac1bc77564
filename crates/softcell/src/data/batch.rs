//! What a batch holds, as a function of seed, stream, epoch and step.

use std::sync::Arc;

use rand::seq::{SliceRandom, index};

use super::augment::Augment;
use super::balance::balanced;
use super::normalize::{Normalization, Normalizer};
use super::set::ImageSet;
use crate::config::Sampling;
use crate::random::stream;

/// Images ready for a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Normalised images, `[len, channels, height, width]`.
    pub images: Vec<f32>,
    /// The class of each image.
    pub labels: Vec<u32>,
    /// Number of images.
    pub len: usize,
}

/// In which order images are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The images as they are listed: for evaluation.
    Sequential,
    /// Each image once per epoch, in an order of that epoch.
    Shuffled,
    /// Every step draws its batch afresh from all images: the first batch of a new shuffle, as the
    /// architecture step of DARTS takes it.
    Independent {
        /// Number of batches.
        steps: usize,
    },
    /// All in all as many images per epoch as there are, but each class equally often, in an order of that epoch.
    Balanced,
    /// Each batch drawn by itself, as with `Independent`, with each class equally often in each batch, up to one image.
    IndependentBalanced {
        /// Number of batches.
        steps: usize,
    },
}

impl Order {
    /// The order of an epoch in which the images of classes come as often as `sampling` says.
    pub fn of_epoch(sampling: Sampling) -> Order {
        match sampling {
            Sampling::Shuffled => Order::Shuffled,
            Sampling::Balanced => Order::Balanced,
        }
    }

    /// The order in which the images of classes come as often as `sampling` says, where each of `steps` batches is drawn by itself.
    pub fn of_batches(sampling: Sampling, steps: usize) -> Order {
        match sampling {
            Sampling::Shuffled => Order::Independent { steps },
            Sampling::Balanced => Order::IndependentBalanced { steps },
        }
    }
}

/// The batches of one epoch.
#[derive(Debug, Clone)]
pub struct BatchPlan {
    /// Where the images lie.
    pub set: Arc<ImageSet>,
    /// Which of them take part.
    pub indices: Arc<Vec<usize>>,
    /// Mean and deviation taken out of the pixels.
    pub normalization: Normalization,
    /// How images are varied; none for evaluation.
    pub augment: Option<Augment>,
    /// Images per batch, at least 1.
    pub batch_size: usize,
    /// In which order.
    pub order: Order,
    /// The seed of the run.
    pub seed: u64,
    /// Name of the random stream, such as "search/weights"; varied images use `<stream>/augment`.
    pub stream: String,
    /// The epoch, from 0.
    pub epoch: u64,
    /// Leave out a last batch that is not full.
    pub drop_last: bool,
}

impl BatchPlan {
    /// Number of batches.
    ///
    /// A shuffled or balanced epoch leaves out a last batch of a single image, of which no variance could be taken,
    /// even without `drop_last`. An epoch of fewer images than a batch is one batch of them all. Nothing
    /// comes of no images.
    ///
    /// # Panics
    ///
    /// If `batch_size` is 0.
    pub fn n_steps(&self) -> usize {
        assert!(self.batch_size > 0, "a batch has at least one image");
        let images = self.indices.len();
        if images == 0 {
            return 0;
        }
        let full = images / self.batch_size;
        let leave_out = match (images % self.batch_size, self.order) {
            (_, Order::Independent { steps } | Order::IndependentBalanced { steps }) => return steps,
            (0, _) => return full,
            (1, Order::Shuffled | Order::Balanced) => true,
            _ => self.drop_last,
        };
        if leave_out { full.max(1) } else { full + 1 }
    }
}

/// The first batch of a plan that has one, and the places of its images in the set.
///
/// # Panics
///
/// If the plan has no step.
pub fn first_batch(plan: BatchPlan) -> (Vec<usize>, Batch) {
    assert!(plan.n_steps() > 0, "a plan with images has a batch");
    let maker = BatchMaker::new(plan);
    (maker.indices(0), maker.batch(0))
}

/// [`BatchPlan`] with its epoch's order drawn: makes any batch, in any order of asking.
pub(super) struct BatchMaker {
    plan: BatchPlan,
    normalizer: Normalizer,
    /// The images of the epoch in their order; unused where batches are independent.
    order: Vec<usize>,
    augment_stream: String,
}

impl BatchMaker {
    pub(super) fn new(plan: BatchPlan) -> BatchMaker {
        let order = match plan.order {
            Order::Sequential => plan.indices.to_vec(),
            Order::Shuffled => {
                let mut order = plan.indices.to_vec();
                order.shuffle(&mut stream(plan.seed, &plan.stream, &[plan.epoch]));
                order
            }
            Order::Balanced => {
                let mut random = stream(plan.seed, &plan.stream, &[plan.epoch]);
                balanced(&plan.set.labels, &plan.indices, plan.indices.len(), &mut random)
            }
            Order::Independent { .. } | Order::IndependentBalanced { .. } => Vec::new(),
        };
        let normalizer = plan.normalization.normalizer();
        let augment_stream = format!("{}/augment", plan.stream);
        BatchMaker { plan, normalizer, order, augment_stream }
    }

    /// The images of batch `step`.
    fn indices(&self, step: usize) -> Vec<usize> {
        let plan = &self.plan;
        if let Order::Independent { .. } = plan.order {
            let n = plan.indices.len();
            let mut rng = stream(plan.seed, &plan.stream, &[plan.epoch, step as u64]);
            let drawn = index::sample(&mut rng, n, plan.batch_size.min(n));
            return drawn.iter().map(|i| plan.indices[i]).collect();
        }
        if let Order::IndependentBalanced { .. } = plan.order {
            let mut random = stream(plan.seed, &plan.stream, &[plan.epoch, step as u64]);
            let count = plan.batch_size.min(plan.indices.len());
            return balanced(&plan.set.labels, &plan.indices, count, &mut random);
        }
        let start = step * plan.batch_size;
        self.order[start..(start + plan.batch_size).min(self.order.len())].to_vec()
    }

    /// Batch `step`, from 0.
    pub(super) fn batch(&self, step: usize) -> Batch {
        let plan = &self.plan;
        let set = &plan.set;
        let shape = (set.channels, set.height, set.width);
        let indices = self.indices(step);
        let mut images = vec![0.0; indices.len() * set.image_len()];
        for (k, (&i, out)) in indices.iter().zip(images.chunks_exact_mut(set.image_len())).enumerate() {
            match plan.augment {
                Some(augment) if !augment.is_none() => {
                    let position = (step * plan.batch_size + k) as u64;
                    let mut rng = stream(plan.seed, &self.augment_stream, &[plan.epoch, position]);
                    augment.apply(&set.image(i), shape, &self.normalizer, &mut rng, out);
                }
                _ => self.normalizer.apply(&set.image(i), out),
            }
        }
        let labels = indices.iter().map(|&i| set.labels[i]).collect();
        Batch { images, labels, len: indices.len() }
    }
}
