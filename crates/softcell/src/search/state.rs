//! The search to and from the state that is kept of it.

use burn::tensor::Device;

use super::bilevel::Bilevel;
use super::driver::ORIGIN;
use super::freezing::Freezer;
use super::method::{Tally, Trail};
use crate::error::{Error, Result};
use crate::loss::Meter;
use crate::network::{load_named, named_tensors, weight_names};
use crate::records::{Kept, Position, SearchState};
use crate::resume::{check_velocity, remedy};

impl Bilevel {
    /// Copies everything that moves into `state`'s tensors.
    pub(super) fn to_state(&self, position: Position, meter: Meter, seconds: [f64; 2]) -> SearchState {
        let (alpha_steps, alpha_moments) = self.optimizer.to_named();
        SearchState {
            position,
            meter,
            epoch_seconds: seconds[1],
            seconds: seconds[0],
            net: named_tensors(&self.net),
            velocity: self.sgd.to_named(&weight_names(&self.net)),
            alphas: self.alphas.clone(),
            alpha_steps,
            alpha_moments,
            trials: Vec::new(),
            trial: Tally::default(),
            kept: Kept::default(),
            latencies: self.latencies.clone(),
            trail: Trail::default(),
            earlier: Vec::new(),
            freezing: self.freezer.as_ref().map(Freezer::to_state),
        }
    }

    fn restore_freezer(&mut self, state: &SearchState) -> Result<()> {
        match (&mut self.freezer, &state.freezing) {
            (Some(freezer), Some(freezing)) => freezer.restore(freezing, ORIGIN),
            (None, None) => Ok(()),
            (wanted, found) => {
                let words = |is_there| if is_there { "operations that freeze" } else { "none that freeze" };
                Err(Error::invalid(ORIGIN, words(found.is_some()), words(wanted.is_some()), remedy()))
            }
        }
    }

    /// The inverse.
    pub(super) fn restore(&mut self, state: &SearchState, device: &Device) -> Result<()> {
        self.net = load_named(self.net.clone(), &state.net, ORIGIN)?;
        check_velocity(ORIGIN, &self.net, &state.velocity)?;
        self.sgd.restore(&weight_names(&self.net), &state.velocity, device);
        self.alphas = self.relaxer.fit(&state.alphas)?;
        self.latencies = state.latencies.clone();
        self.restore_freezer(state)?;
        self.optimizer.restore(state.alpha_steps, &state.alpha_moments, state.alphas.values().count())
    }
}
