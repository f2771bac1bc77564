//! A network as a table, layer by layer.

use softcell::space::{BlockCost, Cost, Edge, LayerCost, LayerTable};

use crate::args::LayerRows;
use crate::output::{grouped, size, table};

/// A row for each block of the network, and where asked for each layer of a cell under it.
pub fn table_of(layers: &LayerTable, rows: LayerRows) -> String {
    let head = ["layer", "output", "parameters", "multiply-adds", "output size", "most at once"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    for block in &layers.blocks {
        lines.push(of_block(block));
        if rows == LayerRows::Operations && block.kind.is_some() {
            lines.extend(block.layers.iter().map(of_layer));
        }
    }
    let most = size(layers.peak_activation_bytes);
    lines.push(row("all".to_owned(), String::new(), layers.cost, String::new(), most));
    table(&lines)
}

fn row(name: String, output: String, cost: Cost, output_size: String, most: String) -> Vec<String> {
    vec![name, output, grouped(cost.parameters), grouped(cost.macs), output_size, most]
}

fn of_block(block: &BlockCost) -> Vec<String> {
    let kind = block.kind.map_or(String::new(), |kind| format!(" ({kind})"));
    let most = size(block.peak_activation_bytes);
    row(format!("{}{kind}", block.name), dims(block.output), block.cost, size(block.output_bytes), most)
}

fn of_layer(layer: &LayerCost) -> Vec<String> {
    let edge = layer.edge.map_or(String::new(), |Edge { source, target }| format!(" {source} to {target}"));
    let name = format!("  {}: {}{edge}", layer.name, layer.operation);
    row(name, dims(layer.output), layer.cost, size(layer.output_bytes), String::new())
}

/// Channels x height x width.
fn dims([channels, height, width]: [u64; 3]) -> String {
    format!("{channels}x{height}x{width}")
}
