//! A search space by its name, or from a file, as a layer of settings of `[search]`.

use toml::{Table, Value};

use super::keys::{Key, Section};
use super::location::path_of_text;
use super::merge::overlay;
use super::preset::{Preset, preset};
use super::read::{parse, tidy};
use super::space::EdgeCandidates;
use super::types::{DataShape, SearchConfig};
use crate::error::{Error, Result};
use crate::reading::{self, MOST_OF_A_TEXT, Source};
use crate::shown;
use crate::space::SearchSpace;
use crate::space::wording::nearest;

/// The settings that make a space; a layer has all of them.
const OF_A_SPACE: [&str; 11] = [
    "nodes",
    "candidates",
    "normal_edges",
    "reduction_edges",
    "inputs",
    "output",
    "edges_per_node",
    "layout",
    "reductions",
    "convolution_bias",
    "stem_multiplier",
];
/// Sizes that a file may have besides.
const SIZES: [&str; 3] = ["init_channels", "layers", "stem"];

/// The names of the known spaces.
const KNOWN_SPACES: [&str; 2] = ["darts", "nas-bench-201"];

fn known_space(name: &str) -> Option<SearchSpace> {
    match name {
        "darts" => Some(SearchSpace::darts()),
        "nas-bench-201" => Some(SearchSpace::nas_bench_201()),
        _ => None,
    }
}

/// The layer that `search.space` stands for: the settings of the known space of this name, or those of the TOML file at
/// this path. None where `given`, what lies over it, has all settings of a space by itself, as the settings of a run do.
///
/// # Errors
/// A name that is not known, with the nearest; a file that cannot be read, or that holds what is no setting of a space.
pub(crate) fn space_layer(name: &str, given: &Table) -> Result<Option<Table>> {
    if let Some(space) = known_space(name) {
        return Ok(Some(settings(name, &space)));
    }
    if OF_A_SPACE.iter().all(|name| key(name).value(given).is_some()) {
        return Ok(None);
    }
    if !(name.ends_with(".toml") || name.contains(['/', '\\'])) {
        let near = nearest(name, KNOWN_SPACES).map_or(String::new(), |near| format!(" (nearest: {near})"));
        let expected =
            format!("one of {}{near}, or a TOML file with settings of a space", KNOWN_SPACES.join(", "));
        return Err(Error::setting("search.space", name, expected));
    }
    let path = path_of_text(name);
    let text = reading::read_text(&path, MOST_OF_A_TEXT, Source::Any)?;
    of_file(name, &text, &shown::path(&path)).map(Some)
}

fn key(name: &str) -> &'static Key {
    Key::find(Section::Search, name).expect("settings of a space are in the table")
}

/// The settings in a file over those of the space of DARTS.
fn of_file(name: &str, text: &str, origin: &str) -> Result<Table> {
    let mut whole = parse(text, origin)?;
    // With or without the head that the table has in other files.
    let inner = match whole.remove(Section::Search.name()) {
        Some(Value::Table(inner)) if whole.is_empty() => inner,
        Some(other) => {
            whole.insert(Section::Search.name().to_owned(), other);
            whole
        }
        None => whole,
    };
    let allowed = || OF_A_SPACE.iter().chain(&SIZES).copied();
    for typed in inner.keys() {
        let snake = typed.replace('-', "_");
        if !allowed().any(|name| name == snake) {
            let near = match nearest(&snake, allowed()) {
                Some(near) => format!("nearest is `{near}`; "),
                None => String::new(),
            };
            return Err(Error::invalid(
                format!("space {origin}"),
                format!("the key `{typed}`"),
                format!("settings of a space: {}", allowed().collect::<Vec<_>>().join(", ")),
                format!("{near}other settings belong into the file of settings, or on the command line"),
            ));
        }
    }
    let mut file = Table::new();
    file.insert(Section::Search.name().to_owned(), Value::Table(inner));
    let mut layer = settings(name, &SearchSpace::darts());
    overlay(&mut layer, &tidy(&file, origin)?.table);
    Ok(layer)
}

/// A space as settings.
fn settings(name: &str, space: &SearchSpace) -> Table {
    let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
    config.search.take_space(name, space);
    let whole = config.to_table().expect("settings of a space can be written as TOML");
    let mut layer = Table::new();
    for name in OF_A_SPACE.iter().chain(&["space"]) {
        let value = key(name).value(&whole).expect("every setting has a value").clone();
        key(name).put(&mut layer, value).expect("nothing is in the way");
    }
    layer
}

