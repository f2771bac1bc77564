//! The records of a run against one another: each may be whole, and still be of another run.

use std::path::Path;

use super::augmented::Augmented;
use super::files::{AUGMENTED, CONFIG, GENOTYPE_JSON, HISTORY, MANIFEST, MISTAKES, NETWORK, RESULT, SAMPLES};
use super::folder::RunFolder;
use super::history::{HistoryLine, same_rows};
use super::manifest::Manifest;
use super::record::{Checked, Contradiction, holds, if_there, length, whole};
use super::samples::{Mistakes, Samples};
use crate::config::Config;
use crate::error::Result;
use crate::records::RunResult;
use crate::records::SearchEpoch;
use crate::search::method::{End, Watch};
use crate::shown;
use crate::space::{Genotype, parse_genotype};

/// What was read of a run. It must not be worked on: its files would be of different moments.
#[derive(Default)]
pub(crate) struct Agreement<'a> {
    pub config: Option<&'a Config>,
    pub manifest: Option<&'a Manifest>,
    pub history: &'a [HistoryLine],
    pub genotype: Option<&'a Genotype>,
    pub result: Option<&'a RunResult>,
    pub samples: Option<&'a Samples>,
    pub augmented: Option<&'a Augmented>,
    pub mistakes: Option<&'a Mistakes>,
}

impl RunFolder {
    /// Whether the records that a run goes on from are of one run.
    ///
    /// # Errors
    /// A file that is damaged, or that contradicts another.
    pub fn check_agreement(&self) -> Result<()> {
        let (config, manifest) = (self.read_config()?, self.read_manifest()?);
        let (genotype, result) = (self.read_genotype()?, self.read_result()?);
        Agreement {
            config: Some(&config),
            manifest: manifest.as_ref(),
            history: &self.read_history()?,
            genotype: genotype.as_ref(),
            result: result.as_ref(),
            ..Agreement::default()
        }
        .check(self.path())
    }
}

