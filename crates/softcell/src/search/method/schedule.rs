//! In which epochs the alphas move, and in which stages a search goes on.

use std::fmt::{self, Display};
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// The epochs of the alphas, and the stages of the search.
///
/// A search has one stage, unless one of the lists names more: then each list that is not empty has an entry for each
/// stage, and what has none is the same in all of them. P-DARTS (Chen et al. 2019) has three fresh networks of growing
/// depth with fewer candidates each, DrNAS (Chen et al. 2021) two stages of one network that loses candidates and
/// widens what its operations see.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlphaSchedule {
    /// The first epoch of each stage in which the alphas move, from 0; 0 is DARTS. Before, the weights learn alone.
    pub first_epoch: usize,
    /// How many parts of the epochs each stage takes; equal parts where it is empty.
    pub stage_epochs: PerStage<usize>,
    /// Cells of the supernet.
    pub stage_layers: PerStage<usize>,
    /// Candidates on each edge: those with the largest weights of the stage before. The first stage has all.
    pub stage_operations: PerStage<usize>,
    /// K of partial channels: operations see one K-th of the channels.
    pub stage_share: PerStage<usize>,
    /// Probability p with which skip connections of stride 1 are dropped as the stage begins: see [`Self::dropout_at`].
    pub stage_dropout: PerStage<f64>,
    /// What a stage after the first begins with.
    pub stage_start: StageStart,
}

/// What a stage after the first begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StageStart {
    /// Weights, momentum and alphas of the stage before, as far as they remain; one cosine over all epochs: DrNAS.
    #[default]
    Continued,
    /// Weights and alphas drawn anew, optimisers without a past, a cosine of its own: P-DARTS.
    Fresh,
}

/// A number for each stage; empty where all have the same. In files it is a text with commas: `8,5,3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerStage<T>(pub Vec<T>);

impl<T> Default for PerStage<T> {
    fn default() -> Self {
        PerStage(Vec::new())
    }
}

impl<T: Copy> PerStage<T> {
    /// The number of a stage; none where all have the same.
    pub fn get(&self, stage: usize) -> Option<T> {
        self.0.get(stage).copied()
    }
}

impl<T: Display> Display for PerStage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(T::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl<T: FromStr> FromStr for PerStage<T> {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(PerStage::default());
        }
        let number =
            |part: &str| part.trim().parse().map_err(|_| format!("`{}` is no such number", part.trim()));
        text.split(',').map(number).collect::<std::result::Result<_, String>>().map(PerStage)
    }
}

impl<T: Display> Serialize for PerStage<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: FromStr> Deserialize<'de> for PerStage<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|e| serde::de::Error::custom(format!("a number for each stage, such as 8,5,3: {e}")))
    }
}

const PLACE: &str = "search.method.schedule";

impl AlphaSchedule {
    /// Stages, at least one.
    pub fn stages(&self) -> usize {
        self.lengths().into_iter().map(|(_, n)| n).max().unwrap_or(0).max(1)
    }

