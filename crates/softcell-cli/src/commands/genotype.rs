//! `softcell genotype`: look at genotypes and convert them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::config::{CheckedConfig, ImageSize, Stem};
use softcell::run::{Manifest, RunFolder};
use softcell::space::{
    CellGene, Cost, Genotype, LayerTable, NetworkShape, Reductions, StemKind, cell_title, derived_cost,
    derived_layers, known_genotype, known_names,
};

use super::{draw, layers};
use crate::args::{GenotypeCommand, ShowArgs, StemArg};
use crate::genotypes::{read, resolve};
use crate::output::{Form, grouped, print, print_data, print_json, size, table};

/// Runs the command.
///
/// # Errors
/// When the genotype cannot be read.
pub fn run(command: &GenotypeCommand) -> Result<ExitCode> {
    match command {
        GenotypeCommand::Show(args) => show(args)?,
        GenotypeCommand::Draw(args) => draw::run(args)?,
        GenotypeCommand::Convert(args) => {
            let text = args.to.write(&read(&args.genotype, args.from)?)?;
            match Form::of(args.json) {
                Form::Text => print_data(&format!("{text}\n"))?,
                Form::Json => print_json(&Converted { dialect: args.to.name(), text })?,
            }
        }
        GenotypeCommand::List(args) => list(Form::of(args.json))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The network whose size is told: as asked for; what is not asked for is the run's, else the paper's.
fn network(args: &ShowArgs) -> Result<NetworkShape> {
    let run = stored(Path::new(&args.genotype))?;
    let train = run.as_ref().map(|(config, _)| &config.train);
    let manifest = run.as_ref().map(|(_, manifest)| manifest);
    let [channels, height, width] = manifest.map_or([3, 32, 32], |manifest| manifest.image_shape);
    let size = match args.image_size.as_deref().map(str::parse).transpose()? {
        Some(ImageSize::Fixed { height, width }) => [height, width],
        Some(ImageSize::Auto) | None => [height, width],
    };
    let stem = match args.stem {
        Some(StemArg::Auto) => Stem::Auto,
        Some(StemArg::Cifar) => Stem::Cifar,
        Some(StemArg::Imagenet) => Stem::Imagenet,
        None => train.map_or(Stem::Auto, |train| train.stem),
    };
    let or = |asked: Option<u32>, stored: Option<usize>, paper: usize| {
        asked.map_or(stored.unwrap_or(paper), |asked| asked as usize)
    };
    Ok(NetworkShape {
        reductions: train.map_or(Reductions::THIRDS, |train| train.reductions),
        init_channels: or(args.init_channels, train.map(|train| train.init_channels), PAPER.init_channels),
        n_cells: or(args.layers, train.map(|train| train.layers), PAPER.n_cells),
        stem: stem.kind(size),
        classes: or(args.classes, manifest.map(|manifest| manifest.classes.len()), PAPER.classes),
        image_shape: [or(args.channels, Some(channels), 3), size[0], size[1]],
    })
}

/// The network of the paper on CIFAR-10.
const PAPER: NetworkShape = NetworkShape {
    reductions: Reductions::THIRDS,
    init_channels: 36,
    n_cells: 20,
    stem: StemKind::Cifar,
    classes: 10,
    image_shape: [3, 32, 32],
};

/// A network in words.
fn words(network: &NetworkShape) -> String {
    let [channels, height, width] = network.image_shape;
    format!(
        "{} cells from {} channels, {} stem, {} classes, images of {channels}x{height}x{width}",
        network.n_cells, network.init_channels, network.stem, network.classes
    )
}

/// Settings and images of a run; none if the path is no run.
fn stored(path: &Path) -> Result<Option<(CheckedConfig, Manifest)>> {
    if !RunFolder::exists(path) {
        return Ok(None);
    }
    let folder = RunFolder::view(path)?;
    let config = folder.read_config()?;
    Ok(folder.read_manifest()?.map(|manifest| (config, manifest)))
}

/// What `show --json` prints.
#[derive(Debug, Serialize)]
struct Shown {
    text: String,
    genotype: Genotype,
    network: Network,
    #[serde(flatten)]
    layers: LayerTable,
    /// `skips_normal`, `skips_reduction`, or `skips_cell`.
    #[serde(flatten)]
    skips: BTreeMap<String, usize>,
}

/// What `convert --json` prints.
#[derive(Debug, Serialize)]
struct Converted {
    dialect: &'static str,
    text: String,
}

/// A row of `list --json`.
#[derive(Debug, Serialize)]
struct Known {
    name: &'static str,
    /// In the original's text.
    genotype: String,
    /// Of the paper's network for CIFAR-10.
    parameters: u64,
    /// Multiply-adds of that network for one image.
    macs: u64,
}

/// The network as `show --json` prints it.
#[derive(Debug, Serialize)]
struct Network {
    init_channels: usize,
    layers: usize,
    stem: StemKind,
    classes: usize,
    /// Channels, height and width.
    image_shape: [usize; 3],
}

impl From<NetworkShape> for Network {
    fn from(shape: NetworkShape) -> Network {
        let NetworkShape { init_channels, n_cells: layers, stem, classes, image_shape, .. } = shape;
        Network { init_channels, layers, stem, classes, image_shape }
    }
}

fn show(args: &ShowArgs) -> Result<()> {
    let genotype = resolve(&args.genotype)?;
    let network = network(args)?;
    let layers = derived_layers(&genotype, &network);
    if args.json {
        return print_json(&Shown {
            text: genotype.to_text(),
            skips: genotype
                .cells
                .iter()
                .map(|(name, cell)| (format!("skips_{name}"), cell.n_skips()))
                .collect(),
            genotype,
            network: network.into(),
            layers,
        });
    }
    let cells: String = genotype.cells.iter().map(|(name, cell)| cell_text(name, cell)).collect();
    let rows = args.per_layer.map_or(String::new(), |rows| format!("\n{}", layers::table_of(&layers, rows)));
    print(&format!(
        "{cells}{}\n\n{} parameters (auxiliary head excluded), {} multiply-adds per image\n\
         {} of maps at most, in f32 for one image (in {})\nfor {}\n{rows}",
        genotype.to_text(),
        grouped(layers.cost.parameters),
        grouped(layers.cost.macs),
        size(layers.peak_activation_bytes),
        layers.peak_block,
        words(&network),
    ))
}

/// A cell, node by node.
fn cell_text(name: &str, cell: &CellGene) -> String {
    let source = |node: usize| match cell.inputs.checked_sub(node) {
        Some(before) if before > 0 => format!("c_{{k-{before}}}"),
        _ => format!("node {node}"),
    };
    let mut text = format!("{}\n", cell_title(name));
    for (node, genes) in cell.numbered() {
        let terms: Vec<String> =
            genes.iter().map(|gene| format!("{}({})", gene.primitive, source(gene.source))).collect();
        let terms = if terms.is_empty() { "nothing".to_owned() } else { terms.join(" + ") };
        text.push_str(&format!("  node {node} <- {terms}\n"));
    }
    let output: Vec<String> = cell.concat.iter().map(usize::to_string).collect();
    let output = match &output[..] {
        [node] if name == "cell" => format!("node {node}"),
        nodes => format!("nodes {} joined", nodes.join(", ")),
    };
    text.push_str(&format!("  c_{{k}} <- {output}\n\n"));
    text
}

fn list(form: Form) -> Result<()> {
    let of = |name| {
        let genotype = known_genotype(name).expect("it is a known name");
        let Cost { parameters, macs } = derived_cost(&genotype, &PAPER);
        Known { name, genotype: genotype.to_text(), parameters, macs }
    };
    let known: Vec<Known> = known_names().into_iter().map(of).collect();
    if form == Form::Json {
        return print_json(&known);
    }
    let mut rows = vec![["name", "parameters", "multiply-adds"].map(str::to_owned).to_vec()];
    for Known { name, parameters, macs, .. } in known {
        rows.push(vec![name.to_owned(), grouped(parameters), grouped(macs)]);
    }
    print(&format!("{}for {}\n", table(&rows), words(&PAPER)))
}
