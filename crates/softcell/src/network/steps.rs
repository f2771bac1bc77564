//! A plan's steps on maps `[N, C, H, W]`.

use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, TensorData, activation::relu};
use softcell_kernels::{Activation, ConvShape, Pool, depthwise_conv2d, pointwise_conv2d, pool3x3};

use super::norm::{Running, batch_norm};
use super::pass::Pass;
use crate::space::plan::{
    Bias, Convolution, Halve, Mixing, Norm, PoolKind, PoolStep, Step, average_windows, step_tensors,
};

/// Hands out a network's tensors one after another.
pub(super) struct Tensors<'a> {
    all: &'a [Tensor<1>],
    next: usize,
}

impl<'a> Tensors<'a> {
    /// From the `first` of `all` on.
    pub fn new(all: &'a [Tensor<1>], first: usize) -> Self {
        Self { all, next: first }
    }

    /// Passes over those of some steps.
    pub fn skip(&mut self, steps: &[Step]) {
        let mut tensors = Vec::new();
        step_tensors("", steps, &mut tensors);
        self.next += tensors.len();
    }

    fn flat(&mut self) -> Tensor<1> {
        self.next += 1;
        self.all[self.next - 1].clone()
    }

    fn take<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        self.flat().reshape(shape)
    }
}

/// What runs 1×1 convolutions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pointwise {
    /// The fast kernel, made for maps of many pixels.
    Fast,
    /// The stock convolution.
    Stock,
}

/// One step after the other; a vector is a map of one pixel.
pub(super) fn run(
    steps: &[Step],
    mut x: Tensor<4>,
    tensors: &mut Tensors<'_>,
    pointwise: Pointwise,
    pass: &mut Pass,
) -> Tensor<4> {
    let mut rest = steps;
    while let Some((step, behind)) = rest.split_first() {
        rest = behind;
        x = match step {
            Step::Relu => match behind.split_first() {
                // The fast depthwise convolution rectifies what it reads.
                Some((Step::Convolution(conv), behind)) if conv.mixing == Mixing::Separate => {
                    rest = behind;
                    depthwise(x, conv, tensors, Activation::Relu)
                }
                _ => relu(x),
            },
            Step::Pool(pool) => self::pool(x, *pool),
            Step::AverageWindows { stride } => window_means(x, *stride),
            Step::Convolution(conv) => convolution(x, conv, tensors, pointwise),
            Step::Halve(halve) => self::halve(x, halve, tensors),
            Step::Norm(norm) => self::norm(x, norm, tensors, pass),
            Step::Noise { stride } => {
                let [n, c, h, w] = x.dims();
                let device = x.device().without_autodiff();
                let noise = pass.noise.draw(
                    [n, c, h.div_ceil(*stride), w.div_ceil(*stride)],
                    &device,
                    x.dtype().into(),
                );
                if x.is_autodiff() { noise.autodiff() } else { noise }
            }
            Step::Mean => {
                let [n, c, h, w] = x.dims();
                x.reshape([n, c, h * w]).mean_dim(2).reshape([n, c, 1, 1])
            }
            Step::Linear(linear) => {
                let [n, ..] = x.dims();
                let weight = tensors.take([linear.outputs, linear.inputs]);
                let y = x.reshape([n, linear.inputs]).matmul(weight.transpose()) + tensors.flat().unsqueeze();
                y.reshape([n, linear.outputs, 1, 1])
            }
        };
    }
    x
}

fn convolution(
    x: Tensor<4>,
    conv: &Convolution,
    tensors: &mut Tensors<'_>,
    pointwise: Pointwise,
) -> Tensor<4> {
    if conv.mixing == Mixing::Separate && conv.kernel[0] == conv.kernel[1] {
        return depthwise(x, conv, tensors, Activation::Identity);
    }
    let weight = tensors.take(conv.shape());
    let y = if conv.kernel == [1; 2] && conv.stride == [1; 2] && pointwise == Pointwise::Fast {
        pointwise_conv2d(x, weight)
    } else {
        let groups = conv.mixing.groups(conv.inputs);
        conv2d(x, weight, None, ConvOptions::new(conv.stride, conv.padding(), [conv.dilation; 2], groups))
    };
    match conv.bias {
        Bias::None => y,
        Bias::PerChannel => y + tensors.take([1, conv.outputs, 1, 1]),
    }
}

fn depthwise(
    x: Tensor<4>,
    conv: &Convolution,
    tensors: &mut Tensors<'_>,
    activation: Activation,
) -> Tensor<4> {
    let shape =
        ConvShape { stride: conv.stride, padding: conv.padding(), dilation: [conv.dilation; 2], activation };
    depthwise_conv2d(x, tensors.take(conv.shape()), shape)
}

