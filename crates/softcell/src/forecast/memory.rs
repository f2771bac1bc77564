//! Memory of search and training, before they run.

use crate::config::{SearchConfig, TrainConfig};
use crate::data::ImageSet;
use crate::error::{Advice, Error, Remedy, Result};
use crate::event::Stage;
use crate::memory::available_bytes;
use crate::network::{NetworkSize, product};
use crate::search::method::Rules;
use crate::space::{Genotype, NetworkPlan};
use crate::train::network_config;

/// Copies of the weights on the heap: the network, its gradients, the velocity, and what a checkpoint holds while it is
/// written. Measured; an upper bound.
const WEIGHT_COPIES: f64 = 12.0;
/// Copies of a kept state while a checkpoint is written, such as that which is handed over and its bytes. Measured.
const STATE_COPIES: f64 = 5.0;
/// Batches of images: those of a step, those made ahead and those in the making, in both orders.
const BATCHES: f64 = 10.0;
/// Bytes of what does not grow with the work: stacks, working memory of threads, code that is run for the first
/// time. Measured.
const BASE: f64 = 7e6;
/// Bytes of a value.
const VALUE: f64 = size_of::<f32>() as f64;

/// What decides the memory of a stage: a description, from which neither weights nor maps are built.
#[derive(Debug)]
pub struct MemoryModel {
    stage: Stage,
    network: Network,
    /// Channels, height and width of an image.
    image: [usize; 3],
    /// Images that a batch can have at most; 0 where that is not known.
    images: usize,
    /// Copies of the weights beside those of every stage.
    more_copies: f64,
    /// Whether the backward pass computes cells again.
    recompute: bool,
}

#[derive(Debug)]
enum Network {
    /// Its maps are known.
    Fused(NetworkSize),
    /// It runs operation by operation; it has so many weights.
    Unfused(f64),
}

impl Network {
    fn of(plan: &NetworkPlan) -> Network {
        let unfused = || Network::Unfused(plan.cost().parameters as f64);
        NetworkSize::of(plan).map_or_else(unfused, Network::Fused)
    }
}

impl MemoryModel {
    /// Of a search.
    ///
    /// # Errors
    /// When the space cannot be searched.
    pub fn of_search(config: &SearchConfig, images: &ImageSet) -> Result<Self> {
        let config = &config.costliest_stage();
        let space = config.space([images.height, images.width]);
        space.check()?;
        let image = config.image_shape(images);
        let network = Network::of(&NetworkPlan::supernet(&space, image, images.classes.len()));
        // A state has the weights and their velocity; while a checkpoint is written there are several of each.
        let more_copies = 2.0 * STATE_COPIES * Rules::new(&config.method, config.epochs).most_states() as f64;
        let recompute = config.recompute;
        Ok(Self { stage: Stage::Search, network, image, images: images.len(), more_copies, recompute })
    }

    /// Of the training of a genotype's network.
    ///
    /// # Errors
    /// As [`build_network`](crate::train::build_network).
    pub fn of_training(genotype: &Genotype, config: &TrainConfig, images: &ImageSet) -> Result<Self> {
        let image = [images.channels, images.height, images.width];
        let network = network_config(genotype, config, image, images.classes.len());
        network.check()?;
        let network = Network::of(&network.plan());
        let (images, recompute) = (images.len(), config.recompute);
        Ok(Self { stage: Stage::Train, network, image, images, more_copies: 0.0, recompute })
    }

    /// Bytes that the stage takes with batches of this size, beside the program and the images of the data;
    /// none where the network runs operation by operation, whose memory is not known.
    ///
    /// It is the memory of the raw results of all cells' convolutions, which the backward pass needs (where cells are
    /// computed again, of their outputs alone), of what
    /// one cell computes with, of the weights and their copies (those of the states that a search may go back to among
    /// them), and of the batches. What is more than a number
    /// can say is the largest number.
    pub fn bytes(&self, batch_size: usize) -> Option<u64> {
        matches!(self.network, Network::Fused(_)).then(|| self.least(batch_size))
    }

    /// [`Self::bytes`]; where they are not known, those of the weights and the batches alone.
    pub fn least(&self, batch_size: usize) -> u64 {
        self.least_with(batch_size, self.recompute)
    }

    /// The same, where cells are computed again or not.
    fn least_with(&self, batch_size: usize, recompute: bool) -> u64 {
        let batch_size = if self.images > 0 { batch_size.min(self.images) } else { batch_size };
        let (maps, parameters) = match &self.network {
            Network::Fused(size) => (size.bytes(batch_size, recompute), size.parameters()),
            Network::Unfused(weights) => (0.0, *weights),
        };
        let batch = batch_size as f64 * product(&self.image) * VALUE;
        let copies = WEIGHT_COPIES + self.more_copies;
        (maps + copies * (parameters * VALUE) + BATCHES * batch + BASE) as u64
    }

    /// The largest batch, of at most `most` images, with which the stage takes no more than so many bytes as far as
    /// its memory is known; none where even two images are too many.
    pub fn largest_batch(&self, bytes: u64, most: usize) -> Option<usize> {
        let fits = |size: usize| self.least(size) <= bytes;
        let (mut fitting, mut too_large) = (2, most.saturating_add(1));
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
        self.check_within(batch_size, available_bytes().unwrap_or(u64::MAX))
    }

