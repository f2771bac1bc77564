//! Genotypes as text: the original's Python form, and JSON.

use std::fmt::{self, Write};
use std::str::FromStr;

use super::genotype::{CellGene, EdgeGene, Genotype, UncheckedGenotype};
use super::wording::shorten;
use crate::error::{Error, Result};

mod reader;
#[cfg(test)]
mod tests;

use reader::Reader;

/// Longest text that is read, in bytes.
const LONGEST_TEXT: usize = 1 << 20;

impl Genotype {
    /// The text that the original prints, which other tools read:
    /// `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), reduce=[…], …)`.
    ///
    /// Consecutive rising numbers of `concat` are written as a range, others as a list. That text knows only
    /// nodes of two edges; the genes of a cell with other nodes are written as one list per node.
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Genotype {
    /// Writes [`Genotype::to_text`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Genotype(normal=")?;
        write_nodes(f, &self.normal)?;
        f.write_str(", normal_concat=")?;
        write_concat(f, &self.normal.concat)?;
        f.write_str(", reduce=")?;
        write_nodes(f, &self.reduction)?;
        f.write_str(", reduce_concat=")?;
        write_concat(f, &self.reduction.concat)?;
        f.write_char(')')
    }
}

fn write_nodes(f: &mut fmt::Formatter<'_>, cell: &CellGene) -> fmt::Result {
    let gene =
        |f: &mut fmt::Formatter<'_>, gene: &EdgeGene| write!(f, "('{}', {})", gene.primitive, gene.source);
    if cell.nodes.iter().all(|genes| genes.len() == 2) {
        write_list(f, cell.nodes.iter().flatten(), gene)
    } else {
        write_list(f, &cell.nodes, |f, genes| write_list(f, genes, gene))
    }
}

fn write_concat(f: &mut fmt::Formatter<'_>, concat: &[usize]) -> fmt::Result {
    match (concat.first(), concat.last()) {
        (Some(first), Some(last))
            if concat.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])) =>
        {
            write!(f, "range({first}, {})", last.saturating_add(1))
        }
        _ => write_list(f, concat, |f, node| write!(f, "{node}")),
    }
}

fn write_list<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    write_item: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    f.write_char('[')?;
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            f.write_str(", ")?;
        }
        write_item(f, item)?;
    }
    f.write_char(']')
}

impl FromStr for Genotype {
    type Err = Error;

    /// Reads the original's text or, if the first character is `{`, JSON.
    ///
    /// Of the text: `concat` as a range or a list, genes in one flat list (two per node) or one list per node,
    /// single or double quotes, blanks, line ends and trailing commas anywhere, and before it `NAME =` or the
    /// start of a log line that ends in `genotype =`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with line and column where the text cannot be read, or with cell and node where
    /// [`Genotype::check`] refuses it; also for more than a mebibyte of text.
    fn from_str(text: &str) -> Result<Genotype> {
        if text.len() > LONGEST_TEXT {
            return Err(Error::invalid(
                "genotype text",
                format!("{} bytes", text.len()),
                format!("at most {LONGEST_TEXT}"),
                "give the genotype alone, without the log around it",
            ));
        }
        if text.trim_start().starts_with('{') {
            return read_json(text);
        }
        let genotype = Reader::new(text).genotype()?;
        genotype.check()?;
        Ok(genotype)
    }
}

fn read_json(text: &str) -> Result<Genotype> {
    let unchecked: UncheckedGenotype = serde_json::from_str(text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let problem = error.to_string();
        let problem = problem.strip_suffix(&place).unwrap_or(&problem);
        Error::invalid(
            format!("genotype JSON, line {}, column {}", error.line(), error.column()),
            shorten(problem, 300),
            concat!(
                r#"{"normal": {"nodes": [[{"primitive": "sep_conv_3x3", "source": 0}, …], …], "#,
                r#""concat": [2, …]}, "reduction": {…}}"#
            ),
            "correct the JSON, or give the genotype as the original's text `Genotype(normal=[…], …)`",
        )
    })?;
    unchecked.try_into()
}
