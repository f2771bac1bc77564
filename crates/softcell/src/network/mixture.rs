//! How the cells of a network mix their operations in one pass.

use burn::tensor::{DType, Int, Tensor, TensorData};

use super::edges::EdgeTensors;
use crate::space::plan::{CellBlock, CellType, NetworkPlan};

/// How a kind of cell, or a cell, mixes its operations (all candidates but `none`).
pub(super) struct Mixture {
    /// What multiplies each.
    pub weights: Tensor<1>,
    /// What multiplies, for each edge, the channels that pass by its operations: the sum of its candidates' weights,
    /// `none` included. It is 1 where these are shares, and the edge's own weight where shares are multiplied by that
    /// (PC-DARTS, Xu et al. 2020). None where operations see all channels.
    pub edges: Option<Tensor<1>>,
    /// Whether each operation runs; all do without it.
    pub running: Option<Vec<bool>>,
}

impl Mixture {
    fn new(kind: &CellType, places: Option<&[i64]>, weights: &Tensor<1>, running: Option<&[bool]>) -> Self {
        let operations = match places {
            None => weights.clone(),
            Some(places) => at_places(weights.clone(), places.to_vec()),
        };
        let runs = |running: &[bool]| match places {
            None => running.to_vec(),
            Some(places) => places.iter().map(|&place| running[place as usize]).collect(),
        };
        Self {
            weights: operations,
            edges: (kind.share > 1).then(|| sums(kind, weights)),
            running: running.map(runs),
        }
    }

    /// Whether an operation runs.
    pub fn runs(&self, operation: usize) -> bool {
        self.running.as_ref().is_none_or(|running| running[operation])
    }
}

/// The values that stand at these places.
pub(super) fn at_places(values: Tensor<1>, places: Vec<i64>) -> Tensor<1> {
    let n = places.len();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [n]), &values.device());
    values.select(0, places)
}

/// The sum of each edge's weights, but for that of an auxiliary skip connection.
fn sums(kind: &CellType, weights: &Tensor<1>) -> Tensor<1> {
    let (candidates, edges) = (kind.n_weights(), kind.edges.len());
    let mut matrix = vec![0.0f32; candidates * edges];
    let mut next = 0;
    for (at, edge) in kind.edges.iter().enumerate() {
        let counted = edge.candidates.len() - usize::from(kind.auxiliary);
        (next..next + counted).for_each(|candidate| matrix[candidate * edges + at] = 1.0);
        next += edge.candidates.len();
    }
    let matrix = Tensor::<2>::from_data(TensorData::new(matrix, [candidates, edges]), &weights.device());
    weights.clone().reshape([1, candidates]).matmul(matrix).reshape([edges])
}

/// Those of a network: for each kind of cell, or for each cell.
#[derive(Default)]
pub(super) struct Mixtures {
    all: Vec<Mixture>,
    apart: bool,
}

impl Mixtures {
    /// For images of this type; `operations` are, for each kind of cell, the places of the weights of operations.
    ///
    /// # Panics
    /// If the weights are of other cells.
    pub fn new(
        plan: &NetworkPlan,
        operations: &[Option<Vec<i64>>],
        weights: &EdgeTensors,
        dtype: DType,
    ) -> Self {
        let shared: Vec<usize> = (0..plan.cells.len()).collect();
        let kinds = weights.apart.as_ref().unwrap_or(&shared);
        let found = weights.cells.iter().map(|weights| weights.dims()[0]);
        assert!(
            found.eq(kinds.iter().map(|&kind| plan.cells[kind].n_weights())),
            "the edge weights are of these cells"
        );
        let mixture = |(&kind, of_kind): (&usize, &Tensor<1>)| {
            let running = weights.running.as_ref().map(|running| &running[kind][..]);
            let places = operations[kind].as_deref();
            let mixture = Mixture::new(&plan.cells[kind], places, of_kind, running);
            let cast = |tensor: Tensor<1>| tensor.cast(dtype);
            Mixture { weights: cast(mixture.weights), edges: mixture.edges.map(cast), ..mixture }
        };
        Self { all: kinds.iter().zip(&weights.cells).map(mixture).collect(), apart: weights.apart.is_some() }
    }

    /// That of a cell, the network's `number`th; none of a network that mixes nothing.
    pub fn of(&self, cell: &CellBlock, number: usize) -> Option<&Mixture> {
        self.all.get(if self.apart { number } else { cell.cell })
    }
}
