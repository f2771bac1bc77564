//! Reads `Genotype(normal=[…], …)` and the dictionary of the same parts.

use super::super::genotype::{CellGene, EdgeGene, Genotype};
use super::super::topology::N_INPUTS;
use super::cursor::Cursor;
use super::spelling::Spelling;
use crate::error::Result;

/// Genes per node where all genes of a cell stand in one list.
const GENES_PER_NODE: usize = 2;

/// What the text is, for messages.
pub(super) const WHAT: &str = "genotype text";

/// What to do about a text that cannot be read.
pub(super) const REMEDY: &str = "give it as the original prints it: Genotype(normal=[('sep_conv_3x3', 0), …], \
     normal_concat=range(2, 6), reduce=[…], reduce_concat=range(2, 6))";

/// How the parts are put together.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// `Genotype(normal=…)`.
    Call,
    /// `{'normal': …}`, where genes may end in the weight of their edge, which is left out.
    Dictionary,
}

impl Form {
    const fn close(self) -> char {
        match self {
            Form::Call => ')',
            Form::Dictionary => '}',
        }
    }

    /// A part's name as it is written.
    fn written(self, name: &str) -> String {
        match self {
            Form::Call => format!("`{name}=`"),
            Form::Dictionary => format!("`'{name}':`"),
        }
    }
}

/// The parts of the text, in the order in which they are written.
#[derive(Default)]
struct Parts {
    normal: Option<Vec<Vec<EdgeGene>>>,
    normal_concat: Option<Vec<usize>>,
    reduce: Option<Vec<Vec<EdgeGene>>>,
    reduce_concat: Option<Vec<usize>>,
    connect_n: Option<()>,
    connects: Option<()>,
}

/// The genotype whose parts begin at the cursor, after the opening bracket; not yet checked.
///
/// Genes of a cell stand in one list, two per node, or in one list or tuple per node.
///
/// # Errors
///
/// Where the text goes wrong.
pub(super) fn read(mut cursor: Cursor<'_>, form: Form) -> Result<Genotype> {
    let mut parts = Parts::default();
    cursor.items(form.close(), |cursor| part(cursor, form, &mut parts))?;
    let closed = cursor.at() - 1;
    cursor.end(form.close())?;
    let missing = |name: &str| {
        let found = format!("`{}`", form.close());
        cursor.fault_at(closed, &found, format!("{} before it", form.written(name)))
    };
    let normal = CellGene {
        inputs: N_INPUTS,
        nodes: parts.normal.ok_or_else(|| missing("normal"))?,
        concat: parts.normal_concat.ok_or_else(|| missing("normal_concat"))?,
    };
    let reduction = CellGene {
        inputs: N_INPUTS,
        nodes: parts.reduce.ok_or_else(|| missing("reduce"))?,
        concat: parts.reduce_concat.ok_or_else(|| missing("reduce_concat"))?,
    };
    Ok(Genotype::darts(normal, reduction))
}

/// `normal=[…]` or another of the parts.
fn part(cursor: &mut Cursor<'_>, form: Form, parts: &mut Parts) -> Result<()> {
    cursor.skip_blanks();
    let start = cursor.at();
    let (name, separator) = match form {
        Form::Call => (cursor.word(), '='),
        Form::Dictionary => (cursor.quoted("a part in quotes, such as 'normal'", "the name of a part")?, ':'),
    };
    let here = (start, name, separator);
    match name {
        "normal" => once(cursor, here, &mut parts.normal, |cursor| nodes(cursor, form)),
        "reduce" => once(cursor, here, &mut parts.reduce, |cursor| nodes(cursor, form)),
        "normal_concat" => once(cursor, here, &mut parts.normal_concat, |cursor| cursor.concat()),
        "reduce_concat" => once(cursor, here, &mut parts.reduce_concat, |cursor| cursor.concat()),
        "connectN" => once(cursor, here, &mut parts.connect_n, nothing),
        "connects" => once(cursor, here, &mut parts.connects, nothing),
        "recurrent" => {
            let remedy = "give the genotype of a convolutional cell; recurrent cells cannot be built here";
            Err(cursor.fault_with(start, "`recurrent`", "`normal`", remedy))
        }
        _ => {
            cursor.go_to(start);
            Err(cursor.fault("`normal`, `normal_concat`, `reduce` or `reduce_concat`"))
        }
    }
}

