//! How many steps there are, and what changes from epoch to epoch: the learning rate and the drop-path probability.

use std::f64::consts::PI;

use super::types::{DataShape, Schedule, SearchConfig, TrainConfig};

/// Half a cosine: `η_e = min + (start − min)/2 · (1 + cos(π e / E))`, for `e = 0, …, E − 1`.
///
/// `min` itself is reached at `e = E`, one epoch after the last; later epochs stay there.
pub fn cosine(start: f64, min: f64, epoch: usize, epochs: usize) -> f64 {
    let passed = epoch.min(epochs) as f64 / epochs.max(1) as f64;
    min + (start - min) / 2.0 * (1.0 + (PI * passed).cos())
}

/// Steps down: `η_e = start · gamma^⌊e / decay_period⌋`.
pub fn exponential(start: f64, gamma: f64, epoch: usize, decay_period: usize) -> f64 {
    let falls = epoch / decay_period.max(1);
    start * gamma.powf(falls as f64)
}

impl TrainConfig {
    /// SGD learning rate in `epoch`, counted from 0.
    pub fn learning_rate_at(&self, epoch: usize) -> f64 {
        match self.schedule {
            Schedule::Cosine => cosine(self.learning_rate, self.learning_rate_min, epoch, self.epochs),
            Schedule::Exponential => exponential(self.learning_rate, self.gamma, epoch, self.decay_period),
        }
    }

    /// Drop-path probability in `epoch`, counted from 0: `p · e / E`, 0 in the first.
    pub fn drop_path_at(&self, epoch: usize) -> f64 {
        self.drop_path_prob * epoch.min(self.epochs) as f64 / self.epochs.max(1) as f64
    }
}

/// Steps of a search with these settings on these data, so large a part of which is kept for validation.
pub(super) fn search_steps(search: &SearchConfig, validation_fraction: f64, data: &DataShape) -> usize {
    let kept = (data.train_images as f64 * validation_fraction) as usize;
    let weights = ((data.train_images - kept) as f64 * search.train_portion) as usize;
    search.epochs * weights.div_ceil(search.batch_size).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }

    #[test]
    fn the_search_cosine_has_the_papers_values() {
        let search = preset(Preset::PaperCifar10, &DataShape::default()).0.search;
        close(search.learning_rate_at(0), 0.025);
        close(search.learning_rate_at(25), 0.013);
        close(search.learning_rate_at(10), 0.001 + 0.012 * (1.0 + (1.0 + 5f64.sqrt()) / 4.0));
        close(search.learning_rate_at(49), 0.001 + 0.012 * (1.0 + (PI * 0.98).cos()));
        close(search.learning_rate_at(50), 0.001);
        close(search.learning_rate_at(60), 0.001);
    }

    #[test]
    fn the_training_cosine_ends_at_zero() {
        let train = preset(Preset::PaperCifar10, &DataShape::default()).0.train;
        close(train.learning_rate_at(0), 0.025);
        close(train.learning_rate_at(200), 0.025 * 0.75);
        close(train.learning_rate_at(300), 0.0125);
        close(train.learning_rate_at(400), 0.025 * 0.25);
        close(train.learning_rate_at(600), 0.0);
    }

    #[test]
    fn the_exponential_falls_every_period() {
        let mut train = preset(Preset::PaperImagenet, &DataShape::default()).0.train;
        close(train.learning_rate_at(0), 0.1);
        close(train.learning_rate_at(1), 0.097);
        close(train.learning_rate_at(2), 0.09409);
        train.decay_period = 3;
        close(train.learning_rate_at(2), 0.1);
        close(train.learning_rate_at(3), 0.097);
        close(train.learning_rate_at(6), 0.09409);
    }

    #[test]
    fn drop_path_rises_linearly_from_zero() {
        let train = preset(Preset::PaperCifar10, &DataShape::default()).0.train;
        close(train.drop_path_at(0), 0.0);
        close(train.drop_path_at(300), 0.1);
        close(train.drop_path_at(599), 0.2 * 599.0 / 600.0);
    }
}
