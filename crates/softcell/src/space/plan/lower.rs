//! From a space or a genotype and the sizes around it to the plan of a network: the one place where cells are
//! stacked.

use super::cell::CellType;
use super::network::{Block, Body, CellBlock, NetworkPlan, Place, Preparation};
use super::steps::{Bias, Convolution, Linear, MapShape, Mixing, Norm, Norms, PoolKind, PoolStep, Step};
use crate::space::cost::NetworkShape;
use crate::space::genotype::Genotype;
use crate::space::reductions::Reductions;
use crate::space::search_space::SearchSpace;
use crate::space::topology::{CellKind, Layout, MacroLayout, STEM_MULTIPLIER, StemKind};

/// What is around the cells: all sizes but those of the cells themselves.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Skeleton {
    /// Channels, height and width of the images.
    pub image: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Channels of the first cell's nodes; each reduction doubles them.
    pub init_channels: usize,
    /// Number of cells.
    pub n_cells: usize,
    /// How cells form the network.
    pub layout: Layout,
    /// Where the resolution is halved: by a cell, or by a block before one in the residual layout.
    pub reductions: Reductions,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// Channels of the stem of small images, in multiples of the first cell's.
    pub stem_multiplier: usize,
    /// With an auxiliary classifier at two thirds of the depth.
    pub auxiliary: bool,
}

impl From<&NetworkShape> for Skeleton {
    fn from(shape: &NetworkShape) -> Skeleton {
        let NetworkShape { init_channels, n_cells, reductions, stem, classes, image_shape } = *shape;
        Skeleton {
            image: image_shape,
            classes,
            init_channels,
            n_cells,
            layout: Layout::Stacked,
            reductions,
            stem,
            stem_multiplier: STEM_MULTIPLIER,
            auxiliary: false,
        }
    }
}

impl NetworkPlan {
    /// The supernet of `space`: every candidate on every edge, normalisations without scale and shift but the
    /// stem's. Those of the residual layout have none behind pools.
    pub fn supernet(space: &SearchSpace, image: [usize; 3], classes: usize) -> NetworkPlan {
        let skeleton = Skeleton {
            image,
            classes,
            init_channels: space.init_channels,
            n_cells: space.n_cells,
            layout: space.layout,
            reductions: space.reductions,
            stem: space.stem,
            stem_multiplier: space.stem_multiplier,
            auxiliary: false,
        };
        let norms = Norms {
            behind_pools: space.layout == Layout::Stacked,
            bias: if space.convolution_bias { Bias::PerChannel } else { Bias::None },
            ..Norms::SEARCH
        };
        let cells = space.cells.names().map(|name| CellType::of_space(space, name)).collect();
        NetworkPlan::around(cells, &skeleton, norms)
    }

    /// The network of a genotype, which passes [`Genotype::check`]. The genotype tells the layout; the residual one has a
    /// stem of the cells' width and no auxiliary classifier, as NAS-Bench-201 has it.
    pub fn derived(genotype: &Genotype, skeleton: &Skeleton) -> NetworkPlan {
        let cells = genotype.cells.iter().map(|(name, gene)| CellType::derived(name, gene)).collect();
        let skeleton = match genotype.layout() {
            Layout::Stacked => Skeleton { layout: Layout::Stacked, ..*skeleton },
            Layout::Residual => Skeleton { layout: Layout::Residual, stem_multiplier: 1, ..*skeleton },
        };
        NetworkPlan::around(cells, &skeleton, Norms::DERIVED)
    }

    /// A network of these kinds of cells.
    ///
    /// # Panics
    /// If there is no reduction cell, or no cell at all, where one is to stand.
    pub fn around(cells: Vec<CellType>, skeleton: &Skeleton, norms: Norms) -> NetworkPlan {
        match skeleton.layout {
            Layout::Stacked => NetworkPlan::stacked(cells, skeleton, norms),
            Layout::Residual => NetworkPlan::residual(cells, skeleton, norms),
        }
    }

    /// A stack of normal and reduction cells, each reading the one or two before it (A1, A4, A5).
    fn stacked(cells: Vec<CellType>, skeleton: &Skeleton, norms: Norms) -> NetworkPlan {
        let Skeleton { classes, init_channels, n_cells, reductions, .. } = *skeleton;
        let mut plan = NetworkPlan::begin(skeleton.image, classes, init_channels, cells);
        let mut inputs = plan.stem(skeleton);
        // Whether the older input has twice the sides of the newer one.
        let mut halve = skeleton.stem == StemKind::Imagenet;
        let mut channels = init_channels;
        for (i, kind) in (MacroLayout { n_cells, reductions }).kinds().into_iter().enumerate() {
            let reduces = kind == CellKind::Reduction;
            if reduces {
                channels = channels.saturating_mul(2);
            }
            let older = if halve { Preparation::Halve } else { Preparation::Keep };
            let place = plan.cells.iter().position(|cell| cell.kind == kind).expect("a cell of that kind");
            let first = inputs.len() - plan.cells[place].inputs;
            let cell = CellBlock {
                cell: place,
                preparations: [older, Preparation::Keep][first..].to_vec(),
                channels,
                norms,
            };
            let output = plan.push_cell(format!("cells.{i}"), inputs[first..].to_vec(), cell);
            if skeleton.auxiliary && i == auxiliary_cell(n_cells) {
                plan.push_auxiliary(output, skeleton.stem);
            }
            inputs = [inputs[1], output];
            halve = reduces;
        }
        plan.end(inputs[1]);
        plan
    }

    /// A stack of cells of one kind with residual blocks between (NAS-Bench-201). Where a cell's input has other
    /// channels than its nodes, as behind a wide stem or where the output joins nodes, a 1×1 convolution prepares it.
    fn residual(cells: Vec<CellType>, skeleton: &Skeleton, norms: Norms) -> NetworkPlan {
        let Skeleton { image, classes, init_channels, n_cells, reductions, .. } = *skeleton;
        let mut plan = NetworkPlan::begin(image, classes, init_channels, cells);
        let [_, mut x] = plan.stem(skeleton);
        let mut channels = init_channels;
        let mut place = 0;
        let mut name = || {
            place += 1;
            format!("cells.{}", place - 1)
        };
        for i in 0..n_cells {
            if reductions.halves_at(i, n_cells) {
                channels = channels.saturating_mul(2);
                x = plan.push_residual(name(), x, channels);
            }
            let fits = plan.shape(x).channels == channels;
            let preparation = if fits { Preparation::None } else { Preparation::Keep };
            let cell = CellBlock { cell: 0, preparations: vec![preparation], channels, norms };
            x = plan.push_cell(name(), vec![x], cell);
        }
        let channels = plan.shape(x).channels;
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

    /// What the first cell reads: for the older and for the newer input.
    fn stem(&mut self, skeleton: &Skeleton) -> [Place; 2] {
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
                bias: Bias::None,
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
                bias: Bias::None,
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
        bias: Bias::None,
    };
    let norm = Norm { name: names[1], label: labels[1], channels: outputs, affine: true };
    vec![Step::Convolution(conv), Step::Norm(norm)]
}
