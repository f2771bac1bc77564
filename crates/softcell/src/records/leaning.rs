//! What alphas stand for at the moment.

use std::fmt;
use std::ops::Deref;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Result;
use crate::search::method::Method;
use crate::space::{ByCell, CellGene, EdgeWeights, Genotype, SearchSpace, entropy};

/// What edge weights stand for: how undecided they are, and the genotype that they give.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaning {
    /// How far each type of cell is decided.
    pub cells: CellLeanings,
    /// The genotype.
    pub genotype: Genotype,
}

/// How far a type of cell is decided.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellLeaning {
    /// Mean entropy of its edges, in nats.
    pub entropy: f32,
    /// Skip connections that the genotype has in it.
    pub skips: usize,
}

/// How far each type of cell is decided.
///
/// In files and in JSON it is flat: `entropy_normal`, `entropy_reduction`, `skips_normal`, `skips_reduction`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CellLeanings(pub ByCell<CellLeaning>);

impl Leaning {
    /// The genotype is the one that the method selects.
    ///
    /// # Errors
    /// As [`Method::select`].
    pub fn of(weights: &EdgeWeights, space: &SearchSpace, method: &Method) -> Result<Leaning> {
        let genotype = method.select(weights, space)?;
        let skips = |name: &str| genotype.cells.get(name).map_or(0, CellGene::n_skips);
        let cell = |(name, rows): (&str, &Vec<Vec<f64>>)| {
            (name.to_owned(), CellLeaning { entropy: entropy(rows), skips: skips(name) })
        };
        let cells = CellLeanings(weights.iter().map(cell).collect());
        Ok(Leaning { cells, genotype })
    }
}

impl Deref for CellLeanings {
    type Target = ByCell<CellLeaning>;

    fn deref(&self) -> &ByCell<CellLeaning> {
        &self.0
    }
}

impl<N: Into<String>> FromIterator<(N, CellLeaning)> for CellLeanings {
    fn from_iter<I: IntoIterator<Item = (N, CellLeaning)>>(cells: I) -> Self {
        CellLeanings(cells.into_iter().collect())
    }
}

const ENTROPY: &str = "entropy_";
const SKIPS: &str = "skips_";

impl Serialize for CellLeanings {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2 * self.len()))?;
        for (name, cell) in self.iter() {
            map.serialize_entry(&format!("{ENTROPY}{name}"), &cell.entropy)?;
        }
        for (name, cell) in self.iter() {
            map.serialize_entry(&format!("{SKIPS}{name}"), &cell.skips)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for CellLeanings {
    /// Other keys are not looked at.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Flat;

        impl<'de> Visitor<'de> for Flat {
            type Value = CellLeanings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("entropies and skips of cells")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> std::result::Result<CellLeanings, M::Error> {
                let (mut entropies, mut skips) = (Vec::new(), Vec::new());
                while let Some(key) = map.next_key::<String>()? {
                    if let Some(name) = key.strip_prefix(ENTROPY) {
                        entropies.push((name.to_owned(), map.next_value::<f32>()?));
                    } else if let Some(name) = key.strip_prefix(SKIPS) {
                        skips.push((name.to_owned(), map.next_value::<usize>()?));
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                let (entropies, skips): (ByCell<f32>, ByCell<usize>) =
                    (entropies.into_iter().collect(), skips.into_iter().collect());
                if entropies.is_empty() {
                    return Err(M::Error::custom(format!("no `{ENTROPY}` of any cell")));
                }
                let cell = |(name, &entropy): (&str, &f32)| match skips.get(name) {
                    Some(&skips) => Ok((name.to_owned(), CellLeaning { entropy, skips })),
                    None => Err(M::Error::custom(format!("missing field `{SKIPS}{name}`"))),
                };
                entropies.iter().map(cell).collect()
            }
        }

        deserializer.deserialize_map(Flat)
    }
}

/// A genotype in the original's text.
pub(super) mod genotype_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::space::{Genotype, parse_genotype};

    pub fn serialize<S: Serializer>(genotype: &Genotype, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&genotype.to_text())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Genotype, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_genotype(&text).map_err(|error| D::Error::custom(format!("genotype: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_in_files() {
        let cells: CellLeanings = [
            ("normal", CellLeaning { entropy: 1.5, skips: 2 }),
            ("reduction", CellLeaning { entropy: 0.1, skips: 0 }),
        ]
        .into_iter()
        .collect();
        let text = serde_json::to_string(&cells).unwrap();
        assert_eq!(
            text,
            r#"{"entropy_normal":1.5,"entropy_reduction":0.1,"skips_normal":2,"skips_reduction":0}"#
        );
        assert_eq!(serde_json::from_str::<CellLeanings>(&text).unwrap(), cells);
        let with_others = text.replace("{", r#"{"seconds":1.5,"#);
        assert_eq!(serde_json::from_str::<CellLeanings>(&with_others).unwrap(), cells);
        for bad in [r#"{"entropy_normal":1.5}"#, r#"{"skips_normal":1}"#, r#"{"entropy_a":1,"skips_a":-1}"#] {
            assert!(serde_json::from_str::<CellLeanings>(bad).is_err(), "{bad}");
        }
    }
}
