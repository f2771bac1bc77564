//! The report of one run.

use maud::{Markup, html};

use super::calibration::calibration;
use super::charts::{Chart, EdgeChart, MOST_EDGES, alpha_charts, colour, search_charts, thinned};
use super::classes::{balance, class_table, confusion, mistakes, most_confused};
use super::figure::{chart_figure, hint};
use super::guard::guard;
use super::head::{facts, result_sentences, warning_list};
use super::page::page;
use super::record::{RunRecord, State};
use super::selection::selection;
use super::tabulated::{resources, tabulated};
use super::training::training;
use super::words::{counted, grouped, quoted};
use crate::drawing::{Frame, frames, inline, inline_frames};
use crate::run::files::CONFIG;
use crate::space::{Edge, Primitive, cell_title};

/// Pictures of the cells over the epochs at most.
const MOST_FRAMES: usize = 40;
/// Bytes of all these pictures at most: large cells have fewer of them.
const MOST_BYTES: usize = 1_000_000;
/// Bytes of the drawing of a cell at most.
const LARGEST_DRAWING: usize = 400_000;

/// The report of a run as one HTML page, which needs nothing beside it.
pub fn report(record: &RunRecord) -> String {
    let mut charts = Vec::new();
    let body = html! {
        header {
            h1 { (record.data_name()) }
            p class="place" { "Softcell, run " code { (record.place) } }
            (result_sentences(record))
            (warning_list(record))
            (facts(record))
        }
        main {
            (selection(record))
            (answers(record))
            (cells(record))
            (training(record, &mut charts))
            (search(record, &mut charts))
            (guard(record, &mut charts))
            (resources(record, &mut charts))
            (tabulated(record, &mut charts))
            (alphas(record, &mut charts))
            (data(record))
            (settings(record))
            (reproduce(record))
        }
        noscript { p { "Scripts are switched off: the charts stand still, and of the alphas there are only the last values." } }
        footer { "Written by Softcell " (env!("CARGO_PKG_VERSION")) ". Charts by uPlot (MIT)." }
    };
    page(&format!("{} \u{2013} Softcell", record.data_name()), &body, &charts)
}

fn cells(record: &RunRecord) -> Markup {
    let Some(genotype) = record.latest_genotype() else {
        return html! {
            h2 { "The cells" }
            p { "There is no cell before the first epoch of the search is done." }
        };
    };
    let so_far = if record.genotype.is_none() { " so far" } else { "" };
    html! {
        h2 { "The cells" (so_far) }
        p class="note" {
            "Each node is the sum of its operations; the output joins the nodes. Nodes are numbered as in the genotype."
            span class="narrow" { " Push a drawing sideways to see all of it." }
        }
        div class="cells" {
            @for name in genotype.cells.names() {
                figure {
                    figcaption { h3 { (cell_title(name)) } }
                    @match inline(&genotype, name).filter(|picture| picture.0.len() <= LARGEST_DRAWING) {
                        Some(picture) => { div class="scroll" tabindex="0" { (picture) } }
                        None => { p class="note" { "This cell is too large to be drawn." } }
                    }
                }
            }
        }
        (history(record))
        details {
            summary { "The genotype as text" }
            pre { (genotype.to_text()) }
        }
    }
}

/// The cells over the epochs.
fn history(record: &RunRecord) -> Markup {
    let all = frames(record.genotypes());
    let Some(last) = all.last() else { return html! {} };
    let drawn = |frames: &[Frame]| -> Option<Vec<Markup>> {
        last.genotype.cells.names().map(|name| inline_frames(frames, name)).collect()
    };
    let bytes: usize = drawn(std::slice::from_ref(last)).iter().flatten().map(|p| p.0.len()).sum();
    let most = (MOST_BYTES / bytes.max(1)).min(MOST_FRAMES);
    if most < 2 {
        return html! {};
    }
    let shown: Vec<_> = thinned(all.len(), most).into_iter().map(|i| all[i].clone()).collect();
    let Some(pictures) = drawn(&shown) else { return html! {} };
    html! {
        @if shown.len() > 1 {
            details {
                summary { "The cells over the epochs of the search" }
                p class="note" {
                    "The alphas stood for " (all.len()) " different cells one after another"
                    @if shown.len() < all.len() { ", of which " (shown.len()) " are shown" }
                    ". The nodes keep their places here."
                }
                div class="player" {
                    button type="button" { "Play" }
                    input type="range" min="0" max=(shown.len() - 1) value=(shown.len() - 1) aria-label="epoch";
                }
                @for picture in pictures { div class="scroll" tabindex="0" { (picture) } }
            }
        }
    }
}

