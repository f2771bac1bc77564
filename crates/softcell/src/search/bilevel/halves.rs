//! The halves of a step in the order of the method.

use super::{ArchReport, Bilevel, WeightReport};
use crate::evaluate::DeviceBatch;
use crate::event::Position;
use crate::search::method::{Half, Method};

/// The halves of a step.
pub(super) trait Halves {
    fn method(&self) -> &Method;
    /// Epochs of the search.
    fn epochs(&self) -> usize;
    fn alphas(&mut self, at: Position);
    fn weights(&mut self, at: Position);
    fn both(&mut self, at: Position);
}

/// Goes through the halves that the method has at this moment.
pub(super) fn walk(halves: &mut impl Halves, at: Position) {
    let Method { order, schedule, .. } = halves.method();
    let (order, move_alphas) = (*order, schedule.steps_in(at.epoch, halves.epochs()));
    for half in order.halves() {
        match half {
            Half::Alphas if move_alphas => halves.alphas(at),
            Half::Both if move_alphas => halves.both(at),
            Half::Alphas => {}
            Half::Both | Half::Weights => halves.weights(at),
        }
    }
}

/// A step under way.
pub(super) struct Work<'a> {
    pub bilevel: &'a mut Bilevel,
    pub train: &'a DeviceBatch,
    pub valid: Option<&'a DeviceBatch>,
    pub lr: f64,
    pub arch: Option<ArchReport>,
    pub weight: Option<WeightReport>,
}

impl Halves for Work<'_> {
    fn method(&self) -> &Method {
        &self.bilevel.method
    }

    fn epochs(&self) -> usize {
        self.bilevel.epochs
    }

    fn alphas(&mut self, at: Position) {
        self.arch = self.valid.map(|valid| self.bilevel.step_alphas(at, self.train, valid, self.lr));
    }

    fn weights(&mut self, at: Position) {
        self.weight = Some(self.bilevel.step_weights(at, self.train, self.lr));
    }

    fn both(&mut self, at: Position) {
        let (arch, weight) = self.bilevel.step_both(at, self.train, self.lr);
        (self.arch, self.weight) = (Some(arch), Some(weight));
    }
}