impl Agreement<'_> {
    /// # Errors
    /// The first field of a record that another contradicts.
    pub fn check(&self, run: &Path) -> Result<()> {
        self.find().map_err(|contradiction| contradiction.among_files_of(run))
    }

    fn find(&self) -> Checked {
        if let (Some(config), Some(manifest)) = (self.config, self.manifest) {
            let expected = format!("{}, as in {CONFIG}", config.seed);
            holds(manifest.seed == config.seed, &format!("{MANIFEST}, seed"), manifest.seed, expected)?;
        }
        self.of_history()?;
        self.of_result()?;
        self.of_pictures()
    }

    /// Alphas and genotype against the settings.
    fn of_history(&self) -> Checked {
        let Some(config) = self.config else { return Ok(()) };
        let mut last: Option<&SearchEpoch> = None;
        for line in self.history {
            let (epoch, epochs) = match line {
                HistoryLine::Search(epoch) => (epoch.epoch, config.search.all_epochs()),
                HistoryLine::Train(epoch) => (epoch.epoch, config.train.epochs),
            };
            whole(&format!("{HISTORY}, epoch"), epoch, 0..=epochs.saturating_sub(1))?;
            if let HistoryLine::Search(epoch) = line {
                last = Some(epoch);
            }
        }
        let Some(last) = last else { return Ok(()) };
        // The size of the images decides the stem alone, which has no alphas.
        let space = config.search.space([1, 1]);
        let wanted = config.search.method.relaxer(&space).rows();
        same_rows(&format!("{HISTORY}, alphas"), &last.alphas.lengths(), &wanted, &format!("in {CONFIG}"))?;
        // Samples are measured after the last epoch.
        let follows = !config.search.method.selection.ends_with_trials();
        let has_ended = match &last.guard {
            Some(Watch { end: Some(end), .. }) => !matches!(end, End::Back(_)),
            _ => last.epoch + 1 == config.search.all_epochs(),
        };
        match (self.genotype, self.taken(last)) {
            (Some(genotype), Some(taken)) if follows && has_ended => {
                let which =
                    if taken.epoch == last.epoch { "the last epoch" } else { "the last healthy epoch" };
                let expected = format!("those of {which} of the search, {}", taken.genotype.to_text());
                holds(*genotype == taken.genotype, &format!("{GENOTYPE_JSON}, cells"), genotype, expected)
            }
            _ => Ok(()),
        }
    }

    /// The epoch whose genotype the guard takes after the last one.
    fn taken<'b>(&'b self, last: &'b SearchEpoch) -> Option<&'b SearchEpoch> {
        let taken = last.taken();
        let of_search = |line: &'b HistoryLine| match line {
            HistoryLine::Search(epoch) => Some(epoch),
            HistoryLine::Train(_) => None,
        };
        self.history.iter().filter_map(of_search).find(|epoch| epoch.epoch == taken)
    }

    fn of_result(&self) -> Checked {
        let Some(result) = self.result else { return Ok(()) };
        if let Some(genotype) = self.genotype {
            let same = parse_genotype(&result.genotype).is_ok_and(|found| found == *genotype);
            let expected = format!("those of {RESULT}, {}", result.genotype);
            holds(same, &format!("{GENOTYPE_JSON}, cells"), genotype, expected)?;
        }
        if let Some(manifest) = self.manifest {
            same_classes(&result.classes, &manifest.classes)?;
            let (found, images) = (result.test_images, manifest.images[1]);
            let expected = format!("{images}, as in {MANIFEST}");
            holds(found == images as u64, &format!("{RESULT}, test_images"), found, expected)?;
        }
        if let Some(config) = self.config {
            let train = &config.train;
            let epochs = train.epochs;
            whole(&format!("{RESULT}, epoch"), result.epoch, 0..=epochs.saturating_sub(1))?;
            whole(&format!("{RESULT}, epochs_done"), result.epochs_done, 0..=epochs)?;
            // Earlier versions did not write them.
            for (field, found, expected) in [
                ("init_channels", result.init_channels, train.init_channels),
                ("layers", result.layers, train.layers),
            ] {
                let fits = found == 0 || found == expected;
                let expected = format!("{expected}, as in {CONFIG} and {NETWORK}");
                holds(fits, &format!("{RESULT}, {field}"), found, expected)?;
            }
        }
        Ok(())
    }

    fn of_pictures(&self) -> Checked {
        let Some(manifest) = self.manifest else { return Ok(()) };
        let classes = manifest.classes.len();
        if_there(self.samples, |samples| {
            length(
                &format!("{SAMPLES}, classes"),
                samples.classes.len(),
                classes,
                &format!("class in {MANIFEST}"),
            )
        })?;
        for (i, image) in self.augmented.iter().flat_map(|augmented| augmented.images.iter().enumerate()) {
            whole(&format!("{AUGMENTED}, images[{i}].class"), image.class, 0..=classes - 1)?;
        }
        let Some(mistakes) = self.mistakes else { return Ok(()) };
        for (i, mistake) in mistakes.examples.iter().enumerate() {
            let largest = mistake.truth.max(mistake.answer);
            whole(&format!("{MISTAKES}, examples[{i}]"), largest, 0..=classes - 1)?;
        }
        for (i, mistake) in mistakes.listed.iter().enumerate() {
            let largest = mistake.truth.max(mistake.answer);
            whole(&format!("{MISTAKES}, listed[{i}]"), largest, 0..=classes - 1)?;
        }
        if_there(self.result, |result| {
            let right: u64 = crate::measures::right_answers(&result.confusion);
            let wrong = result.test_images - right;
            let expected = format!("{wrong}, as in the confusion of {RESULT}");
            holds(mistakes.count == wrong, &format!("{MISTAKES}, count"), mistakes.count, expected)
        })
    }
}

fn same_classes(found: &[String], expected: &[String]) -> Checked {
    length(&format!("{RESULT}, classes"), found.len(), expected.len(), &format!("class in {MANIFEST}"))?;
    let mut pairs = found.iter().zip(expected).enumerate();
    if_there(pairs.find(|(_, (found, expected))| found != expected), |(i, (found, expected))| {
        let field = format!("{RESULT}, classes[{i}]");
        let expected = format!("{:?}, as in {MANIFEST}", shown::escaped(expected));
        Err(Contradiction::new(field, format!("{found:?}"), expected))
    })
}
