//! What a primitive does, step by step.
//!
//! Names are those of the original's state dict within the operation; labels name the same layers in files for other
//! programs.

use crate::space::primitive::Primitive;

/// Channels, height and width of a map.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct MapShape {
    /// Channels.
    pub channels: usize,
    /// Height and width.
    pub size: [usize; 2],
}

/// A layer without branches, `[N, C, H, W]` to the same of another size.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// `max(x, 0)`.
    Relu,
    /// The largest or the mean value of square windows.
    Pool(PoolStep),
    /// The mean of windows of at most 5×5 pixels, no padding: the auxiliary head's. Window and stride shrink with the
    /// map so that at least 2×2 windows are left.
    AverageWindows {
        /// Distance of two windows, where the map allows it.
        stride: usize,
    },
    /// A convolution.
    Convolution(Convolution),
    /// 1×1 convolutions of the even and of the odd pixels, side by side.
    Halve(Halve),
    /// Batch normalisation.
    Norm(Norm),
    /// Standard normal numbers in place of every `stride`-th pixel of both axes, drawn anew in each pass, in evaluation
    /// too; no gradient goes through.
    Noise {
        /// Distance of two pixels.
        stride: usize,
    },
    /// The mean over all pixels: a vector.
    Mean,
    /// `W x + b` of a vector.
    Linear(Linear),
}

/// Which value of a window.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum PoolKind {
    /// The largest.
    Max,
    /// The mean of those inside of the map.
    Average,
}

/// Pooling: 3×3 windows with padding 1, or 2×2 windows without.
///
/// Strides round up. A window that reaches over the map's border counts the pixels inside of it only.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct PoolStep {
    /// Which value.
    pub kind: PoolKind,
    /// Side of the windows: 3 or 2.
    pub window: usize,
    /// Distance of two windows.
    pub stride: usize,
}

/// Whether channels mix in a convolution.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Mixing {
    /// Each output channel sees all input channels.
    All,
    /// Each channel sees itself.
    Separate,
}

/// Whether a convolution adds a number to each channel.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Bias {
    /// No.
    None,
    /// One for each channel out.
    PerChannel,
}

/// A convolution, padded by `dilation · (kernel − 1) / 2`, rounded down: of an odd kernel only the stride
/// changes the size.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Convolution {
    /// Of its weight, without `.weight`.
    pub name: &'static str,
    /// In files for other programs.
    pub label: &'static str,
    /// Channels in.
    pub inputs: usize,
    /// Channels out.
    pub outputs: usize,
    /// Rows and columns.
    pub kernel: [usize; 2],
    /// Over rows and columns.
    pub stride: [usize; 2],
    /// Over both.
    pub dilation: usize,
    /// Whether channels mix.
    pub mixing: Mixing,
    /// Whether something is added to each channel.
    pub bias: Bias,
}

impl Convolution {
    /// Shape of its weight.
    pub fn shape(&self) -> [usize; 4] {
        let inputs = match self.mixing {
            Mixing::All => self.inputs,
            Mixing::Separate => 1,
        };
        [self.outputs, inputs, self.kernel[0], self.kernel[1]]
    }

    /// Rows above and below, columns left and right.
    pub fn padding(&self) -> [usize; 2] {
        self.kernel.map(|side| self.dilation * (side - 1) / 2)
    }

    fn output(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let side = |axis: usize, side: usize| {
            let reach = self.dilation * (self.kernel[axis] - 1);
            side.saturating_add(2 * self.padding()[axis]).saturating_sub(reach + 1) / self.stride[axis] + 1
        };
        [side(0, height), side(1, width)]
    }
}

/// `concat(1×1 convolution of the pixels (2i, 2j), 1×1 convolution of the pixels (2i + 1, 2j + 1))`; what lies outside
/// is zero. The even pixels get the smaller half of the channels.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Halve {
    /// Of the weights, without `.weight`: for the even and for the odd pixels.
    pub names: [&'static str; 2],
    /// Channels in.
    pub inputs: usize,
    /// Channels out of both.
    pub outputs: usize,
}

impl Halve {
    /// Channels out of each.
    pub fn halves(&self) -> [usize; 2] {
        [self.outputs / 2, self.outputs - self.outputs / 2]
    }
}

/// Batch normalisation.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Norm {
    /// Of its tensors, without `.weight`, `.running_mean` and so on.
    pub name: &'static str,
    /// In files for other programs.
    pub label: &'static str,
    /// Channels.
    pub channels: usize,
    /// With a scale and a shift.
    pub affine: bool,
}

/// A linear layer with bias.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Linear {
    /// Of its tensors, without `.weight` and `.bias`.
    pub name: &'static str,
    /// Values in.
    pub inputs: usize,
    /// Values out.
    pub outputs: usize,
}

