//! A selection among cells as data, `selection.json`: which cells were compared, what they came to, and what that says of
//! the search.

use serde::{Deserialize, Serialize};
use special::Error as _;

/// A difference counts from this many standard errors on.
const ERRORS: f64 = 2.0;

/// A selection, as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionRecord {
    /// Seconds that were worked on it, by the clock.
    pub seconds: f64,
    /// Images of the part by which the cells are compared: neither weights nor alphas have seen it.
    pub validation_images: u64,
    /// How the cells are trained, from the first rung to the last.
    pub rungs: Vec<Rung>,
    /// The cells.
    pub candidates: Vec<Candidate>,
    /// The one of them that is taken unless another is ahead of it by more than two standard errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incumbent: Option<usize>,
    /// Which of them was taken.
    pub chosen: Option<usize>,
}

/// What the training of a cell came to, `score.json` of its part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartScore {
    /// Share of the validation images that the last epoch's weights know, or mean of the classes' shares where classes
    /// are uneven.
    pub score: f64,
    /// Seconds of the training.
    pub seconds: f64,
}

/// How the cells of a rung are trained: each to the end of a schedule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Epochs of each training.
    pub epochs: usize,
    /// Trainings of each cell.
    pub trainings: usize,
    /// Cells of the network.
    pub layers: usize,
    /// Channels of its first cell.
    pub init_channels: usize,
}

/// Where a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CandidateKind {
    /// It was searched.
    Searched,
    /// It was drawn by the rules of the space.
    Random,
    /// It was given: a published one or a text.
    Given,
    /// It is the biggest cell of the space.
    Biggest,
}

impl CandidateKind {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            CandidateKind::Searched => "searched",
            CandidateKind::Random => "random",
            CandidateKind::Given => "given",
            CandidateKind::Biggest => "biggest",
        }
    }
}

/// A cell that is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// What it is called, such as `search-1`.
    pub name: String,
    /// Where it comes from.
    pub kind: CandidateKind,
    /// Which repetition of the search it comes from, and the how manieth random cell it is.
    pub repeat: usize,
    /// The run that searched it, where it is one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The cell, in the original's text; none before its search is done.
    pub genotype: Option<String>,
    /// Seconds of its search.
    pub search_seconds: f64,
    /// Weights of its network in the first rung.
    pub parameters: u64,
    /// Multiply-adds of that network for one image.
    pub macs: u64,
    /// Of each rung that it reached the scores of its trainings: shares of the validation images, or means of the
    /// classes' shares where classes are uneven.
    pub scores: Vec<Vec<f64>>,
    /// Of each of these rungs the seconds of all trainings.
    pub seconds: Vec<f64>,
}

impl Candidate {
    /// Whether a candidate can be called so: its name is that of a folder.
    pub fn is_name(text: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        (1..=40).contains(&text.len()) && text.bytes().all(plain)
    }

    /// Its mean score in a rung; none where it did not reach that.
    pub fn score(&self, rung: usize) -> Option<f64> {
        let scores = self.scores.get(rung)?;
        Some(scores.iter().sum::<f64>() / scores.len() as f64).filter(|mean| mean.is_finite())
    }
}

/// Several cells of one kind in the first rung.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// How many.
    pub cells: usize,
    /// Mean of their scores.
    pub mean: f64,
    /// Their standard deviation (n − 1); none of a single one.
    pub deviation: Option<f64>,
}

impl Group {
    fn of(scores: &[f64]) -> Option<Group> {
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let deviation = (scores.len() > 1).then(|| (squares / (n - 1.0)).sqrt());
        (!scores.is_empty()).then_some(Group { cells: scores.len(), mean, deviation })
    }
}

/// Whether searched cells are better than random ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// By more than two standard errors.
    Better,
    /// Neither.
    NotDistinguishable,
    /// Random ones are better, by more than two standard errors.
    Worse,
}

/// Searched cells against random ones, in the first rung: all were trained in the same way there.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Mean of the searched cells less that of the random ones.
    pub difference: f64,
    /// √(s²/S + r²/R); a single cell is taken to vary as those of the other kind.
    pub standard_error: f64,
    /// What that says.
    pub verdict: Verdict,
    /// How many searches and random cells would decide it if the difference is the true one; none where it is decided, or
    /// where nothing speaks for the searched ones.
    pub would_decide: Option<[usize; 2]>,
}

/// The incumbent against the best of the others, in the last rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contest {
    /// The incumbent.
    pub incumbent: String,
    /// The best of the others.
    pub challenger: String,
    /// The score of the challenger less that of the incumbent.
    pub difference: f64,
    /// √((p(1 − p) + q(1 − q)) / n) for scores of p and q of n validation images.
    pub standard_error: f64,
}

