//! MMRazor's file of a fixed subnet.

use std::fmt::Write;

use super::super::genotype::Genotype;
use super::super::topology::{CellKind, N_INPUTS};
use super::super::wording::excerpt;
use super::cursor::Cursor;
use super::keys::{Key, Part, word};
use super::opening::Opening;
use super::refusal::{Refusal, all_nodes_joined, edges_alike};
use super::routes::Routes;
use super::spelling::Spelling;
use super::yaml::{self, Entry};
use crate::error::Result;

const WHAT: &str = "MMRazor YAML";

const REMEDY: &str = "give it as MMRazor writes it, without anchors, tags and text over several lines: `normal_n2:`, \
     below it `  chosen:`, below that `  - normal_n2_p0`; then `normal_n2_p0:`, `  chosen:`, `  - sep_conv_3x3`";

/// Reads a file as `fix_subnet` names it, in blocks or as flow mappings or JSON.
///
/// What an entry has besides `chosen` is stepped over. Edges of `zero` are left out where a node has others: they
/// add nothing. Operations of edges that no node keeps are ignored, all nodes keep equally many edges, and all are
/// joined, as in MMRazor. (Its pooling is followed by a batch normalisation; here, as in the original, it is not.)
pub(super) fn read(text: &str) -> Result<Genotype> {
    let mut cursor = Cursor::new(text, WHAT, REMEDY);
    match Opening::of(text) {
        Opening::Brace(inside) => cursor.go_to(inside - 1),
        Opening::Block(at) => cursor.go_to(at),
        _ => return Err(cursor.fault("a line such as `normal_n2:`")),
    }
    let entries = yaml::entries(&cursor)?;
    let mut routes = Routes::default();
    for entry in &entries {
        take(&mut routes, &cursor, entry)?;
    }
    routes.genotype(&cursor, "")
}

fn take(routes: &mut Routes, cursor: &Cursor<'_>, ((name, start), chosen): &Entry<'_>) -> Result<()> {
    let again = match Key::read(name) {
        Some(Key { kind, node, part: Part::Node }) => {
            let sources = chosen.iter().map(|(edge, at)| {
                Key::edge_into(kind, node, edge).ok_or_else(|| {
                    let expected = format!("an edge into this node, such as `{}_n{node}_p0`", word(kind));
                    cursor.fault_at(*at, &excerpt(edge, 32), expected)
                })
            });
            routes.kept.insert((kind, node), sources.collect::<Result<_>>()?).is_some()
        }
        Some(Key { kind, node, part: Part::From(source) }) => {
            let [(operation, at)] = chosen.as_slice() else {
                let found = format!("{} operations chosen for `{name}`", chosen.len());
                return Err(cursor.fault_at(*start, &found, "one"));
            };
            let operation = Spelling::MmRazor.read(operation).map_err(|error| cursor.placed(error, *at))?;
            routes.operations.insert((kind, node, source), Some(operation)).is_some()
        }
        _ => {
            let expected = "a node such as `normal_n2` or an edge such as `normal_n2_p0`";
            return Err(cursor.fault_at(*start, &excerpt(name, 32), expected));
        }
    };
    if again {
        return Err(cursor.fault_at(*start, &format!("a second `{name}`"), "each key once"));
    }
    Ok(())
}

/// Writes the file as MMRazor does, the kept edges alone.
pub(super) fn write(genotype: &Genotype) -> Result<String, Refusal> {
    all_nodes_joined(genotype)?;
    edges_alike(&genotype["normal"].nodes, &genotype["reduction"].nodes)?;
    let mut text = String::new();
    for kind in CellKind::ALL {
        for (i, genes) in genotype[kind.name()].nodes.iter().enumerate() {
            let (word, node) = (word(kind), N_INPUTS + i);
            let mut write = |line: String| writeln!(text, "{line}").expect("a string takes any text");
            write(format!("{word}_n{node}:\n  chosen:"));
            for gene in genes {
                write(format!("  - {word}_n{node}_p{}", gene.source));
            }
            let mut by_source: Vec<_> = genes.iter().collect();
            by_source.sort_by_key(|gene| gene.source);
            if let Some(pair) = by_source.windows(2).find(|pair| pair[0].source == pair[1].source) {
                let source = pair[0].source;
                let found = format!("two edges from node {source} into node {node} of the {kind} cell");
                return Err(Refusal::new(found, "at most one edge from a node into another"));
            }
            for gene in by_source {
                let name = Spelling::MmRazor.name(gene.primitive).ok_or_else(|| {
                    let found = format!("`{}` into node {node} of the {kind} cell", gene.primitive);
                    Refusal::new(found, "one of its operations, those of the search space of DARTS")
                })?;
                write(format!("{word}_n{node}_p{}:\n  chosen:\n  - {name}", gene.source));
            }
        }
    }
    text.truncate(text.trim_end().len());
    Ok(text)
}
