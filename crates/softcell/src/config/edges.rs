//! The candidates of an edge, as settings have them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Result;
use crate::space::Primitive;

/// The candidates of one edge; in files a text such as `skip_connect|sep_conv_3x3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeCandidates(pub Vec<Primitive>);

impl EdgeCandidates {
    /// What stands between two candidates.
    const BETWEEN: char = '|';

    /// As it is written.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|p| p.name()).collect::<Vec<_>>().join("|")
    }

    /// Reads [`Self::to_text`].
    ///
    /// # Errors
    /// As the names of operations.
    pub fn of_text(text: &str) -> Result<EdgeCandidates> {
        text.split(Self::BETWEEN).map(|name| name.trim().parse()).collect::<Result<_>>().map(EdgeCandidates)
    }
}

impl Serialize for EdgeCandidates {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for EdgeCandidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        EdgeCandidates::of_text(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
