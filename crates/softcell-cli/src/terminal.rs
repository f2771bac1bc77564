//! How a text is laid out where people read it: nothing in it acts on the terminal, and on a terminal lines end
//! between words.

use std::io::IsTerminal;

use console::Term;
use softcell::program::shown::escaped_lines;
use textwrap::{Options, WordSeparator, WordSplitter, core::Word};
pub use unicode_width::UnicodeWidthStr;

/// Columns by which the rest of a line that was broken is set in, beyond the line itself.
const HANGING: usize = 4;
/// ` %` where it is not to be broken, with a blank that does not break.
const PERCENT: &str = "\u{a0}%";
/// Narrower terminals break lines as they like.
const NARROWEST: usize = 20;

/// Columns of the terminal on standard output, if it is one.
pub fn stdout_columns() -> Option<usize> {
    columns(std::io::stdout().is_terminal(), &Term::stdout())
}

/// Columns of the terminal on standard error, if it is one.
pub fn stderr_columns() -> Option<usize> {
    columns(std::io::stderr().is_terminal(), &Term::stderr())
}

fn columns(is_terminal: bool, term: &Term) -> Option<usize> {
    let (_, columns) = term.size_checked().filter(|_| is_terminal)?;
    Some(usize::from(columns))
}

/// The text without what would act on a terminal, and for one of so many columns with lines that fit.
pub fn laid_out(text: &str, columns: Option<usize>) -> String {
    let text = escaped_lines(text);
    match columns {
        Some(columns) if columns >= NARROWEST => {
            let lines: Vec<String> = text.split('\n').map(|line| broken(line, columns)).collect();
            lines.join("\n")
        }
        _ => text.into_owned(),
    }
}

/// A line, broken where it is too long: between columns if there are any, else between words. A command is broken so
/// that it can be copied.
fn broken(line: &str, columns: usize) -> String {
    if line.width() <= columns {
        return line.to_owned();
    }
    let text = line.trim_start();
    let begin = &line[..line.len() - text.len()];
    let hanging = (begin.len() + HANGING).min(columns / 2);
    let indent = " ".repeat(hanging);
    let is_command = text.starts_with("softcell ");
    if is_command && text.contains(['\'', '"']) {
        return line.to_owned();
    }
    let separator = match two_blanks(text).all(|part| part.word.width() + hanging <= columns) {
        true => WordSeparator::Custom(two_blanks),
        false => WordSeparator::AsciiSpace,
    };
    let (width, end) = if is_command { (columns - 2, " \\\n") } else { (columns, "\n") };
    let options = Options::new(width)
        .initial_indent(begin)
        .subsequent_indent(&indent)
        .word_separator(separator)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    // No line begins with the sign of a percentage.
    let text = text.replace(" %", PERCENT);
    textwrap::wrap(&text, options).join(end).replace(PERCENT, " %")
}

/// The parts of a line between which there are at least two blanks.
fn two_blanks(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let blanks = rest.find("  ").unwrap_or(rest.len());
        let after = rest[blanks..].find(|c| c != ' ').map_or(rest.len(), |n| blanks + n);
        let (part, behind) = rest.split_at(after);
        rest = behind;
        Some(Word::from(part))
    }))
}

/// What is told in a place of limited width; the higher the rank, the sooner it is left out.
#[derive(Debug, Clone)]
pub struct Part {
    pub rank: u8,
    pub text: String,
}

/// The parts with two blanks between them: as many as there is room for.
pub fn fitted(parts: &[Part], room: usize) -> String {
    let mut kept: Vec<&Part> = parts.iter().filter(|part| !part.text.is_empty()).collect();
    loop {
        let text = kept.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join("  ");
        let Some(least) = (0..kept.len()).max_by_key(|&i| kept[i].rank) else { return text };
        if text.width() <= room {
            return text;
        }
        kept.remove(least);
    }
}

/// The text with blanks behind it up to so many columns.
pub fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

/// The text with blanks in front of it up to so many columns.
pub fn padded_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        let text = "a sentence of several words that is long\n  and one that is set in, and long as well";
        let shown = laid_out(text, Some(24));
        assert!(shown.lines().all(|line| line.width() <= 24), "{shown}");
        assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        assert!(shown.contains("\n      in, and long as"), "{shown}");
        assert_eq!(laid_out(text, None), text);
        assert_eq!(laid_out("short\n", Some(24)), "short\n");
        assert_eq!(
            laid_out("leave the accuracy of 63.3 % to", Some(27)),
            "leave the accuracy of\n    63.3 % to"
        );
    }

    #[test]
    fn columns_stay_whole() {
        let line = "search   1/50  loss 2.3012  accuracy 12.50 %  valid loss 2.2901  lr 0.02500";
        let shown = laid_out(line, Some(40));
        assert_eq!(
            shown,
            "search   1/50  loss 2.3012\n    accuracy 12.50 %  valid loss 2.2901\n    lr 0.02500"
        );
    }

    #[test]
    fn commands_can_still_be_copied() {
        let shown = laid_out("  softcell fit --data photos --out runs/a --resume", Some(30));
        assert_eq!(shown, "  softcell fit --data photos \\\n      --out runs/a --resume");
        let quoted = "  softcell fit --data 'my photos of the summer' --resume";
        assert_eq!(laid_out(quoted, Some(30)), quoted);
    }

    #[test]
    fn what_has_no_room_is_left_out_whole() {
        let part = |rank, text: &str| Part { rank, text: text.to_owned() };
        let parts = [part(2, "80 images/s"), part(0, "loss 2.3"), part(1, "accuracy 10 %"), part(3, "")];
        assert_eq!(fitted(&parts, 80), "80 images/s  loss 2.3  accuracy 10 %");
        assert_eq!(fitted(&parts, 30), "loss 2.3  accuracy 10 %");
        assert_eq!(fitted(&parts, 12), "loss 2.3");
        assert_eq!(fitted(&parts, 3), "");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(padded("猫", 4), "猫  ");
        assert_eq!(padded_left("é", 3), "  é");
        assert!(laid_out("猫猫猫猫猫 猫猫猫猫猫 猫猫猫", Some(20)).contains('\n'));
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(laid_out("a \u{1b}[2J b\n", None), "a \\u{1b}[2J b\n");
    }
}
