//! NNI's dictionary, in JSON or Python.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::super::genotype::{EdgeGene, Genotype};
use super::super::primitive::Primitive;
use super::super::topology::{CellKind, N_INPUTS};
use super::super::wording::{did_you_mean, excerpt};
use super::cursor::Cursor;
use super::keys::{Key, Part, word};
use super::opening::Opening;
use super::refusal::{Refusal, all_nodes_joined, two_edges_per_node};
use super::routes::{Routes, joined, missing};
use super::spelling::Spelling;
use crate::error::Result;

const WHAT: &str = "NNI dictionary";

const REMEDY: &str = "give it as NNI exports it: {\"normal/op_2_0\": \"sep_conv_3x3\", \"normal/input_2_0\": [0], …, \
     \"reduce/op_2_0\": …}";

/// Keys that say something else of the network than its cells; they are stepped over.
const OTHER_KEYS: [&str; 3] = ["width", "depth", "num_cells"];

/// Operation and source by cell, node and edge.
type Edges = BTreeMap<(CellKind, usize, usize), (Option<Primitive>, Option<usize>)>;

/// What was read of the dictionary.
#[derive(Default)]
struct Entries {
    /// Of the model hub.
    edges: Edges,
    /// Of the example before it.
    routes: Routes,
}

/// Reads the dictionary of NNI's model hub (`normal/op_2_0`, `normal/input_2_0`), or of its DARTS example before
/// that (`normal_n2_p0`, `normal_n2_switch`).
///
/// `width`, `depth` and `num_cells` are stepped over. Edges of `none` are left out where a node has others: they
/// add nothing. All nodes are joined, as in NNI's space of DARTS, where all nodes have equally many edges. Operations
/// of the hub may be spelled as in the example.
pub(super) fn read(text: &str) -> Result<Genotype> {
    let mut cursor = Cursor::new(text, WHAT, REMEDY);
    let Opening::Brace(inside) = Opening::of(text) else {
        return Err(cursor.fault("`{`"));
    };
    cursor.go_to(inside);
    let mut entries = Entries::default();
    cursor.items('}', |cursor| entry(cursor, &mut entries))?;
    let end = cursor.at() - 1;
    cursor.end('}')?;
    cursor.go_to(end);
    let Entries { edges, routes } = entries;
    if routes.is_empty() {
        let nodes = |kind| nodes(&edges, kind, &cursor);
        return joined(nodes(CellKind::Normal)?, nodes(CellKind::Reduction)?, &cursor);
    }
    if !edges.is_empty() {
        let found = "keys such as `normal/op_2_0` beside keys such as `normal_n2_p0`";
        return Err(cursor.fault_at(end, found, "the keys of one version of NNI"));
    }
    routes.genotype(&cursor, "_switch")
}

/// `"normal/op_2_0": "sep_conv_3x3"` or another entry.
fn entry(cursor: &mut Cursor<'_>, entries: &mut Entries) -> Result<()> {
    cursor.skip_blanks();
    let start = cursor.at();
    let name = cursor.quoted("a key in quotes, such as \"normal/op_2_0\"", "a key")?;
    if OTHER_KEYS.contains(&name) {
        cursor.expect(':')?;
        return other_value(cursor);
    }
    let Some(Key { kind, node, part }) = Key::read(name).filter(|key| key.part != Part::Node) else {
        let examples = ["normal/op_2_0", "normal/input_2_0", "reduce/op_2_0", "reduce/input_2_0"];
        let expected = "a key such as `normal/op_2_0` or `normal/input_2_0`";
        return Err(cursor.fault_with(
            start,
            &excerpt(name, 32),
            expected,
            did_you_mean(name, examples.into_iter().chain(OTHER_KEYS)),
        ));
    };
    cursor.expect(':')?;
    let Entries { edges, routes } = entries;
    let again = match part {
        Part::Operation(edge) => {
            let operation = cursor.operation(Spelling::NniHub)?;
            edges.entry((kind, node, edge)).or_default().0.replace(operation).is_some()
        }
        Part::Input(edge) => {
            let source = input(cursor)?;
            edges.entry((kind, node, edge)).or_default().1.replace(source).is_some()
        }
        Part::From(source) => {
            let operation = choice(cursor)?;
            routes.operations.insert((kind, node, source), operation).is_some()
        }
        Part::Switch | Part::Node => {
            let kept = switch(cursor, kind, node)?;
            routes.kept.insert((kind, node), kept).is_some()
        }
    };
    if again {
        return Err(cursor.fault_at(start, &format!("a second `{name}`"), "each key once"));
    }
    Ok(())
}

/// `0` or `[0]`.
fn input(cursor: &mut Cursor<'_>) -> Result<usize> {
    if !cursor.skip('[') {
        return cursor.number();
    }
    let source = cursor.number()?;
    cursor.skip(',');
    if !cursor.skip(']') {
        return Err(cursor.fault("`]`: an edge reads one node"));
    }
    Ok(source)
}

