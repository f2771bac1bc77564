//! A table of paths and classes: CSV, or with semicolons or tabs.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::fault::Problems;
use super::catalogue::{Catalogue, Named, Part};
use super::store::{Place, Store};
use crate::error::{Error, Result};
use crate::reading::{self, MOST_OF_A_RECORD, Source};
use crate::shown::listed;

/// What the columns may be called, in lower case.
const PATH: [&str; 7] = ["path", "file", "filename", "file_name", "filepath", "image", "image_path"];
const CLASS: [&str; 5] = ["class", "label", "category", "target", "class_name"];
const SPLIT: [&str; 5] = ["split", "part", "set", "subset", "fold"];
const GROUP: [&str; 6] = ["group", "patient", "patient_id", "subject", "scene", "group_id"];

/// Reads a table whose first line names its columns: a path (relative to the table's folder, or absolute) and a class,
/// and where they are there the part (`train`, `val`, `test`) and a group whose images stay together.
pub(super) fn read(path: &Path) -> Result<Catalogue> {
    let text = reading::read(path, MOST_OF_A_RECORD, Source::File)?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let head = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| head.iter().filter(|&&byte| byte == delimiter).count();
    let delimiter =
        *[b',', b';', b'\t'].iter().max_by_key(|&&d| (count(d), d == b',')).expect("there are some");
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::All).from_reader(text);
    let bad = |error: csv::Error| {
        let remedy = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "save it as UTF-8",
            _ => "mend this line: every line has as many columns as the first",
        };
        Error::data(path, format!("cannot be read as a table ({error})"), remedy)
    };
    let columns: Vec<String> = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
    if columns.is_empty() {
        let remedy = "write path,class in its first line, and an image and its class in each one after that";
        return Err(Error::data(path, "the table is empty", remedy));
    }
    let find = |names: &[&str]| {
        names.iter().find_map(|name| columns.iter().position(|column| column.to_lowercase() == *name))
    };
    let (Some(file), Some(class)) = (find(&PATH), find(&CLASS)) else {
        let missing =
            if find(&PATH).is_none() { ("path", PATH.join(", ")) } else { ("class", CLASS.join(", ")) };
        return Err(Error::data(
            path,
            format!("found the columns {}, and none for the {}", listed(&columns), missing.0),
            format!("name one of them in the first line (one of {})", missing.1),
        ));
    };
    let (split, group) = (find(&SPLIT), find(&GROUP));
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = Vec::new();
    let mut unnamed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: usize| record.get(column).unwrap_or_default();
        let (name, class) = (field(file), field(class));
        if name.is_empty() || class.is_empty() {
            let what = if name.is_empty() { "path" } else { "class" };
            return Err(Error::data(
                path,
                format!("line {line} has no {what}"),
                "fill it in, or remove the line",
            ));
        }
        let part = match split.map(field) {
            None | Some("") => Part::Train,
            Some(text) => match Part::named(text) {
                Some(part) => part,
                None => {
                    unnamed.entry(text.to_owned()).or_default().push(line.to_string());
                    continue;
                }
            },
        };
        let group = group.map(field).filter(|group| !group.is_empty()).map(str::to_owned);
        let place = Place::File(folder.join(name));
        found.push(Named { name: name.to_owned(), place, class: class.to_owned(), part, group });
    }
    if let Some((text, lines)) = unnamed.into_iter().next() {
        return Err(Error::data(
            path,
            match &lines[..] {
                [line] => format!("line {line} has the part `{text}`"),
                lines => format!("lines {} have the part `{text}`", listed(lines)),
            },
            "write train, val or test in that column, or leave it empty for train",
        ));
    }
    torn(path, &found)?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Catalogue::assemble(found, Store::Files, Vec::new(), Problems::default(), path)
}

/// Refuses a group whose images were given to several parts.
fn torn(path: &Path, found: &[Named]) -> Result<()> {
    let mut parts: BTreeMap<&str, Part> = BTreeMap::new();
    for image in found {
        let Some(group) = &image.group else { continue };
        let part = *parts.entry(group).or_insert(image.part);
        if part != image.part {
            return Err(Error::data(
                path,
                format!(
                    "images of group {group} are in the {} and in the {} part",
                    part.noun(),
                    image.part.noun()
                ),
                "give all images of a group to one part, or leave the part empty",
            ));
        }
    }
    Ok(())
}
