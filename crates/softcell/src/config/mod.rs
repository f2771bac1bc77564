//! The settings of a run: from presets, a TOML file and flags to one checked [`Config`].
//!
//! Layers, the later over the earlier: a preset gives every value ([`preset()`]), a known method has its own
//! (`layers`), a TOML file overrides both ([`read_toml`]), flags override the file ([`set`]). [`build`] lays file and
//! flags over the rest and returns a [`Config`] that passed [`Config::check`]; only such a one is run.
//!
//! [`KEYS`] lists every setting with its type and help text: the command line is built from it, and a
//! mistyped key is answered with the nearest one.

mod auto;
mod check;
mod checked;
mod defaults;
mod edges;
mod follow;
mod image_size;
mod imbalance;
mod keys;
mod known_spaces;
mod layers;
mod location;
mod merge;
mod paper;
mod place;
mod preset;
mod presets;
mod read;
mod resolved;
mod schedule;
mod select;
mod space;
mod spaces;
mod types;
mod value;

pub(crate) use auto::{arch_learning_rate, drop_path, leave_validation};
pub(crate) use check::whole;
pub use checked::CheckedConfig;
pub use defaults::{DefaultRule, KeyDefault};
pub use edges::EdgeCandidates;
pub use follow::follow_epochs;
pub use image_size::ImageSize;
pub use imbalance::leave_to_weights;
pub use keys::{KEYS, Key, Kind, Name, Reach, Section, names};
pub use known_spaces::{KnownSpace, SPACES, known_space};
pub use layers::{MethodSettings, method_order, method_settings};
pub(crate) use layers::{lay_method, own_rate};
pub use location::{path_of_text, path_to_text, word_to_text};
pub(crate) use merge::lay;
pub use merge::{build, overlay, set, set_by_key};
pub use preset::Preset;
pub use presets::preset;
pub(crate) use read::tidy;
pub use read::{UserFile, read_toml};
pub use schedule::{cosine, exponential};
pub use select::SelectConfig;
pub(crate) use select::{NOTHING_SEARCHED, further};
pub(crate) use spaces::space_layer;
pub use types::{
    AutoAugment, Config, DataConfig, DataFormat, DataShape, Duplicates, HERE, Resize, Sampling, Schedule,
    SearchConfig, Stem, TrainConfig,
};
