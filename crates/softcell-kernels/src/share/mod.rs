//! A batch whose images are dealt out to several processes.
//!
//! What is computed image by image, each process computes for its own images. What depends on all images is exchanged:
//! sums of single images, which everybody adds up in the order of the images, and sums over groups of images, which are
//! added up along one binary tree whose leaves are the groups. A process has the groups below one node of that tree, so
//! that the result has the same bits whatever the number of processes, one included.

mod extension;
mod in_process;
mod tree;

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::Tensor;

pub use in_process::InProcess;
pub(crate) use tree::TreeSum;
use tree::nodes;

/// Messages between processes, which are called ranks and count from 0. All call the same methods in the same order.
///
/// There are no errors: whoever cannot reach another rank ends all of them.
pub trait Exchange: Debug + Send + Sync {
    /// The number of this one.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// The values of all ranks one after another; `lens` are their numbers.
    fn gather(&self, own: &[f32], lens: &[usize]) -> Vec<f32>;

    /// Sends values to a rank that receives them.
    fn send(&self, values: &[f32], to: usize);

    /// Receives as many values from a rank that sends them.
    fn receive(&self, values: &mut [f32], from: usize);

    /// A rank whose values wait to be received.
    fn waiting(&self) -> Option<usize>;

    /// Overwrites the values of all others by those of rank 0.
    fn broadcast(&self, values: &mut [f32]);

    /// The text of rank 0, whatever the others say.
    fn announce(&self, text: String) -> String;
}

/// The images of a batch that this process has.
#[derive(Clone, Debug)]
pub struct Share {
    exchange: Arc<dyn Exchange>,
    /// Where the images of each rank begin, and where they end.
    bounds: Vec<usize>,
}

impl Share {
    /// A share of so many images that are added up in so many groups, a power of two; none where there are too few
    /// groups for so many ranks, or one rank alone: then everybody computes all.
    pub fn new(exchange: &Arc<dyn Exchange>, images: usize, groups: usize) -> Option<Share> {
        let ranks = exchange.ranks();
        let leaves = ranks.next_power_of_two();
        if ranks < 2 || groups < leaves {
            return None;
        }
        let starts = nodes(ranks).into_iter().map(|node| node.start * images / leaves);
        Some(Share { exchange: Arc::clone(exchange), bounds: starts.chain([images]).collect() })
    }

    /// Images of the batch.
    pub fn images(&self) -> usize {
        *self.bounds.last().expect("it has an end")
    }

    /// Those of this process.
    pub fn own(&self) -> Range<usize> {
        let rank = self.exchange.rank();
        self.bounds[rank]..self.bounds[rank + 1]
    }

    /// The images of all processes in the place of this one's, differentiable.
    ///
    /// # Shapes
    ///
    /// `[own, …]` to `[images, …]`
    pub fn gather<const D: usize>(&self, own: Tensor<D>) -> Tensor<D> {
        extension::exchanged(own, self, extension::Way::Gather)
    }

    /// The images of this process, of all that each has, differentiable: the gradient is that of all images.
    ///
    /// # Shapes
    ///
    /// `[images, …]` to `[own, …]`
    pub fn part<const D: usize>(&self, all: Tensor<D>) -> Tensor<D> {
        extension::exchanged(all, self, extension::Way::Part)
    }

    /// The values of all images in their order, of as many for each.
    pub(crate) fn rows(&self, own: &[f32], per_image: usize) -> Vec<f32> {
        let lens: Vec<usize> = self.bounds.windows(2).map(|pair| (pair[1] - pair[0]) * per_image).collect();
        self.exchange.gather(own, &lens)
    }

    /// Several such buffers at once, each with values of its own for each image.
    pub(crate) fn all_rows(&self, own: &[&[f32]], per_image: &[usize]) -> Vec<Vec<f32>> {
        let together: usize = per_image.iter().sum();
        let mut all: Vec<Vec<f32>> =
            per_image.iter().map(|&len| Vec::with_capacity(len * self.images())).collect();
        if together == 0 {
            return all;
        }
        let whole = self.rows(&own.concat(), together);
        let mut rest = &whole[..];
        for pair in self.bounds.windows(2) {
            for (all, &len) in all.iter_mut().zip(per_image) {
                let (part, tail) = rest.split_at((pair[1] - pair[0]) * len);
                all.extend_from_slice(part);
                rest = tail;
            }
        }
        all
    }

    /// The sum over all ranks, each of which has added up its own groups, along the tree.
    pub(crate) fn sum(&self, values: &mut [f32]) {
        tree::sum(&*self.exchange, values);
    }
}

#[cfg(test)]
pub(crate) mod tests;
