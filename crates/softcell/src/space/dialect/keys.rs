//! Keys that name a node or an edge of a cell, as NNI and MMRazor write them.

use super::super::topology::{CellKind, N_INPUTS};
use super::cursor::read_number;

/// What a key names.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) struct Key {
    /// Which cell.
    pub(super) kind: CellKind,
    /// Which intermediate node, from 2.
    pub(super) node: usize,
    /// What of the node.
    pub(super) part: Part,
}

/// What of a node a key names. Numbers count from 0.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// `normal/op_2_0`: the operation of an edge.
    Operation(usize),
    /// `normal/input_2_0`: the node that an edge reads.
    Input(usize),
    /// `normal_n2_p1`: the operation on the edge from that node.
    From(usize),
    /// `normal_n2_switch` (NNI): the edges that are kept.
    Switch,
    /// `normal_n2` (MMRazor): the same.
    Node,
}

impl Key {
    /// The key that a text is; none if it is none.
    pub(super) fn read(text: &str) -> Option<Key> {
        let kind = CellKind::ALL.into_iter().find(|&kind| text.starts_with(word(kind)))?;
        let rest = &text[word(kind).len()..];
        let (node, part) = if let Some(place) = rest.strip_prefix("_n") {
            match place.split_once('_') {
                None => (place, Part::Node),
                Some((node, "switch")) => (node, Part::Switch),
                Some((node, from)) => (node, Part::From(read_number(from.strip_prefix('p')?)?)),
            }
        } else if let Some(place) = rest.strip_prefix("/op_") {
            let (node, edge) = place.split_once('_')?;
            (node, Part::Operation(read_number(edge)?))
        } else {
            let (node, edge) = rest.strip_prefix("/input_")?.split_once('_')?;
            (node, Part::Input(read_number(edge)?))
        };
        let node = read_number(node).filter(|&node| node >= N_INPUTS)?;
        Some(Key { kind, node, part })
    }

    /// The source of the edge `text` names, if it is one into this node, such as `normal_n2_p0`.
    pub(super) fn edge_into(kind: CellKind, node: usize, text: &str) -> Option<usize> {
        match Key::read(text)? {
            Key { kind: of, node: into, part: Part::From(source) } if (of, into) == (kind, node) => {
                Some(source)
            }
            _ => None,
        }
    }
}

/// The word for a cell in keys: `normal` or `reduce`.
pub(super) const fn word(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Normal => "normal",
        CellKind::Reduction => "reduce",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_exactly() {
        let key = |kind, node, part| Some(Key { kind, node, part });
        let (normal, reduction) = (CellKind::Normal, CellKind::Reduction);
        assert_eq!(Key::read("normal/op_2_0"), key(normal, 2, Part::Operation(0)));
        assert_eq!(Key::read("reduce/input_5_1"), key(reduction, 5, Part::Input(1)));
        assert_eq!(Key::read("normal_n3_p2"), key(normal, 3, Part::From(2)));
        assert_eq!(Key::read("reduce_n4_switch"), key(reduction, 4, Part::Switch));
        assert_eq!(Key::read("reduce_n4"), key(reduction, 4, Part::Node));
        for wrong in [
            "",
            "normal",
            "normal_0",
            "normal_n",
            "normal_n1",
            "normal_n+2",
            "normal_n1001",
            "normal_n2_",
            "normal_n2_p",
            "normal_n2_x",
            "normal_n_p0",
            "normal_n2_p1_switch",
            "normal/op_2",
            "normal/op__0",
            "normal/op_1_0",
            "normal/op_2_0_1",
            "reduce/output_2_0",
            "reduction_n2",
        ] {
            assert_eq!(Key::read(wrong), None, "{wrong}");
        }
        assert_eq!(Key::edge_into(normal, 3, "normal_n3_p2"), Some(2));
        assert_eq!(Key::edge_into(normal, 4, "normal_n3_p2"), None);
        assert_eq!(Key::edge_into(reduction, 3, "normal_n3_p2"), None);
    }
}
