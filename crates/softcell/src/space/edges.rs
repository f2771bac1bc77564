//! Numbers for the candidates of each edge: alphas, what they become, and the gradients of both.
//!
//! All are rows of a type of cell, a row for each edge, a column for each of its candidates. What one is must not be
//! taken for another, so each has a type.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::by_cell::ByCell;

/// Rows of numbers, by types of cells.
pub type Rows<N> = ByCell<Vec<Vec<N>>>;

impl<N> Rows<N> {
    /// All numbers, cell by cell, row by row.
    pub fn values(&self) -> impl Iterator<Item = &N> {
        self.cells().flatten().flatten()
    }

    /// All numbers, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut N> {
        self.cells_mut().flatten().flatten()
    }

    /// How long each row is.
    pub fn lengths(&self) -> ByCell<Vec<usize>> {
        self.map(|rows| rows.iter().map(Vec::len).collect())
    }

    /// Other numbers in the same rows.
    pub fn map_values<M>(&self, mut number: impl FnMut(&N) -> M) -> Rows<M> {
        self.map(|rows| rows.iter().map(|row| row.iter().map(&mut number).collect()).collect())
    }
}

macro_rules! rows {
    ($(#[$doc:meta])* $name:ident of $number:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct $name(pub Rows<$number>);

        impl Deref for $name {
            type Target = Rows<$number>;

            fn deref(&self) -> &Rows<$number> {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Rows<$number> {
                &mut self.0
            }
        }

        impl<N: Into<String>> FromIterator<(N, Vec<Vec<$number>>)> for $name {
            fn from_iter<I: IntoIterator<Item = (N, Vec<Vec<$number>>)>>(cells: I) -> Self {
                $name(cells.into_iter().collect())
            }
        }
    };
}

rows! {
    /// Alphas, the architecture parameters: what a search learns about the edges. How they become weights, and whether
    /// there are more rows than edges, is the method's (`search::method::Relaxation`).
    Alphas of f32
}

rows! {
    /// What multiplies each candidate's output: `[edge][candidate]`, alphas after relaxation. The network takes them
    /// in f32, and so do files.
    EdgeWeights of f64
}

rows! {
    /// ∂L/∂w of [`EdgeWeights`].
    EdgeGradient of f64
}

rows! {
    /// ∂L/∂α of [`Alphas`].
    AlphaGradient of f64
}

/// Which operations of a supernet run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Paths {
    /// All, whatever they weigh.
    #[default]
    All,
    /// Those whose weight is not 0. To the others the network's tensors are as if they were not there: their weights
    /// and their edge weights have no gradient, their running statistics stay.
    Chosen,
}

impl Serialize for Alphas {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Alphas {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Rows::deserialize(deserializer).map(Alphas)
    }
}

impl Serialize for EdgeWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.map_values(|&weight| weight as f32).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EdgeWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weights: Rows<f32> = Rows::deserialize(deserializer)?;
        Ok(EdgeWeights(weights.map_values(|&weight| f64::from(weight))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of histories that earlier versions wrote, with rows of two lengths.
    #[test]
    fn the_form_in_files() {
        let text = r#"{"normal":[[0.1,0.25],[1.0]],"reduction":[[0.3]]}"#;
        let alphas: Alphas = serde_json::from_str(text).unwrap();
        let weights: EdgeWeights = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&alphas).unwrap(), text);
        assert_eq!(serde_json::to_string(&weights).unwrap(), text);
        assert_eq!(alphas.values().copied().collect::<Vec<_>>(), [0.1, 0.25, 1.0, 0.3]);
        assert_eq!(weights.values().next(), Some(&f64::from(0.1f32)));
        let lengths: ByCell<Vec<usize>> =
            [("normal", vec![2, 1]), ("reduction", vec![1])].into_iter().collect();
        assert_eq!((alphas.lengths(), weights.lengths()), (lengths.clone(), lengths));
    }
}
