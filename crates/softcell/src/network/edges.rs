//! Edge weights on the device: the leaf of the graph.

use burn::tensor::{DType, Device, FloatDType, Gradients, Tensor, TensorData};

use crate::space::{EdgeGradient, EdgeWeights, Paths};

/// [`EdgeWeights`] as the network takes them.
#[derive(Debug, Clone)]
pub struct EdgeTensors {
    /// For each type of cell, in the order of the space: all rows one after another, `[Σ candidates of the edges]`,
    /// in f32; where the cells are apart, the same for each cell of the network.
    pub cells: Vec<Tensor<1>>,
    /// The type of each cell of the network, where each has weights of its own.
    pub apart: Option<Vec<usize>>,
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
        Self { cells: weights.cells().map(flat).collect(), apart: None, running: running(weights, paths) }
    }

    /// The same with weights of its own for each cell of a network, which has a cell of these types in this order:
    /// those of its type, and `factor` times what `more` has for it. In f64 they keep all digits.
    pub fn apart(
        weights: &EdgeWeights,
        paths: Paths,
        types: &[usize],
        more: Option<(f64, &[Vec<f64>])>,
        (device, dtype): (&Device, DType),
    ) -> Self {
        let by_type: Vec<&Vec<Vec<f64>>> = weights.cells().collect();
        let cell = |(at, &kind): (usize, &usize)| {
            let values = by_type[kind].iter().flatten().copied();
            let values: Vec<f64> = match more {
                None => values.collect(),
                Some((factor, more)) => values.zip(&more[at]).map(|(w, d)| w + factor * d).collect(),
            };
            let n = values.len();
            Tensor::from_data(TensorData::new(values, [n]), (device, dtype))
        };
        let cells = types.iter().enumerate().map(cell).collect();
        Self { cells, apart: Some(types.to_vec()), running: running(weights, paths) }
    }

    /// The gradient after a backward pass for each of [`Self::cells`]; zero for what took no part.
    pub fn gradients(&self, gradients: &Gradients) -> Vec<Vec<f64>> {
        let values = |tensor: &Tensor<1>| match tensor.grad(gradients) {
            None => vec![0.0; tensor.dims()[0]],
            Some(gradient) => {
                let values = gradient.cast(FloatDType::F64).into_data();
                values.try_to_vec::<f64>().expect("it was cast")
            }
        };
        self.cells.iter().map(values).collect()
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
        let rows = |(values, (name, rows)): (Vec<f64>, (&str, &Vec<Vec<f64>>))| {
            let mut values = values.into_iter();
            let mut row = |row: &Vec<f64>| values.by_ref().take(row.len()).collect();
            (name.to_owned(), rows.iter().map(&mut row).collect())
        };
        assert!(
            self.apart.is_none() && self.cells.len() == weights.len(),
            "the tensors are of these weights"
        );
        self.gradients(gradients).into_iter().zip(weights.iter()).map(rows).collect()
    }
}

/// Which candidates run; none where all do.
fn running(weights: &EdgeWeights, paths: Paths) -> Option<Vec<Vec<bool>>> {
    let chosen = |rows: &Vec<Vec<f64>>| rows.iter().flatten().map(|&weight| weight as f32 != 0.0).collect();
    (paths == Paths::Chosen).then(|| weights.cells().map(chosen).collect())
}
