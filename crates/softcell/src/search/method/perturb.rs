//! Perturbation-based selection: what is tried in which order, and what the trials decide.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::fixed::FixedRows;
use crate::random::stream;
use crate::space::{EdgeWeights, Primitive, SearchSpace};

/// What a trial came to: images, and how many of them were answered rightly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Right answers.
    pub right: u64,
    /// Images.
    pub images: u64,
}

/// What a trial takes away from the supernet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// An operation: its weight is zero, those of the others stay.
    Operation {
        /// The kind of cell.
        cell: String,
        /// Its edge.
        edge: usize,
        /// Its candidate.
        candidate: usize,
    },
    /// An edge: all its weights are zero.
    Edge {
        /// The kind of cell.
        cell: String,
        /// Its edge.
        edge: usize,
    },
}

impl Removal {
    /// Takes it away.
    pub fn apply(&self, weights: &mut EdgeWeights) {
        let (Removal::Operation { cell, edge, .. } | Removal::Edge { cell, edge }) = self;
        let rows = weights.iter_mut().find(|(name, _)| name == cell);
        let row = rows.and_then(|(_, rows)| rows.get_mut(*edge)).expect("an edge of the space");
        match self {
            Removal::Operation { candidate, .. } => row[*candidate] = 0.0,
            Removal::Edge { .. } => row.fill(0.0),
        }
    }
}

/// The choices of DARTS-PT (Wang et al. 2021) in one space: round by round the operation of an edge of each kind of cell,
/// then the edges of a node, both in random order.
///
/// For an operation each candidate of the edge is taken away in turn; the one without which fewest images are answered
/// rightly is chosen, the first of equals. For a node its edges are taken away in turn, that without which most images are
/// answered rightly is gone for good (the last of equals), and so on until the node has as many as the space keeps.
#[derive(Debug, Clone)]
pub struct Rounds {
    cells: Vec<Turns>,
    /// Rounds that choose operations; those after them choose edges.
    operations: usize,
    rounds: usize,
    keep: usize,
}

/// The order of a kind of cell.
#[derive(Debug, Clone)]
struct Turns {
    name: String,
    candidates: Vec<usize>,
    /// Edges with a choice.
    edges: Vec<usize>,
    /// Nodes with more edges than are kept: these edges.
    nodes: Vec<Vec<usize>>,
}

/// How far the choices are.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// What is decided.
    pub decided: FixedRows,
    /// What is to be tried next; none where the rounds so far are over.
    pub next: Option<Removal>,
    /// Trials of choices that are made: those after them belong to the next.
    pub used: usize,
}

impl Rounds {
    /// The rounds in a space, their order drawn under `seed` from the streams `search/projection`.
    pub fn new(space: &SearchSpace, seed: u64) -> Rounds {
        let keep = if space.edges_per_node == 0 { usize::MAX } else { space.edges_per_node };
        let turns = |(index, (name, edges)): (usize, (&str, &Vec<Vec<Primitive>>))| {
            let there = |edge: &usize| edges[*edge].iter().any(|&p| p != Primitive::None);
            let mut chosen: Vec<usize> = (0..edges.len()).filter(|&edge| edges[edge].len() > 1).collect();
            let nodes =
                (0..space.n_nodes).map(|node| space.topology().incoming(node).filter(there).collect());
            let mut nodes: Vec<Vec<usize>> = nodes.filter(|edges: &Vec<usize>| edges.len() > keep).collect();
            chosen.shuffle(&mut stream(seed, "search/projection", &[index as u64, 0]));
            nodes.shuffle(&mut stream(seed, "search/projection", &[index as u64, 1]));
            Turns {
                name: name.to_owned(),
                candidates: edges.iter().map(Vec::len).collect(),
                edges: chosen,
                nodes,
            }
        };
        let cells: Vec<Turns> = space.cells.iter().enumerate().map(turns).collect();
        let most = |count: fn(&Turns) -> usize| cells.iter().map(count).max().unwrap_or(0);
        let operations = most(|turns| turns.edges.len());
        Rounds { operations, rounds: operations + most(|turns| turns.nodes.len()), cells, keep }
    }

    /// How many rounds there are.
    pub fn len(&self) -> usize {
        self.rounds
    }

    /// Whether there is nothing to choose.
    pub fn is_empty(&self) -> bool {
        self.rounds == 0
    }

