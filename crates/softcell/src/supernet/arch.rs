//! Architecture parameters and their relaxation to edge weights.

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand_distr::{Distribution, StandardNormal};

use crate::error::{Error, Result};
use crate::random::stream;
use crate::space::{ArchWeights, CellKind, SearchSpace, softmax_rows};

/// Standard deviation of the initial alphas (A1).
const INITIAL_DEVIATION: f32 = 1e-3;

/// Alphas: unconstrained logits, `[edges, candidates]`, shared by all cells of a kind.
///
/// They live outside the network, so that weight decay, clipping and the weights' optimiser never see
/// them.
#[derive(Module, Debug)]
pub struct ArchParams {
    normal: Param<Tensor<2>>,
    reduction: Param<Tensor<2>>,
}

/// What multiplies each operation's output, `[edges, candidates]`.
#[derive(Debug, Clone)]
pub struct EdgeWeights {
    /// For normal cells.
    pub normal: Tensor<2>,
    /// For reduction cells.
    pub reduction: Tensor<2>,
}

/// How alphas become edge weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relaxation {
    /// Softmax over the candidates of each edge, `None` included.
    Softmax,
}

impl Relaxation {
    /// Differentiable in the alphas.
    pub fn edge_weights(self, alphas: &ArchParams) -> EdgeWeights {
        match self {
            Relaxation::Softmax => EdgeWeights {
                normal: softmax(alphas.normal.val(), 1),
                reduction: softmax(alphas.reduction.val(), 1),
            },
        }
    }

    /// The same off the device, as plain numbers.
    pub fn arch_weights(self, alphas: &ArchWeights) -> ArchWeights {
        match self {
            Relaxation::Softmax => ArchWeights {
                normal: softmax_rows(&alphas.normal),
                reduction: softmax_rows(&alphas.reduction),
            },
        }
    }
}

impl EdgeWeights {
    /// The weights of one kind of cell.
    pub fn of(&self, kind: CellKind) -> &Tensor<2> {
        match kind {
            CellKind::Normal => &self.normal,
            CellKind::Reduction => &self.reduction,
        }
    }

    /// One after another, of each kind of cell.
    pub fn flat(&self) -> [Tensor<1>; 2] {
        [&self.normal, &self.reduction].map(|weights| {
            let [edges, candidates] = weights.dims();
            weights.clone().reshape([edges * candidates])
        })
    }

    /// The same values as constants of the graph.
    pub fn detach(self) -> Self {
        Self { normal: self.normal.detach(), reduction: self.reduction.detach() }
    }
}

impl ArchParams {
    /// `1e-3 · N(0, 1)`, from the stream `init/alphas`.
    pub fn random(space: &SearchSpace, seed: u64, device: &Device) -> Self {
        let (edges, candidates) = (space.topology().n_edges(), space.candidates.len());
        let mut random = stream(seed, "init/alphas", &[]);
        let mut rows = || -> Vec<Vec<f32>> {
            (0..edges)
                .map(|_| {
                    (0..candidates)
                        .map(|_| {
                            let z: f32 = StandardNormal.sample(&mut random);
                            INITIAL_DEVIATION * z
                        })
                        .collect()
                })
                .collect()
        };
        let alphas = ArchWeights { normal: rows(), reduction: rows() };
        Self::from_rows(&alphas, device)
    }

    /// From plain numbers.
    ///
    /// # Panics
    /// When the rows differ in length.
    pub fn from_rows(alphas: &ArchWeights, device: &Device) -> Self {
        let param = |rows: &[Vec<f32>]| {
            let shape = [rows.len(), rows.first().map_or(0, Vec::len)];
            Param::from_tensor(Tensor::from_data(TensorData::new(rows.concat(), shape), device))
        };
        Self { normal: param(&alphas.normal), reduction: param(&alphas.reduction) }
    }

    /// The raw alphas as plain numbers.
    pub fn to_rows(&self) -> ArchWeights {
        let rows = |param: &Param<Tensor<2>>| {
            let [_, candidates] = param.dims();
            let values = param.val().inner().into_data().try_to_vec::<f32>().expect("alphas are f32");
            values.chunks(candidates).map(<[f32]>::to_vec).collect()
        };
        ArchWeights { normal: rows(&self.normal), reduction: rows(&self.reduction) }
    }

    /// New values.
    ///
    /// # Panics
    /// When the shape differs.
    pub fn assign(&mut self, alphas: &ArchWeights) {
        let device = self.normal.device();
        let new = Self::from_rows(alphas, &device);
        assert_eq!(new.normal.dims(), self.normal.dims(), "alphas keep their shape");
        *self = new;
    }

    /// The alphas' gradient after a backward pass; zero where a matrix took no part.
    pub fn gradient(&self, gradients: &Gradients) -> ArchWeights {
        let rows = |param: &Param<Tensor<2>>| {
            let [edges, candidates] = param.dims();
            match param.val().grad(gradients) {
                Some(g) => {
                    let values = g.into_data().try_to_vec::<f32>().expect("gradients are f32");
                    values.chunks(candidates).map(<[f32]>::to_vec).collect()
                }
                None => vec![vec![0.0; candidates]; edges],
            }
        };
        ArchWeights { normal: rows(&self.normal), reduction: rows(&self.reduction) }
    }

    /// Checks that the alphas fit a space.
    ///
    /// # Errors
    /// When a matrix has another number of edges or candidates.
    pub fn check(&self, space: &SearchSpace) -> Result<()> {
        let expected = [space.topology().n_edges(), space.candidates.len()];
        for (name, param) in [("alphas_normal", &self.normal), ("alphas_reduce", &self.reduction)] {
            if param.dims() != expected {
                return Err(Error::invalid(
                    name,
                    format!("shape {:?}", param.dims()),
                    format!("{expected:?}"),
                    "use the nodes and candidates the alphas were made with",
                ));
            }
        }
        Ok(())
    }
}
