//! The relaxation of the alphas of one space.

use std::ops::Range;

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::super::Method;
use super::form::CellForm;
use super::gumbel::{Sample, concrete};
use super::rows::{Mixed, dot, each, sigmoid};
use super::{EdgeNormalization, Moment, Relaxation, Relaxed, Temperature, dirichlet, paths};
use crate::error::{Error, Result};
use crate::random::stream;
use crate::space::{AlphaGradient, Alphas, ByCell, EdgeGradient, EdgeWeights, SearchSpace};

/// Standard deviation of the initial alphas (A1).
const INITIAL_DEVIATION: f32 = 1e-3;

/// What the groups of alphas are called that hold the edges' own, after the kind of cell.
const NODES: &str = ".nodes";

/// How the alphas of a space become edge weights, and back: a method's choices beside the form of the space.
#[derive(Debug, Clone, PartialEq)]
pub struct Relaxer {
    relaxation: Relaxation,
    edges: EdgeNormalization,
    temperature: Temperature,
    cells: ByCell<CellForm>,
    /// Whether rows end with the weight of an auxiliary skip connection.
    auxiliary: bool,
}

/// A kind of cell, relaxed.
#[derive(Debug, Clone)]
struct Cell {
    name: String,
    candidates: Mixed,
    edges: Option<Edges>,
}

/// The edges' own weights.
#[derive(Debug, Clone)]
struct Edges {
    /// A row for each node.
    rows: Mixed,
    /// The edges that end in each.
    nodes: Vec<Range<usize>>,
}

impl Relaxer {
    /// That of a method, in a space.
    pub fn new(method: &Method, space: &SearchSpace) -> Self {
        Self {
            relaxation: method.relaxation,
            edges: method.edge_weights,
            temperature: method.temperature(),
            cells: CellForm::of(space),
            auxiliary: space.auxiliary_skip,
        }
    }

    /// The form of the alphas: the names of their groups, and how long the rows of each are. First the candidates of all
    /// kinds of cells, then, where edges have weights of their own, the nodes of all.
    pub fn rows(&self) -> ByCell<Vec<usize>> {
        let candidates = self.cells.iter().map(|(name, form)| (name.to_owned(), form.lengths()));
        let nodes = self.cells.iter().filter(|_| self.edges == EdgeNormalization::Softmax);
        let nodes = nodes.map(|(name, form)| {
            (format!("{name}{NODES}"), form.nodes.iter().map(ExactSizeIterator::len).collect())
        });
        candidates.chain(nodes).collect()
    }

