//! Comments of Python, which may stand in every text that is Python.

use std::borrow::Cow;

/// The text with blanks in place of its comments; every other byte stays where it was, for the places in messages.
///
/// A comment goes from a `#` that is not in a string to the end of the line. Before the first bracket of the genotype
/// only whole lines are comments: the head of a log line may have a `#` in it. A text without anything but comments is
/// left as it is.
pub(super) fn blanked(text: &str) -> Cow<'_, str> {
    if !text.contains('#') {
        return Cow::Borrowed(text);
    }
    let mut blanked = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let end = line.trim_end_matches(['\r', '\n']).len();
        let start = comment(line, &mut inside).unwrap_or(end);
        blanked.push_str(&line[..start]);
        blanked.extend(std::iter::repeat_n(' ', end - start));
        blanked.push_str(&line[end..]);
    }
    if blanked.trim().is_empty() { Cow::Borrowed(text) } else { Cow::Owned(blanked) }
}

/// Where the comment of a line begins. Whether the first bracket has been there goes from line to line; a string does
/// not.
fn comment(line: &str, inside: &mut bool) -> Option<usize> {
    if !*inside && line.trim_start().starts_with('#') {
        return Some(line.len() - line.trim_start().len());
    }
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '(' | '{' | '|') => *inside = true,
            (None, '\'' | '"') if *inside => quote = Some(c),
            (None, '#') if *inside => return Some(at),
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_blanks() {
        for (text, expected) in [
            ("(a, # b\n c)", "(a,    \n c)"),
            ("(a, # it's ß\r\n c) # d", "(a,          \r\n c)    "),
            ("  # (a\n\n#b\nx = (#c\n", "      \n\n  \nx = (  \n"),
            ("('#', \"'#'\", #'\n '#\n'#'", "('#', \"'#'\",   \n '#\n'#'"),
            ("it's #3: (a, '#') #", "it's #3: (a, '#')  "),
        ] {
            assert_eq!(blanked(text), expected);
        }
        for text in ["", "no comment", "# x = (a)", " #a\n#b", "#3 = x", "step #3"] {
            assert_eq!(blanked(text), text);
        }
    }
}
