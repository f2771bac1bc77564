//! The cells of a network in Python.

use super::Purpose;
use super::source::{GAP, filled};
use crate::space::CellKind;
use crate::space::plan::{Body, CellType, Form, Naming, NetworkPlan, Norms, PoolKind, Preparation, Step};

const CELL: &str = include_str!("parts/cell.py");
const CELL_OF_ONE: &str = include_str!("parts/cell_of_one.py");

/// The cells of the network: their classes, and the lines that make them.
pub(super) struct Cells {
    pub(super) classes: String,
    pub(super) calls: Vec<String>,
}

impl Cells {
    pub(super) fn of(plan: &NetworkPlan, purpose: Purpose) -> Cells {
        let mut calls = Vec::new();
        // Of each kind, whether its cells halve their first input.
        let mut ways = vec![Vec::new(); plan.cells.len()];
        for block in &plan.blocks {
            let cell = match &block.body {
                Body::Cell(cell) => cell,
                Body::Residual { .. } => {
                    let (before, after) = (plan.input(block, 0).channels, block.output.channels);
                    calls.push(format!("ResidualBlock({before}, {after}),"));
                    continue;
                }
                _ => continue,
            };
            if let [preparation] = cell.preparations[..] {
                let before = match preparation {
                    Preparation::None => String::new(),
                    _ => format!(", {}", plan.input(block, 0).channels),
                };
                calls.push(format!("{}({}{before}),", class_name(plan.cell_type(cell)), cell.channels));
                ways[cell.cell].push(preparation == Preparation::Halve);
                continue;
            }
            let halve = cell.preparations[0] == Preparation::Halve;
            let more = if halve { ", halve=True" } else { "" };
            let [before_last, last] = [0, 1].map(|input| plan.input(block, input).channels);
            let name = class_name(plan.cell_type(cell));
            calls.push(format!("{name}({before_last}, {last}, {}{more}),", cell.channels));
            ways[cell.cell].push(halve);
        }
        let used = plan.cells.iter().zip(&ways).filter(|(_, ways)| !ways.is_empty());
        let classes: Vec<String> = used.map(|(kind, ways)| class(kind, ways, purpose)).collect();
        Cells { classes: classes.join(GAP), calls }
    }
}

fn class_name(kind: &CellType) -> &'static str {
    match kind.kind {
        _ if kind.naming == Naming::NasBench201 => "Cell",
        CellKind::Normal => "NormalCell",
        CellKind::Reduction => "ReductionCell",
    }
}

/// The class of a kind of cell; `ways` says of each such cell whether it halves its first input.
fn class(kind: &CellType, ways: &[bool], purpose: Purpose) -> String {
    let preprocess = match (ways.contains(&true), ways.contains(&false)) {
        (true, true) => "(FactorizedReduce if halve else ReluConvBn)(before_last, channels)",
        (true, false) => "FactorizedReduce(before_last, channels)",
        _ => "ReluConvBn(before_last, channels)",
    };
    let mut operations = Vec::new();
    let mut terms: Vec<Vec<String>> = vec![Vec::new(); kind.nodes];
    // The width stands in the calls as a name.
    const ANY: usize = 16;
    for (at, edge) in kind.edges.iter().enumerate() {
        let steps = kind.steps(at, 0, ANY, Norms::DERIVED).expect("a checked genotype has no `none`");
        let source = state(kind, edge.source);
        let number =
            if kind.inputs == 1 { format!("\"{}\"", edge.number) } else { operations.len().to_string() };
        let term = format!("op[{number}]({source})");
        // As in the original, an identity is never dropped.
        let is_dropped = purpose == Purpose::Training && !steps.is_empty();
        terms[edge.target - kind.inputs].push(match is_dropped {
            true => format!("drop_path({term}, drop_prob)"),
            false => term,
        });
        let call = operation(&steps, edge.stride);
        operations.push(match kind.inputs {
            1 => format!("                \"{}\": {call},", edge.number),
            _ => format!("                {call},"),
        });
    }
    let nodes: Vec<String> = (kind.inputs..)
        .zip(&terms)
        .map(|(node, terms)| {
            let sum = if terms.is_empty() { "torch.zeros_like(s0)".to_owned() } else { terms.join(" + ") };
            format!("        {} = {sum}", state(kind, node))
        })
        .collect();
    let output: Vec<String> = kind.output.nodes().iter().map(|&node| state(kind, node)).collect();
    let doc = match kind.kind {
        _ if kind.naming == Naming::NasBench201 => {
            "A cell that keeps the resolution; its nodes are n1 and so on."
        }
        CellKind::Normal => "A cell that keeps the resolution.",
        CellKind::Reduction => "A cell that halves the resolution.",
    };
    let drop = match purpose {
        Purpose::Answers => "",
        Purpose::Training => ", drop_prob=0.0",
    };
    if kind.inputs == 1 {
        let (preprocess, place) = match kind.naming {
            Naming::NasBench201 => ("ReluConvBn(before, channels)", "layers"),
            Naming::Darts => ("ReluConvBn(before, channels)", "_ops"),
        };
        return filled(
            CELL_OF_ONE,
            &[
                ("NAME", class_name(kind)),
                ("DOC", doc),
                ("PREPROCESS", preprocess),
                ("PLACE", place),
                ("DROP", drop),
                ("OPERATIONS", &operations.join("\n")),
                ("NODES", &nodes.join("\n")),
                ("OUTPUT", &output.join(", ")),
            ],
        );
    }
    filled(
        CELL,
        &[
            ("NAME", class_name(kind)),
            ("DOC", doc),
            ("PREPROCESS", preprocess),
            ("DROP", drop),
            ("OPERATIONS", &operations.join("\n")),
            ("NODES", &nodes.join("\n")),
            ("OUTPUT", &output.join(", ")),
        ],
    )
}

/// The name of a state of a cell.
fn state(kind: &CellType, node: usize) -> String {
    let letter = if node < kind.inputs { 's' } else { 'n' };
    format!("{letter}{node}")
}

/// The call that makes an operation of these steps.
fn operation(steps: &[Step], stride: usize) -> String {
    let strided = |call: String| match stride {
        1 => format!("{call})"),
        _ if call.ends_with('(') => format!("{call}stride={stride})"),
        _ => format!("{call}, stride={stride})"),
    };
    match Form::of(steps).expect("every primitive has a form") {
        Form::Identity => "nn.Identity()".into(),
        Form::Halve => "FactorizedReduce(channels, channels)".into(),
        Form::Pool { pool, .. } => strided(match pool.kind {
            PoolKind::Max => "max_pool_3x3(".into(),
            PoolKind::Average => "avg_pool_3x3(".into(),
        }),
        Form::Separable { kernel } => strided(format!("SepConv(channels, kernel={kernel}")),
        Form::Dilated { kernel } => strided(format!("DilConv(channels, kernel={kernel}")),
        Form::Convolution { kernel } => strided(format!("NorConv(channels, kernel={kernel}")),
        Form::RowAndColumn => strided("conv_7x1_1x7(channels".into()),
        Form::Noise => unreachable!("networks with noise are refused"),
    }
}
