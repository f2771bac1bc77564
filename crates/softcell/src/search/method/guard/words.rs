//! What the guard says, in plain words. Epochs are counted from 1 here, as everywhere where people read them.

use super::{Alarm, End, Rollback, Verdict, Watch};
use crate::space::cell_title;

impl Watch {
    /// What it thinks of the epoch, in a few words.
    pub fn verdict_in_words(&self) -> String {
        match self.verdict {
            Verdict::Early => "too early to tell".to_owned(),
            Verdict::Healthy => "healthy".to_owned(),
            Verdict::Skips | Verdict::Eigenvalue => format!("collapsed: {}", self.sign()),
        }
    }

    /// Whether the result is an earlier epoch's genotype than that of `epoch`, of which this is the record.
    pub fn takes_an_earlier(&self, epoch: usize) -> bool {
        self.taken != epoch
    }

    /// One sentence, where there is anything to be said of `epoch`, of which this is the record: a collapse, the end of
    /// the search, the way back.
    pub fn sentence(&self, epoch: usize) -> Option<String> {
        let kept = match self.takes_an_earlier(epoch) {
            true => format!("the cell of epoch {} is kept", self.taken + 1),
            false => "its cell is kept".to_owned(),
        };
        let Some(end) = self.end else {
            let collapse = self.verdict.is_collapse();
            return collapse.then(|| format!("the search has collapsed: {}; {kept}", self.sign()));
        };
        Some(match end {
            End::Collapse => {
                format!("the search ends, for it has collapsed: {}; {kept}", self.sign())
            }
            End::Skips => {
                format!("the search ends, as its stop rule says: {}; {kept}", self.skips_in_words())
            }
            End::Ranking(epochs) => format!(
                "the search ends, as its stop rule says: the ranking of the convolutions has been the same for \
                 {epochs} epochs; {kept}"
            ),
            End::Eigenvalue => format!("the search ends, as its stop rule says: {}; {kept}", self.rise()),
            End::Back(Rollback { to, weight_decay, .. }) => format!(
                "the search goes back to epoch {}, as its stop rule says, with a weight decay of {weight_decay}: {}",
                to + 1,
                self.rise()
            ),
        })
    }

    fn sign(&self) -> String {
        match (self.verdict, self.most_skips) {
            (Verdict::Skips, Some(most)) => {
                format!("{}, more than the {most} of a healthy one", self.skips_in_words())
            }
            _ => self.rise(),
        }
    }

    fn skips_in_words(&self) -> String {
        let Watch { skips, noise, operations, cell, .. } = self;
        let what = match (skips, noise) {
            (_, 0) => "skip connections",
            (0, _) => "noise",
            _ => "skip connections or noise",
        };
        format!("{} of the {operations} operations of the {} are {what}", skips + noise, cell_title(cell))
    }

    fn rise(&self) -> String {
        let ratio = self.alarm.map_or(f64::NAN, |Alarm { ratio, .. }| ratio);
        let since = self.alarm.map_or(0, |alarm| alarm.before + 1);
        format!("the curvature of the loss in the alphas is {ratio:.2} times that of epoch {since}")
    }
}
