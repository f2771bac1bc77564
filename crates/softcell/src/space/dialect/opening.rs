//! How a text begins, which tells its dialect.

use super::super::topology::CellKind;
use super::Dialect;
use super::keys::{Key, word};

/// What a text begins with, after an assignment or the head of a log line that ends in `=` or `:`.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Opening<'a> {
    /// `name(`.
    Call {
        /// The word before the bracket.
        name: &'a str,
        /// The byte after the bracket.
        inside: usize,
    },
    /// `{`; the byte after it.
    Brace(usize),
    /// `|`; its byte.
    Bar(usize),
    /// `normal_0=` without a call around it; its byte.
    Assignment(usize),
    /// A line such as `normal_n2:`; its byte.
    Block(usize),
    /// Something else.
    Unknown,
}

impl Opening<'_> {
    /// How `text` begins.
    pub(super) fn of(text: &str) -> Opening<'_> {
        let first = text.len() - text.trim_start().len();
        if let Some(at) = block(text) {
            return Opening::Block(at);
        }
        if assignment(&text[first..]) {
            return Opening::Assignment(first);
        }
        let Some(at) = text.find(['(', '{', '|']) else {
            return Opening::Unknown;
        };
        let before = text[..at].trim_end();
        let is_call = text[at..].starts_with('(');
        let named = if is_call {
            before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_')
        } else {
            before
        };
        let (lead, name) = (named.trim_end(), &before[named.len()..]);
        if !lead.is_empty() && !lead.ends_with(['=', ':']) {
            return Opening::Unknown;
        }
        match &text[at..=at] {
            "(" => Opening::Call { name, inside: at + 1 },
            "{" => Opening::Brace(at + 1),
            _ => Opening::Bar(at),
        }
    }

    /// The dialect of `text`, which begins so; none where it is none that is known.
    pub(super) fn dialect(self, text: &str) -> Option<Dialect> {
        match self {
            Opening::Call { name: "Genotype", inside } => Some(call(&text[inside..])),
            Opening::Call { name: "CNNGenotype", .. } | Opening::Assignment(_) => Some(Dialect::AwNas),
            Opening::Call { name: "Structure", .. } => Some(Dialect::AutoDl),
            Opening::Call { .. } | Opening::Unknown => None,
            Opening::Brace(inside) => Some(braces(&text[inside..])),
            Opening::Bar(_) => Some(Dialect::Nb201),
            Opening::Block(_) => Some(Dialect::MmRazor),
        }
    }
}

/// Place of the first line, if it is a key of MMRazor's file. Comments and `---` may stand before it.
fn block(text: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        if !content.is_empty() && !content.starts_with('#') && content != "---" {
            let (key, _) = content.split_once(':')?;
            return Key::read(key.trim_end().trim_matches(['\'', '"'])).is_some().then_some(at);
        }
        at += line.len();
    }
    None
}

/// Whether `text` begins with `normal_0=` or `reduce_1 =`.
fn assignment(text: &str) -> bool {
    let cell = CellKind::ALL.into_iter().find_map(|kind| text.strip_prefix(word(kind)));
    let group = cell.and_then(|rest| rest.strip_prefix('_'));
    group.is_some_and(|group| {
        let rest = group.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < group.len() && rest.trim_start().starts_with('=')
    })
}

/// Which of the three that print `Genotype(` has these parts: the brackets of the first list tell.
fn call(parts: &str) -> Dialect {
    if parts.contains("connectN") || parts.contains("connects") {
        return Dialect::AutoDl;
    }
    let value = parts.split_once('=').map_or("", |(_, value)| value.trim_start());
    let first = value.strip_prefix(['[', '(']).unwrap_or_default().trim_start();
    match first.strip_prefix('(').map(str::trim_start) {
        Some(second) if second.starts_with('(') => Dialect::AutoDl,
        _ if first.starts_with('[') => Dialect::PtDarts,
        _ => Dialect::Darts,
    }
}

/// Which of the four that write a dictionary has these entries: the first key that one of them uses tells.
fn braces(entries: &str) -> Dialect {
    let has_nodes = entries.contains("normal_n") || entries.contains("reduce_n");
    if has_nodes && entries.contains("chosen") {
        return Dialect::MmRazor;
    }
    let mut rest = entries;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = if rest[start..].starts_with('"') { '"' } else { '\'' };
        let Some((key, after)) = rest[start + 1..].split_once(quote) else { break };
        rest = after;
        match key {
            "nodes" | "concat" | "primitive" | "source" | "reduction" => return Dialect::Json,
            "normal_concat" | "reduce_concat" => return Dialect::AutoDl,
            "normal" | "reduce" => {
                let value = rest.trim_start().strip_prefix(':').unwrap_or_default().trim_start();
                return if value.starts_with(['[', '(']) { Dialect::AutoDl } else { Dialect::Json };
            }
            key if Key::read(key).is_some() => return Dialect::Nni,
            _ => {}
        }
    }
    Dialect::Json
}
