//! The settings of a selection among cells, `[select]`.

use serde::{Deserialize, Serialize};

use super::check::{MAX_CHANNELS, MAX_EPOCHS, MAX_LAYERS, whole};
use super::types::TrainConfig;
use crate::error::{Error, Result};
use crate::space::{Genotype, parse_genotype};

/// Most searches, random cells and trainings of one cell.
const MOST: usize = 1000;
/// Of the usual comparison: the first trainings have this part of the epochs of the training in the end, within bounds, and
/// half its channels, but not fewer than these.
const USUAL_PART: usize = 4;
const USUAL_EPOCHS: (usize, usize) = (6, 40);
const USUAL_CHANNELS: usize = 8;

/// How the reason begins for which nothing is searched.
pub const NOTHING_SEARCHED: &str = "nothing is searched";

/// Which cells are compared with the one that is searched, and how: each is trained as the final network will be, in a
/// smaller size and to the end of a shorter schedule, and answers for the validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct SelectConfig {
    /// Searches, each with draws of its own on the same parts of the images.
    pub seeds: usize,
    /// Cells drawn by the rules of the space.
    pub random: usize,
    /// Further cells: names, texts or `biggest`.
    pub also: Vec<String>,
    /// The one of `also` that is taken unless another is ahead of it by more than two standard errors; `none`: the best is.
    pub incumbent: String,
    /// How many of the best are trained longer.
    pub finalists: usize,
    /// Trainings of each cell, with draws of their own.
    pub trainings: usize,
    /// Epochs of the first trainings.
    pub epochs: usize,
    /// Epochs of the finalists' trainings; 0 leaves those out.
    pub longer_epochs: usize,
    /// Cells of these networks; 0: as many as the final one has.
    pub layers: usize,
    /// Channels of their first cell; 0: as many as the final one has.
    pub init_channels: usize,
}

impl SelectConfig {
    /// The published cell that is trained where there is no time for a search that pays, and that others are compared with.
    /// Of the published ones it has few multiply-adds for what it learns: of 10,000 test images of CIFAR-10, with 1,350 images
    /// to train on and 240 s on two cores, it knew 58.5 %, PC-DARTS' 54.2 % (one seed).
    pub const PUBLISHED: &str = "DARTS_V2";

    /// The word for no incumbent.
    pub const NO_INCUMBENT: &str = "none";

    /// The word for the biggest cell of a space among the further cells.
    pub const BIGGEST: &str = "biggest";

    /// One search and nothing that is compared with it: what a run without a selection has.
    pub fn off() -> SelectConfig {
        SelectConfig {
            seeds: 1,
            random: 0,
            also: Vec::new(),
            incumbent: Self::NO_INCUMBENT.to_owned(),
            finalists: 3,
            trainings: 2,
            epochs: 12,
            longer_epochs: 24,
            layers: 0,
            init_channels: 0,
        }
    }

    /// What is compared where that is left to the program and there is time for it beside a training with these settings:
    /// one search, a few random cells and the published one, in smaller networks.
    pub fn usual(train: &TrainConfig) -> SelectConfig {
        let epochs = (train.epochs / USUAL_PART).clamp(USUAL_EPOCHS.0, USUAL_EPOCHS.1);
        SelectConfig {
            random: 3,
            also: vec![Self::PUBLISHED.to_owned()],
            incumbent: Self::PUBLISHED.to_owned(),
            finalists: 2,
            trainings: 1,
            epochs,
            longer_epochs: 2 * epochs,
            layers: train.layers,
            init_channels: (train.init_channels / 2).max(USUAL_CHANNELS),
            ..SelectConfig::off()
        }
    }

    /// The published cell and nothing else: no search.
    pub fn published() -> SelectConfig {
        SelectConfig { seeds: 0, also: vec![Self::PUBLISHED.to_owned()], ..SelectConfig::off() }
    }

    /// The only cell, where none is searched or drawn.
    pub fn only(&self) -> Option<&str> {
        match (self.candidates(), self.also.as_slice()) {
            (1, [name]) => Some(name),
            _ => None,
        }
    }

    /// Whether there is anything to select from.
    pub fn is_on(&self) -> bool {
        self.seeds != 1 || self.random > 0 || !self.also.is_empty()
    }

    /// Cells that are compared.
    pub fn candidates(&self) -> usize {
        self.seeds + self.random + self.also.len()
    }

    /// Cells that are trained longer, two at least where there is an incumbent; 0 where none is.
    pub fn finalists(&self) -> usize {
        let contest = if self.incumbent == Self::NO_INCUMBENT { 1 } else { 2 };
        if self.longer_epochs == 0 { 0 } else { self.finalists.max(contest).min(self.candidates()) }
    }

    /// Cells and channels of the networks that compare cells, where the final one is that of these settings.
    pub fn size(&self, train: &TrainConfig) -> [usize; 2] {
        let or = |given: usize, usual: usize| if given == 0 { usual } else { given };
        [or(self.layers, train.layers), or(self.init_channels, train.init_channels)]
    }

