//! The part of YAML in which MMRazor writes a fixed subnet.
//!
//! A mapping of keys to mappings, whose `chosen` is a name or a list of names: as blocks indented by spaces, or in
//! flow style, which takes in JSON. Anchors, tags and text over several lines are refused, so that reading needs no
//! more memory than the text.

use super::super::wording::excerpt;
use super::cursor::Cursor;
use crate::error::{Error, Result};

/// A word and its byte.
pub(super) type Word<'a> = (&'a str, usize);

/// A key and what is chosen for it.
pub(super) type Entry<'a> = (Word<'a>, Vec<Word<'a>>);

/// The entries of a flow mapping, after its opening bracket, which the text ends with.
pub(super) fn flow<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Entry<'a>>> {
    let mut entries = Vec::new();
    cursor.items('}', |cursor| {
        let key = scalar(cursor, "a key such as `normal_n2`")?;
        cursor.expect(':')?;
        entries.push((key, mapping(cursor)?));
        Ok(())
    })?;
    cursor.end('}')?;
    Ok(entries)
}

/// The entries of a text that is written in blocks, from the cursor to the end.
pub(super) fn blocks<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Entry<'a>>> {
    let mut entries = Vec::new();
    let mut line = next_line(cursor)?;
    while let Some(head) = line {
        let mut inside = cursor.fork(head.start);
        if head.indent != 0 {
            return Err(inside.fault("a key such as `normal_n2` at the start of a line"));
        }
        let key = scalar(&mut inside, "a key such as `normal_n2`")?;
        head.expect(&mut inside, ':')?;
        if head.ends(&mut inside) {
            let chosen;
            (chosen, line) = below(cursor)?;
            let chosen = chosen.ok_or_else(|| {
                let expected = format!("`chosen:` below `{}`", key.0);
                cursor.fault_at(key.1, "an entry without it", expected)
            })?;
            entries.push((key, chosen));
        } else {
            entries.push((key, mapping(&mut inside)?));
            head.expect_end(&mut inside)?;
            line = next_line(cursor)?;
        }
    }
    Ok(entries)
}

/// What may stand below the last key of an entry.
enum Below {
    /// Nothing: its value stands in its line.
    Nothing,
    /// The list items of `chosen`, behind as many spaces as the first of them, once that is known.
    Items(Option<usize>),
    /// Something else than `chosen`, which is stepped over: the spaces before its lines, outermost first.
    Other(Vec<usize>),
}

/// What is chosen in the block below a key, if it says so, and the line after the block.
fn below<'a>(cursor: &mut Cursor<'a>) -> Result<(Option<Vec<Word<'a>>>, Option<Line>)> {
    let mut chosen = None;
    let mut level = None;
    let mut last = Below::Nothing;
    loop {
        let line = next_line(cursor)?;
        let Some(here) = line.filter(|line| line.indent > 0) else {
            return Ok((chosen, line));
        };
        let level = *level.get_or_insert(here.indent);
        let mut inside = cursor.fork(here.start);
        let is_item = inside.peek() == Some('-');
        if here.indent < level {
            return Err(here.misplaced(cursor, level, "as before the lines above, or none"));
        }
        if is_item || here.indent > level {
            match &mut last {
                Below::Items(indent) if is_item => {
                    let indent = *indent.get_or_insert(here.indent);
                    if here.indent != indent {
                        return Err(here.misplaced(cursor, indent, "as before the first item of the list"));
                    }
                    inside.go_to(here.start + 1);
                    let name = here.item(&mut inside)?;
                    chosen.get_or_insert_with(Vec::new).push(name);
                }
                Below::Other(open) => here.step_over(cursor, open)?,
                Below::Items(_) => {
                    return Err(inside.fault("a list item, `- …`, or a key as far indented as `chosen`"));
                }
                Below::Nothing => {
                    return Err(inside.fault("`chosen:`, or another key as far indented as the lines above"));
                }
            }
            continue;
        }
        let name = here.scalar(&mut inside, "`chosen:`")?;
        here.expect(&mut inside, ':')?;
        if name.0 != "chosen" {
            last = Below::Other(Vec::new());
            continue;
        }
        if chosen.is_some() {
            return Err(cursor.fault_at(name.1, "a second `chosen`", "it once in an entry"));
        }
        if here.ends(&mut inside) {
            chosen = Some(Vec::new());
            last = Below::Items(None);
        } else {
            chosen = Some(names(&mut inside)?);
            here.expect_end(&mut inside)?;
            last = Below::Nothing;
        }
    }
}

/// `{chosen: [a, b]}`.
fn mapping<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Word<'a>>> {
    cursor.expect('{')?;
    let mut chosen = None;
    cursor.items('}', |cursor| {
        let (name, start) = scalar(cursor, "`chosen`")?;
        if name != "chosen" || chosen.is_some() {
            return Err(cursor.fault_at(start, &excerpt(name, 32), "`chosen` alone, once"));
        }
        cursor.expect(':')?;
        chosen = Some(names(cursor)?);
        Ok(())
    })?;
    chosen.ok_or_else(|| cursor.fault_at(cursor.at() - 1, "`}`", "`chosen: …` before it"))
}

