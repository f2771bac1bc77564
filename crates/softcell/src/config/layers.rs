//! What lies between a preset and what was given: the settings of a known method.

use toml::{Table, Value};

use super::auto::arch_learning_rate;
use super::keys::{Key, Section};
use super::merge::overlay;
use super::paper::{paper_nas_bench_201, small_arch_rate};
use super::preset::Preset;
use super::read::read_toml;
use super::schedule::search_steps;
use super::types::{Config, DataShape};
use crate::error::Advice;
use crate::search::method::{AlphaOptimizer, KnownMethod, Selection};
use crate::search::{ArchStep, Method};
use crate::space::Primitive;

/// Lays a method over the settings of a preset, and says so.
///
/// What it counts in epochs are shares of `epochs`. Its own sizes, learning rates and epochs belong to the paper and lie
/// over the papers' presets alone; `auto` keeps its own, and brings the alphas' learning rate to the steps as it does
/// that of plain DARTS.
pub(crate) fn lay_method(
    config: &mut Config,
    method: &'static KnownMethod,
    preset: Preset,
    epochs: Option<usize>,
    data: &DataShape,
) -> Advice {
    let mut table = config.to_table().expect("a preset can be written as TOML");
    overlay(&mut table, &settings(method));
    overlay(&mut table, &of_search(method, method.beside));
    match preset {
        Preset::Auto => {}
        Preset::PaperNasBench201 | Preset::SmallNasBench201 => {
            overlay(&mut table, &of_search(method, method.nas_bench_201));
        }
        Preset::PaperCifar10 => {
            overlay(&mut table, &sizes(method));
            overlay(&mut table, &of(method, "train", method.training));
        }
        Preset::PaperImagenet => overlay(&mut table, &sizes(method)),
    }
    let own = (config.search.epochs, config.search.init_channels);
    *config = table.try_into().expect("a known method has settings of their types");
    let search = &mut config.search;
    search.method.name = method.into();
    if preset == Preset::SmallNasBench201 {
        (search.epochs, search.init_channels) = own;
        let mut paper = paper_nas_bench_201();
        lay_method(&mut paper, method, Preset::PaperNasBench201, None, data);
        let rate = paper.search.method.alphas.learning_rate();
        *search.method.alphas.learning_rate_mut() = small_arch_rate(rate, paper.search.epochs);
    }
    let shares = match preset {
        Preset::PaperNasBench201 | Preset::SmallNasBench201 if !method.nas_bench_201_shares.is_empty() => {
            method.nas_bench_201_shares
        }
        _ => method.shares,
    };
    scale_to(&mut search.method, shares, epochs.unwrap_or(search.epochs));
    // Pairs of operation and source are chosen where a node keeps some of its edges; where all stay, each has its
    // strongest operation (GDAS in NAS-Bench-201).
    if search.edges_per_node == 0 && search.method.selection == Selection::Pairs {
        search.method.selection = Selection::Strongest;
    }
    if search.candidates == Primitive::DARTS {
        search.candidates.retain(|candidate| !method.without.contains(candidate));
    }
    if preset == Preset::Auto && data.train_images > 0 {
        let steps = search_steps(search, config.data.validation_fraction, data);
        *search.method.alphas.learning_rate_mut() = arch_learning_rate(own_rate(&search.method), steps);
    }
    sentence(method, preset).into()
}

/// What a method counts in epochs, brought to a search of so many.
fn scale_to(settings: &mut Method, shares: &[(&str, f64)], epochs: usize) {
    if shares.is_empty() {
        return;
    }
    let mut table = Table::new();
    let mut whole = in_search(Table::try_from(&*settings).expect("methods can be written as TOML"));
    for (name, share) in shares {
        let key = Key::find(Section::Method, name).expect("a known method has settings of the table");
        let most = settings.schedule.shortest(epochs).saturating_sub(1);
        let at = (share * epochs as f64).round().min(most as f64);
        key.put(&mut table, Value::Integer(at as i64)).expect("nothing is in the way");
    }
    overlay(&mut whole, &table);
    *settings = whole["search"]["method"].clone().try_into().expect("whole numbers of epochs");
}

