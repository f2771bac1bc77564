//! Times of layers as a file: format, version, machine.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Remedy, Result};
use crate::reading::{MOST_OF_A_TEXT, Source, read_text};
use crate::shown;
use crate::space::{LatencyTable, StemKind};

/// By which the file is known.
const FORMAT: &str = "softcell-latencies";
/// Of what is in it.
const VERSION: u32 = 1;
/// Longest time of a layer or a network, in seconds.
const LONGEST: f64 = 1e6;
/// Largest number of channels and side of a map.
const LARGEST: usize = 1 << 30;

/// Times of layers on one machine, with all that says what they are of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyFile {
    format: String,
    version: u32,
    /// Where they were measured.
    pub machine: MachineOfTimes,
    /// Channels, height and width of the images.
    pub image_shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// What stands before the first cell.
    pub stem: StemKind,
    /// The times.
    pub times: LatencyTable,
}

/// A machine, as far as times depend on it and it can be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineOfTimes {
    /// The device.
    pub device: String,
    /// The architecture of its processors.
    pub arch: String,
    /// The operating system.
    pub os: String,
    /// The vector instructions of the kernels.
    pub vectors: String,
    /// Threads.
    pub threads: usize,
    /// The version of the library.
    pub softcell: String,
}

impl MachineOfTimes {
    /// This one, with a device of this name.
    pub fn this(device: &str) -> MachineOfTimes {
        MachineOfTimes {
            device: device.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            os: std::env::consts::OS.to_owned(),
            vectors: softcell_kernels::isa_name().to_owned(),
            threads: rayon::current_num_threads(),
            softcell: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// `cpu with avx512 and 2 threads on x86_64 linux`.
    pub fn in_words(&self) -> String {
        let MachineOfTimes { device, arch, os, vectors, threads, .. } = self;
        let s = if *threads == 1 { "" } else { "s" };
        format!("{device} with {vectors} and {threads} thread{s} on {arch} {os}")
    }
}

impl LatencyFile {
    /// Of times that were measured here.
    pub fn of_this_machine(
        device: &str,
        image_shape: [usize; 3],
        classes: usize,
        stem: StemKind,
        times: LatencyTable,
    ) -> LatencyFile {
        LatencyFile {
            format: FORMAT.to_owned(),
            version: VERSION,
            machine: MachineOfTimes::this(device),
            image_shape,
            classes,
            stem,
            times,
        }
    }

    /// Reads the file of this machine or of another.
    ///
    /// # Errors
    /// A file that cannot be read or is no such file, one of another version, times that are none.
    pub fn read(path: &Path) -> Result<LatencyFile> {
        LatencyFile::of_text(&read_text(path, MOST_OF_A_TEXT, Source::Any)?, &shown::path(path))
    }

    /// The text of a file; `origin` is what errors call it.
    ///
    /// # Errors
    /// As [`LatencyFile::read`].
    pub fn of_text(text: &str, origin: &str) -> Result<LatencyFile> {
        let remedy = || "write one on the machine whose times are meant, with " + Remedy::MeasureOperations;
        let expected = format!("times of operations, format {FORMAT}, version {VERSION}");
        let refuse = |found: String| Error::invalid(origin, found, expected.clone(), remedy());
        #[derive(Deserialize)]
        struct Head {
            format: Option<String>,
            version: Option<u32>,
        }
        let head: Head =
            serde_json::from_str(text).map_err(|error| refuse(format!("no such JSON ({error})")))?;
        match (head.format.as_deref(), head.version) {
            (Some(FORMAT), Some(VERSION)) => {}
            (Some(FORMAT), Some(version)) => return Err(refuse(format!("version {version}"))),
            (Some(FORMAT), None) => return Err(refuse("no version".to_owned())),
            (Some(other), _) => return Err(refuse(format!("format {}", shown::escaped(other)))),
            (None, _) => return Err(refuse("JSON without a format".to_owned())),
        }
        let file: LatencyFile =
            serde_json::from_str(text).map_err(|error| refuse(format!("something else ({error})")))?;
        match file.fault() {
            Some((field, found)) => Err(refuse(format!("{field} = {found}"))),
            None => Ok(file),
        }
    }

    /// The first field that cannot be, and what is in it.
    pub fn fault(&self) -> Option<(String, String)> {
        let LatencyTable { layers, networks } = &self.times;
        let time = |seconds: f64| (0.0..=LONGEST).contains(&seconds);
        if self.format != FORMAT || self.version != VERSION {
            return Some((
                "version".to_owned(),
                format!("{} of {}", self.version, shown::escaped(&self.format)),
            ));
        }
        if layers.is_empty() {
            return Some(("times.layers".to_owned(), "no layer".to_owned()));
        }
        for (i, layer) in layers.iter().enumerate() {
            let name = |field: &str| format!("times.layers[{i}].{field}");
            if !time(layer.seconds) {
                return Some((name("seconds"), layer.seconds.to_string()));
            }
            let place = &layer.place;
            let [height, width] = place.size;
            let sizes = [place.inputs, place.outputs, place.stride, height, width];
            if let Some(size) = sizes.into_iter().find(|size| !(1..=LARGEST).contains(size)) {
                return Some((name("place"), size.to_string()));
            }
            if i > 0 && layers[i - 1].place >= *place {
                return Some((name("place"), "a layer out of order, or twice".to_owned()));
            }
        }
        for (i, network) in networks.iter().enumerate() {
            let name = |field: &str| format!("times.networks[{i}].{field}");
            if !(time(network.seconds) && network.seconds > 0.0) {
                return Some((name("seconds"), network.seconds.to_string()));
            }
            if !(time(network.layer_seconds) && network.layer_seconds > 0.0) {
                return Some((name("layer_seconds"), network.layer_seconds.to_string()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{LayerTime, NetworkTime, PlacedLayer};

    fn file() -> LatencyFile {
        let layer = |channels: usize| LayerTime {
            place: PlacedLayer {
                operation: "a".to_owned(),
                inputs: channels,
                outputs: channels,
                stride: 1,
                size: [8, 8],
            },
            seconds: 1e-3,
        };
        let network = NetworkTime {
            genotype: "g".to_owned(),
            init_channels: 4,
            layers: 3,
            seconds: 1.0,
            layer_seconds: 0.5,
        };
        let times = LatencyTable { layers: vec![layer(4), layer(8)], networks: vec![network] };
        LatencyFile::of_this_machine("cpu", [3, 8, 8], 10, StemKind::Cifar, times)
    }

    #[test]
    fn files_read_back_and_others_are_refused() {
        let text = serde_json::to_string(&file()).unwrap();
        assert_eq!(LatencyFile::of_text(&text, "ops.json").unwrap(), file());
        assert_eq!(file().times.factor(), 2.0);
        let refused = |text: &str, words: &str| {
            let error = LatencyFile::of_text(text, "ops.json").unwrap_err().to_string();
            assert!(error.starts_with("ops.json: found ") && error.contains(words), "{words:?}: {error}");
            assert!(error.contains("OpsBench"), "{error}");
        };
        refused("", "no such JSON");
        refused("[]", "no such JSON");
        refused("{\"a\": 1}", "JSON without a format");
        refused("{\"format\": \"onnx\", \"version\": 1}", "format onnx");
        refused(&text.replace("\"version\":1", "\"version\":2"), "version 2");
        refused(&text.replace("\"seconds\":0.001", "\"seconds\":-0.001"), "times.layers[0].seconds = -0.001");
        refused(&text.replace("\"inputs\":8", "\"inputs\":0"), "times.layers[1].place = 0");
        refused(&text.replace("\"inputs\":8", "\"inputs\":1"), "out of order");
        refused(&text.replace("\"layer_seconds\":0.5", "\"layer_seconds\":0"), "layer_seconds = 0");
        refused(&text.replace("\"classes\":10", "\"classes\":10,\"more\":1"), "something else");
    }
}
