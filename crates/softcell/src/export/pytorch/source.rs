//! The Python source of a network.

use super::literal;
use crate::model::TrainedModel;
use crate::network::StemKind;
use crate::space::{CellGene, CellKind, CellTopology, EdgeGene, MacroLayout, N_INPUTS, Primitive};

/// The stem of small images has three times the channels of the first cell.
const STEM_MULTIPLIER: usize = 3;
/// Two blank lines stand between the parts of the file.
const GAP: &str = "\n\n";

const HEAD: &str = include_str!("parts/head.py");
const CELL: &str = include_str!("parts/cell.py");
const STEM_CIFAR: &str = include_str!("parts/stem_cifar.py");
const STEM_IMAGENET: &str = include_str!("parts/stem_imagenet.py");
const NETWORK: &str = include_str!("parts/network.py");
const MAIN: &str = include_str!("parts/main.py");

/// Operations in Python, each with a word that stands where it is used; those that use others come later.
const OPERATIONS: [(&str, &str); 7] = [
    ("max_pool_3x3(", include_str!("parts/max_pool.py")),
    ("avg_pool_3x3(", include_str!("parts/avg_pool.py")),
    ("FactorizedReduce", include_str!("parts/factorized_reduce.py")),
    ("separable(", include_str!("parts/separable.py")),
    ("SepConv(", include_str!("parts/sep_conv.py")),
    ("DilConv(", include_str!("parts/dil_conv.py")),
    ("conv_7x1_1x7(", include_str!("parts/conv_7x1_1x7.py")),
];

/// The source for a file of this name. The model is one that [`super::to_files`] has checked.
pub(super) fn python(model: &TrainedModel, file_name: &str) -> String {
    let cells = Cells::of(model);
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
            ("MEAN", &literal::list(&normalization.mean)),
            ("STD", &literal::list(&normalization.std)),
        ],
    );
    let body = format!("{}{GAP}{}", cells.classes, network(model, &cells));
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
        None => ("model.py", "model"),
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

/// The cells of the network: their classes, the lines that make them, and the channels behind the last.
struct Cells {
    classes: String,
    calls: Vec<String>,
    channels: usize,
}

impl Cells {
    fn of(model: &TrainedModel) -> Cells {
        let network = &model.network;
        let (mut before_last, mut halve) = match network.stem {
            StemKind::Cifar => (STEM_MULTIPLIER * network.init_channels, false),
            StemKind::Imagenet => (network.init_channels, true),
        };
        let (mut last, mut channels) = (before_last, network.init_channels);
        let (mut calls, mut kinds, mut halved) = (Vec::new(), Vec::new(), Vec::new());
        for kind in (MacroLayout { n_cells: network.n_cells }).kinds() {
            if kind == CellKind::Reduction {
                channels *= 2;
            }
            let more = if halve { ", halve=True" } else { "" };
            calls.push(format!("{}({before_last}, {last}, {channels}{more}),", class_name(kind)));
            kinds.push(kind);
            halved.push(halve);
            (before_last, last) = (last, channels * network.genotype.cell(kind).concat.len());
            halve = kind == CellKind::Reduction;
        }
        let class = |kind: CellKind| {
            let ways: Vec<bool> =
                kinds.iter().zip(&halved).filter(|(k, _)| **k == kind).map(|(_, h)| *h).collect();
            (!ways.is_empty()).then(|| class(kind, network.genotype.cell(kind), &ways))
        };
        let classes: Vec<String> = CellKind::ALL.into_iter().filter_map(class).collect();
        Cells { classes: classes.join(GAP), calls, channels: last }
    }
}

fn class_name(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Normal => "NormalCell",
        CellKind::Reduction => "ReductionCell",
    }
}

/// The class of a kind of cell; `ways` says of each such cell whether it halves its first input.
fn class(kind: CellKind, gene: &CellGene, ways: &[bool]) -> String {
    let preprocess = match (ways.contains(&true), ways.contains(&false)) {
        (true, true) => "(FactorizedReduce if halve else ReluConvBn)(before_last, channels)",
        (true, false) => "FactorizedReduce(before_last, channels)",
        _ => "ReluConvBn(before_last, channels)",
    };
    let topology = CellTopology { n_nodes: gene.nodes.len() };
    let (mut operations, mut nodes) = (Vec::new(), Vec::new());
    for (i, genes) in gene.nodes.iter().enumerate() {
        let node = i + N_INPUTS;
        let mut terms = Vec::new();
        for edge in genes {
            let call = operation(edge, topology.stride(kind, edge.source));
            terms.push(format!("op[{}]({})", operations.len(), state(edge.source)));
            operations.push(format!("                {call},"));
        }
        nodes.push(format!("        {} = {}", state(node), terms.join(" + ")));
    }
    let output: Vec<String> = gene.concat.iter().map(|&node| state(node)).collect();
    let doc = match kind {
        CellKind::Normal => "A cell that keeps the resolution.",
        CellKind::Reduction => "A cell that halves the resolution.",
    };
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
fn state(node: usize) -> String {
    let letter = if node < N_INPUTS { 's' } else { 'n' };
    format!("{letter}{node}")
}

/// The call that makes an operation.
fn operation(edge: &EdgeGene, stride: usize) -> String {
    let strided = |call: String| match stride {
        1 => format!("{call})"),
        _ if call.ends_with('(') => format!("{call}stride={stride})"),
        _ => format!("{call}, stride={stride})"),
    };
    match edge.primitive {
        Primitive::None => unreachable!("a checked genotype has no `none`"),
        Primitive::MaxPool3x3 => strided("max_pool_3x3(".into()),
        Primitive::AvgPool3x3 => strided("avg_pool_3x3(".into()),
        Primitive::SkipConnect if stride == 1 => "nn.Identity()".into(),
        Primitive::SkipConnect => "FactorizedReduce(channels, channels)".into(),
        Primitive::SepConv3x3 => strided("SepConv(channels, kernel=3".into()),
        Primitive::SepConv5x5 => strided("SepConv(channels, kernel=5".into()),
        Primitive::SepConv7x7 => strided("SepConv(channels, kernel=7".into()),
        Primitive::DilConv3x3 => strided("DilConv(channels, kernel=3".into()),
        Primitive::DilConv5x5 => strided("DilConv(channels, kernel=5".into()),
        Primitive::Conv7x1_1x7 => strided("conv_7x1_1x7(channels".into()),
    }
}

/// The class of the network.
fn network(model: &TrainedModel, cells: &Cells) -> String {
    let network = &model.network;
    let (stem, states) = match network.stem {
        StemKind::Cifar => {
            let wide = (STEM_MULTIPLIER * network.init_channels).to_string();
            (filled(STEM_CIFAR, &[("WIDE", &wide)]), "        s0 = s1 = self.stem(images)")
        }
        StemKind::Imagenet => {
            let (wide, half) = (network.init_channels, network.init_channels / 2);
            let stem = filled(STEM_IMAGENET, &[("WIDE", &wide.to_string()), ("HALF", &half.to_string())]);
            (stem, "        s0 = self.stem0(images)\n        s1 = self.stem1(s0)")
        }
    };
    let [channels, height, width] = model.manifest.image_shape;
    let calls: Vec<String> = cells.calls.iter().map(|call| format!("                {call}")).collect();
    filled(
        NETWORK,
        &[
            ("IMAGE", &format!("{channels}, {height}, {width}")),
            ("COUNT", &network.classes.to_string()),
            ("STEM", stem.trim_end()),
            ("CELLS", &calls.join("\n")),
            ("FEATURES", &cells.channels.to_string()),
            ("STATES", states),
        ],
    )
}