    /// Epochs of all trainings.
    pub fn all_epochs(&self) -> usize {
        self.trainings * (self.candidates() * self.epochs + self.finalists() * self.longer_epochs)
    }

    /// The part of [`Config::check`](super::Config::check) on `[select]`.
    ///
    /// # Errors
    ///
    /// As [`Config::check`](super::Config::check).
    pub fn check(&self) -> Result<()> {
        whole("select.seeds", self.seeds, 0..=MOST)?;
        whole("select.random", self.random, 0..=MOST)?;
        if self.candidates() == 0 {
            let expected = "1 or more, where neither select.random nor select.also name a cell";
            return Err(Error::setting("select.seeds", self.seeds, expected));
        }
        for name in &self.also {
            further(name)?;
        }
        if self.incumbent != Self::NO_INCUMBENT && !self.also.contains(&self.incumbent) {
            let expected = match self.also.len() {
                0 => "none, because select.also names no cell".to_owned(),
                _ => format!("none, or one of select.also: {}", self.also.join(", ")),
            };
            return Err(Error::setting("select.incumbent", &self.incumbent, expected));
        }
        whole("select.finalists", self.finalists, 1..=MOST)?;
        whole("select.trainings", self.trainings, 1..=MOST)?;
        whole("select.epochs", self.epochs, 1..=MAX_EPOCHS)?;
        whole("select.longer_epochs", self.longer_epochs, 0..=MAX_EPOCHS)?;
        whole("select.layers", self.layers, 0..=MAX_LAYERS)?;
        whole("select.init_channels", self.init_channels, 0..=MAX_CHANNELS)
    }
}

/// A further cell: none for the biggest one, which depends on the space.
///
/// # Errors
/// A name that is not known, and a text that is no genotype.
pub fn further(name: &str) -> Result<Option<Genotype>> {
    if name == SelectConfig::BIGGEST {
        return Ok(None);
    }
    parse_genotype(name).map(Some).map_err(|error| {
        let expected =
            format!("{}, the name of a published genotype, or its text ({error})", SelectConfig::BIGGEST);
        Error::setting("select.also", name, expected)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};
    use crate::space::known_genotype;

    fn refused(change: impl FnOnce(&mut SelectConfig), name: &str) -> String {
        let mut config = SelectConfig::off();
        change(&mut config);
        match config.check().unwrap_err() {
            Error::Setting { name: found, expected, .. } => {
                assert_eq!(found, name);
                expected.to_string()
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_selection_needs_something_to_select_from() {
        assert!(!SelectConfig::off().is_on());
        refused(|config| config.seeds = 0, "select.seeds");
        let random = SelectConfig { seeds: 0, random: 4, ..SelectConfig::off() };
        random.check().unwrap();
        assert!(random.is_on());
        assert_eq!((random.candidates(), random.finalists()), (4, 3));
        // Two trainings of four cells for 12 epochs and of the best three for 24.
        assert_eq!(random.all_epochs(), 2 * (4 * 12 + 3 * 24));
        assert_eq!(SelectConfig { longer_epochs: 0, ..random }.finalists(), 0);
    }

    #[test]
    fn further_cells_are_known_by_name_text_or_as_the_biggest() {
        let text = known_genotype("DARTS_V1").unwrap().to_text();
        for name in ["biggest", "DARTS_V2", &text] {
            let also = vec![name.to_owned()];
            SelectConfig { also, ..SelectConfig::off() }.check().unwrap();
        }
        let expected = refused(|config| config.also = vec!["DARTS_V3".to_owned()], "select.also");
        assert!(expected.contains("DARTS_V"), "{expected}");
        refused(|config| config.also = vec!["Genotype(normal=[".to_owned()], "select.also");
    }

    #[test]
    fn the_incumbent_is_one_of_the_further_cells() {
        let expected = refused(|config| config.incumbent = "DARTS_V2".to_owned(), "select.incumbent");
        assert!(expected.contains("names no cell"), "{expected}");
        let other = |config: &mut SelectConfig| {
            (config.also, config.incumbent) = (vec!["DARTS_V1".to_owned()], "DARTS_V2".to_owned());
        };
        let expected = refused(other, "select.incumbent");
        assert!(expected.ends_with("one of select.also: DARTS_V1"), "{expected}");
    }

    #[test]
    fn the_usual_comparison_is_small_beside_the_training() {
        let (config, _) =
            preset(Preset::Auto, &DataShape { train_images: 1437, classes: 10, ..DataShape::default() });
        let usual = SelectConfig::usual(&config.train);
        usual.check().unwrap();
        SelectConfig::published().check().unwrap();
        assert_eq!((usual.candidates(), usual.size(&config.train)), (5, [5, 8]));
        assert_eq!((usual.epochs, usual.longer_epochs, usual.only()), (6, 12, None));
        assert_eq!(SelectConfig::published().only(), Some("DARTS_V2"));
    }
}
