//! Edge weights on the device: the leaf of the graph.

use burn::tensor::{Device, FloatDType, Gradients, Tensor, TensorData};

use crate::space::{EdgeGradient, EdgeWeights, Paths};

/// [`EdgeWeights`] as the network takes them.
#[derive(Debug, Clone)]
pub struct EdgeTensors {
    /// For each type of cell, in the order of the space: all rows one after another, `[Σ candidates of the edges]`,
    /// in f32.
    pub cells: Vec<Tensor<1>>,
    /// For each type of cell, which candidates run, in the same order; all of them without it.
    pub running: Option<Vec<Vec<bool>>>,
}

impl EdgeTensors {
    /// Constants of the graph; all operations run.
    pub fn new(weights: &EdgeWeights, device: &Device) -> Self {
        Self::along(weights, Paths::All, device)
    }

    /// Constants of the graph.
    pub fn along(weights: &EdgeWeights, paths: Paths, device: &Device) -> Self {
        let flat = |rows: &Vec<Vec<f64>>| {
            let values: Vec<f32> = rows.iter().flatten().map(|&weight| weight as f32).collect();
            let n = values.len();
            Tensor::from_data(TensorData::new(values, [n]), device)
        };
        let chosen =
            |rows: &Vec<Vec<f64>>| rows.iter().flatten().map(|&weight| weight as f32 != 0.0).collect();
        Self {
            cells: weights.cells().map(flat).collect(),
            running: (paths == Paths::Chosen).then(|| weights.cells().map(chosen).collect()),
        }
    }

    /// The same as leaves that have a gradient; the device is one for autodiff.
    pub fn require_grad(self) -> Self {
        Self { cells: self.cells.into_iter().map(Tensor::require_grad).collect(), ..self }
    }

    /// The gradient after a backward pass, in the rows of `weights`; zero for a cell that took no part and for what did
    /// not run.
    ///
    /// # Panics
    /// If the tensors were made of other weights.
    pub fn gradient(&self, gradients: &Gradients, weights: &EdgeWeights) -> EdgeGradient {
        let rows = |(tensor, (name, rows)): (&Tensor<1>, (&str, &Vec<Vec<f64>>))| {
            let values = tensor.grad(gradients).map(|gradient| {
                let values = gradient.cast(FloatDType::F64).into_data();
                values.try_to_vec::<f64>().expect("it was cast")
            });
            let mut values = values.into_iter().flatten();
            let mut row = |row: &Vec<f64>| row.iter().map(|_| values.next().unwrap_or(0.0)).collect();
            (name.to_owned(), rows.iter().map(&mut row).collect())
        };
        assert_eq!(self.cells.len(), weights.len(), "the tensors are of these weights");
        self.cells.iter().zip(weights.iter()).map(rows).collect()
    }
}