impl Contest {
    /// Whether the challenger is ahead by more than two standard errors.
    pub fn is_won(&self) -> bool {
        self.difference > ERRORS * self.standard_error
    }
}

/// What a selection says of the search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The searched cells.
    pub searched: Option<Group>,
    /// The random ones.
    pub random: Option<Group>,
    /// The ones against the others; none where either are missing, or no deviation is known.
    pub comparison: Option<Comparison>,
    /// The cell that was taken.
    pub chosen: String,
    /// Where that comes from.
    pub chosen_kind: CandidateKind,
    /// Its score in the first rung.
    pub chosen_score: f64,
    /// Share of the random cells, itself left out, that it is ahead of in the first rung; of equals a half.
    pub ahead_of_random: Option<f64>,
    /// What two trainings of the same cell differ by, as a standard deviation, over all cells of the first rung.
    pub training_deviation: Option<f64>,
    /// Seconds of all searches.
    pub search_seconds: f64,
    /// Seconds of all trainings of the selection.
    pub selection_seconds: f64,
    /// How many random cells could have been compared in the time of searches and first trainings.
    pub random_for_the_cost: Option<usize>,
    /// What the best of so many would score in the first rung, if the scores of random cells are normally distributed.
    pub random_for_the_cost_score: Option<f64>,
    /// The best score of a searched cell in the first rung.
    pub best_searched: Option<f64>,
    /// The incumbent, where there was one, against the best of the others.
    #[serde(default)]
    pub contest: Option<Contest>,
}

impl SelectionRecord {
    /// The cell that was taken.
    pub fn taken(&self) -> Option<&Candidate> {
        self.candidates.get(self.chosen?)
    }

    /// What it says of the search; none before a cell was taken, and where there was only one.
    pub fn standing(&self) -> Option<Standing> {
        let chosen = self.taken()?;
        let chosen_score = chosen.score(0)?;
        let scores = |kind| -> Vec<f64> {
            self.candidates.iter().filter(|c| c.kind == kind).filter_map(|c| c.score(0)).collect()
        };
        let (searched, random) = (scores(CandidateKind::Searched), scores(CandidateKind::Random));
        let groups = (Group::of(&searched), Group::of(&random));
        let others: Vec<f64> = self
            .candidates
            .iter()
            .filter(|c| c.kind == CandidateKind::Random && c.name != chosen.name)
            .filter_map(|c| c.score(0))
            .collect();
        let ahead = |other: &f64| match chosen_score.total_cmp(other) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
        let search_seconds: f64 = self.candidates.iter().map(|c| c.search_seconds).sum();
        let first: Vec<f64> = self.candidates.iter().filter_map(|c| c.seconds.first().copied()).collect();
        let first_seconds: f64 = first.iter().sum();
        // The searched and the random ones are paid for; the others would be compared as well.
        let paid = (searched.len() + random.len()) as f64;
        let each = first_seconds / first.len().max(1) as f64;
        let for_the_cost = (!searched.is_empty() && !random.is_empty() && each > 0.0)
            .then(|| (paid + search_seconds / each) as usize);
        let for_the_cost_score = for_the_cost.zip(groups.1).and_then(|(cells, random)| {
            random.deviation.map(|deviation| (random.mean + deviation * best_of(cells)).min(1.0))
        });
        Some(Standing {
            searched: groups.0,
            random: groups.1,
            comparison: groups.0.zip(groups.1).and_then(|(searched, random)| compare(searched, random)),
            chosen: chosen.name.clone(),
            chosen_kind: chosen.kind,
            chosen_score,
            ahead_of_random: (!others.is_empty())
                .then(|| others.iter().map(ahead).sum::<f64>() / others.len() as f64),
            training_deviation: self.training_deviation(),
            search_seconds,
            selection_seconds: self.candidates.iter().flat_map(|c| &c.seconds).sum(),
            random_for_the_cost: for_the_cost,
            random_for_the_cost_score: for_the_cost_score,
            best_searched: searched.iter().copied().max_by(f64::total_cmp),
            contest: self.contest(),
        })
    }

    /// The best candidates of a rung by their mean score, of equals those with fewer multiply-adds, then the earlier ones.
    pub fn best(&self, rung: usize, most: usize) -> Vec<usize> {
        let mut ranked: Vec<(usize, f64)> =
            self.candidates.iter().enumerate().filter_map(|(at, one)| Some((at, one.score(rung)?))).collect();
        let macs = |place: usize| self.candidates[place].macs;
        ranked.sort_by(|(a, of_a), (b, of_b)| of_b.total_cmp(of_a).then(macs(*a).cmp(&macs(*b))));
        ranked.into_iter().map(|(place, _)| place).take(most).collect()
    }

