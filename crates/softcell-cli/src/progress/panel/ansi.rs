//! A drawn buffer as text with escape sequences.

use std::fmt::Write;

use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::style::{Color, Style};

use super::Inks;

/// The lines of a buffer, without blanks at their ends.
pub fn text(buffer: &Buffer, inks: Inks) -> String {
    let columns = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(columns).map(|cells| line(cells, inks));
    lines.collect::<Vec<String>>().join("\n")
}

fn line(cells: &[Cell], inks: Inks) -> String {
    let end = cells.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
    let mut line = String::new();
    for run in cells[..end].chunk_by(|one, other| one.style() == other.style()) {
        let text: String = run.iter().map(Cell::symbol).collect();
        match inks {
            Inks::Plain => line.push_str(&text),
            Inks::Coloured => {
                let style = style(&run[0]);
                // Writing to a string cannot fail.
                let _ = write!(line, "{style}{text}{style:#}");
            }
        }
    }
    line
}

fn style(cell: &Cell) -> anstyle::Style {
    let style = Style::new().add_modifier(cell.modifier);
    // `anstyle` has no name for the terminal's own colour.
    if cell.fg == Color::Reset { style } else { style.fg(cell.fg) }.into()
}

#[cfg(test)]
mod tests {
    use ratatui_core::layout::Rect;

    use super::*;

    #[test]
    fn styles_are_told_where_they_change() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 2));
        buffer.set_string(0, 0, "ab", Style::new().fg(Color::Green));
        buffer.set_string(2, 0, "c", Style::new());
        buffer.set_string(1, 1, "d", Style::new().bold());
        assert_eq!(text(&buffer, Inks::Coloured), "\x1b[32mab\x1b[0mc\n \x1b[1md\x1b[0m");
        assert_eq!(text(&buffer, Inks::Plain), "abc\n d");
        assert_eq!(text(&Buffer::empty(Rect::ZERO), Inks::Coloured), "");
    }
}