    fn check_within(&self, batch_size: usize, available: u64) -> Result<()> {
        let needed = self.least(batch_size);
        if needed <= available {
            return Ok(());
        }
        let gigabytes = |bytes: u64| bytes as f64 / 1e9;
        let mut remedy = Advice::from(match self.largest_batch(available, batch_size) {
            Some(largest) => format!("{largest} or fewer"),
            None => "a smaller network: no batch fits".to_owned(),
        });
        if self.least_with(batch_size, true) <= available {
            let setting = match self.stage {
                Stage::Search => "search.recompute",
                Stage::Train => "train.recompute",
            };
            remedy = remedy + ", or " + Remedy::Setting(setting);
        }
        Err(Error::setting(
            format!("{}.batch_size", self.stage.name()),
            batch_size,
            remedy
                + format!(
                    ": the stage takes about {:.2} GB more and {:.2} GB are available (",
                    gigabytes(needed),
                    gigabytes(available)
                )
                + Remedy::IgnoreMemory
                + " goes on all the same)",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, Stem, preset};
    use crate::device::Device;
    use crate::network::{self, Weighted};
    use crate::search::method::StopRule;
    use crate::space::known_genotype;
    use crate::train::build_network;

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

    /// What is computed again need not be kept.
    #[test]
    fn recomputing_takes_less_and_is_named_where_it_helps() {
        let mut search = preset(Preset::PaperCifar10, &DataShape::default()).0.search;
        let model = MemoryModel::of_search(&search, &images()).unwrap();
        search.recompute = true;
        let again = MemoryModel::of_search(&search, &images()).unwrap();
        let [kept, computed] = [&model, &again].map(|model| model.bytes(64).unwrap());
        assert!(computed < kept / 2, "{computed} {kept}");
        let error = |model: &MemoryModel, bytes| model.check_within(64, bytes).unwrap_err().to_string();
        assert!(error(&model, computed).contains("or fewer, or search.recompute: the stage"));
        assert!(!error(&model, computed - 1).contains("recompute"));
        assert!(!error(&again, computed - 1).contains("recompute"));
    }

    /// Eleven states, each of weights and velocity, and their copies.
    #[test]
    fn a_search_that_may_go_back_keeps_states() {
        let mut search = preset(Preset::PaperCifar10, &DataShape::default()).0.search;
        let model = |search: &SearchConfig| MemoryModel::of_search(search, &images()).unwrap();
        let without = model(&search);
        search.method.stop = StopRule::Adapt;
        let Network::Fused(size) = &without.network else { panic!("the cells are fused") };
        let more = model(&search).least(8) - without.least(8);
        assert!((more as f64 - 11.0 * 2.0 * STATE_COPIES * VALUE * size.parameters()).abs() < 8.0, "{more}");
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
        // That of its weights is.
        assert!(amoeba.check_within(96, amoeba.least(96)).is_ok());
        let error = amoeba.check_within(96, 1_000_000).unwrap_err().to_string();
        assert!(error.contains("no batch fits"), "{error}");
    }

    /// What is counted from the description is what the network has.
    #[test]
    fn the_weights_of_a_description_are_those_of_its_network() {
        let device = Device::flex();
        let classes: Vec<String> = (0..7).map(|class| class.to_string()).collect();
        let images = ImageSet::empty(classes.into(), [3, 40, 36]);
        let counted = |model: &MemoryModel| match &model.network {
            Network::Fused(size) => size.parameters() as usize,
            Network::Unfused(_) => panic!("the cells are fused"),
        };
        let config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        for (layers, init_channels, nodes) in [(1, 3, 1), (3, 4, 2), (5, 9, 3)] {
            let search = SearchConfig { layers, init_channels, nodes, ..config.search.clone() };
            let net = network::Network::new(
                NetworkPlan::supernet(&search.space([40, 36]), [3, 40, 36], 7),
                &device,
            );
            assert_eq!(counted(&MemoryModel::of_search(&search, &images).unwrap()), net.count_values());
        }
        let genotype = known_genotype("DARTS_V2").unwrap();
        for stem in [Stem::Cifar, Stem::Imagenet] {
            for (auxiliary, layers) in [(false, 1), (true, 4)] {
                let train = TrainConfig { layers, init_channels: 6, auxiliary, stem, ..config.train.clone() };
                let net = build_network(&genotype, &train, &images, &device).unwrap();
                let model = MemoryModel::of_training(&genotype, &train, &images).unwrap();
                assert_eq!(counted(&model), net.count_values(), "{stem:?} {auxiliary}");
            }
        }
    }

    /// Nothing of the size of the network is built: it would take 10¹⁸ bytes.
    #[test]
    fn networks_beyond_all_machines_are_judged() {
        let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
        let images = ImageSet::empty(["a", "b"].map(String::from).to_vec().into(), [3, 4096, 4096]);
        (config.search.layers, config.search.init_channels, config.search.nodes) = (256, 4096, 16);
        let model = MemoryModel::of_search(&config.search, &images).unwrap();
        assert!(model.bytes(65_536).unwrap() > 1_000_000_000_000_000_000);
        assert_eq!(model.largest_batch(1 << 40, 65_536), None);
        (config.train.layers, config.train.init_channels) = (256, 4096);
        let model =
            MemoryModel::of_training(&known_genotype("DARTS_V2").unwrap(), &config.train, &images).unwrap();
        assert!(model.check_within(65_536, 1 << 40).is_err());
        let everything = ImageSet::empty(Vec::new().into(), [3, usize::MAX, usize::MAX]);
        let model =
            MemoryModel::of_search(&SearchConfig { max_side: 0, ..config.search }, &everything).unwrap();
        assert_eq!(model.bytes(usize::MAX), Some(u64::MAX));
    }
}
