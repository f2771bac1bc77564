//! What calls with the same weights and the same statistics need not compute again.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::pack::{Packed, pack};
use super::plan::CellPlan;
use super::record::NormValues;
use super::shapes::Shapes;
use super::statistics::Statistics;

/// What a cell made of its weights and given statistics, for further calls with the same plan and the same of both.
/// Calls that are differentiated leave it alone.
#[derive(Default)]
pub struct Kept(Mutex<Option<Prepared>>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl Kept {
    /// What there is for inputs of these sizes, or what `prepare` makes.
    pub(super) fn of(&self, shapes: &Shapes, prepare: impl FnOnce() -> Prepared) -> Prepared {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some(prepared) if prepared.inputs == shapes.inputs => prepared.clone(),
            _ => kept.insert(prepare()).clone(),
        }
    }
}

/// Weights and normalisations as the kernels read them.
#[derive(Clone)]
pub(super) struct Prepared {
    /// Height and width of the inputs.
    inputs: Vec<[usize; 2]>,
    pub packed: Arc<Vec<Packed>>,
    pub norms: Arc<Vec<NormValues>>,
}

impl Prepared {
    pub fn new(plan: &CellPlan, shapes: &Shapes, weights: &[f32], given: &Statistics) -> Self {
        Self {
            inputs: shapes.inputs.clone(),
            packed: Arc::new(pack(plan, shapes, weights, false)),
            norms: Arc::new(NormValues::given(plan, given, weights)),
        }
    }
}