    fn lengths(&self) -> [(&'static str, usize); 5] {
        [
            ("stage_epochs", self.stage_epochs.0.len()),
            ("stage_layers", self.stage_layers.0.len()),
            ("stage_operations", self.stage_operations.0.len()),
            ("stage_share", self.stage_share.0.len()),
            ("stage_dropout", self.stage_dropout.0.len()),
        ]
    }

    /// The epochs of each stage, where the search has so many in all: as near to their parts as whole epochs can be.
    pub fn ranges(&self, epochs: usize) -> Vec<Range<usize>> {
        let stages = self.stages();
        let parts: Vec<usize> = (0..stages).map(|stage| self.stage_epochs.get(stage).unwrap_or(1)).collect();
        let whole = parts.iter().sum::<usize>().max(1);
        let mut before = 0;
        let mut ends = parts.iter().map(|part| {
            before += part;
            (epochs * before + whole / 2) / whole
        });
        let mut start = 0;
        let range = |_| {
            let end = ends.next().unwrap_or(epochs);
            let range = start..end;
            start = end;
            range
        };
        (0..stages).map(range).collect()
    }

    /// The stage of an epoch, and the epochs of that stage. Epochs after the last are of the last stage.
    pub fn stage_of(&self, epoch: usize, epochs: usize) -> (usize, Range<usize>) {
        let ranges = self.ranges(epochs);
        let found = ranges.iter().position(|range| range.contains(&epoch)).unwrap_or(ranges.len() - 1);
        (found, ranges[found].clone())
    }

    /// Whether the alphas move in this epoch, counted from 0, of a search of so many epochs. After them they do.
    pub fn steps_in(&self, epoch: usize, epochs: usize) -> bool {
        let (_, range) = self.stage_of(epoch, epochs);
        epoch - range.start >= self.first_epoch
    }

    /// Epochs of the shortest stage of a search of so many epochs.
    pub fn shortest(&self, epochs: usize) -> usize {
        self.ranges(epochs).iter().map(ExactSizeIterator::len).min().unwrap_or(0)
    }

    /// The fewest epochs of a search in each of whose stages alphas move.
    pub fn least_epochs(&self) -> usize {
        let wanted = self.first_epoch + 1;
        let enough = |&epochs: &usize| self.shortest(epochs) >= wanted;
        (self.stages() * wanted..).find(enough).expect("parts of stages are at least 1")
    }

    /// Probability with which the output of a skip connection of stride 1 is dropped for an image in an epoch, from 0, of a
    /// search of so many: `p·(n − e − 1)/n` in epoch e of the n of the stage while the alphas rest, then `p·exp(−0.2·(e −
    /// f))`, f being their first epoch (the code of P-DARTS, which drops single values in the place of whole maps).
    pub fn dropout_at(&self, epoch: usize, epochs: usize) -> f64 {
        let (stage, range) = self.stage_of(epoch, epochs);
        let Some(p) = self.stage_dropout.get(stage) else { return 0.0 };
        let (e, n) = (epoch.saturating_sub(range.start) as f64, range.len() as f64);
        let first = self.first_epoch as f64;
        if e < first { p * (n - e - 1.0) / n } else { p * (-0.2 * (e - first)).exp() }
    }

    /// Whether the lists go with one another, and a stage has epochs in which alphas move.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first that does not.
    pub(super) fn check(&self) -> Result<()> {
        let stages = self.stages();
        let given = self.lengths();
        if let Some((name, found)) = given.into_iter().find(|&(_, n)| n != 0 && n != stages) {
            let expected = format!("{stages} numbers, one for each stage, or none");
            return Err(Error::setting(format!("{PLACE}.{name}"), format!("{found} numbers"), expected));
        }
        let whole = |name: &str, list: &PerStage<usize>, least: usize, most: usize| match list
            .0
            .iter()
            .find(|&&n| n < least || n > most)
        {
            None => Ok(()),
            Some(_) => {
                let expected = format!("whole numbers from {least} to {most}");
                Err(Error::setting(format!("{PLACE}.{name}"), list, expected))
            }
        };
        whole("stage_epochs", &self.stage_epochs, 1, 1_000_000)?;
        whole("stage_layers", &self.stage_layers, 1, 256)?;
        whole("stage_operations", &self.stage_operations, 1, 100)?;
        whole("stage_share", &self.stage_share, 1, 64)?;
        if self.stage_operations.0.windows(2).any(|n| n[1] > n[0]) {
            let expected = "no more candidates than in the stage before: none comes back";
            return Err(Error::setting(
                format!("{PLACE}.stage_operations"),
                &self.stage_operations,
                expected,
            ));
        }
        if !self.stage_dropout.0.iter().all(|p| (0.0..1.0).contains(p)) {
            let expected = "numbers from 0 to below 1";
            return Err(Error::setting(format!("{PLACE}.stage_dropout"), &self.stage_dropout, expected));
        }
        let continued = self.stage_start == StageStart::Continued;
        if continued && self.stage_layers.0.windows(2).any(|n| n[0] != n[1]) {
            let expected =
                "the same depth in all stages, or stage_start = \"fresh\": weights of other cells do not fit";
            return Err(Error::setting(format!("{PLACE}.stage_layers"), &self.stage_layers, expected));
        }
        if continued && self.stage_share.0.windows(2).any(|n| n[1] > n[0]) {
            let expected = "no larger a K than in the stage before, or stage_start = \"fresh\"";
            return Err(Error::setting(format!("{PLACE}.stage_share"), &self.stage_share, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> AlphaSchedule {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn one_stage_is_all_epochs() {
        let plain = schedule("first_epoch = 3");
        assert_eq!((plain.stages(), plain.ranges(7).len(), plain.ranges(7)[0].clone()), (1, 1, 0..7));
        let moving: Vec<usize> = (0..9).filter(|&epoch| plain.steps_in(epoch, 7)).collect();
        assert_eq!(moving, [3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn stages_divide_the_epochs() {
        let p_darts =
            schedule("first_epoch = 10\nstage_layers = \"5,11,17\"\nstage_operations = \"8, 5, 3\"");
        assert_eq!((p_darts.stages(), p_darts.ranges(75)), (3, vec![0..25, 25..50, 50..75]));
        assert_eq!(p_darts.stage_of(25, 75), (1, 25..50));
        assert_eq!(p_darts.stage_of(80, 75), (2, 50..75));
        let frozen = (0..75).filter(|&epoch| !p_darts.steps_in(epoch, 75)).count();
        assert_eq!((frozen, p_darts.steps_in(34, 75), p_darts.steps_in(35, 75)), (30, false, true));
        assert_eq!(schedule("stage_share = \"6,4\"").ranges(5), [0..3, 3..5]);
        assert_eq!(schedule("stage_epochs = \"1,3\"").ranges(8), [0..2, 2..8]);
        assert_eq!((p_darts.least_epochs(), schedule("first_epoch = 2").least_epochs()), (33, 3));
        assert_eq!(schedule("first_epoch = 1\nstage_epochs = \"1,3\"").least_epochs(), 6);
    }

    #[test]
    fn dropout_of_p_darts() {
        let schedule = schedule("first_epoch = 10\nstage_dropout = \"0,0.4,0.7\"");
        let at = |epoch| schedule.dropout_at(epoch, 75);
        assert_eq!([at(0), at(24)], [0.0, 0.0]);
        for (epoch, expected) in
            [(25, 0.4 * 24.0 / 25.0), (50, 0.672), (59, 0.42), (60, 0.7), (74, 0.7 * (-2.8f64).exp())]
        {
            assert!((at(epoch) - expected).abs() < 1e-12, "{epoch}: {}", at(epoch));
        }
        assert_eq!(AlphaSchedule::default().dropout_at(3, 50), 0.0);
    }

    #[test]
    fn written_as_read() {
        let text = "stage_operations = \"8,5,3\"\nstage_dropout = \"0,0.4,0.7\"\nstage_start = \"fresh\"\n";
        let read = schedule(text);
        assert_eq!(
            (read.stage_operations.0.clone(), read.stage_dropout.0.clone()),
            (vec![8, 5, 3], vec![0.0, 0.4, 0.7])
        );
        assert!(toml::to_string(&read).unwrap().contains("stage_dropout = \"0,0.4,0.7\""));
        assert!(toml::from_str::<AlphaSchedule>("stage_layers = \"5;11\"").is_err());
        read.check().unwrap();
    }

    #[test]
    fn what_does_not_go_together() {
        for (text, name) in [
            ("stage_layers = \"5,11\"\nstage_operations = \"8,5,3\"", "stage_layers"),
            ("stage_layers = \"5,11\"", "stage_layers"),
            ("stage_operations = \"5,8\"", "stage_operations"),
            ("stage_share = \"2,4\"", "stage_share"),
            ("stage_dropout = \"0,1\"", "stage_dropout"),
            ("stage_epochs = \"0,1\"", "stage_epochs"),
        ] {
            let error = schedule(text).check().unwrap_err().to_string();
            assert!(error.contains(&format!("search.method.schedule.{name}")), "{text}: {error}");
        }
        schedule("stage_layers = \"5,11\"\nstage_start = \"fresh\"").check().unwrap();
    }
}
