//! The stack of search cells.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use softcell_kernels::{InputChannels, block_lanes, cell_runs_on};

use super::arch::EdgeWeights;
use super::cell::{SearchCell, SearchCellConfig};
use crate::ops::{CifarStem, CifarStemConfig, Linear, LinearConfig, NetworkSize, Pass, global_average_pool};
use crate::space::{CellKind, Primitive, SearchSpace};

/// The supernet (A1): stem, search cells, global average, classifier.
#[derive(Module, Debug)]
pub struct SuperNet {
    stem: CifarStem,
    cells: Vec<SearchCell>,
    classifier: Linear,
    /// Columns of alpha that carry an operation (all but `none`).
    #[module(skip)]
    columns: Vec<usize>,
}

/// Configuration of a [`SuperNet`].
#[derive(Debug, Clone)]
pub struct SuperNetConfig {
    /// The space.
    pub space: SearchSpace,
    /// Channels of the images.
    pub channels_in: usize,
    /// Number of classes.
    pub classes: usize,
}

impl SuperNetConfig {
    /// Builds the network with weights of zero; [`initialize`](crate::nn::initialize) draws them.
    pub fn init(&self, device: &Device) -> SuperNet {
        let candidates = &self.space.candidates;
        let (cells, classifier) = self.cells();
        SuperNet {
            stem: self.stem().init(device),
            cells: cells.iter().map(|cell| cell.init(device)).collect(),
            classifier: classifier.init(device),
            columns: (0..candidates.len()).filter(|&k| candidates[k] != Primitive::None).collect(),
        }
    }

    /// What decides the memory of the network for images of this height and width; none where a cell is not fused.
    pub(crate) fn size(&self, image: [usize; 2]) -> Option<NetworkSize> {
        let mut size = NetworkSize::after_cifar_stem(&self.stem(), image);
        let (cells, classifier) = self.cells();
        for cell in &cells {
            size.cell(cell.fused()?, cell.kind)?;
        }
        size.layers(classifier.parameters());
        Some(size)
    }

    fn stem(&self) -> CifarStemConfig {
        let channels = self.space.init_channels;
        let channels_out = self.space.stem_multiplier * channels;
        CifarStemConfig { channels_in: self.channels_in, channels_out, lanes: block_lanes(channels) }
    }

    /// The cells, and the classifier behind them.
    fn cells(&self) -> (Vec<SearchCellConfig<'_>>, LinearConfig) {
        let space = &self.space;
        let CifarStemConfig { channels_out, lanes, .. } = self.stem();
        let mut inputs = [InputChannels { groups: 1, channels: channels_out }; 2];
        let mut channels = space.init_channels;
        let mut after_reduction = false;
        let mut cells = Vec::with_capacity(space.n_cells);
        for kind in space.layout().kinds() {
            if kind == CellKind::Reduction {
                channels *= 2;
            }
            cells.push(SearchCellConfig {
                topology: space.topology(),
                candidates: &space.candidates,
                kind,
                after_reduction,
                inputs,
                channels,
                lanes,
            });
            inputs = [inputs[1], InputChannels { groups: space.n_nodes, channels }];
            after_reduction = kind == CellKind::Reduction;
        }
        (cells, LinearConfig { features_in: inputs[1].total(), features_out: self.classes })
    }
}

impl SuperNet {
    /// Logits of a batch.
    ///
    /// # Shapes
    /// - Input `[N, channels, H, W]`
    /// - `weights` `[edges, candidates]` for each kind of cell
    /// - Output `[N, classes]`
    pub fn forward(&self, x: Tensor<4>, weights: &EdgeWeights, pass: &mut Pass) -> Tensor<2> {
        let weights = EdgeWeights {
            normal: self.select_columns(&weights.normal).cast(x.dtype()),
            reduction: self.select_columns(&weights.reduction).cast(x.dtype()),
        };
        if cell_runs_on(&x) && self.cells.iter().all(SearchCell::is_fused) {
            let stem = self.stem.forward_fused(x, pass);
            let (mut s0, mut s1) = (stem.clone(), stem);
            for cell in &self.cells {
                let s2 = cell.forward_fused([s0, s1.clone()], weights.of(cell.kind()), pass);
                (s0, s1) = (s1, s2);
            }
            return self.classifier.forward(s1.mean_pixels());
        }
        let stem = self.stem.forward(x, pass);
        let (mut s0, mut s1) = (stem.clone(), stem);
        for cell in &self.cells {
            let s2 = cell.forward(s0, s1.clone(), weights.of(cell.kind()), pass);
            (s0, s1) = (s1, s2);
        }
        self.classifier.forward(global_average_pool(s1))
    }

    fn select_columns(&self, weights: &Tensor<2>) -> Tensor<2> {
        if weights.dims()[1] == self.columns.len() {
            return weights.clone();
        }
        let columns: Vec<i64> = self.columns.iter().map(|&k| k as i64).collect();
        let n = columns.len();
        let indices = Tensor::<1, Int>::from_data(TensorData::new(columns, [n]), &weights.device());
        weights.clone().select(1, indices)
    }
}
