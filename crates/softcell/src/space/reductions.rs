//! Where in its depth a network halves the resolution.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wording::excerpt;
use crate::error::{Error, Result};

/// Most reductions of a network.
const MOST: usize = 4;
/// Largest denominator of a fraction.
const FINEST: u8 = 100;

/// Fractions of the depth at which the resolution is halved and channels double: for a fraction p/q of L cells at cell
/// ⌊L·p/q⌋ (from 0). Serde writes them as a list of texts: `["1/3", "2/3"]`.
///
/// They hold for a supernet and for a trained network of another depth alike.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct Reductions {
    /// Numerator and denominator, in rising order; what is unused is 0/0.
    fractions: [(u8, u8); MOST],
}

impl Reductions {
    /// One third and two thirds: DARTS (Liu et al. 2019), NAS-Bench-201 (Dong & Yang 2020).
    pub const THIRDS: Reductions = Reductions { fractions: [(1, 3), (2, 3), (0, 0), (0, 0)] };

    /// None: all cells see the same resolution.
    pub const NONE: Reductions = Reductions { fractions: [(0, 0); MOST] };

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == Reductions::NONE
    }

    /// Whether the resolution is halved at cell `i` (from 0) of so many.
    pub fn halves_at(self, i: usize, n_cells: usize) -> bool {
        self.iter().any(|(p, q)| i == n_cells * usize::from(p) / usize::from(q))
    }

    fn iter(self) -> impl Iterator<Item = (u8, u8)> {
        self.fractions.into_iter().filter(|&(_, q)| q > 0)
    }

    /// The fractions as texts: `1/3`.
    pub fn texts(self) -> Vec<String> {
        self.iter().map(|(p, q)| format!("{p}/{q}")).collect()
    }

    /// Reads fractions as [`Self::texts`] writes them.
    ///
    /// # Errors
    /// [`Error::Setting`] for what is no fraction from 0 to below 1, does not rise, or is too many.
    pub fn of_texts<T: AsRef<str>>(texts: &[T]) -> Result<Reductions> {
        let all = || texts.iter().map(|text| text.as_ref().to_owned()).collect::<Vec<_>>().join(", ");
        let fault = |found: String| {
            let expected = format!(
                "at most {MOST} fractions of the depth such as 1/3, rising, from 0 to below 1, with denominators up to \
                 {FINEST}"
            );
            Error::setting("reductions", found, expected)
        };
        let mut fractions = [(0, 0); MOST];
        if texts.len() > MOST {
            return Err(fault(excerpt(&all(), 64)));
        }
        for (place, text) in fractions.iter_mut().zip(texts) {
            *place = fraction(text.as_ref()).ok_or_else(|| fault(excerpt(text.as_ref(), 32)))?;
        }
        let rises = fractions[..texts.len()].windows(2).all(|pair| {
            let [(p, q), (r, s)] = [pair[0], pair[1]].map(|(p, q)| (u32::from(p), u32::from(q)));
            p * s < r * q
        });
        if rises { Ok(Reductions { fractions }) } else { Err(fault(excerpt(&all(), 64))) }
    }
}

/// `p/q` with 0 ≤ p < q.
fn fraction(text: &str) -> Option<(u8, u8)> {
    let (p, q) = text.trim().split_once('/')?;
    let (p, q) = (u8::from_str(p.trim()).ok()?, u8::from_str(q.trim()).ok()?);
    (p < q && q <= FINEST).then_some((p, q))
}

impl fmt::Display for Reductions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.texts().join(", "))
    }
}

impl Serialize for Reductions {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.texts().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Reductions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        Reductions::of_texts(&texts).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_the_depth() {
        let at = |texts: &[&str], n: usize| {
            let reductions = Reductions::of_texts(texts).unwrap();
            assert_eq!(reductions.texts(), texts);
            (0..n).filter(|&i| reductions.halves_at(i, n)).collect::<Vec<_>>()
        };
        assert_eq!(at(&["1/3", "2/3"], 8), [2, 5]);
        assert_eq!(at(&["1/3", "2/3"], 15), [5, 10]);
        assert_eq!(at(&["0/1"], 4), [0]);
        assert_eq!(at(&["1/2"], 5), [2]);
        assert_eq!(at(&["1/4", "1/2", "3/4"], 4), [1, 2, 3]);
        assert_eq!(at(&[], 4), [0usize; 0]);
        assert_eq!(Reductions::of_texts(&["1/3", " 2 / 3 "]).unwrap(), Reductions::THIRDS);
        assert_eq!(Reductions::of_texts::<&str>(&[]).unwrap(), Reductions::NONE);
    }

    #[test]
    fn what_is_no_fraction_is_refused() {
        for texts in [
            &["1"][..],
            &["3/3"],
            &["2/3", "1/3"],
            &["1/3", "2/6"],
            &["1/0"],
            &["-1/3"],
            &["1/101"],
            &["1/300"],
            &["1/9", "2/9", "3/9", "4/9", "5/9"],
        ] {
            let error = Reductions::of_texts(texts).unwrap_err().to_string();
            assert!(error.contains("fractions of the depth"), "{error}");
        }
    }
}
