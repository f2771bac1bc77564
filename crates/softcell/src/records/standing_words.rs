//! What a selection says of its cells and of the search, in words.

use super::selection::{Candidate, CandidateKind, Comparison, Contest, Group, Standing, Verdict};

impl Candidate {
    /// `47.2 % (46.0, 48.4)`: its mean score in a rung and those of its trainings; none where it did not reach that.
    pub fn scored(&self, rung: usize) -> Option<String> {
        let mean = percent(self.score(rung)?);
        let each: Vec<String> =
            self.scores[rung].iter().map(|score| format!("{:.1}", score * 100.0)).collect();
        Some(if each.len() > 1 { format!("{mean} ({})", each.join(", ")) } else { mean })
    }
}

impl Contest {
    /// Whether the incumbent stays, with the figures.
    fn sentence(&self) -> String {
        let Contest { incumbent, challenger, difference, standard_error } = self;
        let points = format!("{:.1} points", difference.abs() * 100.0);
        let error = format!("a standard error of {:.1}", standard_error * 100.0);
        match (self.is_won(), *difference > 0.0) {
            (true, _) => format!(
                "{challenger} takes the place of {incumbent}: it is ahead by {points} in the last trainings, with {error}"
            ),
            (false, true) => format!(
                "{incumbent} stays: {challenger} is ahead by {points} in the last trainings, with {error}, and it takes two \
                 of these"
            ),
            (false, false) => {
                format!("{incumbent} stays: {challenger} is behind by {points} in the last trainings")
            }
        }
    }
}

impl Standing {
    /// What it says, a sentence each: whether the search was worth it, and what it cost.
    pub fn sentences(&self) -> Vec<String> {
        let mut said = vec![self.verdict()];
        said.extend(self.contest.as_ref().map(Contest::sentence));
        if let Some(ahead) = self.ahead_of_random {
            said.push(format!(
                "the cell that is taken, {}, is ahead of {:.0} % of the random cells",
                self.chosen,
                ahead * 100.0
            ));
        }
        if let (Some(cells), Some(score), Some(best)) =
            (self.random_for_the_cost, self.random_for_the_cost_score, self.best_searched)
        {
            said.push(format!(
                "for the time of the searches {cells} random cells could have been compared, of which the best would know \
                 about {}; the best that was searched knows {}",
                percent(score),
                percent(best)
            ));
        }
        said
    }

    /// Whether searched cells are better than random ones, with the figures.
    pub fn verdict(&self) -> String {
        let (Some(searched), Some(random)) = (self.searched, self.random) else {
            return match (self.searched, self.random) {
                (None, Some(_)) => "nothing was searched: there is nothing to say of a search".to_owned(),
                _ => "no random cells were compared: what the search is worth is not known".to_owned(),
            };
        };
        let figures = format!(
            "{} {} {} of the validation images, {} {}",
            group("searched", searched),
            if searched.cells == 1 { "knows" } else { "know" },
            of_group(searched),
            group("random", random),
            of_group(random)
        );
        let Some(compared) = self.comparison else {
            return format!("{figures}: with one of each nothing can be said of the search");
        };
        let Comparison { difference, standard_error, verdict, would_decide } = compared;
        let points = format!(
            "{:.1} points {}, with a standard error of {:.1}",
            difference.abs() * 100.0,
            if difference < 0.0 { "less" } else { "more" },
            standard_error * 100.0
        );
        match verdict {
            Verdict::Better => format!("better than random cells: {figures}, {points}"),
            Verdict::Worse => format!("worse than random cells: {figures}, {points}"),
            Verdict::NotDistinguishable => {
                let decide = match would_decide {
                    Some([searches, cells]) => format!(
                        "; if that is the true difference, {searches} searches and {cells} random cells would show it"
                    ),
                    None => String::new(),
                };
                format!("not distinguishable from random cells: {figures}, {points}{decide}")
            }
        }
    }

    /// Where the cell comes from, in a word or two.
    pub fn chosen_words(&self) -> &'static str {
        match self.chosen_kind {
            CandidateKind::Searched => "a searched cell",
            CandidateKind::Random => "a random cell",
            CandidateKind::Given => "a given cell",
            CandidateKind::Biggest => "the biggest cell",
        }
    }
}

/// `3 searched cells`, `one random cell`.
fn group(kind: &str, group: Group) -> String {
    match group.cells {
        1 => format!("one {kind} cell"),
        cells => format!("{cells} {kind} cells"),
    }
}

fn of_group(group: Group) -> String {
    match group.deviation {
        Some(deviation) => format!("{} on average (deviation {:.1})", percent(group.mean), deviation * 100.0),
        None => percent(group.mean),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(searched: Option<Group>, random: Option<Group>, compared: Option<Comparison>) -> Standing {
        Standing {
            searched,
            random,
            comparison: compared,
            chosen: "search-2".to_owned(),
            chosen_kind: CandidateKind::Searched,
            chosen_score: 0.5,
            ahead_of_random: Some(0.75),
            training_deviation: None,
            search_seconds: 1.0,
            selection_seconds: 1.0,
            random_for_the_cost: Some(12),
            random_for_the_cost_score: Some(0.47),
            best_searched: Some(0.5),
            contest: None,
        }
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_told_apart() {
        let searched = Some(Group { cells: 3, mean: 0.459, deviation: Some(0.015) });
        let random = Some(Group { cells: 6, mean: 0.424, deviation: Some(0.05) });
        let compared = |difference, verdict, would_decide| {
            Some(Comparison { difference, standard_error: 0.022, verdict, would_decide })
        };
        let said = standing(searched, random, compared(0.035, Verdict::NotDistinguishable, Some([5, 10])));
        assert_eq!(
            said.verdict(),
            "not distinguishable from random cells: 3 searched cells know 45.9 % on average (deviation 1.5) of the \
             validation images, 6 random cells 42.4 % on average (deviation 5.0), 3.5 points more, with a standard error \
             of 2.2; if that is the true difference, 5 searches and 10 random cells would show it"
        );
        assert_eq!(said.sentences().len(), 3);
        let better = standing(searched, random, compared(0.05, Verdict::Better, None)).verdict();
        assert!(better.starts_with("better than random cells: "), "{better}");
        let worse = standing(searched, random, compared(-0.05, Verdict::Worse, None)).verdict();
        assert!(worse.contains("5.0 points less"), "{worse}");
        let one = Some(Group { cells: 1, mean: 0.5, deviation: None });
        assert!(standing(one, one, None).verdict().ends_with("nothing can be said of the search"));
        assert!(standing(one, None, None).verdict().starts_with("no random cells"));
        assert!(standing(None, one, None).verdict().starts_with("nothing was searched"));
    }
}