fn halve(x: Tensor<4>, halve: &Halve, tensors: &mut Tensors<'_>) -> Tensor<4> {
    let [even, odd] = halve.halves().map(|outputs| [outputs, halve.inputs, 1, 1]);
    let (even_weight, odd_weight) = (tensors.flat(), tensors.flat());
    let odd = pointwise_conv2d(subsample(x.clone(), 1), odd_weight.reshape(odd));
    // One channel leaves nothing for the even pixels.
    if even[0] == 0 {
        return odd;
    }
    Tensor::cat(vec![pointwise_conv2d(subsample(x, 0), even_weight.reshape(even)), odd], 1)
}

/// Every second row and column, from `offset`: `[N, C, H, W] → [N, C, ⌈H/2⌉, ⌈W/2⌉]`.
///
/// With offset 1 and an odd side the last row or column falls outside and reads as zero, so that both
/// offsets give the same size.
fn subsample(x: Tensor<4>, offset: usize) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    if offset == 0 {
        return x.slice(burn::tensor::s![.., .., 0..h; 2, 0..w; 2]);
    }
    let x = if h % 2 == 1 || w % 2 == 1 { x.pad((0, w % 2, 0, h % 2), 0.0) } else { x };
    let [_, _, h, w] = x.dims();
    x.slice(burn::tensor::s![.., .., 1..h; 2, 1..w; 2])
}

fn norm(x: Tensor<4>, norm: &Norm, tensors: &mut Tensors<'_>, pass: &mut Pass) -> Tensor<4> {
    let affine = norm.affine.then(|| (tensors.flat(), tensors.flat()));
    let places = [tensors.next, tensors.next + 1];
    let running = Running { places, mean: tensors.flat(), variance: tensors.flat() };
    batch_norm(x, affine, running, pass)
}

fn pool(x: Tensor<4>, pool: PoolStep) -> Tensor<4> {
    match (pool.window, pool.kind) {
        (2, kind) => pool2x2(x, kind),
        (_, PoolKind::Max) => pool3x3(x, Pool::Max, pool.stride),
        (_, PoolKind::Average) => pool3x3(x, Pool::Average, pool.stride),
    }
}

/// 2×2 windows side by side; those at an odd side's end have fewer pixels.
pub(super) fn pool2x2(x: Tensor<4>, kind: PoolKind) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let (rows, columns) = (h.div_ceil(2), w.div_ceil(2));
    let outside = match kind {
        PoolKind::Max => f32::MIN,
        PoolKind::Average => 0.0,
    };
    let even = h % 2 == 0 && w % 2 == 0;
    let x = if even { x } else { x.pad((0, w % 2, 0, h % 2), outside) };
    let windows =
        x.reshape([n, c, rows, 2, columns, 2]).permute([0, 1, 2, 4, 3, 5]).reshape([n, c, rows, columns, 4]);
    match kind {
        PoolKind::Max => windows.max_dim(4).reshape([n, c, rows, columns]),
        PoolKind::Average => {
            let sums = windows.sum_dim(4).reshape([n, c, rows, columns]);
            let inside = |at: usize, side: usize| if 2 * at + 1 < side { 2 } else { 1 };
            let shares = (0..rows).flat_map(|row| {
                (0..columns).map(move |column| 1.0 / (inside(row, h) * inside(column, w)) as f32)
            });
            let shares = TensorData::new(shares.collect::<Vec<f32>>(), [1, 1, rows, columns]);
            let shares = Tensor::<4>::from_data(shares, (&sums.device(), sums.dtype()));
            sums * shares
        }
    }
}

/// The mean of every window, without padding: `[N, C, H, W]` to `[N, C, H', W']`.
///
/// The windows are few and wide, so this is a product with a constant matrix; the gradient of a stock pooling
/// takes several times as long.
fn window_means(x: Tensor<4>, stride: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let [row, column] = average_windows([h, w], stride);
    let share = 1.0 / (row.window * column.window) as f32;
    let (rows, columns) = (row.count, column.count);
    let mut matrix = vec![0.0f32; h * w * rows * columns];
    for (index, value) in matrix.iter_mut().enumerate() {
        let (pixel, out) = (index / (rows * columns), index % (rows * columns));
        let inside = |at: usize, index: usize, windows: crate::space::plan::Windows| {
            (index * windows.stride..index * windows.stride + windows.window).contains(&at)
        };
        if inside(pixel / w, out / columns, row) && inside(pixel % w, out % columns, column) {
            *value = share;
        }
    }
    let matrix = TensorData::new(matrix, [h * w, rows * columns]);
    let matrix = Tensor::<2>::from_data(matrix, (&x.device(), x.dtype()));
    x.reshape([n * c, h * w]).matmul(matrix).reshape([n, c, rows, columns])
}
