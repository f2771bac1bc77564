//! The Python source of a network.

use super::cells::Cells;
use super::layers::sequence;
use super::{Purpose, literal};
use crate::run::Manifest;
use crate::run::files::PYTORCH;
use crate::space::DerivedNetworkConfig;
use crate::space::plan::{Block, Body, NetworkPlan, Place, Step};

/// Two blank lines stand between the parts of the file.
pub(super) const GAP: &str = "\n\n";

const HEAD: &str = include_str!("parts/head.py");
const USE: &str = include_str!("parts/use.txt");
const USE_IN_TRAINING: &str = include_str!("parts/use_training.txt");
const AUXILIARY_HEAD: &str = include_str!("parts/auxiliary_head.py");
const NETWORK: &str = include_str!("parts/network.py");
const WEIGHTS: &str = include_str!("parts/weights.py");
const MAIN: &str = include_str!("parts/main.py");

/// Operations in Python, each with a word that stands where it is used; those that use others come later.
const OPERATIONS: [(&str, &str); 11] = [
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
    ("drop_path(", include_str!("parts/drop_path.py")),
];

/// The source for a file of this name. The network and its manifest are some that [`super::to_source`] has checked.
pub(super) fn python(
    network: &DerivedNetworkConfig,
    manifest: &Manifest,
    purpose: Purpose,
    file_name: &str,
) -> String {
    let plan = network.plan();
    let cells = Cells::of(&plan, purpose);
    let head = head(network, manifest, purpose, file_name);
    let auxiliary = plan.auxiliary().filter(|_| purpose == Purpose::Training);
    let auxiliary = auxiliary.map(|block| &plan.blocks[block]);
    let mut classes = vec![cells.classes.clone()];
    classes.extend(auxiliary.map(|block| auxiliary_head(&plan, block)));
    classes.push(self::network(&plan, &cells, purpose, auxiliary));
    let body = classes.join(GAP);
    let mut used: Vec<&str> = Vec::new();
    for (word, part) in OPERATIONS.iter().rev() {
        let called = |text: &str| text.contains(word);
        if called(&body) || used.iter().any(|other| called(other)) {
            used.push(part);
        }
    }
    let end: &[&str] = match purpose {
        Purpose::Answers => &[WEIGHTS, MAIN],
        Purpose::Training => &[WEIGHTS],
    };
    let mut source = head;
    for part in used.into_iter().rev().chain([body.as_str()]).chain(end.iter().copied()) {
        source.push_str(GAP);
        source.push_str(part);
    }
    source
}

/// What stands before the modules.
fn head(network: &DerivedNetworkConfig, manifest: &Manifest, purpose: Purpose, file_name: &str) -> String {
    let classes: Vec<String> =
        manifest.classes.iter().map(|class| format!("    {},", literal::string(class))).collect();
    let [channels, height, width] = manifest.image_shape;
    let image = format!("{channels}, {height}, {width}");
    let (file, module) = example_names(file_name);
    let (usage, more) = match purpose {
        Purpose::Answers => (USE, "import sys\n"),
        Purpose::Training => (USE_IN_TRAINING, ""),
    };
    let usage = filled(usage.trim_end(), &[("FILE", file), ("MODULE", module), ("IMAGE", &image)]);
    filled(
        HEAD,
        &[
            ("SUMMARY", &summary(network)),
            ("VERSION", env!("CARGO_PKG_VERSION")),
            ("USE", &usage),
            ("IMPORTS", &format!("import json\nimport struct\n{more}from pathlib import Path\n\n")),
            ("GENOTYPE", &wrapped(&network.genotype.to_text())),
            ("CLASSES", &classes.join("\n")),
            ("SHAPE", &image),
            ("RESIZE", manifest.resize.name()),
            ("MEAN", &literal::list(&manifest.normalization.mean)),
            ("STD", &literal::list(&manifest.normalization.std)),
        ],
    )
}

/// The network in a line.
fn summary(network: &DerivedNetworkConfig) -> String {
    let DerivedNetworkConfig { classes, n_cells, init_channels, .. } = network;
    format!("Image classifier for {classes} classes, {n_cells} cells from {init_channels} channels")
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
pub(super) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut pieces = text.split('@');
    let mut result = pieces.next().unwrap_or_default().to_owned();
    while let (Some(name), Some(behind)) = (pieces.next(), pieces.next()) {
        let value = values.iter().find(|(known, _)| *known == name);
        result.push_str(value.unwrap_or_else(|| panic!("no value for {name}")).1);
        result.push_str(behind);
    }
    result
}

/// The class of the auxiliary head.
fn auxiliary_head(plan: &NetworkPlan, block: &Block) -> String {
    let Body::Auxiliary { steps } = &block.body else { unreachable!("it is the block of the head") };
    let features = steps.iter().position(|step| *step == Step::Mean).expect("the head ends with a mean");
    let inputs = steps.iter().find_map(|step| match step {
        Step::Linear(linear) => Some(linear.inputs),
        _ => None,
    });
    filled(
        AUXILIARY_HEAD,
        &[
            ("FEATURES", &sequence("features", &steps[..features], plan.input(block, 0), "")),
            ("INPUTS", &inputs.expect("the head is linear in the end").to_string()),
            ("COUNT", &plan.classes.to_string()),
        ],
    )
}

