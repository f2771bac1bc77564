//! The stack of derived cells.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use softcell_kernels::{BlockedMap, InputChannels, block_lanes, cell_runs_on};

use super::auxiliary::{AuxiliaryHead, AuxiliaryHeadConfig, SMALLEST_SIDE};
use super::cell::{DerivedCell, DerivedCellConfig};
use crate::error::{Error, Result};
use crate::ops::{
    CifarStem, CifarStemConfig, ImagenetStem, ImagenetStemConfig, Linear, LinearConfig, Mode, NetworkSize,
    Pass, global_average_pool,
};
use crate::space::{CellKind, Genotype, MacroLayout, NetworkShape, StemKind};

/// The stem of small images has three times the cells' channels.
const STEM_MULTIPLIER: usize = 3;

/// Copies of the map under the auxiliary head that its stock operations make: in another order, rectified, and
/// the gradients of both.
const AUXILIARY_COPIES: usize = 4;

#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
enum AnyStem {
    Cifar(CifarStem),
    Imagenet(ImagenetStem),
}

enum AnyStemConfig {
    Cifar(CifarStemConfig),
    Imagenet(ImagenetStemConfig),
}

/// The network of A4 (small images) and A5 (ImageNet stem).
#[derive(Module, Debug)]
pub struct DerivedNetwork {
    stem: AnyStem,
    cells: Vec<DerivedCell>,
    auxiliary_head: Option<AuxiliaryHead>,
    classifier: Linear,
    #[module(skip)]
    auxiliary_cell: usize,
    /// Channels of a block in memory, where cells are fused.
    #[module(skip)]
    lanes: usize,
}

/// Configuration of a [`DerivedNetwork`].
#[derive(Debug, Clone)]
pub struct DerivedNetworkConfig {
    /// The cells.
    pub genotype: Genotype,
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// Number of cells.
    pub n_cells: usize,
    /// Channels of the images.
    pub channels_in: usize,
    /// Height and width of the images.
    pub image_size: [usize; 2],
    /// Number of classes.
    pub classes: usize,
    /// The stem.
    pub stem: StemKind,
    /// With an auxiliary head.
    pub auxiliary: bool,
}

/// What a forward pass answers.
#[derive(Debug, Clone)]
pub struct Logits {
    /// `[N, classes]`.
    pub logits: Tensor<2>,
    /// `[N, classes]` of the auxiliary head, in training and where there is one.
    pub auxiliary: Option<Tensor<2>>,
}

impl DerivedNetworkConfig {
    /// The sizes without the cells: what [`crate::space::derived_cost`] asks for.
    pub fn shape(&self) -> NetworkShape {
        let [height, width] = self.image_size;
        NetworkShape {
            init_channels: self.init_channels,
            n_cells: self.n_cells,
            stem: self.stem,
            classes: self.classes,
            image_shape: [self.channels_in, height, width],
        }
    }