    /// Whether edges are chosen, too.
    pub fn choose_edges(&self) -> bool {
        self.rounds > self.operations
    }

    /// How many trials there are in all.
    pub fn trials(&self) -> usize {
        let of_node = |edges: &Vec<usize>| (self.keep + 1..=edges.len()).sum::<usize>();
        let of_cell = |turns: &Turns| {
            let operations: usize = turns.edges.iter().map(|&edge| turns.candidates[edge]).sum();
            operations + turns.nodes.iter().map(of_node).sum::<usize>()
        };
        self.cells.iter().map(of_cell).sum()
    }

    /// What `trials` decide in the first `rounds` rounds.
    pub fn replay(&self, rounds: usize, trials: &[Tally]) -> Choices {
        let cells = self.cells.iter().map(|turns| (turns.name.as_str(), turns.candidates.len()));
        let mut progress = Choices { decided: FixedRows::none(cells), next: None, used: 0 };
        for round in 0..rounds.min(self.rounds) {
            for turns in &self.cells {
                progress.next = match round.checked_sub(self.operations) {
                    None => turns.choose_operation(round, trials, &mut progress),
                    Some(round) => turns.choose_edges(round, self.keep, trials, &mut progress),
                };
                if progress.next.is_some() {
                    return progress;
                }
            }
        }
        progress
    }
}

impl Turns {
    /// Chooses the operation of an edge, or answers what is to be tried for it.
    fn choose_operation(&self, round: usize, trials: &[Tally], progress: &mut Choices) -> Option<Removal> {
        let &edge = self.edges.get(round)?;
        let candidates = self.candidates[edge];
        let done = &trials[progress.used.min(trials.len())..];
        if done.len() < candidates {
            let cell = self.name.clone();
            return Some(Removal::Operation { cell, edge, candidate: done.len() });
        }
        let right = |candidate: &usize| done[*candidate].right;
        let chosen = (0..candidates).min_by_key(right).expect("an edge with a choice has candidates");
        progress.used += candidates;
        progress.decided.choose(&self.name, edge, chosen, candidates);
        None
    }