/// How the operations of cells are normalised.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Norms {
    /// With a scale and a shift; without, the edge weight alone scales an operation.
    pub affine: bool,
    /// Whether there is one (never affine) behind a pooling.
    pub behind_pools: bool,
    /// Of `nor_conv_1x1` and `nor_conv_3x3`, which a normalisation follows.
    pub bias: Bias,
}

impl Norms {
    /// In a supernet of DARTS: not affine, also behind pools.
    pub const SEARCH: Norms = Norms { affine: false, behind_pools: true, bias: Bias::None };
    /// In a derived network: affine, none behind pools.
    pub const DERIVED: Norms = Norms { affine: true, behind_pools: false, bias: Bias::None };
}

impl Step {
    /// What comes out for `map`.
    pub fn output(&self, map: MapShape) -> MapShape {
        let MapShape { channels, size } = map;
        match self {
            Step::Relu | Step::Norm(_) => map,
            Step::Pool(pool) => MapShape { channels, size: size.map(|side| side.div_ceil(pool.stride)) },
            Step::AverageWindows { stride } => {
                let size = average_windows(size, *stride);
                MapShape { channels, size: [0, 1].map(|axis| size[axis].count) }
            }
            Step::Convolution(conv) => MapShape { channels: conv.outputs, size: conv.output(size) },
            Step::Halve(halve) => {
                MapShape { channels: halve.outputs, size: size.map(|side| side.div_ceil(2)) }
            }
            Step::Noise { stride } => MapShape { channels, size: size.map(|side| side.div_ceil(*stride)) },
            Step::Mean => MapShape { channels, size: [1, 1] },
            Step::Linear(linear) => MapShape { channels: linear.outputs, size },
        }
    }
}

/// Windows along an axis.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Windows {
    /// Pixels of a window.
    pub window: usize,
    /// Distance of two windows.
    pub stride: usize,
    /// How many there are.
    pub count: usize,
}

/// The windows of [`Step::AverageWindows`] over rows and columns; a side of one pixel has none to speak of: networks
/// with such a head are refused ([`DerivedNetworkConfig::check`](crate::space::DerivedNetworkConfig::check)).
pub fn average_windows(size: [usize; 2], stride: usize) -> [Windows; 2] {
    const WINDOW: usize = 5;
    size.map(|side| {
        let window = WINDOW.min(side.saturating_sub(1));
        let stride = stride.min(side - window).max(1);
        Windows { window, stride, count: (side - window) / stride + 1 }
    })
}

/// What a primitive does between maps of `channels` channels; nothing for an identity.
///
/// # Panics
/// For [`Primitive::None`], which is the absence of an operation.
pub fn primitive_steps(primitive: Primitive, channels: usize, stride: usize, norms: Norms) -> Vec<Step> {
    let Norms { affine, behind_pools, bias } = norms;
    let norm = |name, label| Step::Norm(Norm { name, label, channels, affine });
    let biased = |name, label, kernel, stride, bias| {
        Step::Convolution(Convolution {
            name,
            label,
            inputs: channels,
            outputs: channels,
            kernel,
            stride,
            dilation: 1,
            mixing: Mixing::All,
            bias,
        })
    };
    let full = |name, label, kernel, stride| biased(name, label, kernel, stride, Bias::None);
    // ReLU, depthwise, pointwise, normalisation.
    let separable = |kernel, stride, dilation, names: [&'static str; 3], labels: [&'static str; 3]| {
        let depthwise = Convolution {
            name: names[0],
            label: labels[0],
            inputs: channels,
            outputs: channels,
            kernel: [kernel; 2],
            stride: [stride; 2],
            dilation,
            mixing: Mixing::Separate,
            bias: Bias::None,
        };
        let pointwise = full(names[1], labels[1], [1; 2], [1; 2]);
        vec![Step::Relu, Step::Convolution(depthwise), pointwise, norm(names[2], labels[2])]
    };
    let twice = |kernel| {
        let labels = ["depthwise_1", "pointwise_1", "norm_1"];
        let mut steps = separable(kernel, stride, 1, ["op.1", "op.2", "op.3"], labels);
        let labels = ["depthwise_2", "pointwise_2", "norm_2"];
        steps.extend(separable(kernel, 1, 1, ["op.5", "op.6", "op.7"], labels));
        steps
    };
    let dilated =
        |kernel| separable(kernel, stride, 2, ["op.1", "op.2", "op.3"], ["depthwise", "pointwise", "norm"]);
    let pool = |kind| {
        let mut steps = vec![Step::Pool(PoolStep { kind, window: 3, stride })];
        if behind_pools {
            steps.push(Step::Norm(Norm { name: "1", label: "norm", channels, affine: false }));
        }
        steps
    };
    let conv = |kernel: usize| {
        vec![Step::Relu, biased("op.1", "conv", [kernel; 2], [stride; 2], bias), norm("op.2", "norm")]
    };
    match primitive {
        Primitive::None => panic!("`none` is no operation"),
        Primitive::MaxPool3x3 => pool(PoolKind::Max),
        Primitive::AvgPool3x3 => pool(PoolKind::Average),
        Primitive::SkipConnect if stride == 1 => Vec::new(),
        Primitive::SkipConnect => halving(channels, channels, affine),
        Primitive::SepConv3x3 => twice(3),
        Primitive::SepConv5x5 => twice(5),
        Primitive::SepConv7x7 => twice(7),
        Primitive::DilConv3x3 => dilated(3),
        Primitive::DilConv5x5 => dilated(5),
        // The original's one operation that is a bare sequence.
        Primitive::Conv7x1_1x7 => vec![
            Step::Relu,
            full("1", "row", [1, 7], [1, stride]),
            full("2", "column", [7, 1], [stride, 1]),
            norm("3", "norm"),
        ],
        Primitive::NorConv1x1 => conv(1),
        Primitive::NorConv3x3 => conv(3),
        Primitive::Noise => vec![Step::Noise { stride }],
    }
}