/// The value of a part that has not been there yet; the part is given by its byte, its name and what follows it.
fn once<T>(
    cursor: &mut Cursor<'_>,
    (start, name, separator): (usize, &str, char),
    place: &mut Option<T>,
    value: impl FnOnce(&mut Cursor<'_>) -> Result<T>,
) -> Result<()> {
    if place.is_some() {
        return Err(cursor.fault_at(start, &format!("a second `{name}`"), "each part once"));
    }
    cursor.expect(separator)?;
    *place = Some(value(cursor)?);
    Ok(())
}

/// `None`: AutoDL's fields for connections between cells, which its published genotypes leave empty.
fn nothing(cursor: &mut Cursor<'_>) -> Result<()> {
    cursor.skip_blanks();
    let start = cursor.at();
    if cursor.word() != "None" {
        cursor.go_to(start);
        return Err(cursor.fault("`None`: no network with connections chosen between cells is built here"));
    }
    Ok(())
}

/// Genes of a cell: one list, two genes per node, or one list or tuple per node.
fn nodes(cursor: &mut Cursor<'_>, form: Form) -> Result<Vec<Vec<EdgeGene>>> {
    let close = open(cursor)?;
    let start = cursor.at() - 1;
    if nested(cursor) {
        let mut nodes = Vec::new();
        cursor.items(close, |cursor| {
            let close = open(cursor)?;
            nodes.push(genes(cursor, close, form)?);
            Ok(())
        })?;
        return Ok(nodes);
    }
    let genes = genes(cursor, close, form)?;
    if !genes.len().is_multiple_of(GENES_PER_NODE) {
        let found = format!("a list of {} genes", genes.len());
        let remedy = "add or remove a gene, or write one list per node: [[…], […]]";
        return Err(cursor.fault_with(start, &found, "two genes for every node", remedy));
    }
    Ok(genes.chunks(GENES_PER_NODE).map(<[EdgeGene]>::to_vec).collect())
}

/// Steps over `[` or `(` and says what closes it.
fn open(cursor: &mut Cursor<'_>) -> Result<char> {
    if cursor.skip('(') {
        return Ok(')');
    }
    cursor.expect('[').map(|()| ']')
}

/// Whether a node comes next, `[` or `((`, and not a gene, `('`. Moves over blanks alone.
fn nested(cursor: &mut Cursor<'_>) -> bool {
    if cursor.next_is('[') {
        return true;
    }
    let mut ahead = cursor.fork(cursor.at());
    ahead.skip('(') && ahead.next_is('(')
}

fn genes(cursor: &mut Cursor<'_>, close: char, form: Form) -> Result<Vec<EdgeGene>> {
    let mut genes = Vec::new();
    cursor.items(close, |cursor| gene(cursor, form).map(|gene| genes.push(gene)))?;
    Ok(genes)
}

/// `('sep_conv_3x3', 0)`, in a dictionary also `('sep_conv_3x3', 0, 0.15)`.
fn gene(cursor: &mut Cursor<'_>, form: Form) -> Result<EdgeGene> {
    cursor.expect('(')?;
    let primitive = cursor.operation(Spelling::Original)?;
    cursor.expect(',')?;
    let source = cursor.number()?;
    if cursor.skip(',') && form == Form::Dictionary && !cursor.next_is(')') {
        weight(cursor)?;
        cursor.skip(',');
    }
    cursor.expect(')')?;
    Ok(EdgeGene { primitive, source })
}

/// `0.15`, or `np.float32(0.15)` as NumPy 2 prints it; its value is of no use here.
fn weight(cursor: &mut Cursor<'_>) -> Result<()> {
    let start = cursor.at();
    let mut digits = cursor.plain();
    if ["np.float32", "np.float64"].contains(&digits) {
        cursor.expect('(')?;
        digits = cursor.plain();
        cursor.expect(')')?;
    }
    if digits.parse::<f64>().is_err() {
        cursor.go_to(start);
        return Err(cursor.fault("the weight of the edge, a number"));
    }
    Ok(())
}
