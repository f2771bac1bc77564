//! The original's text.

use std::fmt::{self, Write};

use super::super::genotype::{CellGene, EdgeGene, Genotype};
use super::call::{self, Form, REMEDY, WHAT};
use super::cursor::Cursor;
use super::opening::Opening;
use super::refusal::{Refusal, two_edges_per_node};
use crate::error::Result;

/// Reads `Genotype(…)`, also with one list per node, after an assignment or the head of a log line.
pub(super) fn read(text: &str) -> Result<Genotype> {
    let cursor = Cursor::new(text, WHAT, REMEDY);
    match Opening::of(text) {
        Opening::Call { name: "Genotype", inside } => call::read(cursor.fork(inside), Form::Call),
        _ => Err(cursor.fault("`Genotype(` or `NAME = Genotype(`")),
    }
}

/// Writes what the original prints.
pub(super) fn write(genotype: &Genotype) -> Result<String, Refusal> {
    two_edges_per_node(genotype)?;
    Ok(genotype.to_text())
}

/// How the genes of a cell are written.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(in super::super) enum Nesting {
    /// One list where all nodes have two edges, else one list per node.
    AsNeeded,
    /// One list per node.
    Always,
}

/// Writes `Genotype(…)`.
pub(in super::super) fn write_call(f: &mut impl Write, genotype: &Genotype, nesting: Nesting) -> fmt::Result {
    f.write_str("Genotype(normal=")?;
    write_nodes(f, &genotype["normal"], nesting)?;
    f.write_str(", normal_concat=")?;
    write_concat(f, &genotype["normal"].concat)?;
    f.write_str(", reduce=")?;
    write_nodes(f, &genotype["reduction"], nesting)?;
    f.write_str(", reduce_concat=")?;
    write_concat(f, &genotype["reduction"].concat)?;
    f.write_char(')')
}

fn write_nodes(f: &mut impl Write, cell: &CellGene, nesting: Nesting) -> fmt::Result {
    if nesting == Nesting::AsNeeded && cell.nodes.iter().all(|genes| genes.len() == 2) {
        return write_list(f, cell.nodes.iter().flatten(), write_gene);
    }
    write_list(f, &cell.nodes, |f, genes| write_list(f, genes, write_gene))
}

fn write_gene(f: &mut impl Write, gene: &EdgeGene) -> fmt::Result {
    write!(f, "('{}', {})", gene.primitive, gene.source)
}

/// Consecutive rising numbers as a range, others as a list.
fn write_concat(f: &mut impl Write, concat: &[usize]) -> fmt::Result {
    match (concat.first(), concat.last()) {
        (Some(first), Some(last))
            if concat.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])) =>
        {
            write!(f, "range({first}, {})", last.saturating_add(1))
        }
        _ => write_list(f, concat, |f, node| write!(f, "{node}")),
    }
}

fn write_list<W: Write, T>(
    f: &mut W,
    items: impl IntoIterator<Item = T>,
    write_item: impl Fn(&mut W, T) -> fmt::Result,
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