/// What steps are together, where they have a name of their own in kernels and exported sources.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Form {
    /// Nothing.
    Identity,
    /// ReLU, halving, normalisation.
    Halve,
    /// A pooling, with or without a normalisation that is not affine.
    Pool {
        /// The pooling.
        pool: PoolStep,
        /// With a normalisation.
        normalised: bool,
    },
    /// Twice ReLU, depthwise and pointwise convolution, normalisation.
    Separable {
        /// Side of the depthwise kernels.
        kernel: usize,
    },
    /// ReLU, depthwise convolution of dilation 2, pointwise convolution, normalisation.
    Dilated {
        /// Side of the depthwise kernel.
        kernel: usize,
    },
    /// ReLU, full convolution, normalisation.
    Convolution {
        /// Side of the kernel.
        kernel: usize,
    },
    /// ReLU, full convolutions of 1×7 and 7×1, normalisation.
    RowAndColumn,
    /// Noise.
    Noise,
}

impl Form {
    /// The form of some steps; none where they have none.
    pub fn of(steps: &[Step]) -> Option<Form> {
        use Mixing::{All, Separate};
        use Step::{Convolution as Conv, Halve, Norm, Pool, Relu};
        // Kernel and dilation of ReLU, depthwise, pointwise, normalisation.
        let separable = |steps: &[Step]| match steps {
            [Relu, Conv(depthwise), Conv(pointwise), Norm(_)]
                if (depthwise.mixing, pointwise.mixing) == (Separate, All)
                    && depthwise.kernel[0] == depthwise.kernel[1]
                    && pointwise.kernel == [1; 2] =>
            {
                Some((depthwise.kernel[0], depthwise.dilation))
            }
            _ => None,
        };
        match steps {
            [] => Some(Form::Identity),
            [Step::Noise { .. }] => Some(Form::Noise),
            [Pool(pool)] => Some(Form::Pool { pool: *pool, normalised: false }),
            [Pool(pool), Norm(norm)] if !norm.affine => Some(Form::Pool { pool: *pool, normalised: true }),
            [Relu, Halve(_), Norm(_)] => Some(Form::Halve),
            [Relu, Conv(conv), Norm(_)]
                if (conv.mixing, conv.bias) == (All, Bias::None)
                    && conv.kernel[0] == conv.kernel[1]
                    && conv.dilation == 1 =>
            {
                Some(Form::Convolution { kernel: conv.kernel[0] })
            }
            [Relu, Conv(row), Conv(column), Norm(_)] if (row.kernel, column.kernel) == ([1, 7], [7, 1]) => {
                Some(Form::RowAndColumn)
            }
            _ if steps.len() == 8 => match (separable(&steps[..4])?, separable(&steps[4..])?) {
                ((kernel, 1), (second, 1)) if kernel == second => Some(Form::Separable { kernel }),
                _ => None,
            },
            _ => match separable(steps)? {
                (kernel, 2) => Some(Form::Dilated { kernel }),
                _ => None,
            },
        }
    }
}

/// ReLU, 1×1 convolution, normalisation: brings a map to a cell's channels.
pub(super) fn keeping(inputs: usize, outputs: usize, affine: bool) -> Vec<Step> {
    let conv = Convolution {
        name: "op.1",
        label: "conv",
        inputs,
        outputs,
        kernel: [1; 2],
        stride: [1; 2],
        dilation: 1,
        mixing: Mixing::All,
        bias: Bias::None,
    };
    let norm = Norm { name: "op.2", label: "norm", channels: outputs, affine };
    vec![Step::Relu, Step::Convolution(conv), Step::Norm(norm)]
}

/// The factorized reduce: ReLU, halving, normalisation.
pub(super) fn halving(inputs: usize, outputs: usize, affine: bool) -> Vec<Step> {
    let halve = Halve { names: ["conv_1", "conv_2"], inputs, outputs };
    let norm = Norm { name: "bn", label: "norm", channels: outputs, affine };
    vec![Step::Relu, Step::Halve(halve), Step::Norm(norm)]
}