/// `[a, b]`, or one name.
fn names<'a>(cursor: &mut Cursor<'a>) -> Result<Vec<Word<'a>>> {
    let mut all = Vec::new();
    if cursor.skip('[') {
        cursor.items(']', |cursor| scalar(cursor, "a name").map(|name| all.push(name)))?;
    } else {
        all.push(scalar(cursor, "a name, or a list of names")?);
    }
    Ok(all)
}

/// Letters, digits and underscores, perhaps in quotes.
fn scalar<'a>(cursor: &mut Cursor<'a>, expected: &str) -> Result<Word<'a>> {
    cursor.skip_blanks();
    let start = cursor.at();
    if cursor.peek().is_some_and(|c| ['\'', '"'].contains(&c)) {
        return Ok((cursor.quoted(expected, "a name")?, start));
    }
    match cursor.word() {
        "" => Err(cursor.fault(expected)),
        word => Ok((word, start)),
    }
}

/// One line of a block, its comment and the blanks around it left out.
#[derive(Copy, Clone)]
struct Line {
    /// Spaces before it.
    indent: usize,
    /// Byte of its first character.
    start: usize,
    /// Byte after its last character.
    end: usize,
}

impl Line {
    /// Whether nothing is left of the line.
    fn ends(self, cursor: &mut Cursor<'_>) -> bool {
        let at = cursor.at();
        cursor.skip_blanks();
        if cursor.at() < self.end {
            return false;
        }
        cursor.go_to(at);
        true
    }

    /// Nothing is left of the line.
    fn expect_end(self, cursor: &mut Cursor<'_>) -> Result<()> {
        if self.ends(cursor) { Ok(()) } else { Err(cursor.fault("the end of the line")) }
    }

    /// `wanted` comes next in the line.
    fn expect(self, cursor: &mut Cursor<'_>, wanted: char) -> Result<()> {
        if self.ends(cursor) {
            return Err(cursor.fault_at(cursor.at(), "the end of the line", format!("`{wanted}`")));
        }
        cursor.expect(wanted)
    }

    /// The name of a list item, after its dash.
    fn item<'a>(self, cursor: &mut Cursor<'a>) -> Result<Word<'a>> {
        if cursor.at() < self.end && cursor.peek().is_some_and(|c| !c.is_whitespace()) {
            return Err(cursor.fault("a blank after `-`"));
        }
        let name = self.scalar(cursor, "a name after `-`")?;
        self.expect_end(cursor)?;
        Ok(name)
    }

    /// Takes the line as one of a block that is stepped over; `open` are the spaces before the lines that it may go on
    /// with, outermost first.
    fn step_over(self, cursor: &Cursor<'_>, open: &mut Vec<usize>) -> Result<()> {
        let innermost = open.last().copied();
        while open.last().is_some_and(|&indent| indent > self.indent) {
            open.pop();
        }
        match (open.last(), innermost) {
            (Some(&indent), _) if indent == self.indent => Ok(()),
            (_, Some(innermost)) if innermost > self.indent => Err(self.misplaced(
                cursor,
                innermost,
                "as before the line above, or as before one that it belongs to",
            )),
            _ => {
                open.push(self.indent);
                Ok(())
            }
        }
    }

    /// The line stands behind another number of spaces than it may.
    fn misplaced(self, cursor: &Cursor<'_>, spaces: usize, why: &str) -> Error {
        let found = format!("a line behind {}", counted(self.indent));
        cursor.fault_at(self.start, &found, format!("{} before it, {why}", counted(spaces)))
    }

    /// A name comes next in the line.
    fn scalar<'a>(self, cursor: &mut Cursor<'a>, expected: &str) -> Result<Word<'a>> {
        if self.ends(cursor) {
            return Err(cursor.fault_at(cursor.at(), "the end of the line", expected));
        }
        scalar(cursor, expected)
    }
}

/// `1 space`, `2 spaces`.
fn counted(spaces: usize) -> String {
    if spaces == 1 { "1 space".into() } else { format!("{spaces} spaces") }
}

/// The next line that says something; the cursor goes behind it.
fn next_line(cursor: &mut Cursor<'_>) -> Result<Option<Line>> {
    while let Some(whole) = cursor.rest().split_inclusive('\n').next() {
        let begin = cursor.at();
        cursor.go_to(begin + whole.len());
        let content = whole.find(" #").map_or(whole, |comment| &whole[..comment]).trim_end();
        let indent = content.len() - content.trim_start_matches(' ').len();
        let line = Line { indent, start: begin + indent, end: begin + content.len() };
        match &content[indent..] {
            "" => {}
            said if said.starts_with('#') => {}
            said if said.starts_with(char::is_whitespace) => {
                return Err(cursor.fault_at(line.start, "a blank that is no space", "indentation by spaces"));
            }
            _ => return Ok(Some(line)),
        }
    }
    Ok(None)
}
