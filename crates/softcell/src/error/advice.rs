//! What mends a mistake: sentences in which what is to be done is typed, so that a program can name its own flags
//! where the library names settings and methods.

use std::fmt;
use std::ops::Add;
use std::path::PathBuf;

/// Something that a user can do. Its words here are those of the library; a program has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Another value of the setting of this key, such as `data.image_size`.
    Setting(&'static str),
    /// To go on with the run: `Overwrite::Resume`.
    Resume,
    /// To replace a run or what it left: `Overwrite::Force`.
    Replace,
    /// Another folder for the run.
    OtherFolder,
    /// To replace a file that is there: `Existing::Replace`.
    ReplaceFile,
    /// Another file to write to.
    OtherFile,
    /// To go on although memory seems to be too short: `MemoryCheck::Off`.
    IgnoreMemory,
    /// Another time for the whole run, or any.
    OtherTime,
    /// The run whose weights a training begins from: `Experiment::start_from`.
    Origin,
    /// To train the network of the run in this folder.
    Train(PathBuf),
    /// To train the network of a run anew.
    TrainAnew,
    /// To train the cells of the genotype in this file in a new run.
    TrainGenotype(PathBuf),
    /// What is known of imported weights: a field of `Known`.
    Known(&'static str),
    /// Images to measure or to test with.
    Images,
    /// The user's own images in place of the built-in ones.
    OwnImages,
    /// The list of settings.
    ListOfSettings,
    /// To measure the times of operations and write them to a file: `bench::OpsBench`.
    MeasureOperations,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remedy::Setting(key) => write!(f, "{key}"),
            Remedy::Resume => write!(f, "`Overwrite::Resume`"),
            Remedy::Replace => write!(f, "`Overwrite::Force`"),
            Remedy::OtherFolder => write!(f, "`Experiment::run_folder`"),
            Remedy::ReplaceFile => write!(f, "`Existing::Replace`"),
            Remedy::OtherFile => write!(f, "path"),
            Remedy::IgnoreMemory => write!(f, "`MemoryCheck::Off`"),
            Remedy::OtherTime => write!(f, "`Experiment::time_limit` sets another time, or none"),
            Remedy::Origin => write!(f, "`Experiment::start_from`"),
            Remedy::Train(folder) => write!(f, "`Experiment::train_anew` on {}", folder.display()),
            Remedy::TrainAnew => write!(f, "`Experiment::train_anew`"),
            Remedy::TrainGenotype(file) => {
                write!(f, "`Experiment::train` of the genotype in {}", file.display())
            }
            Remedy::Known(field) => write!(f, "`Known::{field}`"),
            Remedy::Images => write!(f, "images"),
            Remedy::OwnImages => write!(f, "`Experiment::of_images` takes your own"),
            Remedy::ListOfSettings => write!(f, "`config::KEYS`"),
            Remedy::MeasureOperations => write!(f, "`bench::OpsBench`"),
        }
    }
}

/// Sentences with remedies in them: `"start again with " + Remedy::Replace + ", or use a copy"`.
///
/// ```
/// use softcell::{Advice, Remedy};
///
/// let advice = "start again with " + Remedy::Replace + ", or use a copy";
/// assert_eq!(advice.to_string(), "start again with `Overwrite::Force`, or use a copy");
/// let said = advice.worded(&|remedy| match remedy {
///     Remedy::Replace => "--force".to_owned(),
///     other => other.to_string(),
/// });
/// assert_eq!(said, "start again with --force, or use a copy");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advice(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Remedy(Remedy),
}

/// How a remedy is called.
pub type Words<'a> = &'a dyn Fn(&Remedy) -> String;

impl Advice {
    /// With the remedies in these words.
    pub fn worded(&self, words: Words<'_>) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Remedy(remedy) => words(remedy),
        };
        self.0.iter().map(part).collect()
    }

    /// The remedies, in the order of the sentences.
    pub fn remedies(&self) -> impl Iterator<Item = &Remedy> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Remedy(remedy) => Some(remedy),
        })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.worded(&Remedy::to_string))
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Advice {
        Advice(vec![Part::Text(text)])
    }
}

impl From<&String> for Advice {
    fn from(text: &String) -> Advice {
        text.clone().into()
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Advice {
        text.to_owned().into()
    }
}

impl From<Remedy> for Advice {
    fn from(remedy: Remedy) -> Advice {
        Advice(vec![Part::Remedy(remedy)])
    }
}

impl<T: Into<Advice>> Add<T> for Advice {
    type Output = Advice;

    fn add(mut self, more: T) -> Advice {
        self.0.extend(more.into().0);
        self
    }
}

impl Add<&str> for Remedy {
    type Output = Advice;

    fn add(self, text: &str) -> Advice {
        Advice::from(self) + text
    }
}

impl Add<Remedy> for &str {
    type Output = Advice;

    fn add(self, remedy: Remedy) -> Advice {
        Advice::from(self) + remedy
    }
}
