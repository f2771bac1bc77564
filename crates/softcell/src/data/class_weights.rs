//! The weight of each class in the losses.

use std::collections::HashMap;
use std::path::Path;

use super::set::ImageSet;
use crate::error::{Error, Result};
use crate::reading::{self, MOST_OF_A_TEXT, Source};
use crate::space::wording::nearest;

const SETTING: &str = "data.class_weights";
const EXPECTED: &str = "none, balanced, or a CSV or JSON file of class and weight";
/// Names that an error lists.
const MOST_NAMES: usize = 5;

/// The weight of each class of `set`, in the order of its labels, as the setting `data.class_weights` says; none
/// for `none`.
///
/// `balanced` is `n / (classes · n_c)` over the images `indices`, n_c being those of the class and classes without
/// any left out (their weight is 1, which nothing sees). Anything else is a file: CSV with a class and its weight
/// in a line (a first line `class,weight` is stepped over), or JSON as an object of them. It has each class once,
/// with a weight above 0.
///
/// # Errors
/// A file that cannot be read, lacks a class, has a class that the images have not, or a weight that is no finite
/// number above 0.
pub fn class_weights(setting: &str, set: &ImageSet, indices: &[usize]) -> Result<Option<Vec<f32>>> {
    match setting {
        "none" => Ok(None),
        "balanced" => Ok(Some(balanced(set, indices))),
        file => read(Path::new(file), &set.classes).map(Some),
    }
}

fn balanced(set: &ImageSet, indices: &[usize]) -> Vec<f32> {
    let mut counts = vec![0usize; set.classes.len()];
    indices.iter().for_each(|&i| counts[set.labels[i] as usize] += 1);
    let classes = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &usize| match count {
        0 => 1.0,
        count => (indices.len() as f64 / (classes * count) as f64) as f32,
    };
    counts.iter().map(weight).collect()
}

fn read(path: &Path, classes: &[String]) -> Result<Vec<f32>> {
    if !path.is_file() {
        let found = format!("{}, which is no file", path.display());
        return Err(Error::setting(SETTING, found, EXPECTED));
    }
    let text = reading::read_text(path, MOST_OF_A_TEXT, Source::File)?;
    let origin = path.display().to_string();
    let text = text.trim_start_matches('\u{feff}');
    let pairs = if text.trim_start().starts_with(['{', '[']) {
        pairs_of_json(text, &origin)?
    } else {
        pairs_of_csv(text, &origin)?
    };
    in_order(pairs, classes, &origin)
}

fn pairs_of_json(text: &str, origin: &str) -> Result<Vec<(String, f64)>> {
    let expected = "an object of classes and weights such as {\"cat\": 1, \"dog\": 2.5}";
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|e| Error::invalid(origin, e.to_string(), expected, "write the file anew"))?;
    object
        .into_iter()
        .map(|(class, value)| {
            let weight = value.as_f64().ok_or_else(|| not_a_weight(origin, &class, &value.to_string()))?;
            Ok((class, weight))
        })
        .collect()
}

fn pairs_of_csv(text: &str, origin: &str) -> Result<Vec<(String, f64)>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut pairs = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let refuse = |found: String| {
            let place = format!("{origin}, line {}", number + 1);
            Error::invalid(place, found, "a class and its weight such as cat,1.5", "mend this line")
        };
        let record = record.map_err(|e| refuse(e.to_string()))?;
        if record.len() != 2 {
            let fields = if record.len() == 1 { "field" } else { "fields" };
            return Err(refuse(format!("{} {fields}", record.len())));
        }
        let (class, weight) = (&record[0], &record[1]);
        match weight.parse::<f64>() {
            Ok(weight) => pairs.push((class.to_owned(), weight)),
            Err(_) if number == 0 && weight.eq_ignore_ascii_case("weight") => {}
            Err(_) => return Err(not_a_weight(origin, class, weight)),
        }
    }
    Ok(pairs)
}

