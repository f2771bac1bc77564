//! The texts of AutoDL-Projects (D-X-Y): genotypes of cells, and structures of NAS-Bench-201.

use super::super::genotype::{CellGene, Genotype};
use super::super::nb201::Nb201Architecture;
use super::super::topology::CellKind;
use super::call::{self, Form};
use super::cursor::Cursor;
use super::keys::word;
use super::nb201::Edges;
use super::opening::Opening;
use crate::error::Result;

const WHAT: &str = "AutoDL text";

const REMEDY: &str = "give it as AutoDL writes it: Genotype(normal=[(('sep_conv_3x3', 0), ('sep_conv_3x3', 1)), …], …, \
     connectN=None, connects=None), the dictionary of its search, or Structure([(('nor_conv_3x3', 0),), …])";

/// Reads
///
/// - `Genotype(…, connectN=None, connects=None)`, as in its list of networks;
/// - `{'normal': [(('sep_conv_3x3', 0, 0.15), …), …], …}`, the outcome of its search; the weights are left out;
/// - `Structure([(('nor_conv_3x3', 0),), …])` and `Structure(4 nodes with |nor_conv_3x3~0|+…)`, where an edge that
///   is missing is `none`.
pub(super) fn read(text: &str) -> Result<Genotype> {
    let cursor = Cursor::new(text, WHAT, REMEDY);
    match Opening::of(text) {
        Opening::Call { name: "Genotype", inside } => call::read(cursor.fork(inside), Form::Call),
        Opening::Brace(inside) => call::read(cursor.fork(inside), Form::Dictionary),
        Opening::Call { name: "Structure", inside } => Ok(Genotype::from(&structure(cursor.fork(inside))?)),
        _ => Err(cursor.fault("`Genotype(`, `{` or `Structure(`")),
    }
}

/// `[(('nor_conv_3x3', 0),), …])` or `4 nodes with |nor_conv_3x3~0|+…|)`.
fn structure(mut cursor: Cursor<'_>) -> Result<Nb201Architecture> {
    let mut edges = Edges::default();
    if cursor.skip('[') {
        let mut node = 0;
        cursor.items(']', |cursor| {
            node += 1;
            Edges::check_node(cursor, node)?;
            cursor.expect('(')?;
            cursor.items(')', |cursor| {
                cursor.expect('(')?;
                cursor.skip_blanks();
                let start = cursor.at();
                let name = cursor.quoted("an operation in quotes", "the name of an operation")?;
                cursor.expect(',')?;
                edges.put(cursor, (name, start), node)?;
                cursor.skip(',');
                cursor.expect(')')
            })
        })?;
        Edges::check_last(&cursor, node)?;
    } else {
        let start = cursor.at();
        let nodes = cursor.number()?;
        for expected in ["nodes", "with"] {
            cursor.skip_blanks();
            let word = cursor.at();
            if cursor.word() != expected {
                cursor.go_to(word);
                return Err(cursor.fault(&format!("`{expected}`, as in `4 nodes with |…|`")));
            }
        }
        if nodes != Nb201Architecture::N_NODES {
            return Err(cursor.fault_at(start, &format!("`{nodes} nodes`"), "4 nodes as in NAS-Bench-201"));
        }
        edges.read(&mut cursor)?;
    }
    cursor.expect(')')?;
    cursor.end(')')?;
    Ok(edges.or_none())
}

/// Writes the form of its list of networks.
pub(super) fn write_cells(genotype: &Genotype) -> String {
    let parts = CellKind::ALL.map(|kind| {
        let (cell, word) = (&genotype[kind.name()], word(kind));
        format!("{word}=[{}], {word}_concat={:?}", write_nodes(cell), cell.concat)
    });
    format!("Genotype({}, connectN=None, connects=None)", parts.join(", "))
}

fn write_nodes(cell: &CellGene) -> String {
    let nodes = cell.nodes.iter().map(|genes| {
        let genes = genes.iter().map(|gene| format!("('{}', {})", gene.primitive, gene.source));
        tuple(&genes.collect::<Vec<_>>())
    });
    nodes.collect::<Vec<_>>().join(", ")
}

/// Writes the form of its structures.
pub(super) fn write_structure(architecture: &Nb201Architecture) -> String {
    let nodes = (1..Nb201Architecture::N_NODES).map(|node| {
        let edges = architecture.incoming(node).iter().enumerate();
        let edges = edges.map(|(source, operation)| format!("('{operation}', {source})"));
        tuple(&edges.collect::<Vec<_>>())
    });
    format!("Structure([{}])", nodes.collect::<Vec<_>>().join(", "))
}

/// A Python tuple: after a single item stands a comma.
fn tuple(items: &[String]) -> String {
    match items {
        [item] => format!("({item},)"),
        items => format!("({})", items.join(", ")),
    }
}
