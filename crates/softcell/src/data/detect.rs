//! Finding out which format a path holds.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::parquet_files;
use super::idx;
use crate::config::{DataConfig, DataFormat};
use crate::error::{Error, Result};

/// The path that means the embedded digits.
pub const DIGITS: &str = "digits";

/// The format of `config.path` and the file or folder to read it from.
pub(super) fn detect(config: &DataConfig) -> Result<(DataFormat, PathBuf)> {
    let path = &config.location();
    match config.format {
        DataFormat::Auto | DataFormat::Digits if config.path == DIGITS => {
            return Ok((DataFormat::Digits, path.clone()));
        }
        DataFormat::Digits => {
            return Err(Error::setting(
                "data.path",
                &config.path,
                "\"digits\" for the format digits, which is embedded; or the format auto",
            ));
        }
        _ => {}
    }
    if !path.exists() {
        return Err(missing(path));
    }
    if path.is_file() {
        let by_name = file_format(path);
        return match (config.format, by_name) {
            (DataFormat::Auto, Some(format)) => Ok((format, path.to_path_buf())),
            (asked, Some(DataFormat::Idx)) if asked == DataFormat::Idx => Ok((asked, path.to_path_buf())),
            (asked, _) if is_file(asked) => Ok((asked, path.to_path_buf())),
            _ => Err(not_a_folder(path)),
        };
    }
    match config.format {
        DataFormat::Cifar10 => Ok((DataFormat::Cifar10, below(path, CIFAR10))),
        DataFormat::Cifar100 => Ok((DataFormat::Cifar100, below(path, CIFAR100))),
        DataFormat::Auto => guess(path),
        DataFormat::Parquet if !parquet_files(path).is_empty() => {
            Ok((DataFormat::Parquet, path.to_path_buf()))
        }
        asked if is_file(asked) => Err(Error::data(
            path,
            "found a folder, expected a file",
            "name the file, or leave the format to be found out",
        )),
        asked => Ok((asked, path.to_path_buf())),
    }
}

/// Whether data of this format are one file.
fn is_file(format: DataFormat) -> bool {
    use DataFormat::{Csv, Npz, Parquet, Tar, Zip};
    matches!(format, Zip | Tar | Csv | Parquet | Npz)
}

/// The format of a file, by its name.
fn file_format(path: &Path) -> Option<DataFormat> {
    if idx::is_images_file(path) {
        return Some(DataFormat::Idx);
    }
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let formats = [
        (DataFormat::Zip, [".zip"].as_slice()),
        (DataFormat::Tar, &[".tar", ".tar.gz", ".tgz"]),
        (DataFormat::Csv, &[".csv", ".tsv"]),
        (DataFormat::Parquet, &[".parquet"]),
        (DataFormat::Npz, &[".npz"]),
    ];
    formats.into_iter().find(|(_, names)| ends(names)).map(|(format, _)| format)
}

const CIFAR10: &str = "cifar-10-batches-bin";
const CIFAR100: &str = "cifar-100-binary";

/// The folder `name` in `path` if it is there, else `path`.
fn below(path: &Path, name: &str) -> PathBuf {
    let inner = path.join(name);
    if inner.is_dir() { inner } else { path.to_path_buf() }
}

/// The format of a folder.
fn guess(path: &Path) -> Result<(DataFormat, PathBuf)> {
    let inner = below(path, CIFAR10);
    if inner.join("data_batch_1.bin").is_file() {
        return Ok((DataFormat::Cifar10, inner));
    }
    let inner = below(path, CIFAR100);
    if ["train.bin", "test.bin"].iter().all(|name| inner.join(name).is_file()) {
        return Ok((DataFormat::Cifar100, inner));
    }
    if fs::read_dir(path)
        .map_err(Error::io("read the folder", path))?
        .flatten()
        .any(|entry| idx::is_images_file(&entry.path()))
    {
        return Ok((DataFormat::Idx, path.to_path_buf()));
    }
    if !parquet_files(path).is_empty() {
        return Ok((DataFormat::Parquet, path.to_path_buf()));
    }
    for (python, binary) in [("cifar-10-batches-py", CIFAR10), ("cifar-100-python", CIFAR100)] {
        if path.ends_with(python) || path.join(python).is_dir() {
            return Err(Error::data(
                path,
                format!("found the Python version of CIFAR ({python}), which is pickled"),
                format!(
                    "download the binary version and name the folder {binary}, or give a folder of images"
                ),
            ));
        }
    }
    Ok((DataFormat::Folder, path.to_path_buf()))
}

/// The error for a path that is not there.
fn missing(path: &Path) -> Error {
    let parent = path.ancestors().skip(1).find(|parent| parent.exists());
    let parent = match parent {
        Some(parent) => parent.display().to_string(),
        None => ".".into(), // of a relative path
    };
    Error::data(
        path,
        format!("there is no such file or folder (the nearest folder that exists is {parent})"),
        "check the spelling; \"digits\" names the embedded digits",
    )
}

/// The error for a file where only a folder will do.
fn not_a_folder(path: &Path) -> Error {
    let name = path.to_string_lossy().to_lowercase();
    let packed = [".tar.xz", ".tar.bz2", ".tar.zst", ".7z", ".rar", ".zip", ".tar"]
        .iter()
        .any(|end| name.ends_with(end));
    if packed {
        return Error::data(
            path,
            "found an archive of a kind that is not read, expected ZIP, tar or tar.gz",
            "unpack it and name the folder it makes, or pack it as ZIP",
        );
    }
    Error::data(
        path,
        "found a file that is no data set, expected a folder of images",
        "name the folder that holds it (of files, .zip, .tar, .tar.gz, .csv, .parquet, .npz and <name>-images-idx3-ubyte[.gz] \
         are read on their own)",
    )
}
