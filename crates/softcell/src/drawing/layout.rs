//! The geometry of a cell's drawing, in pixels.

use super::columns::{Columns, Content, Graph};
use super::order::{order, place};
use super::{CONTENT_GAP, FONT_SIZE, text_width};
use crate::space::Primitive;
use crate::space::plan::CellType;

/// Height of the box of an operation.
const OPERATION_HEIGHT: f64 = 22.0;
/// Height of a node.
const NODE_HEIGHT: f64 = 28.0;
/// Blank left and right of a text in its box.
const PADDING: f64 = 9.0;
/// Least and largest blank between two columns.
const COLUMN_GAP: [f64; 2] = [30.0, 64.0];
/// Blank around everything.
pub(super) const MARGIN: f64 = 6.0;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    #[cfg(test)]
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub fn centre(&self) -> [f64; 2] {
        [self.left + self.width / 2.0, self.top + self.height / 2.0]
    }
}

/// A node, the output or an operation at its place.
#[derive(Debug, Clone)]
pub(super) struct PlacedBox {
    pub content: Content,
    pub area: Area,
}

/// A line: it starts at the first point, goes on straight to the first point of each curve and along it.
#[derive(Debug, Clone)]
pub(super) struct PlacedLine {
    /// Between two columns, from left to right; level at both ends.
    pub curves: Vec<[[f64; 2]; 2]>,
    pub start: [f64; 2],
    pub end: [f64; 2],
    /// The operation it belongs to; none for the lines to the output.
    pub primitive: Option<Primitive>,
    /// Whether it ends in a node or the output, not in an operation.
    pub arrives: bool,
}

/// A drawing without colours.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Input nodes of the cell.
    pub inputs: usize,
    pub boxes: Vec<PlacedBox>,
    pub lines: Vec<PlacedLine>,
    pub width: f64,
    pub height: f64,
}

impl Layout {
    /// The layout of a cell that can be built and is not too large.
    pub(super) fn new(cell: &CellType, columns: Columns) -> Layout {
        let mut graph = Graph::new(cell, columns, size);
        order(&mut graph);
        place(&mut graph);
        let spans = spans(&graph, columns);
        let top = graph.items.iter().map(|item| item.y - item.size[1] / 2.0).fold(f64::INFINITY, f64::min);
        let bottom = graph.items.iter().map(|item| item.y + item.size[1] / 2.0).fold(top, f64::max);
        let raise = MARGIN - top;
        let area = |item: usize| {
            let item = &graph.items[item];
            let [from, to] = spans[item.column];
            let [width, height] = item.size;
            Area { left: (from + to - width) / 2.0, top: item.y + raise - height / 2.0, width, height }
        };
        let boxes = (0..graph.items.len())
            .filter(|&item| graph.items[item].content != Content::Bend)
            .map(|item| PlacedBox { content: graph.items[item].content, area: area(item) })
            .collect();
        let lines = graph
            .lines
            .iter()
            .map(|line| {
                let curve = |pair: &[usize]| {
                    let [from, to] = [pair[0], pair[1]].map(|item| &graph.items[item]);
                    [[spans[from.column][1], from.y + raise], [spans[to.column][0], to.y + raise]]
                };
                let (first, last) = (line.through[0], line.through[line.through.len() - 1]);
                let (start, end) = (area(first), area(last));
                PlacedLine {
                    curves: line.through.windows(2).map(curve).collect(),
                    start: [start.right(), start.centre()[1]],
                    end: [end.left, end.centre()[1]],
                    primitive: line.primitive,
                    arrives: !matches!(graph.items[last].content, Content::Operation { .. }),
                }
            })
            .collect();
        Layout {
            inputs: cell.inputs,
            boxes,
            lines,
            width: spans.last().map_or(0.0, |span| span[1]) + MARGIN,
            height: bottom - top + 2.0 * MARGIN,
        }
    }

    /// Where the height of the nodes is, in drawings with all nodes on one line.
    pub(super) fn axis(&self) -> f64 {
        let output = self.boxes.iter().find(|placed| placed.content == Content::Output);
        output.map_or(0.0, |output| output.area.centre()[1])
    }
}

/// Left and right end of each column.
fn spans(graph: &Graph, columns: Columns) -> Vec<[f64; 2]> {
    let mut left = MARGIN;
    let mut spans = Vec::with_capacity(graph.columns.len());
    for (column, items) in graph.columns.iter().enumerate() {
        let mut width = items.iter().map(|&item| graph.items[item].size[0]).fold(0.0, f64::max);
        if columns == Columns::ByNode && column % 2 == 1 && column + 2 < graph.columns.len() {
            // As wide as any operation, so that the next column is at the same place in every drawing.
            width = size(Content::Operation {
                primitive: Primitive::DilConv5x5,
                source: 0,
                target: 2,
                stride: 1,
            })[0];
        }
        spans.push([left, left + width]);
        // Steep curves are hard to follow.
        let steepest = items
            .iter()
            .flat_map(|&item| graph.items[item].right.iter().map(move |&next| (item, next)))
            .map(|(item, next)| (graph.items[item].y - graph.items[next].y).abs())
            .fold(0.0, f64::max);
        let gap = match columns {
            Columns::ByDepth => (0.3 * steepest).clamp(COLUMN_GAP[0], COLUMN_GAP[1]),
            Columns::ByNode => (COLUMN_GAP[0] + COLUMN_GAP[1]) / 2.0,
        };
        left += width + gap;
    }
    spans
}

/// Width and height of an item.
pub(super) fn size(content: Content) -> [f64; 2] {
    match content {
        Content::Bend => [0.0, 0.0],
        // `ck-2` with a small index.
        Content::Input(_) => [text_width("ck-2") + 1.4 * PADDING, NODE_HEIGHT],
        Content::Output => [text_width("ck") + 2.0 * PADDING, NODE_HEIGHT],
        Content::Node(node) => {
            [(text_width(&node.to_string()) + 2.0 * PADDING).max(NODE_HEIGHT), NODE_HEIGHT]
        }
        Content::Operation { primitive, .. } => {
            [text_width(primitive.name()) + 2.0 * PADDING, OPERATION_HEIGHT]
        }
    }
}

// Texts are as high as their boxes at most.
const _: () = assert!(FONT_SIZE + CONTENT_GAP <= OPERATION_HEIGHT);