fn search(record: &RunRecord, charts: &mut Vec<Chart>) -> Markup {
    let found = search_charts(record);
    let [loss, accuracy, entropy, skips] = &found[..] else {
        let given = record.genotype.is_some() && record.state() != State::Imported;
        return html! {
            @if given && record.selection.is_none() {
                h2 { "The search" } p { "The genotype was given: there was no search." }
            }
        };
    };
    let markup = html! {
        h2 { "The search" }
        p class="note" {
            "These numbers are of the supernet, all candidates at once. They do not predict the accuracy of the \
             network that is trained afterwards."
        }
        (hint())
        div class="charts" {
            (chart_figure("Accuracy", "", accuracy))
            (chart_figure("Loss", "", loss))
            (chart_figure("Entropy of the alphas", "Mean over the edges, as a share of that of no preference: at 0 all is decided, at 100 % nothing is.", entropy))
            (chart_figure("Skip connections", "In the cell that the alphas stand for. Many are a sign of collapse.", skips))
        }
    };
    charts.extend(found);
    markup
}

fn alphas(record: &RunRecord, charts: &mut Vec<Chart>) -> Markup {
    let space = record.space();
    let cells: Vec<_> = space.cells.names().map(|name| (name, alpha_charts(record, name))).collect();
    if cells.iter().all(|(_, edges)| edges.is_empty()) {
        return html! {};
    }
    let edges = space.topology().n_edges();
    let operations = space.operations();
    let markup = html! {
        h2 { "The alphas, edge by edge" }
        p class="note" {
            "How strongly each candidate counts on an edge (softmax of the alphas), from epoch to epoch. Point at a \
             chart, or tap it, to read off values. An edge that the cell keeps names its operation."
        }
        @if edges > MOST_EDGES { p class="note" { "The first " (MOST_EDGES) " of " (edges) " edges are shown." } }
        ul class="legend" {
            @for primitive in &operations { li { i class={ "c" (colour(*primitive)) } {} (primitive) } }
        }
        @for (name, edges) in &cells {
            h3 { (cell_title(name)) }
            div class="edges" { @for edge in edges { (edge_figure(edge, space.inputs)) } }
            (last_weights(edges, &operations, space.inputs))
        }
    };
    charts.extend(cells.into_iter().flat_map(|(_, edges)| edges).map(|edge| edge.chart));
    markup
}

/// From which node to which.
fn edge_name(edge: Edge, inputs: usize) -> Markup {
    html! {
        span {
            @if edge.source < inputs { "c" sub { "k\u{2013}" (inputs - edge.source) } } @else { (edge.source) }
            " \u{2192} " (edge.target)
        }
    }
}

fn edge_figure(edge: &EdgeChart, inputs: usize) -> Markup {
    html! {
        div {
            h4 {
                (edge_name(edge.edge, inputs))
                @match &edge.kept {
                    Some(kept) => { span class={ "kept c" (colour(*kept)) } { (kept) } }
                    None => { span class="left" { "not kept" } }
                }
            }
            div class="chart" data-chart=(edge.chart.id) {}
        }
    }
}