    /// The incumbent against the best of the others in the last rung; none where either was not trained in it.
    pub fn contest(&self) -> Option<Contest> {
        let (incumbent, rung) = (self.incumbent?, self.rungs.len().checked_sub(1)?);
        let challenger = self.best(rung, usize::MAX).into_iter().find(|&place| place != incumbent)?;
        let [own, other] = [incumbent, challenger].map(|place| &self.candidates[place]);
        let (p, q) = (own.score(rung)?, other.score(rung)?);
        let variance = (p * (1.0 - p) + q * (1.0 - q)) / self.validation_images.max(1) as f64;
        Some(Contest {
            incumbent: own.name.clone(),
            challenger: other.name.clone(),
            difference: q - p,
            standard_error: variance.max(0.0).sqrt(),
        })
    }

    /// The cell to take once all rungs are done: the incumbent, unless another has won against it; else the best.
    pub fn choice(&self) -> Option<usize> {
        // Where there is only one cell, it is taken as it is.
        let Some(last) = self.rungs.len().checked_sub(1) else { return Some(0) };
        match (self.incumbent, self.contest()) {
            (Some(incumbent), Some(contest)) if !contest.is_won() => Some(incumbent),
            _ => self.best(last, 1).first().copied(),
        }
    }

    /// √(Σ (score − the cell's mean)² / Σ (trainings − 1)) over the first rung.
    fn training_deviation(&self) -> Option<f64> {
        let (mut squares, mut free) = (0.0, 0);
        for candidate in &self.candidates {
            let (Some(scores), Some(mean)) = (candidate.scores.first(), candidate.score(0)) else { continue };
            squares += scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
            free += scores.len().saturating_sub(1);
        }
        (free > 0).then(|| (squares / free as f64).sqrt())
    }
}

fn compare(searched: Group, random: Group) -> Option<Comparison> {
    let s = searched.deviation.or(random.deviation)?;
    let r = random.deviation.or(searched.deviation)?;
    let difference = searched.mean - random.mean;
    let standard_error = (s * s / searched.cells as f64 + r * r / random.cells as f64).sqrt();
    let verdict = match difference.abs() > ERRORS * standard_error {
        false => Verdict::NotDistinguishable,
        true if difference > 0.0 => Verdict::Better,
        true => Verdict::Worse,
    };
    let more = (ERRORS * standard_error / difference).powi(2);
    let would_decide = (verdict == Verdict::NotDistinguishable && difference > 0.0 && more.is_finite())
        .then(|| [searched.cells, random.cells].map(|cells| (cells as f64 * more).floor() as usize + 1));
    Some(Comparison { difference, standard_error, verdict, would_decide })
}

