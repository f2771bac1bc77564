//! Maps in blocks of channels, as cells read and write them.

use burn::tensor::Tensor;

use super::blocks::Blocks;
use super::config::InputChannels;
use super::extension::{GradientSlot, blocked};
use crate::support::device::runs_on_flex;

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

    /// From `[N, C, H, W]`, differentiable where it is tracked; `lanes` as in [`block_lanes`](crate::block_lanes).
    pub fn from_nchw(x: Tensor<4>, lanes: usize) -> Self {
        let [n, channels, h, w] = x.dims();
        let blocks = channels.div_ceil(lanes);
        if runs_on_flex(&x) && !x.is_tracked() {
            let x = if x.is_autodiff() { x.inner() } else { x };
            return Self::new(blocked(x, lanes), InputChannels { groups: 1, channels });
        }
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

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// Of images that need no gradient, on both devices, the values are those of the differentiable way.
    #[test]
    fn maps_go_to_blocks_and_back() {
        for (n, channels, h, w, lanes) in
            [(1, 1, 1, 1, 8), (2, 3, 5, 7, 16), (3, 8, 2, 2, 8), (2, 17, 3, 1, 16), (70, 40, 4, 9, 16)]
        {
            let count = n * channels * h * w;
            let data =
                TensorData::new((0..count).map(|i| i as f32 + 1.0).collect::<Vec<_>>(), [n, channels, h, w]);
            let x = Tensor::<4>::from_data(data.clone(), &Device::flex());
            let tracked = BlockedMap::from_nchw(Tensor::from_inner(x.clone()).require_grad(), lanes);
            let expected = tracked.values.inner().into_data();
            for x in [x.clone(), Tensor::from_inner(x)] {
                let map = BlockedMap::from_nchw(x, lanes);
                assert_eq!(map.to_nchw().into_data(), data);
                assert_eq!(map.values.into_data(), expected, "{n}, {channels}, {h}x{w}, {lanes} lanes");
            }
        }
    }
}
