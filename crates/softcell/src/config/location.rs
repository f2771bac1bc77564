//! Paths as texts of the settings, which are UTF-8: file systems know others.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What the text of a path begins with that is not UTF-8: the rest has `%` and two hexadecimal digits in place of each
/// byte that is not, and of `%` itself. A folder whose own name begins so is written with `./` in front.
const BYTES: &str = "bytes:";

/// The path as a text that [`path_of_text`] reads: `photos`, or `bytes:caf%E9` where it is not UTF-8.
pub fn path_to_text(path: &Path) -> String {
    word_to_text(path.as_os_str())
}

/// A word of the command line as a text, with which the same can be asked for again: as [`path_to_text`], also where
/// the path stands behind the name of its flag.
pub fn word_to_text(word: &OsStr) -> String {
    if let Some(text) = word.to_str() {
        return text.to_owned();
    }
    let bytes = word.as_encoded_bytes();
    let equals = bytes.iter().position(|&byte| byte == b'=').filter(|_| bytes.starts_with(b"--"));
    let flag = equals.and_then(|at| std::str::from_utf8(&bytes[..=at]).ok()).unwrap_or_default();
    let mut text = format!("{flag}{BYTES}");
    for chunk in bytes[flag.len()..].utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("%{byte:02X}")));
    }
    text
}

/// The path that a text stands for.
pub fn path_of_text(text: &str) -> PathBuf {
    match text.strip_prefix(BYTES).and_then(bytes_of) {
        Some(bytes) => path_of_bytes(bytes).unwrap_or_else(|| text.into()),
        None => text.into(),
    }
}

/// The bytes; none where `%` is not followed by two digits.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let digits = Some(digits).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

#[cfg(unix)]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_paths_as_they_are() {
        for text in
            ["photos", "caf\u{e9}/50 %", "bytes", "bytes:50%", "bytes:%zz", "bytes:%+1", "./bytes:%41", ""]
        {
            assert_eq!(path_of_text(text), Path::new(text), "{text}");
            assert_eq!(path_to_text(Path::new(text)), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn paths_that_are_not_utf_8_come_back() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(OsStr::from_bytes(b"a/caf\xe9 50%\xff"));
        assert_eq!(path_to_text(path), "bytes:a/caf%E9 50%25%FF");
        assert_eq!(path_of_text("bytes:a/caf%E9 50%25%FF"), path);
        assert_eq!(word_to_text(OsStr::from_bytes(b"--data=caf\xe9")), "--data=bytes:caf%E9");
    }
}
