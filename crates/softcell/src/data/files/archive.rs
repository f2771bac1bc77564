//! ZIP and tar archives of folders of images, read where they lie.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use super::super::fault::Problems;
use super::super::positioned::Positioned;
use super::catalogue::Catalogue;
use super::store::{Place, Store};
use super::tree::{Tree, Wrapping};
use crate::error::{Error, Result};
use crate::reading::open_file;

/// Lists the images of a ZIP archive.
pub(super) fn zip(path: &Path) -> Result<Catalogue> {
    let file = open_file(path).and_then(Positioned::new).map_err(Error::io("read", path))?;
    let archive = ZipArchive::new(file).map_err(|error| damaged(path, "ZIP", &error))?;
    let mut tree = Tree::default();
    for index in 0..archive.len() {
        let Some(Ok(name)) = archive.name_for_index(index).map(|name| name.map(|n| n.into_owned())) else {
            tree.ignore();
            continue;
        };
        note(&mut tree, &name, name.ends_with('/'), || Place::Member(index));
    }
    tree.catalogue(path, Wrapping::Allowed, Store::Zip(archive), Problems::default())
}

/// Lists the images of a tar archive. One that is compressed with gzip is first unpacked to a file without a name in
/// the system's folder of temporary files, which goes with this process.
pub(super) fn tar(path: &Path) -> Result<Catalogue> {
    let mut file = open_file(path).map_err(Error::io("read", path))?;
    let mut start = [0; 2];
    let packed = file.read(&mut start).map_err(Error::io("read", path))? == 2 && start == [0x1f, 0x8b];
    let file = if packed { unpacked(path)? } else { file };
    let reader = file.try_clone().and_then(Positioned::new).map_err(Error::io("read", path))?;
    let mut archive = tar::Archive::new(BufReader::new(reader));
    let (mut tree, mut some) = (Tree::default(), false);
    for entry in archive.entries_with_seek().map_err(|error| damaged(path, "tar", &error))? {
        let entry = entry.map_err(|error| damaged(path, "tar", &error))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let kind = entry.header().entry_type();
        some = true;
        if kind.is_file() || kind.is_dir() {
            let place = Place::Slice(entry.raw_file_position(), entry.size());
            note(&mut tree, &name, kind.is_dir(), || place);
        }
    }
    if !some {
        return Err(Error::data(path, "the tar archive is empty", "download or pack it again"));
    }
    tree.catalogue(path, Wrapping::Allowed, Store::Blob(Arc::new(file)), Problems::default())
}

/// Notes a member by its name in the archive.
fn note(tree: &mut Tree, name: &str, folder: bool, place: impl FnOnce() -> Place) {
    let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.iter().any(|part| part.starts_with('.') || *part == "__MACOSX") {
        tree.ignore();
        return;
    }
    let path = parts.iter().collect::<std::path::PathBuf>();
    if folder { tree.folder(&path) } else { tree.file(&path, place) }
}

/// The content of a gzip file, in a file without a name.
fn unpacked(path: &Path) -> Result<File> {
    let packed = open_file(path).map_err(Error::io("read", path))?;
    let folder = std::env::temp_dir();
    let file = tempfile::tempfile().map_err(Error::io("create a temporary file in", &folder))?;
    let mut reader = MultiGzDecoder::new(BufReader::new(packed));
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n = reader.read(&mut buffer).map_err(|error| damaged(path, "gzip", &error))?;
        if n == 0 {
            break;
        }
        writer.write_all(&buffer[..n]).map_err(Error::io("unpack the archive to", &folder))?;
    }
    writer.into_inner().map_err(|e| e.into_error()).map_err(Error::io("unpack the archive to", &folder))
}

fn damaged(path: &Path, kind: &str, error: &dyn std::error::Error) -> Error {
    let problem = format!("the {kind} archive is cut off, damaged or of another kind ({error})");
    Error::data(path, problem, "download or pack it again, or unpack it and name the folder")
}
