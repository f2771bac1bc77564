//! The search to and from the state that is kept of it.

use burn::tensor::Device;

use super::bilevel::Bilevel;
use super::method::Tally;
use crate::error::Result;
use crate::loss::Meter;
use crate::network::{load_named, named_tensors, weight_names};
use crate::records::{Kept, Position, SearchState};
use crate::resume::check_velocity;

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
        }
    }

    /// The inverse.
    pub(super) fn restore(&mut self, state: &SearchState, device: &Device) -> Result<()> {
        let origin = "search checkpoint";
        self.net = load_named(self.net.clone(), &state.net, origin)?;
        check_velocity(origin, &self.net, &state.velocity)?;
        self.sgd.restore(&weight_names(&self.net), &state.velocity, device);
        self.alphas = state.alphas.clone();
        self.latencies = state.latencies.clone();
        self.optimizer.restore(state.alpha_steps, &state.alpha_moments, state.alphas.values().count())
    }
}
