//! The search space that `[search]` describes.

use super::types::SearchConfig;
use crate::error::{Error, Result};
use crate::space::{ByCell, CellTopology, SearchSpace};

impl SearchConfig {
    /// The space these settings describe for images of this height and width, before they are scaled down; of a search
    /// in stages, that of the first.
    pub fn space(&self, image_size: [usize; 2]) -> SearchSpace {
        let n_edges = CellTopology { inputs: self.inputs, n_nodes: self.nodes }.n_edges();
        let edges = |name: &str| {
            let own = match name {
                "reduction" => &self.reduction_edges,
                _ => &self.normal_edges,
            };
            match own.is_empty() {
                true => vec![self.candidates.clone(); n_edges],
                false => own.iter().map(|edge| edge.0.clone()).collect(),
            }
        };
        let names = self.layout.cells();
        SearchSpace {
            cells: names.iter().map(|&name| (name, edges(name))).collect::<ByCell<_>>(),
            inputs: self.inputs,
            n_nodes: self.nodes,
            output: self.output,
            edges_per_node: self.edges_per_node,
            layout: self.layout,
            reductions: self.reductions,
            n_cells: self.method.schedule.stage_layers.get(0).unwrap_or(self.layers),
            init_channels: self.init_channels,
            stem: self.stem.kind(image_size),
            stem_multiplier: self.stem_multiplier,
            share: self.method.schedule.stage_share.get(0).unwrap_or(self.method.share),
            auxiliary_skip: self.method.auxiliary_skip,
            convolution_bias: self.convolution_bias,
        }
    }

    /// Whether there is a space behind these settings; faults are named as the settings are.
    pub(super) fn check_space(&self) -> Result<()> {
        if !self.reduction_edges.is_empty() && !self.layout.cells().contains(&"reduction") {
            let found = format!("those of {} edges", self.reduction_edges.len());
            let expected = "none, because networks of this layout have no reduction cells";
            return Err(Error::setting("search.reduction_edges", found, expected));
        }
        self.space([1, 1]).check().map_err(|error| match error {
            Error::Setting { name, found, expected } => {
                let name = match name.as_str() {
                    "n_nodes" => "nodes",
                    "n_cells" => "layers",
                    "share" => "method.share",
                    "candidates" if !self.reduction_edges.is_empty() && found.contains("reduction") => {
                        "reduction_edges"
                    }
                    "candidates" if !self.normal_edges.is_empty() => "normal_edges",
                    other => other,
                };
                Error::Setting { name: format!("search.{name}"), found, expected }
            }
            other => other,
        })
    }
}
