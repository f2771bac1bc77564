//! A folder of images.

use std::path::Path;

use walkdir::WalkDir;

use super::super::fault::{Fault, Problems};
use super::super::kinds::{FileKind, file_kind};
use super::catalogue::Catalogue;
use super::store::{Place, Store};
use super::tree::{Tree, Wrapping, name_of};
use crate::error::{Error, Result};

/// Lists the images of a folder.
pub(super) fn folder(root: &Path) -> Result<Catalogue> {
    // What is wrong with the root itself is told at once.
    std::fs::read_dir(root).map_err(Error::io("read the folder", root))?;
    let mut tree = Tree::default();
    let mut problems = Problems::default();
    let visible = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        !name.starts_with('.') && name != "__MACOSX"
    };
    let mut walk = WalkDir::new(root).follow_links(true).sort_by_file_name().min_depth(1).into_iter();
    while let Some(entry) = walk.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let place = error.path().unwrap_or(root).display().to_string();
                let hidden = error.path().and_then(Path::file_name).is_some_and(|name| !visible(name));
                if hidden {
                    tree.ignore();
                } else if error.loop_ancestor().is_some() {
                    problems.add("a link leads in a circle and is not followed", place);
                } else {
                    let why = error.io_error().map_or(Fault::Missing, Fault::of_io);
                    let named_as_image = error.path().is_some_and(|path| file_kind(path) == FileKind::Image);
                    let what = if named_as_image { "an image" } else { "a file or folder" };
                    problems.add(format!("{what} cannot be looked at: {}", why.what()), place);
                }
                continue;
            }
        };
        if !visible(entry.file_name()) {
            tree.ignore();
            if entry.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        let path = entry.path();
        let inside = path.strip_prefix(root).unwrap_or(path);
        if entry.file_type().is_dir() {
            tree.folder(inside);
        } else if !entry.file_type().is_file() && file_kind(path) != FileKind::NoImage {
            // Reading it could wait for ever.
            problems.add(
                "what is named like an image is no file (a pipe, socket or device)",
                name_of(inside.as_os_str()),
            );
        } else {
            tree.file(inside, || Place::File(path.to_path_buf()));
        }
    }
    tree.catalogue(root, Wrapping::None, Store::Files, problems)
}
