//! From a space or a genotype and the sizes around it to the plan of a network: the one place where cells are
//! stacked.

use super::cell::CellType;
use super::network::{Block, Body, CellBlock, NetworkPlan, Place, Preparation};
use super::steps::{Convolution, Linear, MapShape, Mixing, Norm, Norms, PoolKind, PoolStep, Step};
use crate::space::cost::NetworkShape;
use crate::space::genotype::Genotype;
use crate::space::search_space::SearchSpace;
use crate::space::topology::{CellKind, MacroLayout, STEM_MULTIPLIER, StemKind};

/// What is around the cells of DARTS: all sizes but those of the cells themselves.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Skeleton {
    /// Channels, height and width of the images.
    pub image: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Channels of the first cell's nodes; each reduction doubles them.
    pub init_channels: usize,
    /// Number of cells; reductions at a third and two thirds.
    pub n_cells: usize,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// Channels of the stem of small images, in multiples of the first cell's.
    pub stem_multiplier: usize,
    /// With an auxiliary classifier at two thirds of the depth.
    pub auxiliary: bool,
}

/// What is around the cells of NAS-Bench-201: three stages of equal cells, a residual block of stride 2 between.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct ResidualSkeleton {
    /// Channels, height and width of the images.
    pub image: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Channels of the first stage; each further stage doubles them.
    pub init_channels: usize,
    /// Cells of a stage.
    pub cells_per_stage: usize,
}

impl From<&NetworkShape> for Skeleton {
    fn from(shape: &NetworkShape) -> Skeleton {
        let NetworkShape { init_channels, n_cells, stem, classes, image_shape } = *shape;
        Skeleton {
            image: image_shape,
            classes,
            init_channels,
            n_cells,
            stem,
            stem_multiplier: STEM_MULTIPLIER,
            auxiliary: false,
        }
    }
}

impl NetworkPlan {
    /// The supernet of `space`: every candidate on every edge, normalisations without scale and shift but the
    /// stem's.
    pub fn supernet(space: &SearchSpace, image: [usize; 3], classes: usize) -> NetworkPlan {
        let skeleton = Skeleton {
            image,
            classes,
            init_channels: space.init_channels,
            n_cells: space.n_cells,
            stem: space.stem,
            stem_multiplier: space.stem_multiplier,
            auxiliary: false,
        };
        let cells = CellKind::ALL.map(|kind| CellType::of_space(space, kind));
        NetworkPlan::stacked(cells, &skeleton, Norms::SEARCH)
    }

    /// The network of a genotype, which passes [`Genotype::check`].
    pub fn derived(genotype: &Genotype, skeleton: &Skeleton) -> NetworkPlan {
        let cells = CellKind::ALL.map(|kind| CellType::derived(kind, genotype.cell(kind)));
        NetworkPlan::stacked(cells, skeleton, Norms::DERIVED)
    }

    /// A stack of normal and reduction cells, each reading the two before it (A1, A4, A5).
    pub fn stacked(cells: [CellType; 2], skeleton: &Skeleton, norms: Norms) -> NetworkPlan {
        let Skeleton { classes, init_channels, n_cells, .. } = *skeleton;
        let mut plan = NetworkPlan::begin(skeleton.image, classes, init_channels, cells.to_vec());
        let mut inputs = plan.darts_stem(skeleton);
        // Whether the older input has twice the sides of the newer one.
        let mut halve = skeleton.stem == StemKind::Imagenet;
        let mut channels = init_channels;
        for (i, kind) in (MacroLayout { n_cells }).kinds().into_iter().enumerate() {
            let reduces = kind == CellKind::Reduction;
            if reduces {
                channels = channels.saturating_mul(2);
            }
            let older = if halve { Preparation::Halve } else { Preparation::Keep };
            let cell = CellBlock {
                cell: CellKind::ALL.iter().position(|&other| other == kind).expect("there are two kinds"),
                preparations: vec![older, Preparation::Keep],
                channels,
                norms,
            };
            let output = plan.push_cell(format!("cells.{i}"), inputs.to_vec(), cell);
            if skeleton.auxiliary && i == auxiliary_cell(n_cells) {
                plan.push_auxiliary(output, skeleton.stem);
            }
            inputs = [inputs[1], output];
            halve = reduces;
        }
        plan.end(inputs[1]);
        plan
    }

