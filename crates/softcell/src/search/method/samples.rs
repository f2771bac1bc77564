//! Random search with weight sharing: cells that are drawn and measured, and which of them is the best.

use super::draw::draw_weights;
use super::perturb::Tally;
use crate::random::stream;
use crate::space::{EdgeWeights, SearchSpace};

/// Cells drawn by the rules of a space, each measured by a few batches, the best of them once more by all images (Li and
/// Talwalkar 2019). The best of these is the result.
#[derive(Debug, Clone)]
pub struct Samples {
    /// How many are drawn.
    pub samples: usize,
    /// How many are measured once more.
    pub finalists: usize,
    /// What the draws depend on, with the streams `search/samples`.
    pub seed: u64,
}

/// What comes next; cells as their edge weights.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// A cell is to be measured by a few batches.
    Sample(EdgeWeights),
    /// A cell is to be measured by all images.
    Finalist(EdgeWeights),
    /// This one is the best.
    Best(EdgeWeights),
}

impl Samples {
    /// How many trials there are in all.
    pub fn trials(&self) -> usize {
        self.samples + self.finalists()
    }

    fn finalists(&self) -> usize {
        self.finalists.min(self.samples)
    }

    /// The `index`-th cell.
    fn sample(&self, space: &SearchSpace, index: usize) -> EdgeWeights {
        draw_weights(space, &mut stream(self.seed, "search/samples", &[index as u64]))
    }

    /// What comes after these trials. Of equals the cell that was drawn earlier is the better one.
    pub fn after(&self, space: &SearchSpace, trials: &[Tally]) -> Next {
        if trials.len() < self.samples {
            return Next::Sample(self.sample(space, trials.len()));
        }
        let (sampled, finals) = trials.split_at(self.samples);
        let mut ranked: Vec<usize> = (0..self.samples).collect();
        // Stable; shares as products, which are exact.
        let more = |a: &Tally, b: &Tally| {
            (u128::from(b.right) * u128::from(a.images)).cmp(&(u128::from(a.right) * u128::from(b.images)))
        };
        ranked.sort_by(|&a, &b| more(&sampled[a], &sampled[b]));
        if finals.len() < self.finalists() {
            return Next::Finalist(self.sample(space, ranked[finals.len()]));
        }
        let best = (0..self.finalists()).min_by(|&a, &b| more(&finals[a], &finals[b]));
        Next::Best(self.sample(space, ranked[best.expect("there is a sample")]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_by_all_images_wins() {
        let space = SearchSpace::darts();
        let samples = Samples { samples: 4, finalists: 2, seed: 3 };
        let cell = |index| samples.sample(&space, index);
        let tally = |right, images| Tally { right, images };
        let mut trials = vec![];
        for (index, right) in [3, 7, 5, 7].into_iter().enumerate() {
            assert_eq!(samples.after(&space, &trials), Next::Sample(cell(index)));
            trials.push(tally(right, 10));
        }
        assert_eq!(samples.after(&space, &trials), Next::Finalist(cell(1)));
        trials.push(tally(60, 100));
        assert_eq!(samples.after(&space, &trials), Next::Finalist(cell(3)));
        trials.push(tally(61, 100));
        assert_eq!(samples.after(&space, &trials), Next::Best(cell(3)));
        trials[5].right = 60;
        assert_eq!(samples.after(&space, &trials), Next::Best(cell(1)));
        assert_eq!((samples.trials(), trials.len()), (6, 6));
    }
}
