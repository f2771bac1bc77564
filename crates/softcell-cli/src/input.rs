//! The images that `predict` is asked about, those from standard input among them.

use std::ffi::OsString;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use softcell::data::read_image_stream;
use softcell::model::Image;
use softcell::program::reading::MOST_OF_A_TEXT;
use softcell::program::shown;

use crate::args::PredictArgs;

/// What stands for standard input.
const STDIN: &str = "-";
/// What errors call it.
const NAME: &str = "standard input";

/// What was asked about.
pub struct Input {
    /// Images, folders and patterns, in order; [`STDIN`] among them where it holds an image.
    pub named: Vec<PathBuf>,
    /// The image on standard input.
    piped: Option<Vec<u8>>,
}

impl Input {
    /// Reads what is on standard input, and the list of images if there is one.
    ///
    /// # Errors
    /// Standard input that is a terminal, holds nothing or more than an image, or is to be image and list at once; a list
    /// that cannot be read or names nothing.
    pub fn of(args: &PredictArgs, most_pixels: usize) -> Result<Input> {
        let mut named = args.images.clone();
        let list_is_piped = args.files_from.as_deref().is_some_and(is_stdin);
        if list_is_piped && named.iter().any(|path| is_stdin(path)) {
            bail!(
                "{NAME} cannot be an image and the list of --files-from at once: write one of the two to a file"
            );
        }
        if let Some(list) = &args.files_from {
            let listed = listed(&bytes_of(list)?);
            if listed.is_empty() && named.is_empty() {
                bail!("{} names no image: write one path a line", name_of(list));
            }
            // In a list, as from `find`, a name stands for itself.
            named.extend(
                listed.into_iter().map(|path| if is_stdin(&path) { Path::new(".").join(path) } else { path }),
            );
        }
        let piped = match args.images.iter().any(|path| is_stdin(path)) {
            true => Some(read_image_stream(stdin("an image")?, Path::new(NAME), most_pixels)?),
            false => None,
        };
        Ok(Input { named, piped })
    }

    /// The image that a path stands for.
    pub fn image(&self, path: PathBuf) -> Image {
        match &self.piped {
            Some(bytes) if is_stdin(&path) => {
                Image::Bytes { path, name: PathBuf::from(NAME), bytes: bytes.clone() }
            }
            _ => Image::Path(path),
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

fn name_of(path: &Path) -> String {
    if is_stdin(path) { NAME.to_owned() } else { shown::path(path).to_string() }
}

/// Standard input, if something is piped into it.
fn stdin(what: &str) -> Result<std::io::StdinLock<'static>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        bail!(
            "{NAME} is a terminal: pipe {what} into it, such as with `<`, or name files in place of `{STDIN}`"
        );
    }
    Ok(stdin.lock())
}

/// The bytes of a list of paths, which need not be text.
fn bytes_of(list: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read the list of images in {}", name_of(list));
    let mut bytes = Vec::new();
    let read =
        |stream: &mut dyn Read, bytes: &mut Vec<u8>| stream.take(MOST_OF_A_TEXT + 1).read_to_end(bytes);
    match is_stdin(list) {
        true => read(&mut stdin("paths")?, &mut bytes),
        false => std::fs::File::open(list).and_then(|mut file| read(&mut file, &mut bytes)),
    }
    .with_context(cannot)?;
    if bytes.len() as u64 > MOST_OF_A_TEXT {
        bail!("{}: more than {MOST_OF_A_TEXT} bytes, too much for a list of images", cannot());
    }
    Ok(bytes)
}

/// The paths of a list: what ends with a zero byte where there is one, else what stands on each line.
fn listed(bytes: &[u8]) -> Vec<PathBuf> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let path = |entry: &[u8]| {
        let entry = if end == b'\n' { entry.strip_suffix(b"\r").unwrap_or(entry) } else { entry };
        (!entry.is_empty()).then(|| PathBuf::from(os_string(entry)))
    };
    bytes.split(|&byte| byte == end).filter_map(path).collect()
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_lines_or_zero_bytes() {
        let paths =
            |bytes: &[u8]| listed(bytes).iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(paths(b"a.png\nb c.png\r\n\nd.png"), ["a.png", "b c.png", "d.png"]);
        assert_eq!(paths(b"a\nb.png\0c.png\0"), ["a\nb.png", "c.png"]);
        assert!(paths(b"").is_empty() && paths(b"\n\n").is_empty());
    }
}
