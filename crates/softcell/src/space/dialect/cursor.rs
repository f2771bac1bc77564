//! A place in a text, moving forward: what the readers of all dialects share.

use super::super::primitive::Primitive;
use super::super::wording::excerpt;
use super::spelling::Spelling;
use crate::error::{Advice, Error, Result};

/// Largest number of a node or edge that is read. It bounds the memory that a short text can ask for.
pub(super) const LARGEST_NUMBER: usize = 1000;

/// A place in the text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// In bytes; always at the start of a character.
    at: usize,
    /// What the text is, for messages.
    what: &'static str,
    /// What to do about a text that cannot be read.
    remedy: &'static str,
}

impl<'a> Cursor<'a> {
    /// At the first character of `text` that is not blank.
    pub(super) fn new(text: &'a str, what: &'static str, remedy: &'static str) -> Cursor<'a> {
        Cursor { text, at: text.len() - text.trim_start().len(), what, remedy }
    }

    /// Another place in the same text.
    pub(super) fn fork(&self, at: usize) -> Cursor<'a> {
        Cursor { at, ..*self }
    }

    /// The place in bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes to byte `at`, the start of a character.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Steps over white space.
    pub(super) fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Whether `wanted` comes next, after blanks, which are stepped over.
    pub(super) fn next_is(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        self.peek() == Some(wanted)
    }

    /// Steps over `wanted` if it comes next.
    pub(super) fn skip(&mut self, wanted: char) -> bool {
        let there = self.next_is(wanted);
        if there {
            self.at += wanted.len_utf8();
        }
        there
    }

    /// Steps over `wanted` and the blanks before it.
    pub(super) fn expect(&mut self, wanted: char) -> Result<()> {
        if self.skip(wanted) { Ok(()) } else { Err(self.fault(&format!("`{wanted}`"))) }
    }

    /// Nothing but blanks is left.
    pub(super) fn end(&mut self, after: char) -> Result<()> {
        self.skip_blanks();
        if self.rest().is_empty() {
            return Ok(());
        }
        Err(self.fault(&format!("the end of the text after `{after}`")))
    }

    /// The characters that come next and fit; perhaps none.
    pub(super) fn take(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !fits(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// The letters, digits and underscores that come next; perhaps none.
    pub(super) fn word(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// What may be a decimal number or a name with points, as far as it goes; perhaps nothing.
    pub(super) fn plain(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
    }

    /// Letters, digits, underscores, slashes, points and dashes in quotes of either kind. `expected` is for the
    /// message where no quote comes next, `what` where it is not closed.
    pub(super) fn quoted(&mut self, expected: &str, what: &str) -> Result<&'a str> {
        self.skip_blanks();
        let quote = match self.peek() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.fault(expected)),
        };
        self.at += 1;
        let word = self.take(|c| c.is_ascii_alphanumeric() || "_/.-".contains(c));
        if self.peek() != Some(quote) {
            return Err(self.fault(&format!("{quote} after {what}")));
        }
        self.at += 1;
        Ok(word)
    }

    /// An operation's name in quotes.
    pub(super) fn operation(&mut self, spelling: Spelling) -> Result<Primitive> {
        self.skip_blanks();
        let start = self.at;
        let name =
            self.quoted("an operation in quotes, such as 'sep_conv_3x3'", "the name of an operation")?;
        spelling.read(name).map_err(|error| self.placed(error, start))
    }

    /// A whole number up to [`LARGEST_NUMBER`].
    pub(super) fn number(&mut self) -> Result<usize> {
        self.skip_blanks();
        let start = self.at;
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.fault("a node's number"));
        }
        read_number(digits).ok_or_else(|| {
            let expected = format!("a node's number, at most {LARGEST_NUMBER}");
            self.fault_at(start, &excerpt(digits, 12), expected)
        })
    }

    /// `range(2, 6)` or `[2, 3, 4, 5]`.
    pub(super) fn concat(&mut self) -> Result<Vec<usize>> {
        let mut nodes = Vec::new();
        if self.skip('[') {
            self.items(']', |cursor| cursor.number().map(|node| nodes.push(node)))?;
            return Ok(nodes);
        }
        let start = self.at;
        if self.word() != "range" {
            self.at = start;
            return Err(self.fault("`range(…, …)` or `[…]`"));
        }
        self.expect('(')?;
        let first = self.number()?;
        self.expect(',')?;
        let end = self.number()?;
        self.expect(')')?;
        nodes.extend(first..end);
        Ok(nodes)
    }

    /// Items with commas between them up to `close`; a comma may follow the last.
    pub(super) fn items(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        while !self.skip(close) {
            item(self)?;
            if !self.skip(',') && !self.next_is(close) {
                return Err(self.fault(&format!("`,` or `{close}`")));
            }
        }
        Ok(())
    }

    /// What is here is not what should be.
    pub(super) fn fault(&self, expected: &str) -> Error {
        let found = match self.rest() {
            "" => "the end of the text".into(),
            rest => excerpt(rest, 16),
        };
        self.fault_at(self.at, &found, expected)
    }

    /// What is at byte `at` is not what should be.
    pub(super) fn fault_at(&self, at: usize, found: &str, expected: impl Into<String>) -> Error {
        self.fault_with(at, found, expected, self.remedy)
    }

    /// [`Cursor::fault_at`] with a remedy of its own.
    pub(super) fn fault_with(
        &self,
        at: usize,
        found: &str,
        expected: impl Into<String>,
        remedy: impl Into<Advice>,
    ) -> Error {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = if line == 1 { String::new() } else { format!("line {line}, ") };
        Error::invalid(format!("{}, {place}column {column}", self.what), found, expected, remedy)
    }

    /// An error of a word with the place of the word, byte `at`.
    pub(super) fn placed(&self, error: Error, at: usize) -> Error {
        match error {
            Error::Invalid { found, expected, remedy, .. } => self.fault_with(at, &found, expected, remedy),
            other => other,
        }
    }
}

/// Digits as a number, up to [`LARGEST_NUMBER`]; none for anything else.
pub(super) fn read_number(digits: &str) -> Option<usize> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|&number| number <= LARGEST_NUMBER)
}
