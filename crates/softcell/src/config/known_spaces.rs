//! Published search spaces, as layers of settings.

use toml::Table;

use super::keys::nearest_in_brackets;
use super::read::read_toml;
use crate::error::{Error, Result};

/// A published search space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSpace {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    /// What it is, in a line.
    pub idea: &'static str,
    /// Its settings of `[search]` and, where it has a network of its own, of `[train]`, as TOML.
    text: &'static str,
}

/// A cell of DARTS: what the spaces that differ in their candidates share.
macro_rules! darts_cells {
    () => {
        "inputs = 2\nnodes = 4\noutput = \"all\"\nedges_per_node = 2\nlayout = \"stacked\"\nreductions = [\"1/3\", \
         \"2/3\"]\nstem_multiplier = 3\nconvolution_bias = false\n"
    };
}

/// The cell and the network of NAS-Bench-201; its supernet has 15 cells from 16 channels, as has the trained network,
/// which is without auxiliary head and drop path.
macro_rules! nas_bench_201 {
    () => {
        "inputs = 1\nnodes = 3\noutput = \"last\"\nedges_per_node = 0\nlayout = \"residual\"\nreductions = [\"1/3\", \
         \"2/3\"]\nstem = \"cifar\"\nstem_multiplier = 1\ninit_channels = 16\nlayers = 15\ncandidates = [\"none\", \
         \"skip_connect\", \"nor_conv_1x1\", \"nor_conv_3x3\", \"avg_pool_3x3\"]\nnormal_edges = []\nreduction_edges = \
         []\n"
    };
}

macro_rules! nas_bench_201_network {
    () => {
        "[train]\nstem = \"cifar\"\ninit_channels = 16\nlayers = 15\nauxiliary = false\ndrop_path_prob = 0.0\n"
    };
}

const ROBUST_DARTS: &str = "Zela et al. 2020";

/// All known spaces.
pub static SPACES: [KnownSpace; 7] = [
    KnownSpace {
        name: "darts",
        paper: "Liu et al. 2019",
        idea: "4 nodes, 8 operations on each of 14 edges, two edges kept per node",
        text: concat!(
            "[search]\nspace = \"darts\"\n",
            darts_cells!(),
            "candidates = [\"none\", \"max_pool_3x3\", \"avg_pool_3x3\", \"skip_connect\", \"sep_conv_3x3\", \
             \"sep_conv_5x5\", \"dil_conv_3x3\", \"dil_conv_5x5\"]\nnormal_edges = []\nreduction_edges = []\n"
        ),
    },
    KnownSpace {
        name: "s1",
        paper: ROBUST_DARTS,
        idea: "as darts, with the two best operations of an earlier search on each edge",
        text: concat!(
            "[search]\nspace = \"s1\"\n",
            darts_cells!(),
            "candidates = [\"max_pool_3x3\", \"avg_pool_3x3\", \"skip_connect\", \"sep_conv_3x3\", \"dil_conv_3x3\", \
             \"dil_conv_5x5\"]\nnormal_edges = [",
            "\"skip_connect|dil_conv_3x3\", \"skip_connect|dil_conv_5x5\", \"skip_connect|dil_conv_5x5\", ",
            "\"skip_connect|sep_conv_3x3\", \"skip_connect|dil_conv_3x3\", \"max_pool_3x3|skip_connect\", ",
            "\"skip_connect|sep_conv_3x3\", \"skip_connect|sep_conv_3x3\", \"skip_connect|dil_conv_3x3\", ",
            "\"skip_connect|sep_conv_3x3\", \"max_pool_3x3|skip_connect\", \"skip_connect|dil_conv_3x3\", ",
            "\"dil_conv_3x3|dil_conv_5x5\", \"dil_conv_3x3|dil_conv_5x5\"]\nreduction_edges = [",
            "\"max_pool_3x3|avg_pool_3x3\", \"max_pool_3x3|dil_conv_3x3\", \"max_pool_3x3|avg_pool_3x3\", ",
            "\"max_pool_3x3|avg_pool_3x3\", \"skip_connect|dil_conv_5x5\", \"max_pool_3x3|avg_pool_3x3\", ",
            "\"max_pool_3x3|sep_conv_3x3\", \"skip_connect|dil_conv_3x3\", \"skip_connect|dil_conv_5x5\", ",
            "\"max_pool_3x3|avg_pool_3x3\", \"max_pool_3x3|avg_pool_3x3\", \"skip_connect|dil_conv_5x5\", ",
            "\"skip_connect|dil_conv_5x5\", \"skip_connect|dil_conv_5x5\"]\n"
        ),
    },
    KnownSpace {
        name: "s2",
        paper: ROBUST_DARTS,
        idea: "as darts, with skip_connect and sep_conv_3x3 alone",
        text: concat!(
            "[search]\nspace = \"s2\"\n",
            darts_cells!(),
            "candidates = [\"skip_connect\", \"sep_conv_3x3\"]\nnormal_edges = []\nreduction_edges = []\n"
        ),
    },
    KnownSpace {
        name: "s3",
        paper: ROBUST_DARTS,
        idea: "as darts, with none, skip_connect and sep_conv_3x3 alone",
        text: concat!(
            "[search]\nspace = \"s3\"\n",
            darts_cells!(),
            "candidates = [\"none\", \"skip_connect\", \"sep_conv_3x3\"]\nnormal_edges = []\nreduction_edges = []\n"
        ),
    },
    KnownSpace {
        name: "s4",
        paper: ROBUST_DARTS,
        idea: "as darts, with noise and sep_conv_3x3 alone",
        text: concat!(
            "[search]\nspace = \"s4\"\n",
            darts_cells!(),
            "candidates = [\"noise\", \"sep_conv_3x3\"]\nnormal_edges = []\nreduction_edges = []\n"
        ),
    },
    KnownSpace {
        name: "nas-bench-201",
        paper: "Dong & Yang 2020",
        idea: "one cell of three nodes, five operations on each of 6 edges, residual blocks between",
        text: concat!(
            "[search]\nspace = \"nas-bench-201\"\n",
            nas_bench_201!(),
            "convolution_bias = false\n",
            nas_bench_201_network!()
        ),
    },
    KnownSpace {
        name: "nas-bench-201-bias",
        paper: "Dong & Yang 2020",
        idea: "the same with biases in the supernet's convolutions, as AutoDL-Projects has it",
        text: concat!(
            "[search]\nspace = \"nas-bench-201-bias\"\n",
            nas_bench_201!(),
            "convolution_bias = true\n",
            nas_bench_201_network!()
        ),
    },
];

