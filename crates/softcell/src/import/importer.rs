//! From tensors and what is known of them to a trained network.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use super::metadata::Metadata;
use super::outline::Outline;
use super::read::{Checkpoint, read_checkpoint};
use super::tensor::MOST_NUMBERS;
use crate::config::{
    CheckedConfig, Config, DataConfig, DataFormat, DataShape, ImageSize, Preset, Stem, preset,
};
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Remedy, Result};
use crate::model::TrainedModel;
use crate::network::{NamedTensors, unusable};
use crate::run::{Manifest, RunFolder, Weights};
use crate::space::StemKind;
use crate::space::{Genotype, NetworkShape, Reductions, derived_cost};
use crate::train::network_config;

/// Sides of the images where nothing else is known: those of CIFAR and of ImageNet.
const CIFAR_SIDE: usize = 32;
const IMAGENET_SIDE: usize = 224;
/// Mean and deviation that the original takes out of the images of CIFAR-10.
const CIFAR_NORMALIZATION: ([f32; 3], [f32; 3]) = ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]);
/// The same for ImageNet.
const IMAGENET_NORMALIZATION: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
/// Stands in `config.toml` for the images of a run that has none.
const NO_IMAGES: &str = "none: imported without images";

/// What is known of weights besides the file; it goes before what the file says.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The cells.
    pub genotype: Option<Genotype>,
    /// Channels of the first cell.
    pub init_channels: Option<usize>,
    /// Number of cells.
    pub layers: Option<usize>,
    /// Names of the classes, in the order of the logits.
    pub classes: Option<Vec<String>>,
    /// Height and width of the images.
    pub image_size: Option<[usize; 2]>,
    /// Mean and deviation of the pixels.
    pub normalization: Option<Normalization>,
}

/// Weights that were read, on their way to a network.
#[derive(Debug, Clone)]
pub struct Importer {
    path: PathBuf,
    /// The file, in words.
    origin: String,
    tensors: NamedTensors,
    outline: Outline,
    metadata: Metadata,
    known: Known,
}

/// A network made of imported weights.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The network; the command line and the machine in its manifest are left empty.
    pub model: TrainedModel,
    /// Settings that describe it; those of a training are the original's.
    pub config: CheckedConfig,
}

impl Importer {
    /// Reads a file of weights.
    ///
    /// # Errors
    /// As [`read_checkpoint`]; tensors of no derived network, or that are not finite numbers.
    pub fn read(path: &Path, known: Known) -> Result<Importer> {
        let origin = format!("weights {}", path.display());
        let Checkpoint { tensors, metadata } = read_checkpoint(path)?;
        let outline = Outline::of(&tensors, &origin)?;
        let metadata = Metadata::read(&metadata, &origin)?;
        check_finite(&tensors, &origin)?;
        Ok(Importer { path: path.to_path_buf(), origin, tensors, outline, metadata, known })
    }

    /// What the tensors say of their network.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// How the images in `path` are read and divided for this network.
    ///
    /// # Errors
    /// A path that is none.
    pub fn data_settings(&self, path: &str, format: DataFormat) -> Result<CheckedConfig> {
        let image_size = match self.told_size() {
            Some([height, width]) => ImageSize::Fixed { height, width },
            None => ImageSize::Auto,
        };
        let mut config = self.base();
        config.data.path = path.to_owned();
        config.data.format = format;
        config.data.image_size = image_size.to_string();
        config.check()
    }

    /// Settings to start from: the original's for the stem, with the seed by which images were divided, if the file
    /// tells it.
    fn base(&self) -> Config {
        let name = match self.outline.stem {
            StemKind::Cifar => Preset::PaperCifar10,
            StemKind::Imagenet => Preset::PaperImagenet,
        };
        let (mut config, _) = preset(name, &DataShape::default());
        config.data.resize = self.metadata.resize.unwrap_or(config.data.resize);
        Config { seed: self.metadata.seed.unwrap_or(config.seed), ..config }
    }

    /// Height and width, where they were told.
    fn told_size(&self) -> Option<[usize; 2]> {
        let stem = (self.outline.stem == StemKind::Imagenet).then_some([IMAGENET_SIDE; 2]);
        let file = self.metadata.image_shape.map(|[_, height, width]| [height, width]);
        self.known.image_size.or(file).or(stem)
    }

