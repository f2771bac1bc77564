//! What `--tui` draws below the bars: curves over the epochs and the current cell.
//!
//! It is text like a bar's, so that it goes wherever bars go: nothing is asked of the terminal but its size.

mod ansi;
mod board;
mod cells;
mod curves;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use console::Term;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use softcell::event::{Stage, Step};
use softcell::run::{HistoryLine, RunFolder};
use softcell::search::SearchEpoch;
use softcell::train::TrainEpoch;

use self::board::Board;
use super::clock::StageClock;

/// Columns and lines of the smallest terminal that has room for it.
pub const SMALLEST: [u16; 2] = [60, 16];
/// Lines of the panel in a terminal that has more than enough.
const TALLEST: u16 = 20;
/// Lines of the terminal that the panel leaves: two for the bars, the others for what scrolls above them.
const SPARED: u16 = 4;
/// Erases what a taller panel may have left below the last line.
const ERASE_BELOW: &str = "\x1b[J";

/// The panel of a run.
pub struct Panel {
    run: Option<PathBuf>,
    board: Arc<Mutex<Board>>,
}

impl Panel {
    /// A panel on standard error.
    ///
    /// # Errors
    /// The columns and lines of the terminal where they are too few.
    pub fn new() -> Result<Panel, [u16; 2]> {
        let [columns, lines] = terminal();
        if columns < SMALLEST[0] || lines < SMALLEST[1] {
            return Err([columns, lines]);
        }
        Ok(Panel { run: None, board: Arc::default() })
    }

    /// Takes the folder of the run, from which earlier epochs and the genotype are read.
    pub fn watch(&mut self, run: &Path) {
        self.run = Some(run.to_path_buf());
    }

    /// A stage begins or goes on; answers what draws it.
    pub fn begin(&mut self, clock: &StageClock) -> ProgressBar {
        *self.board() = self.before(clock);
        let board = Arc::clone(&self.board);
        let draw = move |_: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&drawn(&lock(&board), terminal()));
        };
        let style = ProgressStyle::with_template("{panel}").expect("the template is well-formed");
        ProgressBar::new(1).with_style(style.with_key("panel", draw))
    }

    /// The stage with what the folder of the run has of it. A picture is no reason to end a run: what cannot be
    /// read is not shown.
    fn before(&self, clock: &StageClock) -> Board {
        let mut board = Board::new(clock);
        let Some(Ok((folder, _))) = self.run.as_deref().map(RunFolder::peek) else { return board };
        // Epochs after the checkpoint are done once more.
        let done = clock.done / clock.steps.max(1);
        for line in folder.read_history().unwrap_or_default() {
            match (clock.stage, &line) {
                (Stage::Search, HistoryLine::Search(epoch)) if epoch.epoch < done => {
                    board.search_epoch(epoch)
                }
                (Stage::Train, HistoryLine::Train(epoch)) if epoch.epoch < done => board.train_epoch(epoch),
                _ => {}
            }
        }
        if clock.stage == Stage::Train
            && let Ok(Some(genotype)) = folder.read_genotype()
        {
            board.set_genotype(genotype);
        }
        board
    }

    /// A step is done.
    pub fn step(&mut self, step: &Step) {
        self.board().step(step);
    }

    /// An epoch of a search is done.
    pub fn search_epoch(&mut self, epoch: &SearchEpoch) {
        self.board().search_epoch(epoch);
    }

    /// An epoch of a training is done.
    pub fn train_epoch(&mut self, epoch: &TrainEpoch) {
        self.board().train_epoch(epoch);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Columns and lines of the terminal on standard error.
fn terminal() -> [u16; 2] {
    let (lines, columns) = Term::stderr().size();
    [columns, lines]
}

/// The board as lines for a terminal of this many columns and lines; empty where there is no room.
fn drawn(board: &Board, [columns, lines]: [u16; 2]) -> String {
    if columns < SMALLEST[0] || lines < SMALLEST[1] {
        return ERASE_BELOW.to_owned();
    }
    let inks = if console::colors_enabled_stderr() { Inks::Coloured } else { Inks::Plain };
    let area = Rect::new(0, 0, columns, (lines - SPARED).min(TALLEST));
    let mut buffer = Buffer::empty(area);
    board.draw(inks, area, &mut buffer);
    ansi::text(&buffer, inks) + ERASE_BELOW
}

/// Whether colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inks {
    /// The sixteen of the terminal.
    Coloured,
    /// None, as the variable NO_COLOR asks.
    Plain,
}