/// The class of the network.
fn network(plan: &NetworkPlan, cells: &Cells, purpose: Purpose, auxiliary: Option<&Block>) -> String {
    let of_one = plan.cells.iter().all(|kind| kind.inputs == 1);
    let (stem, states) = stem(plan, of_one);
    let last = plan
        .blocks
        .iter()
        .find(|block| block.name == "lastact")
        .map_or("nn.Identity()".to_owned(), |block| {
            format!("nn.Sequential(nn.BatchNorm2d({}), nn.ReLU())", block.output.channels)
        });
    let mut parts = if of_one { format!("        self.lastact = {last}\n") } else { String::new() };
    if purpose == Purpose::Training {
        parts.insert_str(0, "        self.drop_path_prob = 0.0\n");
    }
    if auxiliary.is_some() {
        parts.push_str("        self.auxiliary_head = AuxiliaryHead()\n");
    }
    let [height, width] = plan.image.size;
    let calls: Vec<String> = cells.calls.iter().map(|call| format!("                {call}")).collect();
    let features = plan.blocks.iter().rev().find(|block| matches!(block.body, Body::Cell(_)));
    let features = features.map_or(plan.image.channels, |block| block.output.channels);
    filled(
        NETWORK,
        &[
            ("TRAINING", if auxiliary.is_some() { IN_TRAINING } else { "" }),
            ("PARTS", &parts),
            ("LOOP", &way(plan, purpose, auxiliary, of_one).join("\n")),
            ("IMAGE", &format!("{}, {height}, {width}", plan.image.channels)),
            ("COUNT", &plan.classes.to_string()),
            ("STEM", &stem.join("\n")),
            ("CELLS", &calls.join("\n")),
            ("FEATURES", &features.to_string()),
            ("STATES", &states.join("\n")),
        ],
    )
}

/// Said of a network with an auxiliary head.
const IN_TRAINING: &str = " In training they become a pair:\n    logits, and those of the auxiliary head.";

/// The lines that make the stem, and those that run it.
fn stem(plan: &NetworkPlan, of_one: bool) -> (Vec<String>, Vec<String>) {
    let (mut stem, mut states) = (Vec::new(), Vec::new());
    for block in &plan.blocks {
        let Body::Steps { steps, .. } = &block.body else { continue };
        if block.part != "stem" {
            continue;
        }
        let first = block.inputs == [Place::Image];
        stem.push(sequence(&block.name, steps, plan.input(block, 0), if first { "CHANNELS" } else { "" }));
        let from = if first { "images" } else { "s0" };
        let to = if states.is_empty() { "s0" } else { "s1" };
        states.push(format!("        {to} = self.{}({from})", block.name));
    }
    match &mut states[..] {
        [only] if !of_one => *only = only.replace("s0 =", "s0 = s1 ="),
        [_, newer] if of_one => *newer = newer.replace("s1 =", "s0 ="),
        _ => {}
    }
    (stem, states)
}

/// The lines that run cells and classifiers.
fn way(plan: &NetworkPlan, purpose: Purpose, auxiliary: Option<&Block>, of_one: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let drop = match purpose {
        Purpose::Answers => "",
        Purpose::Training => {
            lines.push("drop_prob = self.drop_path_prob if self.training else 0.0".to_owned());
            ", drop_prob"
        }
    };
    // Residual blocks stand among the cells and know nothing of drop path.
    let among = plan.blocks.iter().any(|block| matches!(block.body, Body::Residual { .. }));
    let (step, newest, result) = match of_one {
        true if among && !drop.is_empty() => (
            format!("s0 = cell(s0) if isinstance(cell, ResidualBlock) else cell(s0{drop})"),
            "s0",
            "self.lastact(s0)",
        ),
        true => (format!("s0 = cell(s0{drop})"), "s0", "self.lastact(s0)"),
        false => (format!("s0, s1 = s1, cell(s0, s1{drop})"), "s1", "s1"),
    };
    // Cells and residual blocks have places in one list.
    let place = |head: &Block| {
        let Some(Place::Block(below)) = head.inputs.first() else { return None };
        plan.blocks[*below].name.strip_prefix("cells.").map(str::to_owned)
    };
    match auxiliary.and_then(place) {
        None => {
            lines.extend(["for cell in self.cells:".to_owned(), format!("    {step}")]);
            lines.push(format!("return self.classifier({result}.mean(dim=(2, 3)))"));
        }
        Some(place) => {
            lines.extend(["for i, cell in enumerate(self.cells):".to_owned(), format!("    {step}")]);
            lines.push(format!("    if self.training and i == {place}:"));
            lines.push(format!("        auxiliary = self.auxiliary_head({newest})"));
            lines.push(format!("logits = self.classifier({result}.mean(dim=(2, 3)))"));
            lines.push("return (logits, auxiliary) if self.training else logits".to_owned());
        }
    }
    lines.iter().map(|line| format!("        {line}")).collect()
}