    /// Puts all together and builds the network once; `data` are the settings by which `dataset` was read.
    ///
    /// # Errors
    /// No genotype; classes, channels or a normalisation that do not fit the tensors or the images; tensors that
    /// are missing, surplus or of another shape.
    pub fn finish(self, images: Option<(&DataConfig, &Dataset)>, device: &Device) -> Result<Imported> {
        let outline = &self.outline;
        let mut notes = vec![format!("{} were imported", self.origin)];
        let genotype = self.genotype()?;
        let [height, width] = self.image_size(images.map(|(_, dataset)| dataset), &mut notes);
        let image_shape = [outline.channels_in, height, width];
        let classes = self.classes(images.map(|(_, dataset)| dataset), &mut notes)?;
        let normalization = self.normalization(images.map(|(_, dataset)| dataset), &mut notes)?;
        if let Some((_, dataset)) = images {
            dataset.check_network(&classes, image_shape)?;
            self.compare_fingerprint(dataset, &mut notes);
        }
        let config = self.config(images.map(|(data, _)| data), [height, width])?;
        let network = network_config(&genotype, &config.train, image_shape, classes.len());
        self.check_size(&genotype, &config, image_shape, classes.len())?;
        let dataset = images.map(|(_, dataset)| dataset);
        let manifest = Manifest::new(classes, image_shape, normalization);
        let manifest = Manifest {
            seed: config.seed,
            resize: config.data.resize,
            notes,
            imported_from: Some(self.path.display().to_string()),
            ..match dataset {
                Some(dataset) => manifest.with_images(dataset),
                None => manifest,
            }
        };
        let model = TrainedModel { network, weights: self.tensors, manifest };
        model.build(&self.origin, device)?;
        Ok(Imported { model, config })
    }

    fn genotype(&self) -> Result<Genotype> {
        let genotype = self.known.genotype.clone().or_else(|| self.metadata.genotype.clone());
        genotype.ok_or_else(|| {
            Error::invalid(
                &self.origin,
                "no genotype in it",
                "the cells of the network",
                "give them with " + Remedy::Known("genotype") + ": a name, a text or a file",
            )
        })
    }

    fn image_size(&self, dataset: Option<&Dataset>, notes: &mut Vec<String>) -> [usize; 2] {
        let told = self.known.image_size.is_some() || self.metadata.image_shape.is_some();
        let of_images = dataset.map(|dataset| [dataset.train.height, dataset.train.width]);
        let size = self.told_size().or(of_images).unwrap_or([CIFAR_SIDE; 2]);
        if !told && (of_images.is_none() || self.outline.stem == StemKind::Imagenet) {
            let [height, width] = size;
            notes.push(format!(
                "images are brought to {height}x{width}, as is usual for this stem; image_size sets another size"
            ));
        }
        size
    }

    fn classes(&self, dataset: Option<&Dataset>, notes: &mut Vec<String>) -> Result<Vec<String>> {
        let wanted = self.outline.classes;
        let (classes, origin) = match (&self.known.classes, &self.metadata.classes, dataset) {
            (Some(classes), ..) => (classes.clone(), "the names given"),
            (None, Some(classes), _) => (classes.clone(), "the file's metadata"),
            (None, None, Some(dataset)) => (dataset.train.classes.to_vec(), "the images"),
            (None, None, None) => {
                notes.push("classes have no names: they are numbered; classes names them".to_owned());
                ((0..wanted).map(|class| format!("class_{class}")).collect(), "the numbers")
            }
        };
        let fault = |found: String, expected: String| {
            let remedy = "name every class once, in the order of the logits";
            Err(Error::invalid(format!("classes of {origin}"), found, expected, remedy))
        };
        if classes.len() != wanted || wanted == 0 {
            let found = format!("{} classes", classes.len());
            return fault(found, format!("{wanted}, as the classifier in {} has", self.origin));
        }
        let mut sorted: Vec<&String> = classes.iter().collect();
        sorted.sort_unstable();
        if let Some([twice, _]) =
            sorted.windows(2).find(|pair| pair[0] == pair[1]).and_then(|p| p.first_chunk())
        {
            return fault(format!("`{twice}` twice"), "different names".to_owned());
        }
        Ok(classes)
    }

