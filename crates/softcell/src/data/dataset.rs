//! Images divided, measured and described.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::fault::Problem;
use super::normalize::Normalization;
use super::open::inspect;
use super::set::ImageSet;
use super::source::{Source, TestImages};
use super::split::{Shares, Split};
use crate::config::{DataConfig, DataFormat, DataShape, TrainConfig};
use crate::error::{Error, Result};
use crate::shown::listed;

/// What the images are, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How they are stored.
    pub format: DataFormat,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Training images of each class (validation included).
    pub class_counts: Vec<usize>,
    /// 1 (grayscale) or 3.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Training images (validation included).
    pub train_images: usize,
    /// Test images; none where the data has no test part and none has been split off.
    pub test_images: Option<usize>,
    /// Mean of each channel over the training images (without validation, once that is split off).
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, over the same images.
    pub std: Vec<f32>,
    /// Images that could not be read: path and reason.
    pub skipped: Vec<(String, String)>,
    /// Training images that the data give to validation; none where they are split off.
    #[serde(default)]
    pub validation_images: Option<usize>,
    /// Images whose group or copies keep them together with others.
    #[serde(default)]
    pub grouped_images: usize,
    /// What is wrong with the data, counted, with examples.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// What was decided on the way, in sentences.
    pub notes: Vec<String>,
    /// SHA-256, in hexadecimal, over shape, classes, labels and pixels of both parts as they were read,
    /// before anything is split off.
    pub fingerprint: String,
}

impl Summary {
    /// What there is to say of `source` as it was read, with statistics over its whole training part.
    pub fn of(source: &Source) -> Summary {
        let train = &source.train;
        let all: Vec<usize> = (0..train.len()).collect();
        Summary::with(source, fingerprint(source), Normalization::measure(train, &all))
    }

    fn with(source: &Source, fingerprint: String, normalization: Normalization) -> Summary {
        let train = &source.train;
        Summary {
            format: source.format,
            classes: train.classes.to_vec(),
            class_counts: train.class_counts(),
            channels: train.channels,
            height: train.height,
            width: train.width,
            train_images: train.len(),
            test_images: source.test.as_ref().map(ImageSet::len),
            mean: normalization.mean,
            std: normalization.std,
            skipped: source
                .skipped
                .iter()
                .map(|(path, reason)| (path.to_string_lossy().into_owned(), reason.clone()))
                .collect(),
            validation_images: (!source.validation.is_empty()).then_some(source.validation.len()),
            grouped_images: source.groups.iter().filter(|&&group| group > 0).count(),
            problems: source.problems.clone(),
            notes: source.notes.clone(),
            fingerprint,
        }
    }
}

