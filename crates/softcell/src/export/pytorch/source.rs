//! The Python source of a network.

use super::literal;
use crate::model::TrainedModel;
use crate::run::files::PYTORCH;
use crate::space::CellKind;
use crate::space::plan::{
    Body, CellType, Form, Naming, NetworkPlan, Norms, Place, PoolKind, Preparation, Step,
};

/// Two blank lines stand between the parts of the file.
const GAP: &str = "\n\n";

const HEAD: &str = include_str!("parts/head.py");
const CELL: &str = include_str!("parts/cell.py");
const CELL_OF_ONE: &str = include_str!("parts/cell_of_one.py");
const NETWORK: &str = include_str!("parts/network.py");
const MAIN: &str = include_str!("parts/main.py");

/// Operations in Python, each with a word that stands where it is used; those that use others come later.
const OPERATIONS: [(&str, &str); 10] = [
    ("max_pool_3x3(", include_str!("parts/max_pool.py")),
    ("avg_pool_3x3(", include_str!("parts/avg_pool.py")),
    ("FactorizedReduce", include_str!("parts/factorized_reduce.py")),
    ("separable(", include_str!("parts/separable.py")),
    ("SepConv(", include_str!("parts/sep_conv.py")),
    ("DilConv(", include_str!("parts/dil_conv.py")),
    ("conv_7x1_1x7(", include_str!("parts/conv_7x1_1x7.py")),
    ("NorConv(", include_str!("parts/nor_conv.py")),
    ("ConvBlock(", include_str!("parts/conv_block.py")),
    ("ResidualBlock(", include_str!("parts/residual_block.py")),
];

/// The source for a file of this name. The model is one that [`super::to_files`] has checked.
pub(super) fn python(model: &TrainedModel, file_name: &str) -> String {
    let plan = model.network.plan();
    let cells = Cells::of(&plan);
    let classes: Vec<String> =
        model.manifest.classes.iter().map(|class| format!("    {},", literal::string(class))).collect();
    let [channels, height, width] = model.manifest.image_shape;
    let image = format!("{channels}, {height}, {width}");
    let (file, module) = example_names(file_name);
    let normalization = &model.manifest.normalization;
    let head = filled(
        HEAD,
        &[
            ("SUMMARY", &summary(model)),
            ("VERSION", env!("CARGO_PKG_VERSION")),
            ("FILE", file),
            ("MODULE", module),
            ("GENOTYPE", &wrapped(&model.network.genotype.to_text())),
            ("CLASSES", &classes.join("\n")),
            ("SHAPE", &image),
            ("IMAGE", &image),
            ("RESIZE", model.manifest.resize.name()),
            ("MEAN", &literal::list(&normalization.mean)),
            ("STD", &literal::list(&normalization.std)),
        ],
    );
    let body = format!("{}{GAP}{}", cells.classes, network(&plan, &cells));
    let mut used: Vec<&str> = Vec::new();
    for (word, part) in OPERATIONS.iter().rev() {
        let called = |text: &str| text.contains(word);
        if called(&body) || used.iter().any(|other| called(other)) {
            used.push(part);
        }
    }
    let mut source = head;
    for part in used.into_iter().rev().chain([body.as_str(), MAIN]) {
        source.push_str(GAP);
        source.push_str(part);
    }
    source
}

/// The network in a line.
fn summary(model: &TrainedModel) -> String {
    let network = &model.network;
    let classes = network.classes;
    format!(
        "Image classifier for {classes} classes, {} cells from {} channels",
        network.n_cells, network.init_channels
    )
}

