//! The text of aw_nas: genes with source and target.

use super::super::genotype::{CellGene, EdgeGene, Genotype};
use super::super::topology::{CellKind, N_INPUTS};
use super::cursor::{Cursor, read_number};
use super::keys::word;
use super::opening::Opening;
use super::routes::without_none;
use super::spelling::Spelling;
use crate::error::Result;

const WHAT: &str = "aw_nas genotype";

const REMEDY: &str = "give it as aw_nas prints it: CNNGenotype(normal_0=[('sep_conv_3x3', 0, 2), …], reduce_1=[…], \
     normal_0_concat=[2, 3, 4, 5], reduce_1_concat=[…])";

/// A cell as far as it was read.
#[derive(Default)]
struct Cell {
    /// The number of its group, from the names of its parts.
    group: Option<usize>,
    nodes: Option<Vec<Vec<EdgeGene>>>,
    concat: Option<Vec<usize>>,
}

/// Reads `CNNGenotype(…)`, or its parts alone as configurations hold them.
///
/// Edges of `none` are left out where a node has others: they add nothing. Without `…_concat` all nodes are
/// joined, as in aw_nas. Of parts alone no bracket says that they are whole: `…_concat` has to be among them for both
/// cells or for neither.
pub(super) fn read(text: &str) -> Result<Genotype> {
    let mut cursor = Cursor::new(text, WHAT, REMEDY);
    let mut cells = <[Cell; 2]>::default();
    let end = match Opening::of(text) {
        Opening::Call { name: "CNNGenotype", inside } => {
            cursor.go_to(inside);
            cursor.items(')', |cursor| part(cursor, &mut cells))?;
            let end = cursor.at() - 1;
            cursor.end(')')?;
            end
        }
        Opening::Assignment(at) => {
            cursor.go_to(at);
            part(&mut cursor, &mut cells)?;
            while cursor.skip(',') {
                part(&mut cursor, &mut cells)?;
            }
            cursor.end(']')?;
            check_end(&cursor, &cells)?;
            cursor.at()
        }
        _ => return Err(cursor.fault("`CNNGenotype(`, or its parts, `normal_0=[…], …`")),
    };
    let [normal, reduction] = cells;
    let finish = |cell: Cell, example: &str| {
        let nodes = cell.nodes.ok_or_else(|| {
            cursor.fault_at(end, "the end of the parts", format!("`{example}=[…]` among them"))
        })?;
        let concat = cell.concat.unwrap_or_else(|| (N_INPUTS..N_INPUTS + nodes.len()).collect());
        Ok(CellGene { inputs: N_INPUTS, nodes: nodes.into_iter().map(without_none).collect(), concat })
    };
    Ok(Genotype::darts(finish(normal, "normal_0")?, finish(reduction, "reduce_1")?))
}

/// Parts alone do not end between the `…_concat` of one cell and that of the other.
fn check_end(cursor: &Cursor<'_>, cells: &[Cell; 2]) -> Result<()> {
    let expected = match cells.each_ref().map(|cell| cell.concat.is_some()) {
        [true, true] | [false, false] => return Ok(()),
        [true, false] => "`reduce_1_concat=[…]` beside that of the normal cell",
        [false, true] => "`normal_0_concat=[…]` beside that of the reduction cell",
    };
    let remedy = "give all parts (was the text cut off?) and put them into CNNGenotype(…), whose bracket says that \
         they are whole";
    Err(cursor.fault_with(cursor.at(), "the end of the text", expected, remedy))
}

/// `normal_0=[…]` or `normal_0_concat=[…]`.
fn part(cursor: &mut Cursor<'_>, [normal, reduction]: &mut [Cell; 2]) -> Result<()> {
    cursor.skip_blanks();
    let start = cursor.at();
    let name = cursor.word();
    let (named, is_concat) = match name.strip_suffix("_concat") {
        Some(named) => (named, true),
        None => (name, false),
    };
    let Some((kind, group)) = cell_of(named) else {
        cursor.go_to(start);
        return Err(cursor.fault("`normal_0`, `reduce_1`, `normal_0_concat` or `reduce_1_concat`"));
    };
    let cell = match kind {
        CellKind::Normal => normal,
        CellKind::Reduction => reduction,
    };
    if cell.group.is_some_and(|known| known != group) {
        let found = format!("a second group of {kind} cells, `{name}`");
        return Err(cursor.fault_at(start, &found, "one group of each kind, as networks here have them"));
    }
    cell.group = Some(group);
    if (is_concat && cell.concat.is_some()) || (!is_concat && cell.nodes.is_some()) {
        return Err(cursor.fault_at(start, &format!("a second `{name}`"), "each part once"));
    }
    cursor.expect('=')?;
    if is_concat {
        cell.concat = Some(cursor.concat()?);
        return Ok(());
    }
    let nodes = cell.nodes.insert(Vec::new());
    cursor.expect('[')?;
    cursor.items(']', |cursor| gene(cursor, nodes))
}

/// Kind and group of `normal_0`.
fn cell_of(name: &str) -> Option<(CellKind, usize)> {
    let kind = CellKind::ALL.into_iter().find(|&kind| name.starts_with(word(kind)))?;
    let group = name[word(kind).len()..].strip_prefix('_')?;
    Some((kind, read_number(group)?))
}

/// `('sep_conv_3x3', 0, 2)`: operation, source, target.
fn gene(cursor: &mut Cursor<'_>, nodes: &mut Vec<Vec<EdgeGene>>) -> Result<()> {
    cursor.expect('(')?;
    let primitive = cursor.operation(Spelling::Original)?;
    cursor.expect(',')?;
    let source = cursor.number()?;
    cursor.expect(',')?;
    cursor.skip_blanks();
    let start = cursor.at();
    let target = cursor.number()?;
    let Some(index) = target.checked_sub(N_INPUTS) else {
        let expected = format!("one into an intermediate node, from {N_INPUTS}");
        return Err(cursor.fault_at(start, &format!("an edge into node {target}"), expected));
    };
    cursor.skip(',');
    cursor.expect(')')?;
    if nodes.len() <= index {
        nodes.resize(index + 1, Vec::new());
    }
    nodes[index].push(EdgeGene { primitive, source });
    Ok(())
}

/// Writes what aw_nas prints.
pub(super) fn write(genotype: &Genotype) -> String {
    let cells = [("normal_0", &genotype["normal"]), ("reduce_1", &genotype["reduction"])];
    let genes = cells.iter().map(|(name, cell)| {
        let genes = cell.nodes.iter().enumerate().flat_map(|(i, genes)| {
            genes.iter().map(move |gene| format!("('{}', {}, {})", gene.primitive, gene.source, N_INPUTS + i))
        });
        format!("{name}=[{}]", genes.collect::<Vec<_>>().join(", "))
    });
    let concats = cells.iter().map(|(name, cell)| format!("{name}_concat={:?}", cell.concat));
    format!("CNNGenotype({})", genes.chain(concats).collect::<Vec<_>>().join(", "))
}
