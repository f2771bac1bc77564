//! The definition of the operation in stock tensor operations.

use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};

use super::Pool;

/// [`pool3x3`](crate::pool3x3) by the stock pools.
pub fn pool3x3(x: Tensor<4>, kind: Pool, stride: usize) -> Tensor<4> {
    match kind {
        Pool::Max => {
            let options = MaxPoolOptions::new([3, 3]).with_stride([stride; 2]).with_padding([1, 1]);
            max_pool2d(x, options)
        }
        Pool::Average => {
            let options = AvgPoolOptions::new([3, 3])
                .with_stride([stride; 2])
                .with_padding([1, 1])
                .with_count_include_pad(false);
            avg_pool2d(x, options)
        }
    }
}