/// SHA-256 over both parts.
fn fingerprint(source: &Source) -> String {
    let mut hash = Sha256::new();
    source.train.hash(&mut hash);
    if let Some(test) = &source.test {
        test.hash(&mut hash);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the images and says what they are.
///
/// # Errors
///
/// Those of [`inspect`].
pub fn describe(config: &DataConfig) -> Result<Summary> {
    Ok(Summary::of(&inspect(config, &mut |_, _| {})?))
}

/// Images ready for a run.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Training images, validation included.
    pub train: Arc<ImageSet>,
    /// Test images: nothing is chosen by them.
    pub test: Arc<ImageSet>,
    /// What the test images are called; see [`Source::train_names`].
    pub test_names: Arc<Vec<String>>,
    /// Who uses which training image.
    pub split: Split,
    /// Mean and deviation of the training images without validation.
    pub normalization: Normalization,
    /// The data in numbers.
    pub summary: Summary,
}

impl Dataset {
    /// Divides `source` under `seed`, each class on its own, so that every part has every class.
    ///
    /// Where there is no test part, `test_fraction` of the images is split off (stream "split/test"); of
    /// the training images `validation_fraction` is kept apart ("split/validation"); of the rest
    /// `train_portion` trains weights and what remains trains alphas ("split/alphas"). A `train_portion` of
    /// 1 leaves no images to the alphas: right for training, not for a search.
    ///
    /// # Errors
    ///
    /// A share outside its range; a class with fewer images than there are parts; groups too large to be divided.
    pub fn new(mut source: Source, data: &DataConfig, train_portion: f64, seed: u64) -> Result<Dataset> {
        let shares = Shares {
            test: source.test.is_none().then_some(data.test_fraction),
            validation: data.validation_fraction,
            train_portion,
        };
        shares.check()?;
        shares.check_counts(&source, Path::new(&data.path))?;
        let fingerprint = fingerprint(&source);
        if let Some(fraction) = shares.test {
            let (test, train) = shares.split_test(&source, fraction, seed);
            source.notes.push(format!(
                "no test part: {} of {} images, the same share of every class, were split off as test \
                 (test_fraction {fraction}, seed {seed})",
                test.len(),
                source.train.len(),
            ));
            source.test = Some(source.train.subset(&test));
            source.test_names = test.iter().filter_map(|&i| source.train_names.get(i).cloned()).collect();
            source.keep_training(&train);
        }
        let split = shares.split(&source, seed);
        check_parts(&split, source.test.as_ref(), train_portion, Path::new(&data.path))?;
        let normalization = Normalization::measure(&source.train, &merged(&split));
        let summary = Summary::with(&source, fingerprint, normalization.clone());
        let test = source.test.expect("split off above where it was missing");
        Ok(Dataset {
            train: Arc::new(source.train),
            test: Arc::new(test),
            test_names: Arc::new(source.test_names),
            split,
            normalization,
            summary,
        })
    }

    /// What test image `i` is called: its file, relative to the data, or its place in an array. Images that were made up
    /// are numbered from 0.
    pub fn test_name(&self, i: usize) -> String {
        self.test_names.get(i).cloned().unwrap_or_else(|| i.to_string())
    }

    /// What the presets look at.
    pub fn shape(&self) -> DataShape {
        let counts = self.train.class_counts();
        let counts = counts.iter().copied().filter(|&images| images > 0);
        DataShape {
            train_images: self.train.len(),
            classes: self.train.classes.len(),
            channels: self.train.channels,
            height: self.train.height,
            width: self.train.width,
            largest_class: counts.clone().max().unwrap_or(0),
            smallest_class: counts.min().unwrap_or(0),
            own_validation: self.summary.validation_images.is_some(),
        }
    }

    /// Whether a network that is trained already can answer for these images. Classes of the network without images
    /// are allowed.
    ///
    /// # Errors
    ///
    /// Images of another shape, or of a class that the network does not know.
    pub fn check_network(&self, classes: &[String], image_shape: [usize; 3]) -> Result<()> {
        let train = &self.train;
        let found = [train.channels, train.height, train.width];
        if found != image_shape {
            let text =
                |[channels, height, width]: [usize; 3]| format!("{height}x{width} with {channels} channels");
            return Err(Error::invalid(
                "images",
                text(found),
                format!("{}, which the network was made for", text(image_shape)),
                "give images like those that it was trained with",
            ));
        }
        let unknown: Vec<String> =
            train.classes.iter().filter(|class| !classes.contains(class)).cloned().collect();
        if !unknown.is_empty() {
            return Err(Error::invalid(
                "classes of the images",
                listed(&unknown),
                format!("those of the network: {}", listed(classes)),
                "name the folders as the network's classes, or give the network's classes the names of the folders",
            ));
        }
        Ok(())
    }

    /// These images for a network that is trained already: labels are numbers of `classes`, the network's, and
    /// the pixels are normalised as it expects.
    ///
    /// # Errors
    ///
    /// Those of [`Dataset::check_network`].
    pub fn for_network(
        self,
        classes: &[String],
        image_shape: [usize; 3],
        normalization: Normalization,
    ) -> Result<Dataset> {
        self.check_network(classes, image_shape)?;
        let same = *self.train.classes == classes;
        let classes = Arc::new(classes.to_vec());
        let relabelled = |set: Arc<ImageSet>| if same { set } else { Arc::new(set.relabelled(&classes)) };
        Ok(Dataset { train: relabelled(self.train), test: relabelled(self.test), normalization, ..self })
    }

    /// Images to test a trained network on, without any to train with: labels are numbers of `classes`, the network's,
    /// and the pixels are normalised as it expects.
    ///
    /// # Errors
    ///
    /// Those of [`Dataset::check_network`].
    pub fn for_test(
        images: TestImages,
        classes: &[String],
        image_shape: [usize; 3],
        normalization: Normalization,
    ) -> Result<Dataset> {
        let TestImages { set, names, format, skipped, notes, .. } = images;
        let none = set.subset(&[]);
        let source = Source { skipped, ..Source::new(format, none, Some(set), notes) };
        let summary = Summary::with(&source, fingerprint(&source), normalization.clone());
        let dataset = Dataset {
            train: Arc::new(source.train),
            test: Arc::new(source.test.expect("it was given")),
            test_names: Arc::new(names),
            split: Split { weights: Vec::new(), alphas: Vec::new(), validation: Vec::new() },
            normalization: normalization.clone(),
            summary,
        };
        dataset.for_network(classes, image_shape, normalization)
    }

    /// The images that train a network, those of the weights and of the alphas, ascending.
    pub fn training_indices(&self) -> Vec<usize> {
        merged(&self.split)
    }

    /// The images that train a network with these settings, ascending: with [`TrainConfig::all_images`] those for
    /// validation as well.
    pub fn trained_on(&self, settings: &TrainConfig) -> Vec<usize> {
        let mut indices = self.training_indices();
        if settings.all_images {
            indices.extend(&self.split.validation);
            indices.sort_unstable();
        }
        indices
    }

    /// The images by which the epochs of such a training are compared: none where it is trained on them.
    pub fn validated_on(&self, settings: &TrainConfig) -> &[usize] {
        if settings.all_images { &[] } else { &self.split.validation }
    }
}

/// Refuses parts without an image, which only groups can bring about.
fn check_parts(split: &Split, test: Option<&ImageSet>, train_portion: f64, path: &Path) -> Result<()> {
    let empty = [
        ("weights", split.weights.is_empty()),
        ("alphas", split.alphas.is_empty() && train_portion < 1.0),
        ("test", test.is_some_and(ImageSet::is_empty)),
    ];
    let empty: Vec<String> =
        empty.iter().filter(|(_, empty)| *empty).map(|(part, _)| part.to_string()).collect();
    if empty.is_empty() {
        return Ok(());
    }
    Err(Error::data(
        path,
        format!(
            "no image is left for the part {}: groups of images, and copies, stay together",
            listed(&empty)
        ),
        "give more and smaller groups, or parts of their own (train, val, test)",
    ))
}

/// Weights and alphas, ascending.
fn merged(split: &Split) -> Vec<usize> {
    let mut indices = [split.weights.as_slice(), split.alphas.as_slice()].concat();
    indices.sort_unstable();
    indices
}