/// The operation of an edge: its name, its place among the candidates, a list of booleans that is true there, or
/// an empty list where there is none.
fn choice(cursor: &mut Cursor<'_>) -> Result<Option<Primitive>> {
    cursor.skip_blanks();
    let start = cursor.at();
    let place = match cursor.peek() {
        Some('[') => {
            cursor.expect('[')?;
            match flags(cursor)?.as_slice() {
                [] => return Ok(None),
                [place] => *place,
                several => {
                    let found = format!("{} operations", several.len());
                    return Err(cursor.fault_at(start, &found, "one on an edge"));
                }
            }
        }
        Some('0'..='9') => cursor.number()?,
        _ => return cursor.operation(Spelling::NniExample).map(Some),
    };
    // The example's candidates are those of the table without `none`, in its order.
    let mut candidates = Spelling::NniExample.names().filter(|&(primitive, _)| primitive != Primitive::None);
    candidates.nth(place).map(|(primitive, _)| Some(primitive)).ok_or_else(|| {
        cursor.fault_at(start, &format!("candidate {place}"), "one of the 7 candidates, 0 to 6")
    })
}

/// The sources that a node keeps: the keys of its edges, their numbers, or a list of booleans.
fn switch(cursor: &mut Cursor<'_>, kind: CellKind, node: usize) -> Result<Vec<usize>> {
    cursor.expect('[')?;
    cursor.skip_blanks();
    if cursor.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
        return flags(cursor);
    }
    let mut kept = Vec::new();
    cursor.items(']', |cursor| {
        cursor.skip_blanks();
        let start = cursor.at();
        if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
            kept.push(cursor.number()?);
            return Ok(());
        }
        let name = cursor.quoted("the key of an edge, or its number", "a key")?;
        kept.push(Key::edge_into(kind, node, name).ok_or_else(|| {
            let expected = format!("the key of an edge into this node, such as `{}_n{node}_p0`", word(kind));
            cursor.fault_at(start, &excerpt(name, 32), expected)
        })?);
        Ok(())
    })?;
    Ok(kept)
}

/// Places of `true` in a list of booleans, after its opening bracket.
fn flags(cursor: &mut Cursor<'_>) -> Result<Vec<usize>> {
    let mut set = Vec::new();
    let mut place = 0;
    cursor.items(']', |cursor| {
        cursor.skip_blanks();
        let start = cursor.at();
        match cursor.word() {
            "true" | "True" => set.push(place),
            "false" | "False" => {}
            _ => {
                cursor.go_to(start);
                return Err(cursor.fault("`true` or `false`"));
            }
        }
        place += 1;
        Ok(())
    })?;
    Ok(set)
}

/// A number, word or list of such that is of no use here.
fn other_value(cursor: &mut Cursor<'_>) -> Result<()> {
    let word = |cursor: &mut Cursor<'_>| {
        cursor.skip_blanks();
        if cursor.peek().is_some_and(|c| ['\'', '"'].contains(&c)) {
            return cursor.quoted("a value", "a value").map(|_| ());
        }
        match cursor.plain() {
            "" => Err(cursor.fault("a number or a word")),
            _ => Ok(()),
        }
    };
    if cursor.skip('[') { cursor.items(']', word) } else { word(cursor) }
}

/// The nodes whose edges were read; the cursor stands at the end, for the message.
fn nodes(edges: &Edges, kind: CellKind, cursor: &Cursor<'_>) -> Result<Vec<Vec<EdgeGene>>> {
    let word = word(kind);
    let of_kind = || edges.iter().filter(|&(&(of, ..), _)| of == kind);
    let last = of_kind().map(|(&(_, node, _), _)| node).max().unwrap_or(N_INPUTS);
    let mut nodes = vec![Vec::new(); last + 1 - N_INPUTS];
    for (&(_, node, edge), &(operation, source)) in of_kind() {
        let genes: &mut Vec<EdgeGene> = &mut nodes[node - N_INPUTS];
        // Edges come in order: one that is not the next leaves a gap.
        if edge != genes.len() {
            return Err(missing(cursor, &format!("{word}/op_{node}_{}", genes.len())));
        }
        let primitive = operation.ok_or_else(|| missing(cursor, &format!("{word}/op_{node}_{edge}")))?;
        let source = source.ok_or_else(|| missing(cursor, &format!("{word}/input_{node}_{edge}")))?;
        genes.push(EdgeGene { primitive, source });
    }
    if let Some(i) = nodes.iter().position(Vec::is_empty) {
        return Err(missing(cursor, &format!("{word}/op_{}_0", N_INPUTS + i)));
    }
    Ok(nodes)
}

/// Writes the dictionary of NNI's model hub as JSON, which Python reads as well.
pub(super) fn write(genotype: &Genotype) -> Result<String, Refusal> {
    two_edges_per_node(genotype)?;
    all_nodes_joined(genotype)?;
    let mut text = String::from("{");
    for kind in CellKind::ALL {
        for (i, genes) in genotype[kind.name()].nodes.iter().enumerate() {
            for (edge, gene) in genes.iter().enumerate() {
                let comma = if text.len() == 1 { "" } else { "," };
                let (word, node) = (word(kind), N_INPUTS + i);
                write!(
                    text,
                    "{comma}\n  \"{word}/op_{node}_{edge}\": \"{}\",\n  \"{word}/input_{node}_{edge}\": [{}]",
                    gene.primitive, gene.source
                )
                .expect("a string takes any text");
            }
        }
    }
    text.push_str("\n}");
    Ok(text)
}