/// File and module as they are shown in the file itself: the name, if it needs no quotes.
fn example_names(file_name: &str) -> (&str, &str) {
    let plain = |name: &str| {
        let mut letters = name.chars();
        letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match file_name.strip_suffix(".py").filter(|module| plain(module)) {
        Some(module) => (file_name, module),
        None => (PYTORCH, "model"),
    }
}

/// The genotype in lines that are not too long.
fn wrapped(genotype: &str) -> String {
    let mut lines = vec![String::new()];
    for word in genotype.split_inclusive(", ") {
        let line = lines.last_mut().expect("there is a first line");
        if line.len() + word.len() > 110 {
            *line = line.trim_end().to_owned();
            lines.push(format!("    {word}"));
        } else {
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The text with a value in the place of each `@NAME@`.
///
/// It is gone through once: values that look like names stay as they are.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = text.split('@');
    let mut result = pieces.next().unwrap_or_default().to_owned();
    while let (Some(name), Some(behind)) = (pieces.next(), pieces.next()) {
        let value = values.iter().find(|(known, _)| *known == name);
        result.push_str(value.unwrap_or_else(|| panic!("no value for {name}")).1);
        result.push_str(behind);
    }
    result
}

/// The cells of the network: their classes, and the lines that make them.
struct Cells {
    classes: String,
    calls: Vec<String>,
}

impl Cells {
    fn of(plan: &NetworkPlan) -> Cells {
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
        let classes: Vec<String> = used.map(|(kind, ways)| class(kind, ways)).collect();
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
fn class(kind: &CellType, ways: &[bool]) -> String {
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
        terms[edge.target - kind.inputs].push(format!("op[{number}]({source})"));
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

/// The class of the network.
fn network(plan: &NetworkPlan, cells: &Cells) -> String {
    let mut stem = Vec::new();
    let mut states = Vec::new();
    for block in &plan.blocks {
        let Body::Steps { steps, .. } = &block.body else { continue };
        if block.part != "stem" {
            continue;
        }
        let input = if block.inputs == [Place::Image] { "CHANNELS" } else { "" };
        stem.push(sequence(&block.name, steps, input));
        let from = if block.inputs == [Place::Image] { "images" } else { "s0" };
        let to = if states.is_empty() { "s0" } else { "s1" };
        states.push(format!("        {to} = self.{}({from})", block.name));
    }
    let of_one = plan.cells.iter().all(|kind| kind.inputs == 1);
    match &mut states[..] {
        [only] if !of_one => *only = only.replace("s0 =", "s0 = s1 ="),
        [_, newer] if of_one => *newer = newer.replace("s1 =", "s0 ="),
        _ => {}
    }
    let last = plan
        .blocks
        .iter()
        .find(|block| block.name == "lastact")
        .map_or("nn.Identity()".to_owned(), |block| {
            format!("nn.Sequential(nn.BatchNorm2d({}), nn.ReLU())", block.output.channels)
        });
    let (lastact, step, result) = match of_one {
        true => (format!("        self.lastact = {last}\n"), "s0 = cell(s0)", "self.lastact(s0)"),
        false => (String::new(), "s0, s1 = s1, cell(s0, s1)", "s1"),
    };
    let [height, width] = plan.image.size;
    let calls: Vec<String> = cells.calls.iter().map(|call| format!("                {call}")).collect();
    let features = plan.blocks.iter().rev().find(|block| matches!(block.body, Body::Cell(_)));
    let features = features.map_or(plan.image.channels, |block| block.output.channels);
    filled(
        NETWORK,
        &[
            ("LASTACT", &lastact),
            ("STEP", step),
            ("RESULT", result),
            ("IMAGE", &format!("{}, {height}, {width}", plan.image.channels)),
            ("COUNT", &plan.classes.to_string()),
            ("STEM", &stem.join("\n")),
            ("CELLS", &calls.join("\n")),
            ("FEATURES", &features.to_string()),
            ("STATES", &states.join("\n")),
        ],
    )
}

/// A sequence of layers as an attribute of a module; `inputs` stands for the channels of the first convolution, if it
/// is not empty.
fn sequence(name: &str, steps: &[Step], inputs: &str) -> String {
    let mut lines = vec![format!("        self.{name} = nn.Sequential(")];
    let mut first = !inputs.is_empty();
    for step in steps {
        let layer = match step {
            Step::Relu => "nn.ReLU()".to_owned(),
            Step::Norm(norm) => {
                let affine = if norm.affine { "" } else { ", affine=False" };
                format!("nn.BatchNorm2d({}{affine})", norm.channels)
            }
            Step::Convolution(conv) => {
                let from =
                    if std::mem::take(&mut first) { inputs.to_owned() } else { conv.inputs.to_string() };
                let pair = |[a, b]: [usize; 2]| if a == b { a.to_string() } else { format!("({a}, {b})") };
                let mut call = format!("nn.Conv2d({from}, {}, {}", conv.outputs, pair(conv.kernel));
                for (what, value, plain) in [
                    ("stride", pair(conv.stride), "1"),
                    ("padding", pair(conv.padding()), "0"),
                    ("dilation", conv.dilation.to_string(), "1"),
                    ("groups", conv.mixing.groups(conv.inputs).to_string(), "1"),
                ] {
                    if value != plain {
                        call.push_str(&format!(", {what}={value}"));
                    }
                }
                format!("{call}, bias=False)")
            }
            Step::Pool(pool) => {
                let kind = match pool.kind {
                    PoolKind::Max => "MaxPool2d",
                    PoolKind::Average => "AvgPool2d",
                };
                format!("nn.{kind}({}, stride={}, ceil_mode=True)", pool.window, pool.stride)
            }
            Step::Halve(_)
            | Step::AverageWindows { .. }
            | Step::Noise { .. }
            | Step::Mean
            | Step::Linear(_) => {
                unreachable!("stems and residual blocks have none of these")
            }
        };
        lines.push(format!("            {layer},"));
    }
    lines.push("        )".to_owned());
    lines.join("\n")
}