impl SearchConfig {
    /// The cells of a space, under its name; sizes and stem stay.
    pub(super) fn take_space(&mut self, name: &str, space: &SearchSpace) {
        let mut all = space.cells.cells().flatten();
        let first = all.next().cloned().unwrap_or_default();
        let same = all.all(|edge| *edge == first);
        let edges = |name: &str| match space.cells.get(name).filter(|_| !same) {
            Some(edges) => edges.iter().cloned().map(EdgeCandidates).collect(),
            None => Vec::new(),
        };
        self.space = name.to_owned();
        self.candidates = if same { first } else { space.operations() };
        let main = space.cells.names().next().unwrap_or_default();
        (self.normal_edges, self.reduction_edges) = (edges(main), edges("reduction"));
        self.nodes = space.n_nodes;
        self.inputs = space.inputs;
        self.output = space.output;
        self.edges_per_node = space.edges_per_node;
        self.layout = space.layout;
        self.reductions = space.reductions;
        self.convolution_bias = space.convolution_bias;
        self.stem_multiplier = space.stem_multiplier;
    }
}

#[cfg(test)]
mod tests {
    use super::super::build;
    use super::*;
    use crate::space::Primitive;

    fn searched(layer: &Table) -> SearchConfig {
        let paper = preset(Preset::PaperCifar10, &DataShape::default()).0;
        build(&paper, std::slice::from_ref(layer)).unwrap().search.clone()
    }

    #[test]
    fn a_known_space_is_what_its_layer_describes() {
        for name in KNOWN_SPACES {
            let space = known_space(name).unwrap();
            let search = searched(&space_layer(name, &Table::new()).unwrap().unwrap());
            let described = search.space([32, 32]);
            let sized = SearchSpace {
                n_cells: described.n_cells,
                init_channels: described.init_channels,
                stem: described.stem,
                share: described.share,
                auxiliary_skip: described.auxiliary_skip,
                ..space
            };
            assert_eq!(described, sized, "{name}");
            assert_eq!(search.space, name);
        }
        let darts = searched(&space_layer("darts", &Table::new()).unwrap().unwrap());
        assert_eq!(darts, preset(Preset::PaperCifar10, &DataShape::default()).0.search);
    }

    #[test]
    fn a_file_lies_over_the_space_of_darts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let place = path.to_str().unwrap();
        let at = |text: &str| {
            std::fs::write(&path, text).unwrap();
            space_layer(place, &Table::new())
        };
        for text in [
            "nodes = 2\ncandidates = [\"none\", \"skip_connect\"]\ninit-channels = 8",
            "[search]\nnodes = 2\ncandidates = [\"none\", \"skip_connect\"]\ninit_channels = 8",
        ] {
            let search = searched(&at(text).unwrap().unwrap());
            assert_eq!((search.nodes, search.init_channels, search.layers), (2, 8, 8));
            assert_eq!(search.candidates, [Primitive::None, Primitive::SkipConnect]);
            assert_eq!((search.space.as_str(), search.edges_per_node), (place, 2));
        }
        for (text, parts) in [
            (
                "epochs = 3",
                &["mine.toml", "the key `epochs`", "settings of a space: nodes,", "belong into"][..],
            ),
            ("node = 3", &["the key `node`", "nearest is `nodes`"]),
            ("nodes = \"three\"", &["mine.toml, key `search.nodes`", "expected a whole number"]),
            ("candidates = [\"sep_conv\"]", &["mine.toml, key `search.candidates`", "`sep_conv`"]),
            ("nodes = = 3", &["mine.toml, line 1, column 9"]),
            ("[train]\nepochs = 3", &["the key `train`"]),
        ] {
            let error = at(text).unwrap_err().to_string();
            for part in parts {
                assert!(error.contains(part), "no {part:?} in {error}");
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert!(space_layer(place, &Table::new()).unwrap_err().to_string().contains("mine.toml"));
    }

    #[test]
    fn settings_of_a_run_need_no_file() {
        let whole = preset(Preset::Auto, &DataShape::default()).0.to_table().unwrap();
        assert_eq!(space_layer("mine.toml", &whole).unwrap(), None);
        let error = space_layer("dart", &Table::new()).unwrap_err().to_string();
        assert!(error.contains("search.space = dart: expected one of darts, "), "{error}");
        assert!(error.contains("(nearest: darts), or a TOML file"), "{error}");
    }
}
