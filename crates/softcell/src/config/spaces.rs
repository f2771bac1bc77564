//! A search space by its name, or from a file, as a layer of settings of `[search]`.

use toml::{Table, Value};

use super::keys::{Key, Section};
use super::known_spaces::known_space;
use super::location::path_of_text;
use super::merge::overlay;
use super::read::{parse, tidy};
use crate::error::{Error, Result};
use crate::reading::{self, MOST_OF_A_TEXT, Source};
use crate::shown;
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

/// The layer that `search.space` stands for: the settings of the known space of this name, or those of the TOML file at
/// this path. Sizes stay those of the preset: what a benchmark has is in the preset of its paper. None where `given`, what lies over it, has all settings of a space by itself, as the settings of a run do.
///
/// # Errors
/// A name that is not known, with the nearest; a file that cannot be read, or that holds what is no setting of a space.
pub(crate) fn space_layer(name: &str, given: &Table) -> Result<Option<Table>> {
    let known = known_space(name);
    if let Ok(space) = &known {
        let mut layer = space.settings();
        for (_, section) in layer.iter_mut() {
            if let Value::Table(section) = section {
                section.remove("init_channels");
                section.remove("layers");
            }
        }
        return Ok(Some(layer));
    }
    if OF_A_SPACE.iter().all(|name| key(name).value(given).is_some()) {
        return Ok(None);
    }
    if !(name.ends_with(".toml") || name.contains(['/', '\\'])) {
        return known.map(|_| None);
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
    let mut layer = known_space("darts")?.settings();
    overlay(&mut layer, &tidy(&file, origin)?.table);
    key("space").put(&mut layer, Value::from(name))?;
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::super::build;
    use super::super::preset::Preset;
    use super::super::presets::preset;
    use super::super::types::{DataShape, SearchConfig};
    use super::*;
    use crate::space::Primitive;

    fn searched(layer: &Table) -> SearchConfig {
        let paper = preset(Preset::PaperCifar10, &DataShape::default()).0;
        build(&paper, std::slice::from_ref(layer)).unwrap().search.clone()
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
        let s2 = space_layer("s2", &Table::new()).unwrap().unwrap();
        assert_eq!((searched(&s2).space.as_str(), searched(&s2).candidates.len()), ("s2", 2));
        let error = space_layer("dart", &Table::new()).unwrap_err().to_string();
        assert!(error.contains("space = dart: expected one of darts, "), "{error}");
        assert!(error.contains("(nearest: darts), or a TOML file"), "{error}");
    }
}