    /// A stack of equal cells with residual blocks between (NAS-Bench-201).
    pub fn residual(cell: CellType, skeleton: &ResidualSkeleton, norms: Norms) -> NetworkPlan {
        let ResidualSkeleton { image, classes, init_channels, cells_per_stage } = *skeleton;
        let mut plan = NetworkPlan::begin(image, classes, init_channels, vec![cell]);
        let stem = stem_convolution(["stem.0", "stem.1"], ["conv", "norm"], image[0], init_channels, 1);
        let mut x = plan.push_steps("stem", "stem", Place::Image, "conv_3x3", stem);
        let mut channels = init_channels;
        let mut place = 0;
        let mut name = || {
            place += 1;
            format!("cells.{}", place - 1)
        };
        for stage in 0..3 {
            if stage > 0 {
                channels = channels.saturating_mul(2);
                x = plan.push_residual(name(), x, channels);
            }
            for _ in 0..cells_per_stage {
                let cell = CellBlock { cell: 0, preparations: vec![Preparation::None], channels, norms };
                x = plan.push_cell(name(), vec![x], cell);
            }
        }
        let norm = Norm { name: "lastact.0", label: "norm", channels, affine: true };
        x = plan.push_steps("lastact", "lastact", x, "norm_relu", vec![Step::Norm(norm), Step::Relu]);
        plan.end(x);
        plan
    }

    fn begin(image: [usize; 3], classes: usize, init_channels: usize, cells: Vec<CellType>) -> NetworkPlan {
        let [channels, height, width] = image;
        let image = MapShape { channels, size: [height, width] };
        NetworkPlan { image, classes, init_channels, cells, blocks: Vec::new() }
    }

    /// What the first cell reads.
    fn darts_stem(&mut self, skeleton: &Skeleton) -> [Place; 2] {
        let (from, channels) = (skeleton.image[0], skeleton.init_channels);
        match skeleton.stem {
            StemKind::Cifar => {
                let channels = skeleton.stem_multiplier.saturating_mul(channels);
                let steps = stem_convolution(["stem.0", "stem.1"], ["conv", "norm"], from, channels, 1);
                [self.push_steps("stem", "stem", Place::Image, "conv_3x3", steps); 2]
            }
            StemKind::Imagenet => {
                // One channel is not to be halved to none.
                let half = (channels / 2).max(1);
                let labels = ["half.conv", "half.norm"];
                let mut steps = stem_convolution(["stem0.0", "stem0.1"], labels, from, half, 2);
                steps.push(Step::Relu);
                let labels = ["quarter.conv", "quarter.norm"];
                steps.extend(stem_convolution(["stem0.3", "stem0.4"], labels, half, channels, 2));
                let quarter = self.push_steps("stem0", "stem", Place::Image, "conv_3x3_twice", steps);
                let mut steps = vec![Step::Relu];
                let labels = ["eighth.conv", "eighth.norm"];
                steps.extend(stem_convolution(["stem1.1", "stem1.2"], labels, channels, channels, 2));
                let eighth = self.push_steps("stem1", "stem", quarter, "relu_conv_3x3", steps);
                [quarter, eighth]
            }
        }
    }

    fn push(&mut self, block: Block) -> Place {
        self.blocks.push(block);
        Place::Block(self.blocks.len() - 1)
    }

    fn push_steps(
        &mut self,
        name: &str,
        part: &str,
        input: Place,
        operation: &'static str,
        steps: Vec<Step>,
    ) -> Place {
        let output = steps.iter().fold(self.shape(input), |map, step| step.output(map));
        let body = Body::Steps { operation, steps };
        self.push(Block { name: name.to_owned(), part: part.to_owned(), inputs: vec![input], body, output })
    }

    fn push_cell(&mut self, name: String, inputs: Vec<Place>, cell: CellBlock) -> Place {
        let kind = &self.cells[cell.cell];
        let newest = self.shape(*inputs.last().expect("a cell has an input"));
        let stride = kind.edges.first().map_or(1, |edge| edge.stride);
        let nodes = kind.output.nodes().len();
        let output = MapShape {
            channels: nodes.saturating_mul(cell.channels),
            size: newest.size.map(|side| side.div_ceil(stride)),
        };
        self.push(Block { part: name.clone(), name, inputs, body: Body::Cell(cell), output })
    }

