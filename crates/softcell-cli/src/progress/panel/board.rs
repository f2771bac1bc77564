//! What the panel knows of a stage, and where it puts it.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::text::Line;
use ratatui_core::widgets::Widget;
use softcell::event::{Stage, Step};
use softcell::search::{CellLeanings, SearchEpoch};
use softcell::space::Genotype;
use softcell::train::TrainEpoch;

use super::Inks;
use super::cells;
use super::curves::{Figure, Spread};
use crate::progress::clock::StageClock;

const LOSS: Figure = Figure { title: "loss", names: ["train", "valid"], decimals: 4, spread: Spread::Far };
const ACCURACY: Figure =
    Figure { title: "accuracy in %", names: ["train", "valid"], decimals: 1, spread: Spread::Near };
const ENTROPY: Figure =
    Figure { title: "entropy in nats", names: ["normal", "reduce"], decimals: 3, spread: Spread::Near };
const LEARNING_RATE: Figure =
    Figure { title: "learning rate", names: ["now", ""], decimals: 6, spread: Spread::Near };
/// Columns below which a third figure has no room.
const WIDE: u16 = 78;
/// Lines of a figure that shows anything: two of words, two of axes, three of curves.
const LOWEST_FIGURE: u16 = 7;

/// A stage as the panel shows it.
#[derive(Debug)]
pub struct Board {
    stage: Stage,
    epochs: usize,
    steps: usize,
    points: Vec<Point>,
    /// The epoch under way.
    head: Option<Point>,
    genotype: Option<Genotype>,
}

/// Values of both curves of the figures at a moment, where there are any.
#[derive(Debug, Clone, Copy)]
struct Point {
    epoch: f64,
    values: [[Option<f64>; 2]; 3],
}

/// Those of the first two types of cells.
fn entropies(cells: &CellLeanings) -> [Option<f64>; 2] {
    let mut entropies = cells.cells().map(|cell| f64::from(cell.entropy));
    [entropies.next(), entropies.next()]
}

impl Default for Board {
    fn default() -> Self {
        Board { stage: Stage::Search, epochs: 1, steps: 1, points: Vec::new(), head: None, genotype: None }
    }
}

impl Board {
    /// A stage that begins or goes on.
    pub fn new(clock: &StageClock) -> Board {
        Board { stage: clock.stage, epochs: clock.epochs, steps: clock.steps.max(1), ..Board::default() }
    }

    /// Takes the genotype that is found or trained.
    pub fn set_genotype(&mut self, genotype: Genotype) {
        self.genotype = Some(genotype);
    }

    /// A step is done.
    pub fn step(&mut self, step: &Step) {
        let third = match &step.leaning {
            Some(leaning) => entropies(&leaning.cells),
            None => [Some(step.learning_rate), None],
        };
        let values = [[Some(step.loss), None], [Some(100.0 * step.accuracy), None], third];
        let epoch = step.epoch as f64 + (step.step + 1) as f64 / self.steps as f64;
        self.head = Some(Point { epoch, values });
        if let Some(leaning) = &step.leaning {
            self.genotype = Some(leaning.genotype.clone());
        }
    }

    /// An epoch of a search is done.
    pub fn search_epoch(&mut self, e: &SearchEpoch) {
        let accuracies = [e.train_accuracy, e.valid_accuracy].map(|accuracy| Some(100.0 * accuracy));
        self.epoch(e.epoch, [[Some(e.train_loss), e.valid_loss], accuracies, entropies(&e.cells)]);
        self.genotype = Some(e.genotype.clone());
    }

    /// An epoch of a training is done.
    pub fn train_epoch(&mut self, e: &TrainEpoch) {
        let accuracies =
            [Some(e.train_accuracy), e.valid_accuracy].map(|a| a.map(|accuracy| 100.0 * accuracy));
        let values = [[Some(e.train_loss), e.valid_loss], accuracies, [Some(e.learning_rate), None]];
        self.epoch(e.epoch, values);
    }

    fn epoch(&mut self, epoch: usize, values: [[Option<f64>; 2]; 3]) {
        let point = Point { epoch: (epoch + 1) as f64, values };
        self.points.retain(|earlier| earlier.epoch < point.epoch);
        self.points.push(point);
        self.head = None;
    }

    /// Draws figures and, below them, the cell; what has no room is cut off or left out.
    pub fn draw(&self, inks: Inks, area: Rect, buffer: &mut Buffer) {
        let cells = self.cells(area.width);
        let tallest = cells.iter().map(Vec::len).max().unwrap_or(0) as u16;
        let room = area.height.saturating_sub(LOWEST_FIGURE);
        let [above, _, below] = Layout::vertical([
            Constraint::Min(0),
            Constraint::Length(u16::from(room > tallest)),
            Constraint::Length(tallest.min(room)),
        ])
        .areas(area);
        self.draw_figures(inks, above, buffer);
        let halves: [Rect; 2] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(1).areas(below);
        for (half, mut lines) in halves.into_iter().zip(cells) {
            let rows = usize::from(half.height);
            if rows < lines.len() {
                lines.truncate(rows.saturating_sub(1));
                lines.push(Line::from("…"));
            }
            for (line, row) in lines.into_iter().zip(half.rows()) {
                line.render(row, buffer);
            }
        }
    }

    /// The lines of the normal and of the reduction cell.
    fn cells(&self, columns: u16) -> [Vec<Line<'static>>; 2] {
        let half = columns.saturating_sub(1) / 2;
        let mut lines = [Vec::new(), Vec::new()];
        let cells = self.genotype.iter().flat_map(|genotype| genotype.cells.iter());
        for (lines, (name, cell)) in lines.iter_mut().zip(cells) {
            *lines = cells::lines(name, cell, half);
        }
        lines
    }

    fn draw_figures(&self, inks: Inks, area: Rect, buffer: &mut Buffer) {
        let third = match self.stage {
            Stage::Search => ENTROPY,
            Stage::Train => LEARNING_RATE,
        };
        let figures = [LOSS, ACCURACY, third];
        let shown = if area.width < WIDE { 2 } else { 3 };
        let columns = Layout::horizontal(vec![Constraint::Fill(1); shown]).spacing(1).split(area);
        for (i, (figure, column)) in figures.iter().zip(columns.iter()).enumerate() {
            let curves = [0, 1].map(|curve| self.curve(i, curve));
            figure.draw([&curves[0], &curves[1]], self.epochs as f64, inks, *column, buffer);
        }
    }

    /// The points of a curve; what is not finite is left out.
    fn curve(&self, figure: usize, curve: usize) -> Vec<(f64, f64)> {
        let value = |point: &Point| Some((point.epoch, point.values[figure][curve]?));
        let points = self.points.iter().chain(&self.head).filter_map(value);
        points.filter(|(_, value)| value.is_finite()).collect()
    }
}