    /// The names of the groups that hold the alphas of candidates: one for each kind of cell.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.cells.names()
    }

    /// How alphas become weights.
    pub fn relaxation(&self) -> Relaxation {
        self.relaxation
    }

    /// The alphas that a search begins with: `1e-3 · N(0, 1)`, from the stream `init/alphas`; 0 for a sigmoid, and
    /// `1/n` in rows of n where they are the weights themselves.
    pub fn initial(&self, seed: u64) -> Alphas {
        let mut random = stream(seed, "init/alphas", &[]);
        let mut row = |&n: &usize| -> Vec<f32> {
            let mut draw = || {
                let z: f32 = StandardNormal.sample(&mut random);
                INITIAL_DEVIATION * z
            };
            match self.relaxation {
                Relaxation::Simplex => vec![1.0 / n as f32; n],
                _ => (0..n).map(|_| draw()).collect(),
            }
        };
        let mut alphas: Alphas = self
            .rows()
            .iter()
            .map(|(name, lengths)| (name.to_owned(), lengths.iter().map(&mut row).collect()))
            .collect();
        if self.relaxation == Relaxation::Sigmoid {
            let rows = alphas.cells_mut().take(self.cells.len()).flatten().flatten();
            rows.for_each(|alpha| *alpha = 0.0);
        }
        alphas
    }

    /// The edge weights of a pass at this moment, and their pullback. The weights of auxiliary skip connections stand at
    /// the end of each row.
    pub fn relax(&self, alphas: &Alphas, moment: Moment) -> Relaxed {
        let mut random = stream(moment.seed, moment.half.draws(), &[moment.epoch as u64, moment.step as u64]);
        let temperature = self.temperature.at(moment.epoch, moment.epochs);
        let mut relaxed = self.relaxed(alphas, |rows, form| self.draw(rows, form, temperature, &mut random));
        if self.relaxation.runs_paths() {
            relaxed = relaxed.chosen();
        }
        if self.auxiliary {
            relaxed.weights = self.with_auxiliary(relaxed.weights, moment.epoch, moment.epochs);
            relaxed.beside = 1;
        }
        relaxed
    }

    /// What the alphas stand for when nothing is drawn or disturbed: for selection and records. Rows have a weight for
    /// each candidate, and none beside.
    ///
    /// Of concrete samples that is `softmax(α)`, the probabilities of their largest entries; of a Dirichlet distribution
    /// its mean; of random paths how often each candidate is drawn.
    pub fn expected(&self, alphas: &Alphas) -> EdgeWeights {
        self.relax_expected(alphas).weights
    }

    /// The same as edge weights with their pullback.
    pub fn relax_expected(&self, alphas: &Alphas) -> Relaxed {
        self.relaxed(alphas, |rows, form| self.mean(rows, form))
    }

    /// The expected weights as the network takes them in this epoch, with those of auxiliary skip connections: for
    /// validation.
    pub fn of_network(&self, alphas: &Alphas, epoch: usize, epochs: usize) -> EdgeWeights {
        self.with_auxiliary(self.expected(alphas), epoch, epochs)
    }

    /// The alphas with their groups in the order of the space.
    ///
    /// # Errors
    /// [`Error::Invalid`] where groups or rows are not those of the space.
    pub fn fit(&self, alphas: &Alphas) -> Result<Alphas> {
        let (found, expected) = (alphas.lengths(), self.rows());
        let group = |name: &str| Some((name.to_owned(), alphas.get(name)?.clone()));
        let fitted: Option<Alphas> = expected.names().map(group).collect();
        if let Some(fitted) = fitted.filter(|a| a.len() == alphas.len() && a.lengths() == expected) {
            return Ok(fitted);
        }
        let form = |rows: &ByCell<Vec<usize>>| {
            let one = |(name, rows): (&str, &Vec<usize>)| match rows.windows(2).all(|n| n[0] == n[1]) {
                true => format!("{name} {} x {}", rows.len(), rows.first().unwrap_or(&0)),
                false => format!("{name} {rows:?}"),
            };
            rows.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let remedy = "use the nodes and candidates the alphas were made with";
        Err(Error::invalid("alphas", form(&found), form(&expected), remedy))
    }

    fn relaxed(&self, alphas: &Alphas, mut mix: impl FnMut(&[Vec<f32>], &CellForm) -> Mixed) -> Relaxed {
        let cell = |(name, form): (&str, &CellForm)| Cell {
            name: name.to_owned(),
            candidates: mix(rows_of(alphas, name), form),
            edges: match self.edges {
                EdgeNormalization::None => None,
                EdgeNormalization::Softmax => {
                    let rows = rows_of(alphas, &format!("{name}{NODES}"));
                    let rows = match self.relaxation {
                        Relaxation::Simplex => identity(rows),
                        _ => Mixed::softmax(rows),
                    };
                    Some(Edges { rows, nodes: form.nodes.clone() })
                }
            },
        };
        let cells: Vec<Cell> = self.cells.iter().map(cell).collect();
        let weights = cells.iter().map(|cell| (cell.name.clone(), cell.weights())).collect();
        Relaxed::new(weights, move |gradient| pull_back(&cells, gradient))
    }

    fn draw(&self, rows: &[Vec<f32>], form: &CellForm, temperature: f64, random: &mut impl Rng) -> Mixed {
        match self.relaxation {
            Relaxation::Gumbel => concrete(rows, temperature, Sample::Dense, random),
            Relaxation::GumbelHard => concrete(rows, temperature, Sample::Hard, random),
            Relaxation::Dirichlet => dirichlet::sample(rows, random),
            Relaxation::RandomPath => paths::sample(form, random),
            Relaxation::Softmax | Relaxation::Sigmoid | Relaxation::Simplex | Relaxation::Uniform => {
                self.mean(rows, form)
            }
        }
    }

    fn mean(&self, rows: &[Vec<f32>], form: &CellForm) -> Mixed {
        match self.relaxation {
            Relaxation::Softmax | Relaxation::Gumbel | Relaxation::GumbelHard => Mixed::softmax(rows),
            Relaxation::Dirichlet => dirichlet::mean(rows),
            Relaxation::Sigmoid => {
                Mixed::scaled(each(rows, sigmoid), each(rows, |alpha| sigmoid(alpha) * sigmoid(-alpha)))
            }
            Relaxation::Simplex => identity(rows),
            Relaxation::Uniform => Mixed::constant(form.rows(|c| vec![1.0 / c.len() as f64; c.len()])),
            Relaxation::RandomPath => paths::probabilities(form),
        }
    }

    /// `β_e = (E − e)/E` at the end of each row (DARTS−, Chu et al. 2021), which is never 0.
    pub fn with_auxiliary(&self, mut weights: EdgeWeights, epoch: usize, epochs: usize) -> EdgeWeights {
        if self.auxiliary {
            let weight = (epochs - epoch.min(epochs)) as f64 / epochs as f64;
            weights.cells_mut().flatten().for_each(|row| row.push(weight));
        }
        weights
    }
}