    /// Chooses the edges of a node, or answers what is to be tried for it.
    fn choose_edges(
        &self,
        round: usize,
        keep: usize,
        trials: &[Tally],
        progress: &mut Choices,
    ) -> Option<Removal> {
        let mut edges = self.nodes.get(round)?.clone();
        while edges.len() > keep {
            let done = &trials[progress.used.min(trials.len())..];
            if done.len() < edges.len() {
                return Some(Removal::Edge { cell: self.name.clone(), edge: edges[done.len()] });
            }
            // The last of equals.
            let gone = (0..edges.len()).max_by_key(|&at| done[at].right).expect("a node has edges");
            progress.used += edges.len();
            let gone = edges.remove(gone);
            progress.decided.remove(&self.name, gone, self.candidates[gone]);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::derive_genotype;

    fn with(candidates: &[Primitive]) -> SearchSpace {
        SearchSpace::darts().with_candidates(candidates)
    }

    /// Plays all rounds; `right` says how many images are answered without something.
    fn play(
        rounds: &Rounds,
        mut right: impl FnMut(&Removal, &FixedRows) -> u64,
    ) -> (Vec<Tally>, Vec<Removal>, Choices) {
        let (mut trials, mut removals) = (Vec::new(), Vec::new());
        loop {
            let progress = rounds.replay(rounds.len(), &trials);
            match progress.next.clone() {
                None => return (trials, removals, progress),
                Some(removal) => {
                    trials.push(Tally { right: right(&removal, &progress.decided), images: 100 });
                    removals.push(removal);
                }
            }
        }
    }

    /// 14 rounds of operations and 3 of edges, 240 trials with 7 operations and 100 with 2 (DARTS-PT).
    #[test]
    fn the_trials_of_the_paper() {
        let seven: Vec<Primitive> = Primitive::DARTS[1..].to_vec();
        for (candidates, trials) in [(&seven[..], 240), (&seven[..2], 100)] {
            let rounds = Rounds::new(&with(candidates), 1);
            assert_eq!((rounds.len(), rounds.operations, rounds.trials()), (17, 14, trials));
            let (played, _, progress) = play(&rounds, |_, _| 0);
            assert_eq!((played.len(), progress.used), (trials, trials));
            assert_eq!(progress.decided.count(), 28);
        }
    }

    /// The operation that is missed most is chosen, the edges that are missed least go.
    #[test]
    fn what_is_missed_most_stays() {
        let space = with(&Primitive::DARTS[1..]);
        let rounds = Rounds::new(&space, 4);
        // On the edges of the normal cell the operation of the edge's number is missed; edge 0 of each node least.
        let incoming: Vec<usize> = (0..4).flat_map(|node| space.topology().incoming(node)).collect();
        let first: Vec<usize> = (0..4).map(|node| space.topology().incoming(node).start).collect();
        let (_, removals, progress) = play(&rounds, |removal, _| match removal {
            Removal::Operation { edge, candidate, .. } => 50 - 10 * u64::from(edge % 7 == *candidate),
            Removal::Edge { edge, .. } => {
                let node = first.iter().rposition(|start| start <= edge).unwrap();
                90 - (edge - first[node]) as u64
            }
        });
        let mut weights =
            EdgeWeights(space.cells.map(|edges| edges.iter().map(|e| vec![0.5; e.len()]).collect()));
        progress.decided.apply(&mut weights);
        for rows in weights.cells() {
            for &edge in &incoming {
                let node = first.iter().rposition(|start| *start <= edge).unwrap();
                let kept = edge + 2 >= first.get(node + 1).copied().unwrap_or(14);
                let mut expected = vec![0.0; 7];
                expected[edge % 7] = f64::from(u8::from(kept));
                assert_eq!(rows[edge], expected, "edge {edge}");
            }
        }
        let genotype = derive_genotype(&weights, &space).unwrap();
        genotype.check().unwrap();
        for cell in genotype.cells.cells() {
            for (node, genes) in cell.nodes.iter().enumerate() {
                let mut found: Vec<_> = genes.iter().map(|gene| (gene.source, gene.primitive)).collect();
                found.sort_by_key(|(source, _)| *source);
                let of = |source| (source, Primitive::DARTS[1..][(first[node] + source) % 7]);
                assert_eq!(found, [of(node), of(node + 1)]);
            }
        }
        // An operation of each kind of cell in turn, all candidates of an edge before the next.
        let cells: Vec<&str> = removals[..14]
            .iter()
            .map(|r| match r {
                Removal::Operation { cell, .. } | Removal::Edge { cell, .. } => cell.as_str(),
            })
            .collect();
        assert_eq!(cells, [["normal"; 7], ["reduction"; 7]].concat());
    }

    #[test]
    fn of_equals_the_first_operation_stays_and_the_last_edge_goes() {
        let space = SearchSpace::darts();
        let (_, _, progress) = play(&Rounds::new(&space, 1), |_, _| 7);
        let mut weights =
            EdgeWeights(space.cells.map(|edges| edges.iter().map(|e| vec![0.5; e.len()]).collect()));
        progress.decided.apply(&mut weights);
        for rows in weights.cells() {
            for node in 0..4 {
                let strengths: Vec<f64> = space.topology().incoming(node).map(|edge| rows[edge][0]).collect();
                let kept: Vec<usize> = (0..strengths.len()).filter(|&at| strengths[at] == 1.0).collect();
                assert_eq!(kept, [0, 1]);
            }
        }
    }

    /// Each prefix of the trials decides what it decided when it was played, and asks for the next.
    #[test]
    fn any_point_is_found_again() {
        let rounds = Rounds::new(&SearchSpace::darts(), 9);
        let mut asked = 0;
        let (trials, removals, _) = play(&rounds, |_, _| {
            asked += 1;
            (asked * 37) % 101
        });
        for done in [0, 5, 8, 9, 100, 223, 224, 230, trials.len() - 1] {
            let progress = rounds.replay(rounds.len(), &trials[..done]);
            assert_eq!(progress.next.as_ref(), Some(&removals[done]), "{done}");
        }
        // A round that is not reached decides nothing.
        assert_eq!(rounds.replay(0, &trials).decided.count(), 0);
        assert_eq!(rounds.replay(1, &trials).decided.count(), 2);
        assert_ne!(removals, play(&Rounds::new(&SearchSpace::darts(), 10), |_, _| 0).1);
    }
}
