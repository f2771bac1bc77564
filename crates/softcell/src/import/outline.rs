//! What tensors say of the network that they are of.

use crate::error::{Error, Result};
use crate::network::NamedTensors;
use crate::space::{STEM_MULTIPLIER, StemKind};

/// What tensors say of the network that they are of: all but its cells and the size of its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outline {
    /// The stem.
    pub stem: StemKind,
    /// Channels of the first cell's nodes.
    pub init_channels: usize,
    /// Number of cells.
    pub n_cells: usize,
    /// Channels of the images.
    pub channels_in: usize,
    /// Number of classes.
    pub classes: usize,
    /// Whether there is an auxiliary head.
    pub auxiliary: bool,
}

impl Outline {
    /// Reads it off the names and shapes; `origin` names the file.
    ///
    /// # Errors
    /// Tensors that are of no derived network, those of a search among them.
    pub fn of(tensors: &NamedTensors, origin: &str) -> Result<Outline> {
        let fault = |found: String, expected: &str| {
            let remedy =
                "give the weights of a network built from a genotype, with the original's state-dict names";
            Err(Error::invalid(origin, found, expected, remedy))
        };
        let shape = |name: &str| tensors.get(name).map(|tensor| tensor.shape.as_slice());
        let (stem, init_channels, channels_in) =
            match (shape("stem.0.weight"), shape("stem0.0.weight"), shape("stem0.3.weight")) {
                (Some(&[wide, channels, 3, 3]), None, None) => {
                    if !wide.is_multiple_of(STEM_MULTIPLIER) {
                        let found = format!("a stem of {wide} channels");
                        return fault(found, "three times the channels of the first cell");
                    }
                    (StemKind::Cifar, wide / STEM_MULTIPLIER, channels)
                }
                (None, Some(&[_, channels, 3, 3]), Some(&[wide, _, 3, 3])) => {
                    (StemKind::Imagenet, wide, channels)
                }
                _ => {
                    let first: Vec<&str> = tensors.keys().take(4).map(String::as_str).collect();
                    let found = format!("no stem among the tensors {} …", first.join(", "));
                    return fault(found, "stem.0.weight, or stem0.0.weight and stem0.3.weight");
                }
            };
        let Some(&[classes, _]) = shape("classifier.weight") else {
            return fault("no matrix classifier.weight".into(), "the classifier's weights");
        };
        let cells: Vec<usize> = tensors
            .keys()
            .filter_map(|name| name.strip_prefix("cells.")?.split_once('.')?.0.parse().ok())
            .collect();
        let Some(&last) = cells.iter().max() else {
            return fault("no tensor of a cell".into(), "cells.0.…, cells.1.…");
        };
        if tensors.keys().any(|name| name.starts_with("cells.0._ops.0._ops.")) {
            return fault(
                "the weights of a search, with every candidate on every edge".into(),
                "those of a network",
            );
        }
        let auxiliary = tensors.keys().any(|name| name.starts_with("auxiliary_head."));
        Ok(Outline { stem, init_channels, n_cells: last.saturating_add(1), channels_in, classes, auxiliary })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::HostTensor;

    fn tensors(shapes: &[(&str, &[usize])]) -> NamedTensors {
        let tensor =
            |shape: &[usize]| HostTensor { shape: shape.to_vec(), values: vec![0.0; shape.iter().product()] };
        shapes.iter().map(|(name, shape)| (name.to_string(), tensor(shape))).collect()
    }

    #[test]
    fn both_stems_are_told_apart() {
        let small = [
            ("stem.0.weight", [12, 1, 3, 3].as_slice()),
            ("cells.0.preprocess0.op.1.weight", &[4, 12, 1, 1]),
            ("cells.10._ops.0.op.1.weight", &[4, 1, 3, 3]),
            ("classifier.weight", &[7, 64]),
        ];
        let outline = Outline::of(&tensors(&small), "w").unwrap();
        let expected = Outline {
            stem: StemKind::Cifar,
            init_channels: 4,
            n_cells: 11,
            channels_in: 1,
            classes: 7,
            auxiliary: false,
        };
        assert_eq!(outline, expected);
        let large = [
            ("stem0.0.weight", [3, 3, 3, 3].as_slice()),
            ("stem0.3.weight", &[6, 3, 3, 3]),
            ("cells.1.preprocess1.op.1.weight", &[6, 24, 1, 1]),
            ("auxiliary_head.classifier.bias", &[5]),
            ("classifier.weight", &[5, 24]),
        ];
        let outline = Outline::of(&tensors(&large), "w").unwrap();
        assert_eq!((outline.stem, outline.init_channels, outline.n_cells), (StemKind::Imagenet, 6, 2));
        assert!(outline.auxiliary);
    }

    #[test]
    fn other_networks_are_refused() {
        let message =
            |shapes: &[(&str, &[usize])]| Outline::of(&tensors(shapes), "w").unwrap_err().to_string();
        assert!(message(&[("conv1.weight", &[1])]).contains("conv1.weight"));
        let search = [
            ("stem.0.weight", [12, 1, 3, 3].as_slice()),
            ("cells.0._ops.0._ops.1.1.running_mean", &[4]),
            ("classifier.weight", &[7, 64]),
        ];
        assert!(message(&search).contains("weights of a search"));
        assert!(message(&search[..1]).contains("classifier.weight"));
        assert!(message(&[("stem.0.weight", &[13, 1, 3, 3])]).contains("13 channels"));
    }
}
