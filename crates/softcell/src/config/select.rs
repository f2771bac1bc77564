//! The settings of a selection among cells, `[select]`.

use serde::{Deserialize, Serialize};

use super::check::{MAX_CHANNELS, MAX_EPOCHS, MAX_LAYERS, whole};
use super::types::TrainConfig;
use crate::error::{Error, Result};
use crate::space::{Genotype, parse_genotype};

/// Most searches, random cells and trainings of one cell.
const MOST: usize = 1000;

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
    /// The word for the biggest cell of a space among the further cells.
    pub const BIGGEST: &str = "biggest";

    /// One search and nothing that is compared with it: what a run without a selection has.
    pub fn off() -> SelectConfig {
        SelectConfig {
            seeds: 1,
            random: 0,
            also: Vec::new(),
            finalists: 3,
            trainings: 2,
            epochs: 12,
            longer_epochs: 24,
            layers: 0,
            init_channels: 0,
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

    /// Cells that are trained longer; 0 where none is.
    pub fn finalists(&self) -> usize {
        if self.longer_epochs == 0 { 0 } else { self.finalists.min(self.candidates()) }
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
}
