//! A cell as items in columns: what stands where from left to right, and which line leads where.

use super::{CONTENT_GAP, LINE_GAP};
use crate::space::Primitive;
use crate::space::plan::CellType;

/// In which columns the nodes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Each node as far left as what they read allows: the most compact drawing of one cell.
    ByDepth,
    /// Each node in a column of its own, all on one line, wherever its operations come from: drawings of
    /// cells with as many nodes have the nodes at the same places.
    ByNode,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// The output of the cell so many before this one.
    Input(usize),
    /// A node of the cell.
    Node(usize),
    /// The output.
    Output,
    /// An operation on the way from node to node.
    Operation {
        /// Which.
        primitive: Primitive,
        /// The node it reads.
        source: usize,
        /// The node that sums it.
        target: usize,
        /// 1 or 2.
        stride: usize,
    },
    /// Nothing: a line passes.
    Bend,
}

/// Something in a column.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub content: Content,
    pub column: usize,
    /// Width and height.
    pub size: [f64; 2],
    /// Height of its centre.
    pub y: f64,
    /// Items of the column before that lead here, and of the next one that this leads to.
    pub left: Vec<usize>,
    pub right: Vec<usize>,
    /// Where it has to be, if it has to.
    pub pinned: Option<f64>,
}

/// A line from item to item, bends included.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The items it goes through, in neighbouring columns.
    pub through: Vec<usize>,
    /// The operation it belongs to; none for the lines to the output.
    pub primitive: Option<Primitive>,
}

/// All items and lines of a cell.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    pub items: Vec<Item>,
    /// Items of each column, from top to bottom.
    pub columns: Vec<Vec<usize>>,
    pub lines: Vec<Line>,
}

impl Graph {
    /// Nodes stand in even columns, operations in the odd column before the node that sums them.
    ///
    /// Each edge has one operation.
    pub(super) fn new(cell: &CellType, columns: Columns, size: impl Fn(Content) -> [f64; 2]) -> Graph {
        let layers = layers(cell, columns);
        let last = layers.iter().copied().max().unwrap_or(0) + 1;
        let mut graph =
            Graph { items: Vec::new(), columns: vec![Vec::new(); 2 * last + 1], lines: Vec::new() };
        let nodes: Vec<usize> = layers
            .iter()
            .enumerate()
            .map(|(node, layer)| {
                let content = match cell.inputs.checked_sub(node) {
                    Some(before) if before > 0 => Content::Input(before),
                    _ => Content::Node(node),
                };
                graph.add(content, 2 * layer, &size)
            })
            .collect();
        let output = graph.add(Content::Output, 2 * last, &size);
        for edge in cell.edges.iter().filter(|edge| edge.candidates[0] != Primitive::None) {
            let (source, target, primitive) = (edge.source, edge.target, edge.candidates[0]);
            let content = Content::Operation { primitive, source, target, stride: edge.stride };
            let operation = graph.add(content, 2 * layers[target] - 1, &size);
            graph.connect(nodes[source], operation, Some(primitive), &size);
            graph.connect(operation, nodes[target], Some(primitive), &size);
        }
        for &node in cell.output.nodes() {
            graph.connect(nodes[node], output, None, &size);
        }
        if columns == Columns::ByNode {
            let spread = graph.items[0].size[1] + CONTENT_GAP;
            for (node, &item) in nodes.iter().enumerate() {
                graph.items[item].pinned =
                    Some(if node < cell.inputs { (node as f64 - 0.5) * spread } else { 0.0 });
            }
            graph.items[output].pinned = Some(0.0);
        }
        graph
    }

    fn add(&mut self, content: Content, column: usize, size: &impl Fn(Content) -> [f64; 2]) -> usize {
        let item = Item {
            content,
            column,
            size: size(content),
            y: 0.0,
            left: Vec::new(),
            right: Vec::new(),
            pinned: None,
        };
        self.items.push(item);
        self.columns[column].push(self.items.len() - 1);
        self.items.len() - 1
    }

    /// Leads a line from one item to another, with a bend in each column between.
    fn connect(
        &mut self,
        from: usize,
        to: usize,
        primitive: Option<Primitive>,
        size: &impl Fn(Content) -> [f64; 2],
    ) {
        let between = self.items[from].column + 1..self.items[to].column;
        let mut through = vec![from];
        through.extend(between.map(|column| self.add(Content::Bend, column, size)));
        through.push(to);
        for pair in through.windows(2) {
            self.items[pair[0]].right.push(pair[1]);
            self.items[pair[1]].left.push(pair[0]);
        }
        self.lines.push(Line { through, primitive });
    }

    /// Least distance between the centres of two items, one below the other.
    pub(super) fn distance(&self, above: usize, below: usize) -> f64 {
        let [above, below] = [above, below].map(|item| &self.items[item]);
        let bends = [above, below].iter().filter(|item| item.content == Content::Bend).count();
        let gap = if bends == 2 { LINE_GAP } else { CONTENT_GAP };
        (above.size[1] + below.size[1]) / 2.0 + gap
    }
}

/// The layer of each node, inputs included.
fn layers(cell: &CellType, columns: Columns) -> Vec<usize> {
    let mut layers = vec![0; cell.inputs];
    for i in 0..cell.nodes {
        let edges = cell.edges.iter().filter(|edge| edge.target == cell.inputs + i);
        let after = edges.map(|edge| layers[edge.source]).max().unwrap_or(0) + 1;
        layers.push(match columns {
            Columns::ByDepth => after,
            Columns::ByNode => i + 1,
        });
    }
    layers
}
