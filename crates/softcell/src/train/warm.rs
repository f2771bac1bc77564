//! Where training begins from the weights of another network.

use crate::error::{Error, Result};
use crate::network::NamedTensors;

/// How the sentence of [`warm_start`] begins.
pub const WARM_START_NOTE: &str = "training begins from the weights of";

/// Parts of a network whose weights were left, named at most.
const MOST_PARTS: usize = 6;

/// Another network's weights.
#[derive(Debug, Clone, Copy)]
pub struct WarmStart<'a> {
    /// Weights and buffers by state-dict name.
    pub tensors: &'a NamedTensors,
    /// Its classes, in the order of its logits.
    pub classes: &'a [String],
    /// What it is called in sentences, such as the folder of its run.
    pub origin: &'a str,
}

/// The tensors `own` of a network whose classes are `classes`, with those of the other network in their place where
/// name and shape are the same, and a sentence on what was taken and what was left.
///
/// The classifiers are taken only where the classes are the same ones in the same order: what one class's weights
/// say is nothing to another class.
///
/// # Errors
/// When nothing fits.
pub fn warm_start(
    own: &NamedTensors,
    classes: &[String],
    other: &WarmStart<'_>,
) -> Result<(NamedTensors, String)> {
    let same_classes = classes == other.classes;
    let mut tensors = own.clone();
    let (mut taken, mut values) = (0usize, 0usize);
    let mut left: Vec<&str> = Vec::new();
    for (name, tensor) in &mut tensors {
        let fits = (same_classes || !is_classifier(name))
            && other.tensors.get(name).is_some_and(|found| found.shape == tensor.shape);
        if fits {
            tensor.values.clone_from(&other.tensors[name].values);
            taken += 1;
            values += tensor.values.len();
        } else {
            left.push(name);
        }
    }
    let unused = other.tensors.keys().filter(|name| !own.contains_key(*name) && is_weight(name)).count();
    if taken == 0 {
        return Err(Error::invalid(
            format!("weights of {}", other.origin),
            format!("none of {} tensors that fits the network to be trained", other.tensors.len()),
            "some tensors of the same name and shape",
            "take the genotype, train.init_channels and train.layers of that run",
        ));
    }
    let all: usize = own.values().map(|tensor| tensor.values.len()).sum();
    let mut note = format!(
        "{WARM_START_NOTE} {}: {taken} of {} tensors are taken ({:.1} % of the values)",
        other.origin,
        own.len(),
        100.0 * values as f64 / all.max(1) as f64
    );
    if !left.is_empty() {
        note.push_str(&format!("; {} begin anew: {}", left.len(), parts(&left)));
        if !same_classes && left.iter().any(|name| is_classifier(name)) {
            note.push_str(&format!(
                " (the classifier, because the classes are others: {} there, {} here)",
                other.classes.len(),
                classes.len()
            ));
        }
    }
    if unused > 0 {
        note.push_str(&format!("; {unused} of that network have no place here"));
    }
    Ok((tensors, note))
}

fn is_weight(name: &str) -> bool {
    !name.ends_with("num_batches_tracked")
}

fn is_classifier(name: &str) -> bool {
    name.split('.').any(|segment| segment == "classifier")
}

/// `2 of classifier, 6 of stem, 31 of 4 cells`.
fn parts(names: &[&str]) -> String {
    let mut parts: Vec<(String, usize)> = Vec::new();
    let mut cells: Vec<&str> = Vec::new();
    for name in names {
        let mut segments = name.split('.');
        let first = segments.next().unwrap_or_default();
        if first == "cells" {
            cells.push(segments.next().unwrap_or_default());
            continue;
        }
        match parts.iter_mut().find(|(part, _)| part == first) {
            Some((_, count)) => *count += 1,
            None => parts.push((first.to_owned(), 1)),
        }
    }
    let mut said: Vec<String> =
        parts.iter().take(MOST_PARTS).map(|(part, count)| format!("{count} of {part}")).collect();
    if !cells.is_empty() {
        let tensors = cells.len();
        cells.sort_unstable();
        cells.dedup();
        let word = if cells.len() == 1 { "cell" } else { "cells" };
        said.push(format!("{tensors} of {} {word}", cells.len()));
    }
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::HostTensor;

    fn net(tensors: &[(&str, &[usize], f32)]) -> NamedTensors {
        let tensor = |shape: &[usize], value| HostTensor {
            shape: shape.to_vec(),
            values: vec![value; shape.iter().product()],
        };
        tensors.iter().map(|&(name, shape, value)| (name.to_owned(), tensor(shape, value))).collect()
    }

    fn names(classes: &[&str]) -> Vec<String> {
        classes.iter().map(|&class| class.to_owned()).collect()
    }

    #[test]
    fn what_fits_is_taken_and_the_rest_is_told() {
        let own = net(&[
            ("stem.0.weight", &[4, 3, 3, 3], 0.0),
            ("cells.0.a.weight", &[4, 4], 0.0),
            ("cells.1.a.weight", &[4, 8], 0.0),
            ("classifier.weight", &[2, 16], 0.0),
            ("classifier.bias", &[2], 0.0),
        ]);
        let other = net(&[
            ("stem.0.weight", &[4, 1, 3, 3], 1.0),
            ("cells.0.a.weight", &[4, 4], 1.0),
            ("cells.1.a.weight", &[4, 8], 1.0),
            ("cells.2.a.weight", &[4, 8], 1.0),
            ("cells.2.a.num_batches_tracked", &[1], 1.0),
            ("classifier.weight", &[2, 16], 1.0),
            ("classifier.bias", &[2], 1.0),
        ]);
        let (here, there) = (names(&["cat", "dog"]), names(&["car", "bus"]));
        let warm = |classes: &[String]| {
            let start = WarmStart { tensors: &other, classes, origin: "runs/a" };
            warm_start(&own, &here, &start).unwrap()
        };
        let (tensors, note) = warm(&there);
        let first = |name: &str| tensors[name].values[0];
        assert_eq!((first("cells.0.a.weight"), first("cells.1.a.weight")), (1.0, 1.0));
        assert_eq!((first("stem.0.weight"), first("classifier.weight")), (0.0, 0.0));
        assert_eq!(
            note,
            "training begins from the weights of runs/a: 2 of 5 tensors are taken (25.3 % of the values); 3 begin \
             anew: 2 of classifier, 1 of stem (the classifier, because the classes are others: 2 there, 2 here); 1 \
             of that network have no place here"
        );
        let (tensors, note) = warm(&here);
        assert_eq!(tensors["classifier.bias"].values, [1.0, 1.0]);
        assert!(note.contains("4 of 5 tensors") && !note.contains("others"), "{note}");
    }

    #[test]
    fn where_nothing_fits_it_is_an_error() {
        let own = net(&[("stem.0.weight", &[4], 0.0), ("classifier.bias", &[2], 0.0)]);
        let other = net(&[("stem.0.weight", &[8], 1.0), ("classifier.bias", &[2], 1.0)]);
        let (classes, others) = (names(&["a", "b"]), names(&["c", "d"]));
        let start = WarmStart { tensors: &other, classes: &others, origin: "runs/a" };
        let error = warm_start(&own, &classes, &start).unwrap_err().to_string();
        assert!(error.starts_with("weights of runs/a: found none of 2 tensors"), "{error}");
    }
}
