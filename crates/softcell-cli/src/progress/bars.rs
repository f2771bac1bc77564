//! Bars on a terminal: one for what is under way, and below it, for a stage, one for all of it; with `--tui` a
//! panel as the lowest.

use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt;
use crate::terminal::{Part, UnicodeWidthStr, fitted};

/// Drawings a second at most: faster than people read, slow enough to cost nothing.
const DRAWINGS: u8 = 8;
/// Drawings a second at most with a panel, which has ten times the lines.
const PANEL_DRAWINGS: u8 = 4;
/// Time between two drawings where nothing happens. In a terminal that has changed its size the panel is drawn anew.
const TICK: Duration = Duration::from_millis(500);

/// Columns of the name in front of a bar.
const NAME: usize = 13;

/// The bars.
pub struct Bars {
    screen: MultiProgress,
    /// The bar of the epoch, or of what is counted.
    part: ProgressBar,
    /// The bar of the stage.
    whole: Option<ProgressBar>,
    /// Curves and cells, below the bars.
    panel: Option<ProgressBar>,
}

impl Bars {
    /// One bar.
    pub fn one(total: usize) -> Bars {
        let screen = screen(DRAWINGS);
        let part = screen.add(bar(total, &format!("{{bar:{}}} {{percent:>3}} %  {{wide_msg}}", drawn() + 4)));
        part.enable_steady_tick(TICK);
        Bars { screen, part, whole: None, panel: None }
    }

    /// One for each epoch and one for the stage, and a panel below where there is one.
    pub fn two(epoch: usize, whole: usize, panel: Option<ProgressBar>) -> Bars {
        let screen = screen(if panel.is_some() { PANEL_DRAWINGS } else { DRAWINGS });
        let part = screen.add(bar(
            epoch,
            &format!("{{prefix:{NAME}}} {{bar:{}}} {{pos:>5}}/{{len}}  {{wide_msg}}", drawn()),
        ));
        let whole = screen.add(bar(
            whole,
            &format!("{{prefix:{NAME}}} {{bar:{}}} {{percent:>3}} %  {{wide_msg}}", drawn()),
        ));
        whole.set_prefix("in all");
        // A long step must not look like a dead one.
        whole.enable_steady_tick(TICK);
        let panel = panel.map(|panel| screen.add(panel));
        if let Some(panel) = &panel {
            // So many lines would flicker if they were erased before they are drawn again.
            screen.set_move_cursor(true);
            panel.enable_steady_tick(TICK);
        }
        Bars { screen, part, whole: Some(whole), panel }
    }

    /// How far the part is, and what is said of it where there is room.
    pub fn part(&self, done: usize, parts: &[Part]) {
        self.part.set_position(done as u64);
        let number = |n: u64| n.to_string().len();
        // As the templates have it.
        let taken = match &self.whole {
            None => drawn() + 4 + 8,
            Some(_) => {
                let counted = number(done as u64).max(5) + 1 + number(self.part.length().unwrap_or(0));
                self.part.prefix().width().max(NAME) + 1 + drawn() + 1 + counted + 2
            }
        };
        self.part.set_message(fitted(parts, room(taken)));
    }

    /// The name of the part.
    pub fn name_part(&self, name: String) {
        self.part.set_prefix(name);
    }

    /// How far the whole is, and what is said of it where there is room.
    pub fn whole(&self, done: usize, parts: &[Part]) {
        if let Some(whole) = &self.whole {
            whole.set_position(done as u64);
            whole.set_message(fitted(parts, room(NAME + 1 + drawn() + 8)));
        }
    }

    /// Does something while no bar is in the way.
    pub fn aside<R>(&self, work: impl FnOnce() -> R) -> R {
        self.screen.suspend(work)
    }

    /// Takes the bars away.
    pub fn clear(self) {
        interrupt::share_screen(None);
        self.screen.set_move_cursor(false);
        for bar in [self.panel, self.whole, Some(self.part)].into_iter().flatten() {
            bar.finish_and_clear();
        }
    }
}

/// Columns of the terminal.
fn columns() -> usize {
    usize::from(Term::stderr().size().1)
}

/// Columns of a bar.
fn drawn() -> usize {
    (columns() / 4).clamp(4, 20)
}

/// Columns that are left beside so many.
fn room(taken: usize) -> usize {
    columns().saturating_sub(taken)
}

fn screen(drawings: u8) -> MultiProgress {
    let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(drawings));
    interrupt::share_screen(Some(&screen));
    screen
}

fn bar(total: usize, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    ProgressBar::new(total as u64).with_style(style.progress_chars("=> "))
}
