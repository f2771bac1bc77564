//! The run whose weights a training begins from.

use std::path::Path;

use crate::error::{Advice, Error, Remedy, Result};
use crate::event::Stage;
use crate::model::TrainedModel;
use crate::run::RunFolder;
use crate::space::DerivedNetworkConfig;
use crate::space::Genotype;
use crate::train::WARM_START_NOTE;

/// The run whose weights a training begins from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Origin {
    /// Its folder, by its full path.
    pub place: String,
    /// The cells of its network.
    pub genotype: Genotype,
    /// Channels of its network's first cell.
    pub init_channels: usize,
    /// Its cells.
    pub layers: usize,
}

impl Origin {
    /// Reads it, so that one that cannot be used is found out before anything begins.
    ///
    /// # Errors
    /// As [`TrainedModel::load`].
    pub fn read(path: &Path) -> Result<Origin> {
        let model = TrainedModel::load(&RunFolder::view(path)?)?;
        let place = path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string();
        let DerivedNetworkConfig { genotype, init_channels, n_cells: layers, .. } = model.network;
        Ok(Origin { place, genotype, init_channels, layers })
    }
}

/// Refuses to begin from the weights of another run where nothing would be made of them.
///
/// # Errors
/// Where there is an origin, and its sentence says what `work` is.
pub(super) fn refuse_origin(origin: Option<&Origin>, work: &str) -> Result<()> {
    let Some(Origin { place, .. }) = origin else { return Ok(()) };
    let begin = format!("only a training in a folder begins from the weights of {place}, and {work}; leave ");
    Err(Error::Refused(Advice::from(begin) + Remedy::Origin + " out, or train its genotype in a folder"))
}

/// Writes down from which run's weights the training begins, unless it has begun: then it must be the same run.
///
/// # Errors
/// When it is another.
pub(super) fn begin_from(folder: &RunFolder, origin: Option<&Origin>) -> Result<()> {
    let Some(mut manifest) = folder.read_manifest()? else { return Ok(()) };
    let given = origin.map(|origin| origin.place.clone());
    // A checkpoint that cannot be read is a beginning as well.
    if !folder.has_checkpoint(Stage::Train) {
        if given.is_some() {
            manifest.started_from = given;
            folder.write_manifest(&manifest)?;
        }
        return Ok(());
    }
    match (given, &manifest.started_from) {
        (Some(given), Some(stored)) if given != *stored => Err(Error::Refused(
            Advice::from(format!("the training began from the weights of {stored}, not of {given}; leave "))
                + Remedy::Origin
                + " out",
        )),
        (Some(given), None) => Err(Error::Refused(
            Advice::from(format!("the training began without the weights of {given}; leave "))
                + Remedy::Origin
                + " out, or train anew with "
                + Remedy::Replace,
        )),
        _ => Ok(()),
    }
}

/// Removes what the manifest says of the run that an earlier training began from.
///
/// # Errors
/// What the file system says.
pub(super) fn forget_origin(folder: &RunFolder) -> Result<()> {
    if let Some(mut manifest) = folder.read_manifest()?.filter(|manifest| manifest.started_from.is_some()) {
        manifest.started_from = None;
        manifest.notes.retain(|note| !note.starts_with(WARM_START_NOTE));
        folder.write_manifest(&manifest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Silent;
    use crate::experiment::{Experiment, Stages};
    use crate::run::Overwrite;
    use crate::space::known_genotype;

    #[test]
    fn an_origin_that_nothing_would_be_made_of_is_refused() {
        let genotype = known_genotype("DARTS_V2").unwrap();
        let origin =
            Origin { place: "runs/a".to_owned(), genotype: genotype.clone(), init_channels: 4, layers: 2 };
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("run");
        let in_memory = Experiment::digits().start_from(origin);
        let in_folder = in_memory.clone().run_folder(&path, Overwrite::Refuse);
        for (experiment, stages, why) in [
            (&in_memory, Stages::Train(genotype), "this one is in memory"),
            (&in_memory, Stages::Fit, "searches its cell first"),
            (&in_folder, Stages::Fit, "searches its cell first"),
            (&in_folder, Stages::Search, "searches its cell first"),
        ] {
            let error = experiment.begin(stages, &mut Silent).unwrap_err();
            assert!(matches!(&error, Error::Refused(_)), "{error}");
            assert!(error.to_string().contains(why) && error.to_string().contains("runs/a"), "{error}");
        }
        assert!(!path.exists());
    }
}
