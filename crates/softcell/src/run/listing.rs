//! What lies in a folder of runs: of each run where it stands and what it came to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::agreement::Agreement;
use super::files::{LOCK, MARKER, TELLING};
use super::folder::{Activity, RunFolder};
use super::history::HistoryLine;
use crate::error::{Error, Remedy, Result, Words};
use crate::measures::{class_images, is_uneven};
use crate::records::Stage;

/// How many folders deep runs are looked for.
const DEPTH: usize = 4;

/// A run in a few words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunSummary {
    /// Its folder. As JSON `folder`, with a replacement character for what is no text in a name; only then there
    /// is also `folder_bytes`, the bytes of the path in hexadecimal.
    #[serde(flatten, serialize_with = "with_bytes")]
    pub folder: PathBuf,
    /// Where it stands.
    #[serde(flatten)]
    pub state: RunState,
    /// Where its images come from.
    pub data: Option<String>,
    /// `first` or `second` order of the search, or `given` where the genotype was not searched.
    pub order: Option<&'static str>,
    /// The preset its settings started from; none in runs of versions that did not write it down.
    pub preset: Option<String>,
    /// Its genotype, or the one of the last epoch of the search, in the original's text.
    pub genotype: Option<String>,
    /// Accuracy of the last epoch of the search on the alphas' part, which does not predict the others.
    pub search_accuracy: Option<f64>,
    /// Best accuracy of the training on the validation part.
    pub validation_accuracy: Option<f64>,
    /// Accuracy on the test part.
    pub test_accuracy: Option<f64>,
    /// Mean of the classes' test accuracies, where the classes have uneven numbers of test images.
    pub test_balanced_accuracy: Option<f64>,
    /// Mean of the classes' F1 on the test images, likewise.
    pub test_macro_f1: Option<f64>,
    /// Weights of the network, the auxiliary head left out.
    pub parameters: Option<u64>,
    /// Seconds of search and training so far, in whole epochs.
    pub seconds: Option<f64>,
    /// When one of its files last changed, in seconds since 1970; none where the system does not tell.
    pub changed: Option<f64>,
}

/// A path as text, and its bytes where the text is not the path.
pub(super) fn with_bytes<S: Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("folder", &path.to_string_lossy())?;
    if path.to_str().is_none() {
        let hex = |byte: &u8| format!("{byte:02x}");
        let bytes: String = path.as_os_str().as_encoded_bytes().iter().map(hex).collect();
        map.serialize_entry("folder_bytes", &bytes)?;
    }
    map.end()
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum RunState {
    /// A process is at work on it.
    Running {
        /// At what.
        stage: Stage,
        /// Epochs of it that are done.
        epochs_done: usize,
        /// Epochs in all.
        epochs: usize,
    },
    /// It was stopped, and can go on.
    Interrupted {
        /// At what.
        stage: Stage,
        /// Epochs of it that are done.
        epochs_done: usize,
        /// Epochs in all.
        epochs: usize,
    },
    /// It compares cells, or was stopped while it did.
    Selecting {
        /// Whether a process is at work on it.
        running: bool,
        /// Searches and trainings of cells that are done.
        parts_done: usize,
    },
    /// Its genotype is there, and the training has not begun.
    Searched,
    /// Its weights were imported.
    Imported,
    /// Its result is there.
    Finished,
    /// It cannot be read.
    Broken {
        /// Why.
        reason: String,
    },
}

/// The runs in and below a folder, by name; the folder itself if it is one. Folders below a run are not
/// looked at, nor are hidden ones.
///
/// A run that cannot be read is listed as broken.
///
/// # Errors
/// When the folder itself cannot be read.
pub fn list_runs(folder: &Path) -> Result<Vec<RunSummary>> {
    list_runs_in_words(folder, &Remedy::to_string)
}

/// As [`list_runs`], what helps against a broken run in these words.
///
/// # Errors
/// As [`list_runs`].
pub fn list_runs_in_words(folder: &Path, words: Words<'_>) -> Result<Vec<RunSummary>> {
    let summary = |found: Found| match found {
        Found::Run(path) => summarise(&path, words),
        Found::Unreadable(path, error) => {
            RunSummary { state: RunState::Broken { reason: error.worded(words) }, ..nothing(&path) }
        }
    };
    Ok(look(folder)?.into_iter().map(summary).collect())
}

/// The folders of the runs that [`list_runs`] lists, but for those below which nothing can be read.
///
/// # Errors
/// Those of [`list_runs`].
pub fn find_runs(folder: &Path) -> Result<Vec<PathBuf>> {
    let path = |found: Found| match found {
        Found::Run(path) => Some(path),
        Found::Unreadable(..) => None,
    };
    Ok(look(folder)?.into_iter().filter_map(path).collect())
}

/// What is found where runs are looked for.
enum Found {
    Run(PathBuf),
    /// A folder that cannot be read.
    Unreadable(PathBuf, Error),
}

