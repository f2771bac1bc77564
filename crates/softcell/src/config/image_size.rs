//! The `image_size` setting: `auto`, `32` or `24x32`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The size that images are brought to, read from [`DataConfig::image_size`](super::DataConfig).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    /// The size the images have.
    Auto,
    /// This size, in pixels.
    Fixed {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
}

impl ImageSize {
    /// Largest side, in pixels; more is surely a slip of the finger.
    pub const MAX_SIDE: usize = 4096;
}

impl FromStr for ImageSize {
    type Err = Error;

    /// Reads `auto`, `SIDE` or `HEIGHTxWIDTH`.
    fn from_str(text: &str) -> Result<ImageSize> {
        if text == "auto" {
            return Ok(ImageSize::Auto);
        }
        let side = |text: &str| text.parse::<usize>().ok().filter(|side| (1..=Self::MAX_SIDE).contains(side));
        let size = match text.split_once('x') {
            None => side(text).map(|side| (side, side)),
            Some((height, width)) => side(height).zip(side(width)),
        };
        size.map(|(height, width)| ImageSize::Fixed { height, width }).ok_or_else(|| {
            Error::setting(
                "data.image_size",
                text,
                format!(
                    "auto, a side such as 32 or HEIGHTxWIDTH such as 24x32, each 1 to {} pixels",
                    Self::MAX_SIDE
                ),
            )
        })
    }
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImageSize::Auto => f.write_str("auto"),
            ImageSize::Fixed { height, width } if height == width => write!(f, "{height}"),
            ImageSize::Fixed { height, width } => write!(f, "{height}x{width}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_three_forms() {
        for (text, size) in [
            ("auto", ImageSize::Auto),
            ("32", ImageSize::Fixed { height: 32, width: 32 }),
            ("24x32", ImageSize::Fixed { height: 24, width: 32 }),
        ] {
            assert_eq!(text.parse::<ImageSize>().unwrap(), size);
            assert_eq!(size.to_string(), text);
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "0", "32x", "x32", "0x4", "3x3x3", "32 x 32", "-4", "big", "5000", "Auto"] {
            assert!(text.parse::<ImageSize>().is_err(), "{text:?} was accepted");
        }
    }
}
