//! Something for each type of cell, by its name, in order.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::topology::CellKind;

/// A value for each type of cell: its name and what belongs to it, in the order of the space (`normal`, `reduction`).
///
/// Serde writes and reads it as a map in that order: `{"normal": …, "reduction": …}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ByCell<T>(Vec<(String, T)>);

impl<T> Default for ByCell<T> {
    fn default() -> Self {
        ByCell(Vec::new())
    }
}

impl<T> ByCell<T> {
    /// What belongs to the type of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(cell, _)| *cell == name).map(|(_, value)| value)
    }

    /// What belongs to the type of this name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|(cell, _)| cell == name).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The type whose cells make up most of a network: the normal one, or else the first; none where there is none.
    pub fn foremost(&self) -> Option<&str> {
        let normal = CellKind::Normal.name();
        self.names().find(|name| *name == normal).or(self.names().next())
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Name and value of each type, the value to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut T)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// The values in order.
    pub fn cells(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values in order, to be changed.
    pub fn cells_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// Number of types.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no type of cell.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Another value for each type.
    pub fn map<U>(&self, mut value: impl FnMut(&T) -> U) -> ByCell<U> {
        self.iter().map(|(name, old)| (name, value(old))).collect()
    }
}

impl<T, N: Into<String>> FromIterator<(N, T)> for ByCell<T> {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(cells: I) -> Self {
        ByCell(cells.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl<T: Serialize> Serialize for ByCell<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByCell<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Cells<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Cells<T> {
            type Value = ByCell<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map by types of cells")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ByCell<T>, M::Error> {
                let mut cells: Vec<(String, T)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if cells.iter().any(|(other, _)| *other == name) {
                        return Err(M::Error::custom(format!("the cell `{name}` twice")));
                    }
                    cells.push((name, map.next_value()?));
                }
                Ok(ByCell(cells))
            }
        }

        deserializer.deserialize_map(Cells(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays() {
        let cells: ByCell<usize> = [("normal", 2), ("a", 1)].into_iter().collect();
        let text = serde_json::to_string(&cells).unwrap();
        assert_eq!(text, r#"{"normal":2,"a":1}"#);
        assert_eq!(serde_json::from_str::<ByCell<usize>>(&text).unwrap(), cells);
        assert_eq!((cells.get("a"), cells.get("b"), cells.len()), (Some(&1), None, 2));
        assert_eq!(cells.map(|n| n * 2).cells().copied().collect::<Vec<_>>(), [4, 2]);
        assert!(serde_json::from_str::<ByCell<usize>>(r#"{"a":1,"a":2}"#).is_err());
    }
}
