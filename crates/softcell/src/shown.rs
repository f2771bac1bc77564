//! Names and paths as people may see them: what would move a cursor or break a line is written as an escape.

use std::borrow::Cow;
use std::path::Path;

/// Whether a terminal or a reader would be misled by the character: control characters, ends of lines, and the
/// marks that turn the direction of writing.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn replaced(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |c: char| misleads(c) && !is_kept(c);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_escaped(c) { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    Cow::Owned(plain)
}

/// A name on one line: `a\nb` for a name with an end of line in it, `\u{1b}[31m` for one with a colour.
pub fn escaped(name: &str) -> Cow<'_, str> {
    replaced(name, |_| false)
}

/// A text of several lines: ends of lines and tabulators stay, everything else as [`escaped`].
pub fn escaped_lines(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c == '\n' || c == '\t')
}

/// Most characters of [`said`].
const LONGEST: usize = 2000;
/// Characters among those of a longer text that are kept of its end.
const END: usize = 400;

/// Part of a message, on one line as [`escaped`]; of a very long one the beginning and the end.
pub fn said(text: &str) -> Cow<'_, str> {
    let text = escaped(text);
    if text.len() <= LONGEST || text.chars().nth(LONGEST).is_none() {
        return text;
    }
    let beginning: String = text.chars().take(LONGEST - END).collect();
    let mut end: Vec<char> = text.chars().rev().take(END).collect();
    end.reverse();
    Cow::Owned(beginning + " … " + &String::from_iter(end))
}

/// A path as [`said`]; what is not UTF-8 in it is shown as `�`.
pub fn path(path: &Path) -> String {
    said(&path.to_string_lossy()).into_owned()
}

/// The first few of `items`, as people may see them, and how many more there are.
pub(crate) fn listed(items: &[String]) -> String {
    const SHOWN: usize = 5;
    let items: Vec<Cow<'_, str>> = items.iter().map(|item| escaped(item)).collect();
    match items.len().checked_sub(SHOWN) {
        None | Some(0) => items.join(", "),
        Some(more) => format!("{} and {more} more", items[..SHOWN].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_no_books() {
        assert_eq!(said(&"é".repeat(LONGEST)), "é".repeat(LONGEST));
        let long = said(&format!("begin {} end\n", "x".repeat(200_000))).into_owned();
        assert!(long.starts_with("begin x") && long.ends_with("x end\\n") && long.contains("x … x"));
        assert_eq!(long.chars().count(), LONGEST + 3);
    }

    #[test]
    fn nothing_acts_on_a_terminal() {
        assert_eq!(escaped("\u{1b}[31mred\u{1b}[0m"), "\\u{1b}[31mred\\u{1b}[0m");
        assert_eq!(
            escaped("two\nlines\t\r\u{7f}\u{9b}2J\u{202e}"),
            "two\\nlines\\t\\r\\u{7f}\\u{9b}2J\\u{202e}"
        );
        assert_eq!(escaped_lines("a\n\tb\u{7}"), "a\n\tb\\u{7}");
        assert!(matches!(escaped("Kätzchen 猫 кот"), Cow::Borrowed("Kätzchen 猫 кот")));
        assert_eq!(path(Path::new("in/a\nb.png")), "in/a\\nb.png");
    }
}