fn in_search(method: Table) -> Table {
    let mut search = Table::new();
    search.insert("method".to_owned(), Value::Table(method));
    let mut whole = Table::new();
    whole.insert("search".to_owned(), Value::Table(search));
    whole
}

/// What a known method sets, as tables of settings.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodSettings {
    /// Whatever the preset.
    pub always: Table,
    /// With the preset of a paper, in the DARTS space.
    pub with_paper_preset: Table,
    /// With the presets of NAS-Bench-201.
    pub with_nas_bench_201: Table,
}

/// What a known method sets.
pub fn method_settings(method: &KnownMethod) -> MethodSettings {
    let mut always = settings(method);
    overlay(&mut always, &of_search(method, method.beside));
    let mut with_paper_preset = sizes(method);
    overlay(&mut with_paper_preset, &of(method, "train", method.training));
    MethodSettings { always, with_paper_preset, with_nas_bench_201: of_search(method, method.nas_bench_201) }
}

/// What a method sets of `[search.method]`, as a layer.
fn settings(method: &KnownMethod) -> Table {
    let text: Table = method.settings.parse().expect("a known method is written as TOML");
    let whole = in_search(text).to_string();
    read_toml(&whole, method.name).expect("a known method has settings of the table").table
}

/// Its own sizes, learning rates and epochs, as a layer.
fn sizes(method: &KnownMethod) -> Table {
    of_search(method, method.sizes)
}

/// Settings of `[search]`, as a layer.
fn of_search(method: &KnownMethod, settings: &str) -> Table {
    of(method, "search", settings)
}

/// Settings of a section, as a layer.
fn of(method: &KnownMethod, section: &str, settings: &str) -> Table {
    let text = format!("[{section}]\n{settings}");
    read_toml(&text, method.name).expect("a known method has settings of the table").table
}

/// The learning rate that the alphas have in the paper of the known method, or by default where another optimiser than
/// its own moves them.
pub(crate) fn own_rate(method: &Method) -> f64 {
    let own = own(method.name.method()).alphas;
    let same = |other: &AlphaOptimizer| other.kind() == method.alphas.kind();
    if same(&own) {
        return own.learning_rate();
    }
    AlphaOptimizer::all().into_iter().find(same).expect("there is one of each kind").learning_rate()
}

/// How a method's alphas see the weights.
pub fn method_order(method: &KnownMethod) -> ArchStep {
    own(method).arch_step
}

/// A method with all that it does not set as in plain DARTS, what is counted in epochs left out.
fn own(method: &KnownMethod) -> Method {
    let mut whole = in_search(Table::try_from(Method::default()).expect("methods can be written as TOML"));
    overlay(&mut whole, &settings(method));
    whole["search"]["method"].clone().try_into().expect("a known method has settings of their types")
}

fn sentence(method: &KnownMethod, preset: Preset) -> String {
    let KnownMethod { name, paper, idea, code, nas_bench_201, .. } = method;
    let sizes = match preset {
        Preset::Auto => "sizes, epochs and learning rates are those of auto",
        Preset::SmallNasBench201 => "sizes and epochs are those of the preset",
        Preset::PaperNasBench201 if nas_bench_201.is_empty() => {
            "sizes and learning rates are those of the preset"
        }
        _ => "sizes and learning rates are its own",
    };
    format!("method {name} ({paper}): {idea}; defaults as in {code}, {sizes}")
}

#[cfg(test)]
mod tests {
    use super::super::presets::preset;
    use super::*;
    use crate::search::method::ExponentiatedGradient;
    use crate::search::method::presets::METHODS;

    const DIGITS: DataShape = DataShape {
        train_images: 1437,
        classes: 10,
        channels: 1,
        height: 8,
        width: 8,
        largest_class: 147,
        smallest_class: 140,
        own_validation: false,
    };