    fn normalization(&self, dataset: Option<&Dataset>, notes: &mut Vec<String>) -> Result<Normalization> {
        let Outline { channels_in, stem, .. } = self.outline;
        if ![1, 3].contains(&channels_in) {
            let found = format!("a stem for images of {channels_in} channels");
            let remedy = "images are read as gray or as red, green and blue";
            return Err(Error::invalid(&self.origin, found, "1 or 3", remedy));
        }
        let told = self.known.normalization.clone().or_else(|| self.metadata.normalization.clone());
        let of_images = || {
            let dataset = dataset?;
            notes_of_images(notes, &dataset.normalization);
            Some(dataset.normalization.clone())
        };
        let normalization = match told.or_else(of_images) {
            Some(normalization) => normalization,
            None if channels_in == 3 => {
                let (name, (mean, std)) = match stem {
                    StemKind::Cifar => ("CIFAR-10", CIFAR_NORMALIZATION),
                    StemKind::Imagenet => ("ImageNet", IMAGENET_NORMALIZATION),
                };
                notes.push(format!(
                    "nothing says how the images were normalised: mean {mean:?} and std {std:?} of {name} are taken"
                ));
                Normalization { mean: mean.to_vec(), std: std.to_vec() }
            }
            None => {
                let expected = "one for gray images: give "
                    + Remedy::Known("normalization")
                    + ", or "
                    + Remedy::Images
                    + " to measure them";
                return Err(Error::setting("mean", "nothing", expected));
            }
        };
        let Normalization { mean, std } = &normalization;
        for (name, values) in [("mean", mean), ("std", std)] {
            if values.len() != channels_in || values.iter().any(|value| !value.is_finite()) {
                let expected = format!("{channels_in} finite numbers, one for each channel");
                return Err(Error::setting(name, format!("{values:?}"), expected));
            }
        }
        if std.iter().any(|&value| value <= 0.0) {
            return Err(Error::setting("std", format!("{std:?}"), "numbers above 0"));
        }
        Ok(normalization)
    }

    /// Says whether these are the images of the run that the weights were exported from.
    fn compare_fingerprint(&self, dataset: &Dataset, notes: &mut Vec<String>) {
        let Some(fingerprint) = &self.metadata.data_fingerprint else { return };
        notes.push(if *fingerprint == dataset.summary.fingerprint {
            "the images are those the network was trained with, and are divided as then".to_owned()
        } else {
            "the images are not those the network was trained with".to_owned()
        });
    }

    fn config(&self, data: Option<&DataConfig>, [height, width]: [usize; 2]) -> Result<CheckedConfig> {
        let outline = &self.outline;
        let mut config = self.base();
        config.data = match data {
            Some(data) => data.clone(),
            None => DataConfig { path: NO_IMAGES.to_owned(), ..config.data },
        };
        config.data.image_size = ImageSize::Fixed { height, width }.to_string();
        config.train.init_channels = self.known.init_channels.unwrap_or(outline.init_channels);
        config.train.layers = self.known.layers.unwrap_or(outline.n_cells);
        config.train.auxiliary = outline.auxiliary;
        config.train.stem = match outline.stem {
            StemKind::Cifar => Stem::Cifar,
            StemKind::Imagenet => Stem::Imagenet,
        };
        config.check()
    }

    /// Refuses to build a network that is far larger than any weights that are read.
    fn check_size(
        &self,
        genotype: &Genotype,
        config: &Config,
        image_shape: [usize; 3],
        classes: usize,
    ) -> Result<()> {
        genotype.check()?;
        let (width_of_cells, layers) = (config.train.init_channels, config.train.layers);
        let stem = self.outline.stem;
        let shape = NetworkShape {
            init_channels: width_of_cells,
            reductions: Reductions::THIRDS,
            n_cells: layers,
            stem,
            classes,
            image_shape,
        };
        let cost = derived_cost(genotype, &shape);
        if cost.parameters <= MOST_NUMBERS as u64 {
            return Ok(());
        }
        Err(Error::invalid(
            &self.origin,
            format!("{layers} cells from {width_of_cells} channels, {} weights", cost.parameters),
            format!("at most {MOST_NUMBERS} weights"),
            "check the genotype, or give "
                + Remedy::Known("init_channels")
                + " and "
                + Remedy::Known("layers"),
        ))
    }
}

fn notes_of_images(notes: &mut Vec<String>, normalization: &Normalization) {
    notes.push(format!(
        "nothing says how the images were normalised: mean {:?} and std {:?} were measured on those given",
        normalization.mean, normalization.std
    ));
}

fn check_finite(tensors: &NamedTensors, origin: &str) -> Result<()> {
    let Some(unusable) = unusable(tensors) else { return Ok(()) };
    let remedy = "take the weights of an earlier epoch: this training has diverged";
    Err(Error::invalid(origin, unusable.found, unusable.expected, remedy))
}

impl Imported {
    /// Writes a run whose network is trained. The weights go last: where they stand, all is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        folder.write_config(&self.config)?;
        folder.write_manifest(&self.model.manifest)?;
        folder.write_genotype(&self.model.network.genotype)?;
        folder.write_weights(Weights::Last, &self.model.weights)
    }
}