/// The weights in the order of the classes, each there once.
fn in_order(pairs: Vec<(String, f64)>, classes: &[String], origin: &str) -> Result<Vec<f32>> {
    let each = "each class of the images once";
    let mut weights = HashMap::new();
    for (class, weight) in pairs {
        if !classes.contains(&class) {
            let found = format!("the class {class:?}, which the images do not have");
            let remedy = match nearest(&class, classes.iter().map(String::as_str)) {
                Some(near) => format!("the nearest is {near:?}"),
                None => "remove it, or name the class as its folder is named".to_owned(),
            };
            return Err(Error::invalid(origin, found, each, remedy));
        }
        if !(weight > 0.0 && (weight as f32).is_normal()) {
            return Err(not_a_weight(origin, &class, &weight.to_string()));
        }
        if weights.insert(class.clone(), weight as f32).is_some() {
            return Err(Error::invalid(origin, format!("the class {class:?} twice"), each, "remove one"));
        }
    }
    let missing: Vec<&str> =
        classes.iter().filter(|class| !weights.contains_key(*class)).map(String::as_str).collect();
    if !missing.is_empty() {
        let named = missing.iter().take(MOST_NAMES).map(|class| format!("{class:?}"));
        let named = named.collect::<Vec<_>>().join(", ");
        let more = if missing.len() > MOST_NAMES { ", ..." } else { "" };
        let found = format!("no weight for {} of {} classes: {named}{more}", missing.len(), classes.len());
        return Err(Error::invalid(origin, found, each, "add them; 1 is a weight that changes nothing"));
    }
    Ok(classes.iter().map(|class| weights[class]).collect())
}

fn not_a_weight(origin: &str, class: &str, found: &str) -> Error {
    // Both come from a file and may be of any length.
    let place = format!("{origin}, class \"{class:.200}\"");
    Error::invalid(place, format!("the weight {found:.200}"), "a finite number above 0", "mend it")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn set(labels: &[u32]) -> ImageSet {
        let classes = Arc::new(["cat", "dog", "a, b"].map(str::to_owned).to_vec());
        ImageSet::new(classes, [1, 1, 1], vec![0; labels.len()], labels.to_vec())
    }

    fn of_file(text: &str) -> Result<Vec<f32>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        std::fs::write(&path, text).unwrap();
        class_weights(&path.display().to_string(), &set(&[0]), &[0]).map(Option::unwrap)
    }

    #[test]
    fn balanced_weights_are_those_of_the_formula() {
        let labels = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2];
        let all: Vec<usize> = (0..10).collect();
        let weights = class_weights("balanced", &set(&labels), &all).unwrap().unwrap();
        assert_eq!(weights, [10.0 / 18.0, 10.0 / 9.0, 10.0 / 3.0].map(|w: f64| w as f32));
        // Only what trains counts: six cats and three dogs.
        let weights = class_weights("balanced", &set(&labels), &all[..9]).unwrap().unwrap();
        assert_eq!(weights, [0.75, 1.5, 1.0]);
        assert_eq!(class_weights("none", &set(&labels), &all).unwrap(), None);
    }

    #[test]
    fn files_are_csv_or_json_in_any_order() {
        let expected = vec![1.0, 2.5, 0.25];
        assert_eq!(of_file("dog,2.5\ncat, 1\n\"a, b\",0.25\n").unwrap(), expected);
        assert_eq!(of_file("\u{feff}class,weight\r\n\"a, b\",.25\r\ncat,1\r\ndog,25e-1").unwrap(), expected);
        assert_eq!(of_file(" {\"cat\": 1, \"a, b\": 0.25, \"dog\": 2.5}").unwrap(), expected);
    }

    #[test]
    fn errors_name_the_class_and_what_is_wrong() {
        for (text, parts) in [
            ("cat,1\ndog,2\n", ["no weight for 1 of 3 classes", "\"a, b\""]),
            ("cats,1\n", ["the class \"cats\", which the images do not have", "nearest is \"cat\""]),
            ("cat,1\ncat,2\n", ["the class \"cat\" twice", "remove one"]),
            ("cat,heavy\n", ["class \"cat\": found the weight heavy", "a finite number above 0"]),
            ("cat,0\n", ["the weight 0", "above 0"]),
            ("cat,-1\n", ["the weight -1", "above 0"]),
            ("cat,inf\n", ["the weight inf", "finite"]),
            ("cat,1e300\n", ["the weight 1", "finite"]),
            ("cat 1\n", ["line 1: found 1 field", "cat,1.5"]),
            ("cat,1\na,b,2\n", ["line 2", "mend"]),
            ("{\"cat\": \"1\"}", ["class \"cat\"", "the weight \"1\""]),
            ("[1, 2, 3]", ["expected an object of classes", "write the file anew"]),
            ("", ["no weight for 3 of 3 classes", "cat"]),
        ] {
            let error = of_file(text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
        let error = class_weights("balancd", &set(&[0]), &[0]).unwrap_err().to_string();
        assert!(error.contains("balancd, which is no file: expected none, balanced, or a CSV"), "{error}");
    }
}
