//! Whether the files of a run are as they were written.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkpoint::{decode_search, decode_train};
use super::files::{
    self, AUGMENTED, BUDGET, CONFIG, GENOTYPE_JSON, HISTORY, LATENCIES, MANIFEST, MISTAKES, NETWORK, PARTS,
    RESULT, SAMPLES, SCORE, SELECTION, Weights,
};
use super::folder::RunFolder;
use super::seal::{check, is_sealed};
use super::tensor_file::decode_weights;
use crate::error::{Remedy, Result, Words};
use crate::reading::MOST_OF_WEIGHTS;
use crate::records::Stage;

/// What the files of a run were found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The run; as JSON as in a [`super::RunSummary`].
    #[serde(flatten, serialize_with = "super::listing::with_bytes")]
    pub folder: PathBuf,
    /// Files that are whole.
    pub whole: usize,
    /// Weights and checkpoints of earlier versions among them, which have no checksum: they can be read.
    pub without_checksum: Vec<String>,
    /// Files that are not.
    pub damaged: Vec<Damage>,
}

/// A file that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its path in the run; empty where the run as a whole cannot be opened.
    pub file: String,
    /// What is wrong.
    pub problem: String,
}

/// Reads every file of a run, its weights and checkpoints against their checksums.
pub fn verify_run(path: &Path) -> Verified {
    verify_run_in_words(path, &Remedy::to_string)
}

/// As [`verify_run`], what helps in these words.
pub fn verify_run_in_words(path: &Path, words: Words<'_>) -> Verified {
    let verified =
        Verified { folder: path.to_path_buf(), whole: 0, without_checksum: Vec::new(), damaged: Vec::new() };
    let mut verifying = Verifying { verified, words };
    match RunFolder::peek(path) {
        Ok((folder, _)) => {
            verifying.look_at(&folder);
            for part in folder.part_names() {
                verifying.look_at_part(path, &part);
            }
        }
        Err(error) => verifying.add("", Err(error)),
    }
    verifying.verified
}

/// A run that is being read.
struct Verifying<'a> {
    verified: Verified,
    words: Words<'a>,
}

impl Verifying<'_> {
    /// `None` stands for a file that is not there.
    fn add(&mut self, file: &str, read: Result<Option<()>>) {
        match read {
            Ok(None) => {}
            Ok(Some(())) => self.verified.whole += 1,
            Err(error) => {
                let problem = error.worded(self.words);
                self.verified.damaged.push(Damage { file: file.to_owned(), problem });
            }
        }
    }

    fn look_at(&mut self, folder: &RunFolder) {
        fn seen<T>(read: Result<Option<T>>) -> Result<Option<()>> {
            read.map(|found| found.map(|_| ()))
        }
        self.add(CONFIG, seen(folder.read_asked_config().map(Some)));
        self.add(MANIFEST, seen(folder.read_manifest()));
        self.add(NETWORK, seen(folder.read_size()));
        self.add(LATENCIES, seen(folder.read_latencies()));
        self.add(BUDGET, seen(folder.read_budget()));
        self.add(GENOTYPE_JSON, seen(folder.read_genotype()));
        self.add(SELECTION, seen(folder.read_selection()));
        self.add(SCORE, seen(folder.read_score()));
        self.add(RESULT, seen(folder.read_result()));
        self.add(SAMPLES, seen(folder.read_samples()));
        self.add(AUGMENTED, seen(folder.read_augmented()));
        self.add(MISTAKES, seen(folder.read_mistakes()));
        self.add(
            HISTORY,
            seen(folder.read_history().map(Some).map(|lines| lines.filter(|lines| !lines.is_empty()))),
        );
        for stage in Stage::ALL {
            for name in [files::checkpoint(stage), files::previous_checkpoint(stage)] {
                self.add_tensors(folder, &name, |path, bytes| match stage {
                    Stage::Search => decode_search(path, bytes).map(|_| ()),
                    Stage::Train => decode_train(path, bytes).map(|_| ()),
                });
            }
        }
        for weights in Weights::ALL {
            self.add_tensors(folder, weights.file(), |path, bytes| decode_weights(path, bytes).map(|_| ()));
        }
    }

    /// The files of a part of a selection, each by its path in the run.
    fn look_at_part(&mut self, run: &Path, part: &str) {
        let place = format!("{PARTS}/{part}");
        let Verified { whole, damaged, without_checksum, .. } =
            verify_run_in_words(&run.join(&place), self.words);
        self.verified.whole += whole;
        let of_part = |file: String| format!("{place}/{file}");
        self.verified.without_checksum.extend(without_checksum.into_iter().map(of_part));
        let damaged = damaged.into_iter().map(|damage| Damage { file: of_part(damage.file), ..damage });
        self.verified.damaged.extend(damaged);
    }

    fn add_tensors(&mut self, folder: &RunFolder, name: &str, decode: impl Fn(&Path, &[u8]) -> Result<()>) {
        let bytes = match folder.directory.read(name, MOST_OF_WEIGHTS) {
            Ok(None) => return,
            Ok(Some(bytes)) => bytes,
            Err(error) => return self.add(name, Err(error)),
        };
        let decoded = decode(&folder.path().join(name), &bytes);
        if decoded.is_ok() && check(&bytes).is_ok() && !is_sealed(&bytes) {
            self.verified.without_checksum.push(name.to_owned());
        }
        self.add(name, decoded.map(Some));
    }
}