/// The values after the last epoch as a table.
fn last_weights(edges: &[EdgeChart], operations: &[Primitive], inputs: usize) -> Markup {
    let last = |edge: &EdgeChart, operation: &Primitive| {
        let series = edge.chart.series.iter().find(|series| series.label == operation.name())?;
        series.values.last().copied().flatten()
    };
    html! {
        details {
            summary { "The last values as a table" }
            div class="scroll" tabindex="0" {
                table {
                    thead { tr { th { "edge" } @for operation in operations { th class="n" { (operation) } } } }
                    tbody {
                        @for edge in edges {
                            tr {
                                td { (edge_name(edge.edge, inputs)) }
                                @for operation in operations {
                                    td class="n" {
                                        @match last(edge, operation) {
                                            Some(value) => (format!("{value:.3}")),
                                            None => "\u{2013}",
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn data(record: &RunRecord) -> Markup {
    let Some(manifest) = &record.manifest else {
        return html! {
            h2 { "The data" }
            p { "The run was stopped before it wrote down what the images are." }
        };
    };
    let [channels, height, width] = manifest.image_shape;
    html! {
        h2 { "The data" }
        @if !record.has_images() {
            p {
                "The network was imported without images. It answers for images of " (manifest.classes.len())
                " classes, " (width) "\u{d7}" (height) " pixels, " (if channels == 1 { "gray" } else { "colour" }) "."
            }
        } @else { p {
            (grouped(manifest.images[0] as u64)) " images to train on and " (grouped(manifest.images[1] as u64))
            " to test on, of " (manifest.classes.len()) " classes, " (width) "\u{d7}" (height) " pixels, "
            (if channels == 1 { "gray" } else { "colour" }) ", from " code { (record.config.data.path) } "."
        } }
        @if record.result.is_none() { (class_table(record)) }
    }
}

/// What the network answers, class by class, and what it takes for what.
fn answers(record: &RunRecord) -> Markup {
    let Some(result) = &record.result else { return html! {} };
    html! {
        h2 { "The answers" }
        (most_confused(result))
        (balance(result))
        div class="columns" {
            div {
                (class_table(record))
                h3 { "What is taken for what" }
                (confusion(result))
            }
            div { (calibration(result)) }
        }
        h3 { "Wrong answers" }
        (mistakes(record))
    }
}

fn settings(record: &RunRecord) -> Markup {
    let (search, train) = (&record.config.search, &record.config.train);
    let order = format!("{} order", search.method.arch_step.order());
    html! {
        h2 { "The settings" }
        p {
            @if record.begins_with_search() {
                "Search: " (order) ", " (search.layers) " cells of " (search.nodes)
                (if search.nodes == 1 { " node from " } else { " nodes from " }) (search.init_channels)
                " channels, " (counted(search.epochs, "epoch")) " of batches of " (search.batch_size) ". "
            }
            "Network: " (train.layers) " cells from " (train.init_channels) " channels"
            @if record.state() != State::Imported {
                ", " (counted(train.epochs, "epoch")) " of batches of " (train.batch_size)
            }
            "."
        }
        @if let Some(manifest) = &record.manifest {
            @if !manifest.notes.is_empty() {
                details {
                    summary { "What was decided from the data, and why" }
                    ul { @for note in &manifest.notes { li { (note) } } }
                }
            }
        }
        details { summary { "All settings (" (CONFIG) ")" } pre { (record.config_text) } }
    }
}

fn reproduce(record: &RunRecord) -> Markup {
    if record.state() == State::Imported {
        return html! {};
    }
    let config = quoted(&format!("{}/{CONFIG}", record.place.trim_end_matches('/')));
    let threads = record.manifest.as_ref().map(|manifest| manifest.threads);
    let command = match (&record.genotype, record.begins_with_search()) {
        (Some(genotype), false) => {
            format!("softcell train --genotype {} --config {config} --out AGAIN", quoted(&genotype.to_text()))
        }
        _ => format!("softcell fit --config {config} --out AGAIN"),
    };
    html! {
        h2 { "The same again" }
        @if let Some(manifest) = &record.manifest {
            p { "The run was started with" }
            pre { (manifest.command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")) }
        }
        p { "With its settings file, which has every number, it comes to the same bits:" }
        pre { (command) }
        @if let Some(manifest) = &record.manifest {
            p class="note" {
                "Softcell " (manifest.version) ", seed " (manifest.seed) ", device " (manifest.device)
                @if let Some(threads) = threads { ", " (threads) " threads (any number gives the same)" }
                ". Images with the fingerprint " code { (manifest.data_fingerprint) }
                ". A CPU with other vector instructions rounds otherwise and may come to another cell."
            }
        }
    }
}
