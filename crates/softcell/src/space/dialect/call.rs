//! Reads the original's Python form of a genotype.

use super::super::genotype::{CellGene, EdgeGene, Genotype};
use super::super::primitive::Primitive;
use super::super::wording::excerpt;
use crate::error::{Error, Result};

/// Largest number that is read.
const LARGEST_NUMBER: usize = 1000;

/// Genes per node where all genes of a cell stand in one list.
const GENES_PER_NODE: usize = 2;

/// What to do about a text that cannot be read.
const REMEDY: &str = "give it as the original prints it: Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), \
     reduce=[…], reduce_concat=range(2, 6))";

/// A place in the text, moving forward.
pub(super) struct Reader<'a> {
    text: &'a str,
    /// In bytes; always at the start of a character.
    at: usize,
}

/// The four parts of the text, in the order in which they are written.
#[derive(Default)]
struct Parts {
    normal: Option<Vec<Vec<EdgeGene>>>,
    normal_concat: Option<Vec<usize>>,
    reduce: Option<Vec<Vec<EdgeGene>>>,
    reduce_concat: Option<Vec<usize>>,
}

impl<'a> Reader<'a> {
    /// At the start of `text`.
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader { text, at: 0 }
    }

    /// The whole text as a genotype, not yet checked.
    pub(super) fn genotype(mut self) -> Result<Genotype> {
        self.head()?;
        let mut parts = Parts::default();
        self.items(')', |reader| reader.part(&mut parts))?;
        let closed = self.at - 1;
        self.skip_blanks();
        if self.at < self.text.len() {
            return Err(self.fault("the end of the text after `)`"));
        }
        let missing = |name: &str| self.fault_at(closed, "`)`", format!("`{name}=` before it"), REMEDY);
        Ok(Genotype {
            normal: CellGene {
                nodes: parts.normal.ok_or_else(|| missing("normal"))?,
                concat: parts.normal_concat.ok_or_else(|| missing("normal_concat"))?,
            },
            reduction: CellGene {
                nodes: parts.reduce.ok_or_else(|| missing("reduce"))?,
                concat: parts.reduce_concat.ok_or_else(|| missing("reduce_concat"))?,
            },
        })
    }

    /// `Genotype(`, and before it nothing or something that ends in `=`.
    fn head(&mut self) -> Result<()> {
        let bracket = self.text.find('(');
        let lead = bracket.and_then(|end| self.text[..end].trim_end().strip_suffix("Genotype"));
        match (bracket, lead.map(str::trim_end)) {
            (Some(end), Some(lead)) if lead.is_empty() || lead.ends_with('=') => {
                self.at = end + 1;
                Ok(())
            }
            _ => {
                self.skip_blanks();
                Err(self.fault("`Genotype(`, `NAME = Genotype(`, or JSON that starts with `{`"))
            }
        }
    }

    /// `normal=[…]` or another of the four.
    fn part(&mut self, parts: &mut Parts) -> Result<()> {
        self.skip_blanks();
        let start = self.at;
        let name = self.word();
        let again = match name {
            "normal" => parts.normal.is_some(),
            "normal_concat" => parts.normal_concat.is_some(),
            "reduce" => parts.reduce.is_some(),
            "reduce_concat" => parts.reduce_concat.is_some(),
            "recurrent" => {
                let remedy =
                    "give the genotype of a convolutional cell; recurrent cells cannot be built here";
                return Err(self.fault_at(start, "`recurrent`", "`normal`".into(), remedy));
            }
            _ => {
                self.at = start;
                return Err(self.fault("`normal`, `normal_concat`, `reduce` or `reduce_concat`"));
            }
        };
        if again {
            let found = format!("a second `{name}`");
            return Err(self.fault_at(start, &found, "each part once".into(), REMEDY));
        }
        self.expect('=')?;
        match name {
            "normal" => parts.normal = Some(self.nodes()?),
            "normal_concat" => parts.normal_concat = Some(self.concat()?),
            "reduce" => parts.reduce = Some(self.nodes()?),
            _ => parts.reduce_concat = Some(self.concat()?),
        }
        Ok(())
    }

    /// Genes of a cell: one list, two genes per node, or one list per node.
    fn nodes(&mut self) -> Result<Vec<Vec<EdgeGene>>> {
        self.expect('[')?;
        let start = self.at - 1;
        if self.next_is('[') {
            let mut nodes = Vec::new();
            self.items(']', |reader| {
                reader.expect('[')?;
                let mut genes = Vec::new();
                reader.items(']', |reader| reader.gene().map(|gene| genes.push(gene)))?;
                nodes.push(genes);
                Ok(())
            })?;
            return Ok(nodes);
        }
        let mut genes = Vec::new();
        self.items(']', |reader| reader.gene().map(|gene| genes.push(gene)))?;
        if !genes.len().is_multiple_of(GENES_PER_NODE) {
            let found = format!("a list of {} genes", genes.len());
            let remedy = "add or remove a gene, or write one list per node: [[…], […]]";
            return Err(self.fault_at(start, &found, "two genes for every node".into(), remedy));
        }
        Ok(genes.chunks(GENES_PER_NODE).map(<[EdgeGene]>::to_vec).collect())
    }

    /// `('sep_conv_3x3', 0)`.
    fn gene(&mut self) -> Result<EdgeGene> {
        self.expect('(')?;
        let primitive = self.primitive()?;
        self.expect(',')?;
        let source = self.number()?;
        self.skip_blanks();
        if self.next_is(',') {
            self.at += 1;
        }
        self.expect(')')?;
        Ok(EdgeGene { primitive, source })
    }

    /// A name in quotes.
    fn primitive(&mut self) -> Result<Primitive> {
        self.skip_blanks();
        let start = self.at;
        let quote = match self.peek() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.fault("an operation in quotes, such as 'sep_conv_3x3'")),
        };
        self.at += 1;
        let name = self.word();
        if self.peek() != Some(quote) {
            let expected = format!("{quote} after the name of an operation");
            return Err(self.fault(&expected));
        }
        self.at += 1;
        name.parse().map_err(|error| match error {
            Error::Invalid { found, expected, remedy, .. } => self.fault_at(start, &found, expected, &remedy),
            other => other,
        })
    }

    /// `range(2, 6)` or `[2, 3, 4, 5]`.
    fn concat(&mut self) -> Result<Vec<usize>> {
        self.skip_blanks();
        let mut nodes = Vec::new();
        if self.next_is('[') {
            self.at += 1;
            self.items(']', |reader| reader.number().map(|node| nodes.push(node)))?;
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
    fn items(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        while !self.next_is(close) {
            item(self)?;
            if self.next_is(',') {
                self.at += 1;
            } else if !self.next_is(close) {
                let expected = format!("`,` or `{close}`");
                return Err(self.fault(&expected));
            }
        }
        self.at += close.len_utf8();
        Ok(())
    }

    /// A whole number up to [`LARGEST_NUMBER`].
    fn number(&mut self) -> Result<usize> {
        self.skip_blanks();
        let rest = self.rest();
        let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
        let found = match digits {
            "" => return Err(self.fault("a node's number")),
            digits => digits.parse().ok().filter(|&number| number <= LARGEST_NUMBER),
        };
        let Some(number) = found else {
            let expected = format!("a node's number, at most {LARGEST_NUMBER}");
            return Err(self.fault_at(self.at, &excerpt(digits, 12), expected, REMEDY));
        };
        self.at += digits.len();
        Ok(number)
    }

    /// The letters, digits and underscores that come next; perhaps none.
    fn word(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if !self.next_is(wanted) {
            return Err(self.fault(&format!("`{wanted}`")));
        }
        self.at += wanted.len_utf8();
        Ok(())
    }

    /// Whether `wanted` comes next, after blanks, which are skipped.
    fn next_is(&mut self, wanted: char) -> bool {
        self.skip_blanks();
        self.peek() == Some(wanted)
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// What is here is not what should be.
    fn fault(&self, expected: &str) -> Error {
        let found = match self.rest() {
            "" => "the end of the text".into(),
            rest => excerpt(rest, 16),
        };
        self.fault_at(self.at, &found, expected.into(), REMEDY)
    }

    fn fault_at(&self, at: usize, found: &str, expected: String, remedy: &str) -> Error {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let place = if line == 1 { String::new() } else { format!("line {line}, ") };
        Error::invalid(format!("genotype text, {place}column {column}"), found, expected, remedy)
    }
}
