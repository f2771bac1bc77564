//! What a safetensors file that Softcell wrote says of its network.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::config::Resize;
use crate::data::Normalization;
use crate::error::{Error, Result};
use crate::export::safetensors::keys;
use crate::space::Genotype;

/// What a file says of its network; nothing of it is there in a file that Softcell did not write.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Metadata {
    pub genotype: Option<Genotype>,
    pub classes: Option<Vec<String>>,
    /// Channels, height and width.
    pub image_shape: Option<[usize; 3]>,
    /// Files of earlier versions do not tell it.
    pub resize: Option<Resize>,
    pub normalization: Option<Normalization>,
    pub seed: Option<u64>,
    pub data_fingerprint: Option<String>,
}

impl Metadata {
    /// Reads it; `origin` names the file.
    ///
    /// # Errors
    /// A file of Softcell's whose entries cannot be read.
    pub fn read(entries: &BTreeMap<String, String>, origin: &str) -> Result<Metadata> {
        if !entries.contains_key(keys::VERSION) {
            return Ok(Metadata::default());
        }
        let genotype = entries.get(keys::GENOTYPE).map(|text| text.parse()).transpose()?;
        let resize =
            entries.get(keys::RESIZE).map(|name| json_of(&format!("\"{name}\""), keys::RESIZE, origin));
        let mean = json(entries, keys::MEAN, origin)?;
        let std = json(entries, keys::STD, origin)?;
        Ok(Metadata {
            genotype,
            classes: json(entries, keys::CLASSES, origin)?,
            image_shape: json(entries, keys::IMAGE_SHAPE, origin)?,
            resize: resize.transpose()?,
            normalization: mean.zip(std).map(|(mean, std)| Normalization { mean, std }),
            seed: json(entries, keys::SEED, origin)?,
            data_fingerprint: entries.get(keys::DATA_FINGERPRINT).cloned(),
        })
    }
}

fn json<T: DeserializeOwned>(
    entries: &BTreeMap<String, String>,
    key: &str,
    origin: &str,
) -> Result<Option<T>> {
    entries.get(key).map(|text| json_of(text, key, origin)).transpose()
}

fn json_of<T: DeserializeOwned>(text: &str, key: &str, origin: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        let what = format!("{origin}, metadata `{key}`");
        Error::invalid(what, error.to_string(), "JSON as Softcell writes it", "export the file again")
    })
}
