//! The embedded handwritten digits: 1,797 grayscale images of 8x8.

use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;

use super::arrays::places;
use super::set::ImageSet;
use super::source::Source;
use crate::config::DataFormat;

/// UCI Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak; CC BY 4.0), as scikit-learn
/// ships it: 64 values of 0 to 16 and the digit, one image a line.
static CSV: &[u8] = include_bytes!("../../assets/digits.csv.gz");

const SIDE: usize = 8;

/// All of them, as the training part; there is no test part.
pub(super) fn read() -> Source {
    let mut text = String::new();
    GzDecoder::new(CSV).read_to_string(&mut text).expect("the embedded digits unpack");
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut values =
            line.split(',').map(|value| value.parse::<u16>().expect("the embedded digits are whole numbers"));
        pixels.extend(values.by_ref().take(SIDE * SIDE).map(byte));
        labels.extend(values.map(u32::from));
    }
    let classes = Arc::new((0..10).map(|digit| digit.to_string()).collect());
    let train = ImageSet::new(classes, [1, SIDE, SIDE], pixels, labels);
    let train_names = places("digits", train.len());
    Source { train_names, ..Source::new(DataFormat::Digits, train, None, Vec::new()) }
}

/// 0 to 16 as 0 to 255, rounded.
fn byte(value: u16) -> u8 {
    ((value * 255 + 8) / 16) as u8
}