impl Cell {
    /// `w_{e,k} = s_e · m_{e,k}`, s being the edge's own weight.
    fn weights(&self) -> Vec<Vec<f64>> {
        let mut weights = self.candidates.weights.clone();
        if let Some(edges) = &self.edges {
            for (row, edge) in weights.iter_mut().zip(edges.weights()) {
                row.iter_mut().for_each(|weight| *weight *= edge);
            }
        }
        weights
    }

    /// `∂L/∂m_{e,k} = s_e · g_{e,k}` through the candidates and `∂L/∂s_e = Σ_k m_{e,k} · g_{e,k}` through the edges.
    /// Columns beside the candidates are left out.
    fn pull_back(&self, gradient: &[Vec<f64>]) -> (Vec<Vec<f64>>, Option<Vec<Vec<f64>>>) {
        let mixed = &self.candidates.weights;
        let mut gradient: Vec<Vec<f64>> =
            gradient.iter().zip(mixed).map(|(gradient, row)| gradient[..row.len()].to_vec()).collect();
        let nodes = self.edges.as_ref().map(|edges| {
            let slopes: Vec<f64> = gradient.iter().zip(mixed).map(|(g, m)| dot(g, m)).collect();
            let of_nodes: Vec<Vec<f64>> =
                edges.nodes.iter().map(|range| slopes[range.clone()].to_vec()).collect();
            for (row, edge) in gradient.iter_mut().zip(edges.weights()) {
                row.iter_mut().for_each(|g| *g *= edge);
            }
            edges.rows.pull_back(&of_nodes)
        });
        (self.candidates.pull_back(&gradient), nodes)
    }
}

impl Edges {
    /// The weight of each edge; edges are in the order of the nodes that they end in.
    fn weights(&self) -> Vec<f64> {
        self.rows.weights.concat()
    }
}

/// The groups of candidates, then those of nodes, as [`Relaxer::rows`] has them.
fn pull_back(cells: &[Cell], gradient: &EdgeGradient) -> AlphaGradient {
    let (mut candidates, mut nodes) = (Vec::new(), Vec::new());
    for cell in cells {
        let gradient = gradient.get(&cell.name).expect("a gradient for each cell");
        let (of_candidates, of_nodes) = cell.pull_back(gradient);
        candidates.push((cell.name.clone(), of_candidates));
        nodes.extend(of_nodes.map(|rows| (format!("{}{NODES}", cell.name), rows)));
    }
    candidates.into_iter().chain(nodes).collect()
}

fn rows_of<'a>(alphas: &'a Alphas, name: &str) -> &'a [Vec<f32>] {
    alphas.get(name).expect("alphas of these cells")
}

/// The alphas as weights, moved as they are.
fn identity(alphas: &[Vec<f32>]) -> Mixed {
    Mixed::scaled(each(alphas, |alpha| alpha), each(alphas, |_| 1.0))
}

#[cfg(test)]
mod tests;
