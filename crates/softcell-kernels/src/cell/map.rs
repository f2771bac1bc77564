//! Maps in blocks of channels, as cells read and write them.

use burn::tensor::Tensor;

use super::blocks::Blocks;
use super::config::InputChannels;
use super::extension::GradientSlot;

/// A batch of maps in the layout of the fast cell: `[N, blocks, H, W, lanes]`. Each group of channels fills
/// whole blocks; what is left over in a group's last block is zero.
#[derive(Clone, Debug)]
pub struct BlockedMap {
    /// The values.
    pub values: Tensor<5>,
    /// How the channels are grouped.
    pub channels: InputChannels,
    /// Of a cell's output.
    pub(super) gradient: Option<GradientSlot>,
}

impl BlockedMap {
    /// Values that are grouped already.
    pub fn new(values: Tensor<5>, channels: InputChannels) -> Self {
        Self { values, channels, gradient: None }
    }

    /// From `[N, C, H, W]`, differentiable; `lanes` as in [`block_lanes`](crate::block_lanes).
    pub fn from_nchw(x: Tensor<4>, lanes: usize) -> Self {
        let [n, channels, h, w] = x.dims();
        let blocks = channels.div_ceil(lanes);
        let filling = blocks * lanes - channels;
        let x = if filling == 0 {
            x
        } else {
            Tensor::cat(vec![x.clone(), Tensor::zeros([n, filling, h, w], &x.device())], 1)
        };
        let values = x.reshape([n, blocks, lanes, h, w]).permute([0, 1, 3, 4, 2]);
        Self::new(values, InputChannels { groups: 1, channels })
    }

    /// From `[N, C, H, W]` whose channels come in groups, differentiable.
    ///
    /// # Panics
    ///
    /// If there are not as many channels as the groups have.
    pub fn from_groups(x: Tensor<4>, channels: InputChannels, lanes: usize) -> Self {
        let [_, all, _, _] = x.dims();
        assert_eq!(all, channels.total(), "channels of a map in {channels:?}");
        let group =
            |index| Self::from_nchw(x.clone().narrow(1, index * channels.channels, channels.channels), lanes);
        match channels.groups {
            1 => Self::from_nchw(x, lanes),
            groups => {
                let parts = (0..groups).map(|index| group(index).values).collect();
                Self::new(Tensor::cat(parts, 1), channels)
            }
        }
    }

    /// As `[N, C, H, W]`, differentiable.
    pub fn to_nchw(&self) -> Tensor<4> {
        let [n, _, h, w, _] = self.values.dims();
        let x = self.values.clone().permute([0, 1, 4, 2, 3]);
        let InputChannels { groups, channels } = self.channels;
        let x = x.reshape([n, groups, self.group_width(), h * w]).narrow(2, 0, channels);
        x.reshape([n, groups * channels, h, w])
    }

    /// The mean over all pixels, `[N, C]`, differentiable.
    pub fn mean_pixels(&self) -> Tensor<2> {
        let [n, blocks, h, w, lanes] = self.values.dims();
        let InputChannels { groups, channels } = self.channels;
        let means = self.values.clone().reshape([n, blocks, h * w, lanes]).mean_dim(2);
        let means = means.reshape([n, groups, self.group_width()]).narrow(2, 0, channels);
        means.reshape([n, groups * channels])
    }

    /// Values of a pixel in a group, filling included.
    fn group_width(&self) -> usize {
        let [_, blocks, _, _, lanes] = self.values.dims();
        blocks * lanes / self.channels.groups
    }

    pub(super) fn blocks(&self) -> Blocks {
        let [.., lanes] = self.values.dims();
        Blocks::new(self.channels.groups, self.channels.channels, lanes)
    }
}
