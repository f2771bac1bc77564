//! Image files by their names.

use std::ffi::OsStr;
use std::path::Path;

/// What files are called that are decoded, in lower case.
pub(super) const EXTENSIONS: [&str; 16] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "bmp", "dib", "gif", "webp", "tif", "tiff", "ppm", "pgm",
    "pbm", "pnm",
];

/// What files of images are called that are not decoded.
const OTHERS: [&str; 29] = [
    "avif", "heic", "heif", "jp2", "j2k", "jpx", "jxl", "jxr", "ico", "icns", "svg", "svgz", "psd", "exr",
    "hdr", "tga", "dds", "raw", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "dcm", "nii", "pam",
];

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An image that is decoded.
    Image,
    /// An image of a kind that is not decoded.
    OtherImage,
    /// No image.
    NoImage,
}

/// What a file is, by its name.
pub fn file_kind(path: &Path) -> FileKind {
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_lowercase).unwrap_or_default();
    if is_decoded(&extension) {
        FileKind::Image
    } else if OTHERS.contains(&extension.as_str()) {
        FileKind::OtherImage
    } else {
        FileKind::NoImage
    }
}

/// Whether a file is called like an image that can be read.
pub fn is_image(path: &Path) -> bool {
    file_kind(path) == FileKind::Image
}

/// Whether files with this extension, in lower case, are decoded.
pub(super) fn is_decoded(extension: &str) -> bool {
    EXTENSIONS.contains(&extension)
}
