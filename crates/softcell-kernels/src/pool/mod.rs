//! Maximum and average of 3×3 windows.

mod cpu;
mod extension;
pub(crate) mod reference;

use burn::tensor::Tensor;

use crate::support::device::runs_on_flex;

/// What a pool computes of the values in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The greatest value. The gradient goes to the first maximum in row-major order. NaN wins.
    Max,
    /// The mean of the values inside of the map: padding is not counted.
    Average,
}

/// Pool over 3×3 windows with padding 1, differentiable in `x`.
///
/// Maximum: `y[n,c,i,j] = max x[n,c,p,q]`; average: `y[n,c,i,j] = (Σ x[n,c,p,q]) / count`, over the pixels
/// `(p, q)` of the map with `|p − i·stride| ≤ 1` and `|q − j·stride| ≤ 1`.
///
/// # Shapes
///
/// `x: [N, C, H, W]` → `[N, C, (H − 1) / stride + 1, (W − 1) / stride + 1]`.
///
/// # Panics
///
/// If `stride` is 0 or the map is empty.
pub fn pool3x3(x: Tensor<4>, kind: Pool, stride: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    assert!(stride > 0, "a pool needs a stride of at least 1");
    assert!(height > 0 && width > 0, "a pool needs at least one pixel, found a map of {height}×{width}");
    if runs_on_flex(&x) { extension::pool3x3(x, kind, stride) } else { reference::pool3x3(x, kind, stride) }
}