/// How many standard deviations the best of `n` draws of a normal distribution lies above its mean, by Blom (1958):
/// Φ⁻¹((n − 3/8) / (n + 1/4)).
fn best_of(n: usize) -> f64 {
    let share = (n as f64 - 0.375) / (n as f64 + 0.25);
    std::f64::consts::SQRT_2 * (2.0 * share - 1.0).inv_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, kind: CandidateKind, scores: &[f64]) -> Candidate {
        Candidate {
            name: name.to_owned(),
            kind,
            repeat: 0,
            run: None,
            genotype: None,
            search_seconds: if kind == CandidateKind::Searched { 30.0 } else { 0.0 },
            parameters: 1,
            macs: 1,
            scores: vec![scores.to_vec()],
            seconds: vec![10.0],
        }
    }

    fn selection(searched: &[&[f64]], random: &[&[f64]]) -> SelectionRecord {
        let of = |kind: CandidateKind, scores: &[&[f64]]| -> Vec<Candidate> {
            let name = |i: usize| format!("{}-{i}", kind.name());
            scores.iter().enumerate().map(|(i, scores)| candidate(&name(i), kind, scores)).collect()
        };
        let candidates = [of(CandidateKind::Searched, searched), of(CandidateKind::Random, random)].concat();
        let rungs = vec![Rung { epochs: 2, trainings: 2, layers: 3, init_channels: 8 }];
        SelectionRecord {
            seconds: 0.0,
            validation_images: 100,
            rungs,
            candidates,
            incumbent: None,
            chosen: Some(0),
        }
    }

    #[test]
    fn a_difference_counts_from_two_standard_errors_on() {
        // Means .6 and .5, deviations .02 and .03 (both of 3): √(.0004/3 + .0009/3) = .020817.
        let of = |d: f64| selection(&[&[0.58 + d], &[0.6 + d], &[0.62 + d]], &[&[0.47], &[0.5], &[0.53]]);
        let standing = of(0.0).standing().unwrap();
        let compared = standing.comparison.unwrap();
        assert!((compared.difference - 0.1).abs() < 1e-12);
        assert!((compared.standard_error - 0.020_816_66).abs() < 1e-8);
        assert_eq!((compared.verdict, compared.would_decide), (Verdict::Better, None));
        assert_eq!(standing.ahead_of_random, Some(1.0));
        assert_eq!(of(-0.2).standing().unwrap().comparison.unwrap().verdict, Verdict::Worse);
        // .02 more: (2 · .020817 / .02)² = 4.33 times as many.
        let compared = of(-0.08).standing().unwrap().comparison.unwrap();
        assert_eq!(compared.verdict, Verdict::NotDistinguishable);
        assert_eq!(compared.would_decide, Some([14, 14]));
        // What is behind is not looked for.
        assert_eq!(of(-0.11).standing().unwrap().comparison.unwrap().would_decide, None);
    }

    #[test]
    fn a_single_search_varies_as_random_cells_do() {
        let standing = selection(&[&[0.6]], &[&[0.5], &[0.54]]).standing().unwrap();
        let (r, compared) = (0.0008_f64.sqrt(), standing.comparison.unwrap());
        assert!((compared.standard_error - r * (1.0_f64 + 0.5).sqrt()).abs() < 1e-12);
        assert_eq!(standing.searched.unwrap().deviation, None);
        assert_eq!(selection(&[&[0.6]], &[&[0.5]]).standing().unwrap().comparison, None);
        assert_eq!(selection(&[&[0.6]], &[]).standing().unwrap().comparison, None);
    }

    #[test]
    fn trainings_of_a_cell_tell_the_noise() {
        let standing = selection(&[&[0.6, 0.62]], &[&[0.5, 0.54]]).standing().unwrap();
        // (2 · .01² + 2 · .02²) / 2.
        assert!((standing.training_deviation.unwrap() - 0.0005_f64.sqrt()).abs() < 1e-12);
        assert_eq!(selection(&[&[0.6]], &[&[0.5]]).standing().unwrap().training_deviation, None);
    }

    #[test]
    fn random_search_gets_the_time_of_the_searches() {
        // Two searches of 30 s, trainings of 10 s a cell: six more cells beside five.
        let random: &[&[f64]] = &[&[0.5], &[0.52], &[0.48]];
        let standing = selection(&[&[0.6], &[0.5]], random).standing().unwrap();
        assert_eq!((standing.search_seconds, standing.selection_seconds), (60.0, 50.0));
        assert_eq!(standing.random_for_the_cost, Some(11));
        let score = standing.random_for_the_cost_score.unwrap();
        assert!((score - (0.5 + 0.02 * best_of(11))).abs() < 1e-12);
        assert_eq!(standing.best_searched, Some(0.6));
        assert_eq!(standing.ahead_of_random, Some(1.0));
    }

    #[test]
    fn the_best_of_many_is_that_of_the_tables() {
        // Expected largest of n normal draws (Harter 1961): .5642, 1.5388, 2.2491 for 2, 10, 50.
        for (n, expected) in [(2, 0.564_19), (10, 1.538_75), (50, 2.249_07)] {
            assert!((best_of(n) - expected).abs() < 0.03, "{n}: {}", best_of(n));
        }
        assert_eq!(best_of(1), 0.0);
    }

    #[test]
    fn the_incumbent_stays_unless_another_is_ahead_by_two_standard_errors() {
        // Of 100 images .5 and .6: √((.25 + .24) / 100) = .07.
        let mut record = selection(&[&[0.6], &[0.4]], &[&[0.5]]);
        record.incumbent = Some(2);
        let contest = record.contest().unwrap();
        assert_eq!((contest.incumbent.as_str(), contest.challenger.as_str()), ("random-0", "searched-0"));
        assert!((contest.difference - 0.1).abs() < 1e-12 && (contest.standard_error - 0.07).abs() < 1e-12);
        assert_eq!((contest.is_won(), record.choice()), (false, Some(2)));
        record.validation_images = 300;
        assert_eq!((record.contest().unwrap().is_won(), record.choice()), (true, Some(0)));
        // Without one the best is taken.
        let open = SelectionRecord { incumbent: None, ..selection(&[&[0.5]], &[&[0.51]]) };
        assert_eq!((open.contest(), open.choice()), (None, Some(1)));
    }

    #[test]
    fn nothing_is_said_before_a_cell_was_taken() {
        let mut open = selection(&[&[0.6]], &[&[0.5]]);
        open.chosen = None;
        assert_eq!(open.standing(), None);
    }
}