    /// ReLU, 3×3 convolution of stride 2, normalisation, the same of stride 1; beside it the mean of 2×2 pixels and a
    /// 1×1 convolution.
    fn push_residual(&mut self, name: String, input: Place, channels: usize) -> Place {
        let MapShape { channels: from, size } = self.shape(input);
        let mut main = vec![Step::Relu];
        main.extend(stem_convolution(
            ["conv_a.op.1", "conv_a.op.2"],
            ["conv_a", "norm_a"],
            from,
            channels,
            2,
        ));
        main.push(Step::Relu);
        main.extend(stem_convolution(
            ["conv_b.op.1", "conv_b.op.2"],
            ["conv_b", "norm_b"],
            channels,
            channels,
            1,
        ));
        let shortcut = vec![
            Step::Pool(PoolStep { kind: PoolKind::Average, window: 2, stride: 2 }),
            Step::Convolution(Convolution {
                name: "downsample.1",
                label: "downsample",
                inputs: from,
                outputs: channels,
                kernel: [1; 2],
                stride: [1; 2],
                dilation: 1,
                mixing: Mixing::All,
            }),
        ];
        let output = MapShape { channels, size: size.map(|side| side.div_ceil(2)) };
        let body = Body::Residual { main, shortcut };
        self.push(Block { part: name.clone(), name, inputs: vec![input], body, output })
    }

    /// ReLU, mean of windows, 1×1 convolution to 128, normalisation, ReLU, 2×2 convolution to 768, (normalisation,)
    /// ReLU, mean, linear (A4). As in the original, the head of the ImageNet network lacks the second normalisation.
    fn push_auxiliary(&mut self, input: Place, stem: StemKind) {
        let conv = |name, inputs, outputs, kernel: usize| {
            Step::Convolution(Convolution {
                name,
                label: "",
                inputs,
                outputs,
                kernel: [kernel; 2],
                stride: [1; 2],
                dilation: 1,
                mixing: Mixing::All,
            })
        };
        let norm = |name, channels| Step::Norm(Norm { name, label: "", channels, affine: true });
        let (stride, norms_twice) = match stem {
            StemKind::Cifar => (3, true),
            StemKind::Imagenet => (2, false),
        };
        let [first, second] = [128, 768];
        let mut steps = vec![Step::Relu, Step::AverageWindows { stride }];
        steps.push(conv("features.2", self.shape(input).channels, first, 1));
        steps.extend([norm("features.3", first), Step::Relu, conv("features.5", first, second, 2)]);
        steps.extend(norms_twice.then(|| norm("features.6", second)));
        let linear = Linear { name: "classifier", inputs: second, outputs: self.classes };
        steps.extend([Step::Relu, Step::Mean, Step::Linear(linear)]);
        let output = MapShape { channels: self.classes, size: [1, 1] };
        let name = "auxiliary_head".to_owned();
        let body = Body::Auxiliary { steps };
        self.push(Block { part: name.clone(), name, inputs: vec![input], body, output });
    }

    /// Mean over all pixels and classifier.
    fn end(&mut self, features: Place) {
        let name = "global_pooling";
        let pooled = self.push_steps(name, name, features, "mean_of_pixels", vec![Step::Mean]);
        let inputs = self.shape(pooled).channels;
        let linear = Step::Linear(Linear { name: "classifier", inputs, outputs: self.classes });
        self.push_steps("classifier", "classifier", pooled, "linear", vec![linear]);
    }
}

/// The cell on which an auxiliary head stands.
pub(crate) fn auxiliary_cell(n_cells: usize) -> usize {
    2 * n_cells / 3
}

/// 3×3 convolution and affine normalisation.
fn stem_convolution(
    names: [&'static str; 2],
    labels: [&'static str; 2],
    inputs: usize,
    outputs: usize,
    stride: usize,
) -> Vec<Step> {
    let conv = Convolution {
        name: names[0],
        label: labels[0],
        inputs,
        outputs,
        kernel: [3; 2],
        stride: [stride; 2],
        dilation: 1,
        mixing: Mixing::All,
    };
    let norm = Norm { name: names[1], label: labels[1], channels: outputs, affine: true };
    vec![Step::Convolution(conv), Step::Norm(norm)]
}
