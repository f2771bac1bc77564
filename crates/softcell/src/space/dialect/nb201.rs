//! The string that names an architecture in NAS-Bench-201.

use super::super::genotype::Genotype;
use super::super::nb201::{Nb201Architecture, first_edge, read_operation};
use super::super::primitive::Primitive;
use super::cursor::Cursor;
use super::opening::Opening;
use super::refusal::Refusal;
use crate::error::Result;

const WHAT: &str = "NAS-Bench-201 string";

const REMEDY: &str = "give the operations of all six edges: |op~0|+|op~0|op~1|+|op~0|op~1|op~2|";

/// Last node of a cell.
const LAST: usize = Nb201Architecture::N_NODES - 1;

/// Reads `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, the edges of a node in any order, blanks between the pieces.
pub(super) fn read(text: &str) -> Result<Nb201Architecture> {
    let mut cursor = Cursor::new(text, WHAT, REMEDY);
    let Opening::Bar(at) = Opening::of(text) else {
        return Err(cursor.fault("`|` of `|nor_conv_3x3~0|+|…|`"));
    };
    cursor.go_to(at);
    let mut edges = Edges::default();
    edges.read(&mut cursor)?;
    let end = cursor.at();
    cursor.end('|')?;
    edges.all(&cursor, end)
}

/// Writes the string.
pub(super) fn write(genotype: &Genotype) -> Result<String, Refusal> {
    let found =
        if genotype.is_darts() { "a normal and a reduction cell as in DARTS" } else { "another cell" };
    let expected = "one cell of NAS-Bench-201: one input, six edges and its five operations";
    genotype.nas_bench_201().map(|found| found.to_string()).ok_or_else(|| Refusal::new(found, expected))
}

/// The operations of the edges, as far as they were read.
#[derive(Default)]
pub(super) struct Edges([Option<Primitive>; Nb201Architecture::N_EDGES]);

impl Edges {
    /// Reads `|op~0|+|…|`, up to the last bar.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        let mut node = 1;
        loop {
            Edges::check_node(cursor, node)?;
            cursor.expect('|')?;
            loop {
                let end = cursor.at();
                cursor.skip_blanks();
                let start = cursor.at();
                let name = cursor.word();
                if name.is_empty() {
                    cursor.go_to(end);
                    break;
                }
                cursor.expect('~')?;
                self.put(cursor, (name, start), node)?;
                cursor.expect('|')?;
            }
            let end = cursor.at();
            if !cursor.skip('+') {
                cursor.go_to(end);
                return Edges::check_last(cursor, node);
            }
            node += 1;
        }
    }

    /// Puts an operation, given by its name and the byte of that, on an edge into `node` whose source comes next.
    pub(super) fn put(
        &mut self,
        cursor: &mut Cursor<'_>,
        (name, start): (&str, usize),
        node: usize,
    ) -> Result<()> {
        let operation = read_operation(name).map_err(|error| cursor.placed(error, start))?;
        cursor.skip_blanks();
        let at = cursor.at();
        let source = cursor.number()?;
        if source >= node {
            let found = format!("an edge from node {source} into node {node}");
            return Err(cursor.fault_at(at, &found, format!("one from an earlier node, 0 to {}", node - 1)));
        }
        let place = &mut self.0[first_edge(node) + source];
        if place.is_some() {
            let found = format!("a second edge from node {source} into node {node}");
            return Err(cursor.fault_at(at, &found, "one operation on every edge"));
        }
        *place = Some(operation);
        Ok(())
    }

    /// The architecture, if every edge was there; `end` is the byte for the message.
    fn all(&self, cursor: &Cursor<'_>, end: usize) -> Result<Nb201Architecture> {
        for node in 1..=LAST {
            for source in 0..node {
                if self.0[first_edge(node) + source].is_none() {
                    let found = format!("no edge from node {source} into node {node}");
                    let expected = "an operation on each of the six edges, `none` where nothing flows";
                    return Err(cursor.fault_at(end, &found, expected));
                }
            }
        }
        Ok(self.or_none())
    }

    /// The architecture, `none` on every edge that was not there.
    pub(super) fn or_none(&self) -> Nb201Architecture {
        Nb201Architecture { operations: self.0.map(|edge| edge.unwrap_or(Primitive::None)) }
    }

    /// `node`, which comes next, is one that a cell of the benchmark has.
    pub(super) fn check_node(cursor: &Cursor<'_>, node: usize) -> Result<()> {
        if node <= LAST {
            return Ok(());
        }
        let expected = format!("nodes 1 to {LAST} as in NAS-Bench-201");
        Err(cursor.fault_at(cursor.at(), &format!("a node {node}"), expected))
    }

    /// `node`, after which the cursor stands, is the last of a cell of the benchmark.
    pub(super) fn check_last(cursor: &Cursor<'_>, node: usize) -> Result<()> {
        if node == LAST {
            return Ok(());
        }
        let expected = format!("nodes 1 to {LAST} as in NAS-Bench-201");
        Err(cursor.fault_at(cursor.at(), &format!("no node after node {node}"), expected))
    }
}