    fn laid(name: &str, on: Preset, epochs: Option<usize>, data: &DataShape) -> Config {
        let mut config = preset(on, data).0;
        lay_method(&mut config, KnownMethod::find(name).unwrap(), on, epochs, data);
        config
    }

    #[test]
    fn every_method_can_run_over_every_preset() {
        for method in METHODS {
            for on in Preset::ALL {
                for data in [DataShape::default(), DIGITS] {
                    // An epoch for each stage at least.
                    let few = laid(method.name, on, None, &data).search.method.schedule.stages();
                    for epochs in [None, Some(few), Some(few + 1), Some(600)] {
                        let mut config = laid(method.name, on, epochs, &data);
                        assert_eq!(config.search.method.name.method(), method);
                        if let Some(epochs) = epochs {
                            config.search.epochs = epochs;
                        }
                        config.verify().unwrap_or_else(|error| panic!("{} over {on}: {error}", method.name));
                    }
                }
            }
        }
    }

    /// Rates of Adam say nothing of another optimiser.
    #[test]
    fn the_own_rate_is_that_of_the_optimiser() {
        let mut method = preset(Preset::Auto, &DIGITS).0.search.method;
        assert_eq!(own_rate(&method), 3e-4);
        method.alphas = AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient {
            learning_rate: 7.0,
            ..Default::default()
        });
        assert_eq!(own_rate(&method), 0.1);
    }

    #[test]
    fn plain_darts_changes_nothing() {
        for on in Preset::ALL {
            assert_eq!(laid("darts", on, None, &DIGITS), preset(on, &DIGITS).0);
        }
    }

    #[test]
    fn in_nas_bench_201_shares_are_its_own_and_the_small_preset_keeps_its_sizes() {
        let drnas = |on| laid("drnas", on, None, &DIGITS).search;
        let paper = drnas(Preset::PaperNasBench201);
        assert_eq!((paper.epochs, paper.method.schedule.first_epoch), (100, 10));
        assert_eq!(drnas(Preset::PaperCifar10).method.schedule.first_epoch, 10);
        let small = drnas(Preset::SmallNasBench201);
        assert_eq!((small.epochs, small.method.schedule.first_epoch), (40, 4));
        assert_eq!(small.method.alphas.learning_rate(), 0.012);
        let gaea = laid("gaea", Preset::SmallNasBench201, None, &DIGITS).search;
        assert_eq!((gaea.init_channels, gaea.candidates.len(), gaea.method.share), (16, 4, 1));
        assert_eq!(gaea.method.alphas.learning_rate(), 1.0);
    }

    #[test]
    fn auto_keeps_its_sizes_and_a_paper_has_the_methods() {
        for method in METHODS {
            let auto = laid(method.name, Preset::Auto, None, &DIGITS).search;
            let plain = preset(Preset::Auto, &DIGITS).0.search;
            assert_eq!((auto.epochs, auto.batch_size), (plain.epochs, plain.batch_size), "{}", method.name);
            assert_eq!(auto.learning_rate, plain.learning_rate, "{}", method.name);
            let paper = laid(method.name, Preset::PaperCifar10, None, &DIGITS);
            assert_eq!(
                paper.search.method.alphas.learning_rate(),
                own_rate(&paper.search.method),
                "{}",
                method.name
            );
            let ratio = auto.method.alphas.learning_rate() / own_rate(&auto.method);
            // 130 steps, where the paper's rate is for 5000.
            assert!((ratio - 10.0).abs() < 1e-9, "{}: {ratio}", method.name);
            let own = sizes(method).remove("search").expect("a table");
            for (key, value) in own.as_table().into_iter().flatten().filter(|(key, _)| *key != "method") {
                assert_eq!(paper.to_table().unwrap()["search"][key], *value, "{}: {key}", method.name);
            }
        }
    }
}
