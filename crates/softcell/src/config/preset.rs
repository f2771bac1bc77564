//! The names of the presets.

use std::fmt;
use std::str::FromStr;

use super::keys::nearest_in_brackets;
use crate::error::{Error, Result};

/// A complete set of settings to start from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// `auto`: sized to the data, for a computer with two cores and no GPU.
    #[default]
    Auto,
    /// `paper-cifar10`: Liu et al. 2019 (first order), search and training on CIFAR-10.
    PaperCifar10,
    /// `paper-imagenet`: Liu et al. 2019, the search on CIFAR-10 and the training on ImageNet (mobile).
    PaperImagenet,
    /// `paper-nas-bench-201`: Dong & Yang 2020, search and training in the space of NAS-Bench-201 on CIFAR-10, as in
    /// AutoDL-Projects.
    PaperNasBench201,
    /// `small-nas-bench-201`: the same brought down to a minute or two of a core for a search: 1500 images of 16x16, three
    /// cells, 40 epochs; the alphas have as long a way as in the paper's search.
    SmallNasBench201,
}

impl Preset {
    /// All of them.
    pub const ALL: [Preset; 5] = [
        Preset::Auto,
        Preset::PaperCifar10,
        Preset::PaperImagenet,
        Preset::PaperNasBench201,
        Preset::SmallNasBench201,
    ];

    /// The name, as it is written on the command line and in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Preset::Auto => "auto",
            Preset::PaperCifar10 => "paper-cifar10",
            Preset::PaperImagenet => "paper-imagenet",
            Preset::PaperNasBench201 => "paper-nas-bench-201",
            Preset::SmallNasBench201 => "small-nas-bench-201",
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Preset {
    type Err = Error;

    /// Reads the name, with dashes or underscores.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for any other text; it names the nearest.
    fn from_str(text: &str) -> Result<Preset> {
        let typed = text.replace('_', "-");
        Preset::ALL.into_iter().find(|preset| preset.name() == typed).ok_or_else(|| {
            let names = Preset::ALL.map(Preset::name);
            let near = nearest_in_brackets(&typed, names);
            Error::setting("preset", text, format!("one of {}{near}", names.join(", ")))
        })
    }
}