fn look(folder: &Path) -> Result<Vec<Found>> {
    if !folder.exists() {
        let remedy = "name the folder that holds your runs; `softcell fit` begins one in runs/";
        return Err(Error::run(folder, "no such folder", remedy));
    }
    if is_run(folder) {
        return Ok(vec![Found::Run(folder.to_path_buf())]);
    }
    let mut found = Vec::new();
    look_into(folder, DEPTH, &mut found)?;
    Ok(found)
}

fn look_into(folder: &Path, depth: usize, found: &mut Vec<Found>) -> Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(Error::io("read", folder))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !is_hidden(path))
        .collect();
    entries.sort_by_key(|path| sort_key(path));
    for path in entries {
        if is_run(&path) {
            found.push(Found::Run(path));
        } else if depth > 1
            && let Err(error) = look_into(&path, depth - 1, found)
        {
            found.push(Found::Unreadable(path, error));
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Names in such an order that `run-10` comes after `run-9`.
fn sort_key(path: &Path) -> Vec<(String, u64)> {
    let name = path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let mut key = Vec::new();
    let mut rest = name.as_str();
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let digits = rest[text..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |n| text + n);
        key.push((rest[..text].to_owned(), rest[text..digits].parse().unwrap_or(u64::MAX)));
        rest = &rest[digits..];
    }
    key
}

/// A run has its marker, or at least two of its files; one that has only been claimed has a lock.
fn is_run(path: &Path) -> bool {
    [LOCK, MARKER].iter().any(|name| path.join(name).exists())
        || TELLING.iter().filter(|name| path.join(name).exists()).count() > 1
}

fn nothing(path: &Path) -> RunSummary {
    RunSummary {
        folder: path.to_path_buf(),
        state: RunState::Searched,
        data: None,
        order: None,
        preset: None,
        genotype: None,
        search_accuracy: None,
        validation_accuracy: None,
        test_accuracy: None,
        test_balanced_accuracy: None,
        test_macro_f1: None,
        parameters: None,
        seconds: None,
        changed: changed(path),
    }
}

/// When one of a run's files last changed, in seconds since 1970.
fn changed(path: &Path) -> Option<f64> {
    let of_file = |name: &&str| fs::metadata(path.join(name)).and_then(|data| data.modified()).ok();
    let last = TELLING.iter().filter_map(of_file).max()?;
    last.duration_since(UNIX_EPOCH).ok().map(|time| time.as_secs_f64())
}

/// What is known of a run, up to the first file that cannot be read.
fn summarise(path: &Path, words: Words<'_>) -> RunSummary {
    let mut summary = nothing(path);
    match fill(&mut summary, path) {
        Ok(state) => summary.state = state,
        Err(error) => summary.state = RunState::Broken { reason: error.worded(words) },
    }
    summary
}

fn fill(summary: &mut RunSummary, path: &Path) -> Result<RunState> {
    let (folder, activity) = RunFolder::peek(path)?;
    let config = folder.read_config()?;
    summary.data = Some(config.data.path.clone());
    let lines = folder.read_history()?;
    // Not the sum of nothing, which is a negative zero.
    let seconds = lines.iter().map(HistoryLine::seconds);
    summary.seconds = (!lines.is_empty()).then(|| seconds.sum());
    let (mut search_epochs, mut train_epochs) = (0, 0);
    for line in &lines {
        match line {
            HistoryLine::Search(epoch) => {
                search_epochs = epoch.epoch + 1;
                summary.genotype = Some(epoch.genotype.to_text());
                summary.search_accuracy = Some(epoch.valid_accuracy);
            }
            HistoryLine::Train(epoch) => {
                train_epochs = epoch.epoch + 1;
                let best = summary.validation_accuracy.unwrap_or(0.0);
                summary.validation_accuracy = epoch.valid_accuracy.map(|accuracy| accuracy.max(best));
            }
        }
    }
    let genotype = folder.read_genotype()?;
    let searched = folder.has_searched(&lines);
    let selection = folder.read_selection()?;
    summary.order = Some(match (&genotype, searched) {
        _ if selection.is_some() => "selected",
        (Some(_), false) => "given",
        _ => config.search.method.arch_step.order(),
    });
    let manifest = folder.read_manifest()?;
    if let Some(manifest) = &manifest {
        summary.preset = Some(manifest.preset.clone()).filter(|preset| !preset.is_empty());
    }
    if let Some(genotype) = &genotype {
        summary.genotype = Some(genotype.to_text());
        if let Some(manifest) = &manifest {
            summary.parameters = Some(manifest.network_cost(genotype, &config.train).parameters);
        }
    }
    let result = folder.read_result()?;
    if activity == Activity::Idle {
        let agreement = Agreement {
            config: Some(&config),
            manifest: manifest.as_ref(),
            history: &lines,
            genotype: genotype.as_ref(),
            result: result.as_ref(),
            ..Agreement::default()
        };
        agreement.check(path)?;
    }
    if let Some(result) = result {
        summary.parameters = Some(result.parameters);
        summary.validation_accuracy = result.validation_accuracy;
        summary.test_accuracy = Some(result.test_accuracy);
        if is_uneven(class_images(&result.confusion)) {
            summary.test_balanced_accuracy = Some(result.test_balanced_accuracy);
            summary.test_macro_f1 = Some(result.test_macro_f1);
        }
        let selecting = result.selection.as_ref().map_or(0.0, |selection| selection.selection_seconds);
        summary.seconds = Some(result.search_seconds.unwrap_or(0.0) + selecting + result.train_seconds);
        return Ok(RunState::Finished);
    }
    if manifest.as_ref().is_some_and(|manifest| manifest.imported_from.is_some()) {
        return Ok(RunState::Imported);
    }
    let busy = activity == Activity::Busy;
    let begun = busy || train_epochs > 0 || folder.has_checkpoint(Stage::Train);
    if genotype.is_none() && selection.is_some() {
        return Ok(RunState::Selecting { running: busy, parts_done: folder.parts_done() });
    }
    let (stage, epochs_done, epochs) = match genotype {
        None => (Stage::Search, search_epochs, config.search.all_epochs()),
        Some(_) if !begun => return Ok(RunState::Searched),
        Some(_) => (Stage::Train, train_epochs, config.train.epochs),
    };
    Ok(match busy {
        true => RunState::Running { stage, epochs_done, epochs },
        false => RunState::Interrupted { stage, epochs_done, epochs },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataShape, Preset, preset};
    use crate::records::{PartScore, SelectionRecord};
    use crate::run::Overwrite;
    use crate::space::known_genotype;

    fn begin(path: &Path) -> RunFolder {
        let folder = RunFolder::create(path, Overwrite::Refuse).unwrap();
        folder.write_config(&preset(Preset::PaperCifar10, &DataShape::default()).0.check().unwrap()).unwrap();
        folder
    }

    #[test]
    fn a_selection_under_way_says_how_many_parts_are_done() {
        let base = tempfile::tempdir().unwrap();
        let folder = begin(&base.path().join("r"));
        let record = SelectionRecord {
            seconds: 0.0,
            validation_images: 10,
            rungs: Vec::new(),
            candidates: Vec::new(),
            incumbent: None,
            chosen: None,
        };
        folder.write_selection(&record).unwrap();
        let state = || list_runs(base.path()).unwrap().remove(0).state;
        assert_eq!(state(), RunState::Selecting { running: true, parts_done: 0 });
        folder.part("search-1").unwrap().write_genotype(&known_genotype("DARTS_V2").unwrap()).unwrap();
        let training = folder.part("search-1_rung-1_training-1").unwrap();
        training.write_genotype(&known_genotype("DARTS_V2").unwrap()).unwrap();
        assert_eq!(state(), RunState::Selecting { running: true, parts_done: 1 });
        training.finish_part(&PartScore { score: 0.5, seconds: 1.0 }).unwrap();
        drop(folder);
        assert_eq!(state(), RunState::Selecting { running: false, parts_done: 2 });
    }

    #[test]
    fn runs_are_found_and_broken_ones_do_not_stop_it() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        let busy = begin(&at("a-10"));
        drop(begin(&at("a-9")));
        let searched = begin(&at("deep/er/one"));
        searched.write_genotype(&known_genotype("DARTS_V2").unwrap()).unwrap();
        drop(searched);
        drop(begin(&at("c")));
        fs::write(at("c/history.jsonl"), "nonsense\n").unwrap();
        drop(begin(&at("d")));
        fs::remove_file(at("d/config.toml")).unwrap();
        fs::create_dir(at("other")).unwrap();
        fs::write(at("other/config.toml"), "of = \"something else\"").unwrap();
        let list = list_runs(base.path()).unwrap();
        let states: Vec<(String, RunState)> = list
            .into_iter()
            .map(|run| (run.folder.strip_prefix(base.path()).unwrap().display().to_string(), run.state))
            .collect();
        let stopped = RunState::Interrupted { stage: Stage::Search, epochs_done: 0, epochs: 50 };
        let running = RunState::Running { stage: Stage::Search, epochs_done: 0, epochs: 50 };
        assert_eq!(states.len(), 5, "{states:?}");
        assert_eq!(states[0], ("a-9".to_owned(), stopped));
        assert_eq!(states[1], ("a-10".to_owned(), running));
        assert!(matches!(&states[2].1, RunState::Broken { reason } if reason.contains("line 1")));
        assert!(matches!(&states[3].1, RunState::Broken { reason } if reason.contains("no config.toml")));
        assert_eq!(states[4], ("deep/er/one".to_owned(), RunState::Searched));
        drop(busy);
        assert_eq!(list_runs(&at("a-10")).unwrap().len(), 1);
        assert!(list_runs(&at("nowhere")).is_err());
    }
}