impl KnownSpace {
    /// Its settings: a layer over a preset.
    pub fn settings(&self) -> Table {
        read_toml(self.text, self.name).expect("a known space has settings of the table").table
    }
}

/// The known space of that name; case does not matter, and `_` stands for `-`.
///
/// # Errors
/// [`Error::Setting`] for any other name; it names the nearest.
pub fn known_space(name: &str) -> Result<&'static KnownSpace> {
    let typed = name.to_ascii_lowercase().replace('_', "-");
    SPACES.iter().find(|space| space.name == typed).ok_or_else(|| {
        let names = SPACES.map(|space| space.name);
        let near = nearest_in_brackets(&typed, names);
        Error::setting("space", name, format!("one of {}{near}, or a TOML file", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::super::merge::overlay;
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::super::types::{Config, DataShape};
    use super::*;
    use crate::space::{SearchSpace, supernet_parameters};

    fn laid(name: &str) -> Config {
        let mut table = preset(Preset::PaperCifar10, &DataShape::default()).0.to_table().unwrap();
        overlay(&mut table, &known_space(name).unwrap().settings());
        let config: Config = table.try_into().unwrap();
        config.verify().unwrap();
        config
    }

    fn space(name: &str) -> SearchSpace {
        laid(name).search.space([32, 32])
    }

    /// The published numbers of weights of the supernets, of 8 cells from 16 channels but for NAS-Bench-201.
    #[test]
    fn weights_are_as_many_as_published() {
        for (name, weights) in [
            ("darts", 1_930_618),
            ("s1", 405_146),
            ("s2", 665_466),
            ("s3", 665_466),
            ("s4", 624_506),
            ("nas-bench-201", 1_686_106),
            ("nas-bench-201-bias", 1_692_826),
        ] {
            assert_eq!(supernet_parameters(&space(name), 3, 10), weights, "{name}");
            assert_eq!(laid(name).search.space, name);
        }
        assert_eq!(space("darts"), SearchSpace::darts());
        assert_eq!(space("NAS_Bench_201"), SearchSpace::nas_bench_201());
    }

    /// Whatever was there before, a space is laid whole.
    #[test]
    fn a_space_leaves_nothing_of_another() {
        for first in SPACES {
            for second in SPACES {
                let mut table = preset(Preset::PaperCifar10, &DataShape::default()).0.to_table().unwrap();
                overlay(&mut table, &first.settings());
                overlay(&mut table, &second.settings());
                let config: Config = table.try_into().unwrap();
                let (found, alone) = (config.search.space([32, 32]), space(second.name));
                // Sizes may stay.
                let SearchSpace { n_cells, init_channels, stem, .. } = alone;
                let found = SearchSpace { n_cells, init_channels, stem, ..found };
                assert_eq!(found, alone, "{} over {}", second.name, first.name);
            }
        }
    }

    #[test]
    fn other_names_get_the_nearest() {
        let error = known_space("nasbench201").unwrap_err().to_string();
        assert!(error.contains("one of darts, s1,") && error.contains("nearest: nas-bench-201"), "{error}");
    }
}
