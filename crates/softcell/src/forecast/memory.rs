//! Memory of search and training, before they run.

use burn::module::Module;

use crate::config::{SearchConfig, TrainConfig};
use crate::data::ImageSet;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::event::Stage;
use crate::memory::available_bytes;
use crate::network::DerivedNetwork;
use crate::space::Genotype;
use crate::supernet::{SuperNet, SuperNetConfig};
use crate::train::build_network;

/// Copies of the weights on the heap: the network, its gradients before and after clipping, the velocity, and
/// what a checkpoint holds while it is written.
const WEIGHT_COPIES: f64 = 12.0;
/// Batches of images: those of a step, those made ahead and those in the making, in both orders.
const BATCHES: f64 = 10.0;
/// Bytes of what does not grow with the work: stacks, working memory of threads, code that is run for the first
/// time. Measured.
const BASE: f64 = 7e6;

/// What decides the memory of a stage.
#[derive(Debug)]
pub struct MemoryModel {
    stage: Stage,
    network: Network,
    parameters: usize,
    /// Channels, height and width of an image.
    image: [usize; 3],
    /// Images that a batch can have at most; 0 where that is not known.
    images: usize,
}

#[derive(Debug)]
enum Network {
    Search(Box<SuperNet>),
    Train(Box<DerivedNetwork>),
}

impl MemoryModel {
    /// Of a search.
    ///
    /// # Errors
    /// When the space cannot be searched.
    pub fn of_search(config: &SearchConfig, images: &ImageSet) -> Result<Self> {
        let space = config.space();
        space.check()?;
        let classes = images.classes.len();
        let net = SuperNetConfig { space, channels_in: images.channels, classes }.init(&Device::flex());
        let parameters = net.num_params();
        Ok(Self {
            stage: Stage::Search,
            network: Network::Search(Box::new(net)),
            parameters,
            image: config.image_shape(images),
            images: images.len(),
        })
    }

    /// Of the training of a genotype's network.
    ///
    /// # Errors
    /// As [`build_network`].
    pub fn of_training(genotype: &Genotype, config: &TrainConfig, images: &ImageSet) -> Result<Self> {
        let net = build_network(genotype, config, images, &Device::flex())?;
        let parameters = net.num_params();
        Ok(Self {
            stage: Stage::Train,
            network: Network::Train(Box::new(net)),
            parameters,
            image: [images.channels, images.height, images.width],
            images: images.len(),
        })
    }

    /// Bytes that the stage takes with batches of this size, beside the program and the images of the data;
    /// none where the network runs operation by operation, whose memory is not known.
    ///
    /// It is the memory of the raw results of all cells' convolutions, which the backward pass needs, of what
    /// one cell computes with, of the weights and their copies, and of the batches.
    pub fn bytes(&self, batch_size: usize) -> Option<u64> {
        let [channels, height, width] = self.image;
        let batch_size = if self.images > 0 { batch_size.min(self.images) } else { batch_size };
        let maps = match &self.network {
            Network::Search(net) => net.memory(batch_size, [height, width]),
            Network::Train(net) => net.memory(batch_size, [height, width]),
        }?;
        let float = size_of::<f32>();
        let batch = batch_size * channels * height * width * float;
        let beside = WEIGHT_COPIES * (self.parameters * float) as f64 + BATCHES * batch as f64;
        Some((maps as f64 + beside + BASE) as u64)
    }

    /// The largest batch, of at most `most` images, with which the stage takes no more than so many bytes; none
    /// where even two images are too many, or the memory is not known.
    pub fn largest_batch(&self, bytes: u64, most: usize) -> Option<usize> {
        let fits = |size: usize| self.bytes(size).is_some_and(|needed| needed <= bytes);
        let (mut fitting, mut too_large) = (2, most + 1);
        if !fits(fitting) {
            return None;
        }
        while too_large - fitting > 1 {
            let middle = fitting.midpoint(too_large);
            if fits(middle) {
                fitting = middle;
            } else {
                too_large = middle;
            }
        }
        Some(fitting)
    }

    /// Refuses a batch size for which there is not enough memory, where the system tells how much there is.
    ///
    /// # Errors
    /// When there is too little, with the largest batch that fits.
    pub fn check(&self, batch_size: usize) -> Result<()> {
        match available_bytes() {
            Some(available) => self.check_within(batch_size, available),
            None => Ok(()),
        }
    }

    fn check_within(&self, batch_size: usize, available: u64) -> Result<()> {
        let Some(needed) = self.bytes(batch_size).filter(|&needed| needed > available) else { return Ok(()) };
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let remedy = match self.largest_batch(available, batch_size) {
            Some(largest) => format!("{largest} or fewer"),
            None => "a smaller network: no batch fits".to_owned(),
        };
        Err(Error::setting(
            format!("{}.batch_size", self.stage.name()),
            batch_size,
            format!(
                "{remedy}: the stage takes about {:.2} GB more and {:.2} GB are available (--ignore-memory goes on all \
                 the same)",
                gigabytes(needed),
                gigabytes(available)
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};
    use crate::space::known_genotype;

    fn images() -> ImageSet {
        ImageSet::empty(["a", "b"].map(String::from).to_vec().into(), [3, 32, 32])
    }

    #[test]
    fn too_large_a_batch_is_refused_with_the_largest_that_fits() {
        let config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        let model = MemoryModel::of_search(&config.search, &images()).unwrap();
        let [at_16, at_64] = [16, 64].map(|size| model.bytes(size).unwrap());
        assert!(at_64 > 3 * at_16 && at_64 < 4 * at_16, "{at_16} {at_64}");
        assert_eq!(model.largest_batch(at_16, 1000), Some(16));
        assert_eq!(model.largest_batch(at_16 - 1, 1000), Some(15));
        assert_eq!(model.largest_batch(1_000_000, 1000), None);
        assert!(model.check_within(64, at_64).is_ok());
        let error = model.check_within(64, at_16).unwrap_err().to_string();
        assert!(error.contains("search.batch_size = 64") && error.contains("16 or fewer"), "{error}");
        let error = model.check_within(64, 5).unwrap_err().to_string();
        assert!(error.contains("no batch fits"), "{error}");
    }

    #[test]
    fn large_images_are_searched_small() {
        let mut search = preset(Preset::PaperCifar10, &DataShape::default()).0.search;
        let bytes = |search: &SearchConfig, side: usize| {
            let images = ImageSet::empty(["a", "b"].map(String::from).to_vec().into(), [3, side, side]);
            MemoryModel::of_search(search, &images).unwrap().bytes(16).unwrap()
        };
        let whole = bytes(&search, 128);
        search.max_side = 32;
        assert_eq!(bytes(&search, 128), bytes(&search, 32));
        assert!(whole > 8 * bytes(&search, 128));
    }

    #[test]
    fn the_memory_of_unfused_cells_is_not_known() {
        let config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        let model = |name: &str| {
            let genotype = known_genotype(name).unwrap();
            MemoryModel::of_training(&genotype, &config.train, &images()).unwrap()
        };
        assert!(model("DARTS_V2").bytes(96).is_some());
        // It has a convolution of 7x1 and 1x7.
        let amoeba = model("AmoebaNet");
        assert_eq!(amoeba.bytes(96), None);
        assert!(amoeba.check_within(96, 1).is_ok());
    }
}
