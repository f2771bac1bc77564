//! The YAML in which MMRazor writes a fixed subnet, read with `saphyr-parser`.
//!
//! A mapping of keys to mappings, whose `chosen` is a name or a list of names; what else they hold is stepped over.
//! Anchors and tags are refused: nothing is repeated, so that reading needs no more memory than the text.

use std::borrow::Cow;

use saphyr_parser::{Event, Marker, Parser, ScanError, Span, StrInput};

use super::super::wording::excerpt;
use super::cursor::Cursor;
use crate::error::{Error, Result};

/// A word and its byte.
pub(super) type Word<'a> = (Cow<'a, str>, usize);

/// A key and what is chosen for it.
pub(super) type Entry<'a> = (Word<'a>, Vec<Word<'a>>);

const KEY: &str = "a key such as `normal_n2`";

/// The entries of what follows the cursor, to the end of the text.
pub(super) fn entries<'a>(cursor: &Cursor<'a>) -> Result<Vec<Entry<'a>>> {
    let mut reader = Reader { cursor, parser: Parser::new_from_str(cursor.rest()), seen: (0, 0) };
    let mut entries = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::MappingStart(..), _) => break,
            other => {
                return Err(reader.fault(&other, "a mapping such as `normal_n2: {chosen: [normal_n2_p0]}`"));
            }
        }
    }
    while let Some(key) = reader.key(KEY)? {
        match reader.next()? {
            (Event::MappingStart(..), _) => {}
            other => return Err(reader.fault(&other, "a mapping with `chosen`")),
        }
        let chosen = reader.chosen()?.ok_or_else(|| {
            let expected = format!("`chosen:` below `{}`", key.0);
            cursor.fault_at(key.1, "an entry without it", expected)
        })?;
        entries.push((key, chosen));
    }
    match reader.next()? {
        (Event::DocumentEnd, _) => {}
        other => return Err(reader.fault(&other, "the end of the text")),
    }
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(entries),
        other => Err(reader.fault(&other, "one document")),
    }
}

struct Reader<'a, 'c> {
    cursor: &'c Cursor<'a>,
    parser: Parser<'a, StrInput<'a>>,
    /// Characters from the cursor to the last event, and their bytes.
    seen: (usize, usize),
}

impl<'a> Reader<'a, '_> {
    /// The next event and its byte. Anchors, tags and aliases are none.
    fn next(&mut self) -> Result<(Event<'a>, usize)> {
        let (event, span): (Event<'a>, Span) = self
            .parser
            .next_event()
            .expect("the end of the text is the last event")
            .map_err(|e| self.broken(&e))?;
        let at = self.byte(span.start);
        let decorated = match &event {
            Event::Alias(_) => true,
            Event::Scalar(_, _, anchor, tag) => *anchor != 0 || tag.is_some(),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                *anchor != 0 || tag.is_some()
            }
            _ => false,
        };
        if decorated {
            return Err(self.cursor.fork(at).fault("a name without anchor, alias or tag"));
        }
        Ok((event, at))
    }

    /// The next key of a mapping; none at its end.
    fn key(&mut self, expected: &str) -> Result<Option<Word<'a>>> {
        match self.next()? {
            (Event::MappingEnd, _) => Ok(None),
            (Event::Scalar(name, ..), at) if !name.is_empty() => Ok(Some((name, at))),
            other => Err(self.fault(&other, expected)),
        }
    }

    /// What is chosen in a mapping, after its start, if it says so.
    fn chosen(&mut self) -> Result<Option<Vec<Word<'a>>>> {
        let mut chosen = None;
        while let Some((key, at)) = self.key("`chosen:`")? {
            if key != "chosen" {
                self.step_over()?;
                continue;
            }
            if chosen.is_some() {
                return Err(self.cursor.fault_at(at, "a second `chosen`", "it once in an entry"));
            }
            chosen = Some(self.names()?);
        }
        Ok(chosen)
    }

    /// A name, or a list of names.
    fn names(&mut self) -> Result<Vec<Word<'a>>> {
        let mut names = Vec::new();
        match self.next()? {
            (Event::Scalar(name, ..), at) if is_name(&name) => return Ok(vec![(name, at)]),
            (Event::SequenceStart(..), _) => {}
            other => return Err(self.fault(&other, "a name, or a list of names")),
        }
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(names),
                (Event::Scalar(name, ..), at) if is_name(&name) => names.push((name, at)),
                other => return Err(self.fault(&other, "a name")),
            }
        }
    }

    /// Whatever value comes next.
    fn step_over(&mut self) -> Result<()> {
        let mut depth = 0usize;
        loop {
            match self.next()?.0 {
                Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
                Event::SequenceEnd | Event::MappingEnd => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// What stands at a byte is not what should.
    fn fault(&self, (event, at): &(Event<'a>, usize), expected: &str) -> Error {
        let found = match event {
            Event::Scalar(word, ..) if word.is_empty() => "nothing".into(),
            Event::Scalar(word, ..) => excerpt(word, 32),
            Event::SequenceStart(..) => "a list".into(),
            Event::MappingStart(..) => "a mapping".into(),
            Event::SequenceEnd | Event::MappingEnd | Event::DocumentEnd | Event::StreamEnd => {
                "the end".into()
            }
            Event::DocumentStart(_) => "another document".into(),
            Event::Alias(_) | Event::StreamStart | Event::Nothing => "an alias".into(),
        };
        self.cursor.fault_at(*at, &found, expected)
    }

    /// The text is no YAML.
    fn broken(&mut self, error: &ScanError) -> Error {
        let at = self.byte(*error.marker());
        self.cursor.fault_at(at, &format!("no YAML ({})", error.info()), "YAML")
    }

    /// The byte of a place that the parser counts in characters, from where the cursor is.
    fn byte(&mut self, place: Marker) -> usize {
        let (characters, bytes) = if place.index() < self.seen.0 { (0, 0) } else { self.seen };
        let rest = &self.cursor.rest()[bytes..];
        let further =
            rest.char_indices().nth(place.index() - characters).map_or(rest.len(), |(byte, _)| byte);
        self.seen = (place.index(), bytes + further);
        self.cursor.at() + self.seen.1
    }
}

/// Whether it is one word of letters, digits and underscores.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
