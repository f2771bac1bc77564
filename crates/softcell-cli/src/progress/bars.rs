//! Bars on a terminal: one for what is under way, and below it, for a stage, one for all of it; with `--tui` a
//! panel as the lowest.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt;

/// Drawings a second at most: faster than people read, slow enough to cost nothing.
const DRAWINGS: u8 = 8;
/// The same with a panel, which has ten times the lines.
const PANEL_DRAWINGS: u8 = 4;
/// Time between two drawings where nothing happens. In a terminal that has changed its size the panel is drawn anew.
const TICK: Duration = Duration::from_millis(500);

/// The bars.
pub struct Bars {
    screen: MultiProgress,
    /// Of the epoch, or of what is counted.
    part: ProgressBar,
    /// Of the stage.
    whole: Option<ProgressBar>,
    /// Curves and cells, below the bars.
    panel: Option<ProgressBar>,
}

impl Bars {
    /// One bar.
    pub fn one(total: usize) -> Bars {
        let screen = screen(DRAWINGS);
        let part = screen.add(bar(total, "{bar:24} {percent:>3} %  {wide_msg}"));
        part.enable_steady_tick(TICK);
        Bars { screen, part, whole: None, panel: None }
    }

    /// One for each epoch and one for the stage, and a panel below where there is one.
    pub fn two(epoch: usize, whole: usize, panel: Option<ProgressBar>) -> Bars {
        let screen = screen(if panel.is_some() { PANEL_DRAWINGS } else { DRAWINGS });
        let part = screen.add(bar(epoch, "{prefix:13} {bar:20} {pos:>5}/{len}  {wide_msg}"));
        let whole = screen.add(bar(whole, "{prefix:13} {bar:20} {percent:>3} %  {wide_msg}"));
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

    /// How far the part is, and what is said of it.
    pub fn part(&self, done: usize, message: String) {
        self.part.set_position(done as u64);
        self.part.set_message(message);
    }

    /// The name of the part.
    pub fn name_part(&self, name: String) {
        self.part.set_prefix(name);
    }

    /// How far the whole is, and what is said of it.
    pub fn whole(&self, done: usize, message: String) {
        if let Some(whole) = &self.whole {
            whole.set_position(done as u64);
            whole.set_message(message);
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

fn screen(drawings: u8) -> MultiProgress {
    let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(drawings));
    interrupt::share_screen(Some(&screen));
    screen
}

fn bar(total: usize, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    ProgressBar::new(total as u64).with_style(style.progress_chars("=> "))
}
