//! Parquet files with the bytes of image files, as Hugging Face exports data sets.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use super::super::fault::Problems;
use super::catalogue::{Catalogue, Named, Part};
use super::store::{Place, Store};
use crate::error::{Error, Result};
use crate::reading::open_file;
use crate::shown::listed;

/// What the columns may be called.
const IMAGE: [&str; 4] = ["image", "img", "picture", "bytes"];
const CLASS: [&str; 5] = ["label", "labels", "class", "fine_label", "category"];

/// The Parquet files of a folder, or of the folder `data` in it; empty where there are none.
pub(in super::super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    [folder.to_path_buf(), folder.join("data")]
        .into_iter()
        .map(|folder| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut files: Vec<PathBuf> = entries
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|e| e == "parquet"))
                .collect();
            files.sort();
            files
        })
        .find(|files| !files.is_empty())
        .unwrap_or_default()
}

/// Reads a file, or those of a folder. The part is told by the beginning of a file's name (`test-00000-of-00001.parquet`).
///
/// The bytes of the images are put one after the other in a file without a name in the system's folder of temporary
/// files, which goes with this process.
pub(super) fn read(path: &Path) -> Result<Catalogue> {
    let files = if path.is_file() { vec![path.to_path_buf()] } else { files_in(path) };
    let folder = std::env::temp_dir();
    let blob = tempfile::tempfile().map_err(Error::io("create a temporary file in", &folder))?;
    let mut blob = BufWriter::with_capacity(1 << 20, blob);
    let (mut found, mut at) = (Vec::new(), 0);
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let part = name.split(['-', '_', '.']).next().and_then(Part::named).unwrap_or(Part::Train);
        let bad = |error: parquet::errors::ParquetError| {
            let remedy = match error.to_string().contains("Disabled feature") {
                true => "write it again with compression=\"snappy\", which is read",
                false => "download it again",
            };
            Error::data(file, format!("cannot be read as Parquet ({error})"), remedy)
        };
        let reader = open_file(file).map_err(Error::io("read", file))?;
        let reader = SerializedFileReader::new(reader).map_err(bad)?;
        let metadata = reader.metadata().file_metadata().key_value_metadata();
        let names = metadata.and_then(|list| list.iter().find(|pair| pair.key == "huggingface"));
        let names = names.and_then(|pair| class_names(pair.value.as_deref()?)).unwrap_or_default();
        for (number, row) in reader.get_row_iter(None).map_err(bad)?.enumerate() {
            let row = row.map_err(bad)?;
            let place = format!("{name}, row {}", number + 1);
            let (bytes, class) = columns(&row, &names).ok_or_else(|| {
                let columns: Vec<String> = row.get_column_iter().map(|(name, _)| name.clone()).collect();
                Error::data(
                    file,
                    format!("row {} has the columns {}", number + 1, listed(&columns)),
                    format!(
                        "expected an image's bytes ({}) and a class ({})",
                        IMAGE.join(", "),
                        CLASS.join(", ")
                    ),
                )
            })?;
            blob.write_all(bytes).map_err(Error::io("unpack the images to", &folder))?;
            let len = bytes.len() as u64;
            found.push(Named { name: place, place: Place::Slice(at, len), class, part, group: None });
            at += len;
        }
    }
    let blob =
        blob.into_inner().map_err(|e| e.into_error()).map_err(Error::io("unpack the images to", &folder))?;
    Catalogue::assemble(found, Store::Blob(Arc::new(blob)), Vec::new(), Problems::default(), path)
}

/// The bytes of the image and the name of the class of a row.
fn columns<'a>(row: &'a Row, names: &[String]) -> Option<(&'a [u8], String)> {
    let find = |wanted: &[&str]| {
        wanted
            .iter()
            .find_map(|name| row.get_column_iter().find(|(column, _)| column == name))
            .map(|(_, field)| field)
    };
    let bytes = bytes_of(find(&IMAGE)?)?;
    let number =
        |n: i64| usize::try_from(n).ok().and_then(|n| names.get(n)).cloned().unwrap_or_else(|| n.to_string());
    let class = match find(&CLASS)? {
        Field::Str(text) => text.clone(),
        Field::Byte(n) => number(i64::from(*n)),
        Field::UByte(n) => number(i64::from(*n)),
        Field::Short(n) => number(i64::from(*n)),
        Field::UShort(n) => number(i64::from(*n)),
        Field::Int(n) => number(i64::from(*n)),
        Field::UInt(n) => number(i64::from(*n)),
        Field::Long(n) => number(*n),
        Field::ULong(n) => number(i64::try_from(*n).ok()?),
        _ => return None,
    };
    Some((bytes, class))
}

/// The bytes themselves, or the field `bytes` of a group beside the file's name.
fn bytes_of(field: &Field) -> Option<&[u8]> {
    match field {
        Field::Bytes(bytes) => Some(bytes.data()),
        Field::Group(group) => {
            group.get_column_iter().find(|(name, _)| *name == "bytes").and_then(|(_, f)| bytes_of(f))
        }
        _ => None,
    }
}

/// The names of the classes in the metadata of Hugging Face's library.
fn class_names(text: &str) -> Option<Vec<String>> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let features = value.pointer("/info/features")?.as_object()?;
    CLASS.iter().find_map(|class| {
        let names = features.get(*class)?.get("names")?.as_array()?;
        names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
    })
}