    /// Builds the network with weights of zero; [`initialize`](crate::nn::initialize) draws them.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn init(&self, device: &Device) -> Result<DerivedNetwork> {
        self.check()?;
        let (cells, classifier) = self.cells();
        Ok(DerivedNetwork {
            stem: match self.stem_config() {
                AnyStemConfig::Cifar(stem) => AnyStem::Cifar(stem.init(device)),
                AnyStemConfig::Imagenet(stem) => AnyStem::Imagenet(stem.init(device)),
            },
            cells: cells.iter().map(|cell| cell.init(device)).collect(),
            auxiliary_head: self.auxiliary_head(&cells).map(|head| head.init(device)),
            classifier: classifier.init(device),
            auxiliary_cell: self.auxiliary_cell(),
            lanes: block_lanes(self.init_channels),
        })
    }

    /// Whether the network can be built.
    ///
    /// # Errors
    /// When the genotype is not valid, or the auxiliary head would stand on a map smaller than 2x2.
    pub fn check(&self) -> Result<()> {
        self.genotype.check()?;
        if self.auxiliary && self.n_cells > 0 { self.check_auxiliary() } else { Ok(()) }
    }

    /// What decides the memory of the network; none where a cell is not fused. The network must pass [`Self::check`].
    pub(crate) fn size(&self) -> Option<NetworkSize> {
        let mut size = match self.stem_config() {
            AnyStemConfig::Cifar(stem) => NetworkSize::after_cifar_stem(&stem, self.image_size),
            AnyStemConfig::Imagenet(stem) => NetworkSize::after_imagenet_stem(&stem, self.image_size),
        };
        let (cells, classifier) = self.cells();
        let head = self.auxiliary_head(&cells);
        for (i, cell) in cells.iter().enumerate() {
            size.cell(cell.fused()?, cell.kind)?;
            if let Some(head) = head.as_ref().filter(|_| i == self.auxiliary_cell()) {
                size.copies(AUXILIARY_COPIES);
                size.layers(head.parameters());
            }
        }
        size.layers(classifier.parameters());
        Some(size)
    }

    fn stem_config(&self) -> AnyStemConfig {
        let (channels_in, channels) = (self.channels_in, self.init_channels);
        match self.stem {
            StemKind::Cifar => {
                let (channels_out, lanes) = (STEM_MULTIPLIER * channels, block_lanes(channels));
                AnyStemConfig::Cifar(CifarStemConfig { channels_in, channels_out, lanes })
            }
            StemKind::Imagenet => {
                AnyStemConfig::Imagenet(ImagenetStemConfig { channels_in, channels_out: channels })
            }
        }
    }

    /// The cells, and the classifier behind them.
    fn cells(&self) -> (Vec<DerivedCellConfig<'_>>, LinearConfig) {
        let (stem_channels, mut after_reduction) = match self.stem_config() {
            AnyStemConfig::Cifar(stem) => (stem.channels_out, false),
            AnyStemConfig::Imagenet(stem) => (stem.channels_out, true),
        };
        let lanes = block_lanes(self.init_channels);
        let mut inputs = [InputChannels { groups: 1, channels: stem_channels }; 2];
        let mut channels = self.init_channels;
        let mut cells = Vec::with_capacity(self.n_cells);
        for kind in (MacroLayout { n_cells: self.n_cells }).kinds() {
            if kind == CellKind::Reduction {
                channels *= 2;
            }
            let gene = self.genotype.cell(kind);
            cells.push(DerivedCellConfig { gene, kind, after_reduction, inputs, channels, lanes });
            inputs = [inputs[1], InputChannels { groups: gene.concat.len(), channels }];
            after_reduction = kind == CellKind::Reduction;
        }
        (cells, LinearConfig { features_in: inputs[1].total(), features_out: self.classes })
    }

    /// The auxiliary head, where there is one.
    fn auxiliary_head(&self, cells: &[DerivedCellConfig<'_>]) -> Option<AuxiliaryHeadConfig> {
        let cell = cells.get(self.auxiliary_cell()).filter(|_| self.auxiliary)?;
        let channels_in = cell.gene.concat.len() * cell.channels;
        Some(AuxiliaryHeadConfig { channels_in, classes: self.classes, stem: self.stem })
    }

    /// The cell on which the auxiliary head stands.
    fn auxiliary_cell(&self) -> usize {
        2 * self.n_cells / 3
    }

    /// Sides of the map the auxiliary head stands on.
    fn auxiliary_map(&self) -> [usize; 2] {
        let halvings = match self.stem {
            StemKind::Cifar => 0,
            StemKind::Imagenet => 3,
        };
        let kinds = MacroLayout { n_cells: self.n_cells }.kinds();
        let reductions =
            kinds[..=self.auxiliary_cell()].iter().filter(|&&kind| kind == CellKind::Reduction).count();
        self.image_size.map(|side| (0..halvings + reductions).fold(side, |s, _| s.div_ceil(2)))
    }

    fn check_auxiliary(&self) -> Result<()> {
        let [h, w] = self.auxiliary_map();
        if h < SMALLEST_SIDE || w < SMALLEST_SIDE {
            return Err(Error::setting(
                "auxiliary",
                "true",
                format!(
                    "a feature map of at least {SMALLEST_SIDE}x{SMALLEST_SIDE} at cell {} (it is {h}x{w}); \
                     switch the auxiliary head off or use larger images",
                    self.auxiliary_cell()
                ),
            ));
        }
        Ok(())
    }
}

impl DerivedNetwork {
    /// Logits of a batch.
    ///
    /// # Shapes
    /// - Input `[N, channels, H, W]`
    /// - Output `[N, classes]`, and the same from the auxiliary head in training
    pub fn forward(&self, x: Tensor<4>, pass: &mut Pass) -> Logits {
        if cell_runs_on(&x) && self.cells.iter().all(DerivedCell::is_fused) {
            return self.forward_fused(x, pass);
        }
        let (mut s0, mut s1) = match &self.stem {
            AnyStem::Cifar(stem) => {
                let s = stem.forward(x, pass);
                (s.clone(), s)
            }
            AnyStem::Imagenet(stem) => stem.forward(x, pass),
        };
        let mut auxiliary = None;
        for (i, cell) in self.cells.iter().enumerate() {
            let s2 = cell.forward(s0, s1.clone(), pass);
            (s0, s1) = (s1, s2);
            if i == self.auxiliary_cell && pass.mode() == Mode::Train {
                auxiliary = self.auxiliary_head.as_ref().map(|head| head.forward(s1.clone(), pass));
            }
        }
        Logits { logits: self.classifier.forward(global_average_pool(s1)), auxiliary }
    }

    /// [`Self::forward`] with a cell as one operation.
    fn forward_fused(&self, x: Tensor<4>, pass: &mut Pass) -> Logits {
        let (mut s0, mut s1) = match &self.stem {
            AnyStem::Cifar(stem) => {
                let s = stem.forward_fused(x, pass);
                (s.clone(), s)
            }
            AnyStem::Imagenet(stem) => {
                let (quarter, eighth) = stem.forward(x, pass);
                let blocked = |x| BlockedMap::from_nchw(x, self.lanes);
                (blocked(quarter), blocked(eighth))
            }
        };
        let mut auxiliary = None;
        for (i, cell) in self.cells.iter().enumerate() {
            let s2 = cell.forward_fused([s0, s1.clone()], pass);
            (s0, s1) = (s1, s2);
            if i == self.auxiliary_cell && pass.mode() == Mode::Train {
                auxiliary = self.auxiliary_head.as_ref().map(|head| head.forward(s1.to_nchw(), pass));
            }
        }
        Logits { logits: self.classifier.forward(s1.mean_pixels()), auxiliary }
    }

    /// Number of weights that are shipped: the auxiliary head, which only training uses, is left out.
    pub fn parameters(&self) -> u64 {
        crate::weights::count_weights(self, |name| !name.starts_with("auxiliary_head."))
    }
}
