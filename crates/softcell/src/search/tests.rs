//! Whole searches, a few steps each: every choice of a method runs, gives the same bits again, and goes on from any step.

use std::sync::Arc;

use burn::tensor::Device;

use super::method::{EdgeNormalization, Method, Perturbation, Regularizer, Relaxation, StepOrder};
use super::{SearchEpoch, SearchState, search};
use crate::config::{CheckedConfig, DataFormat, DataShape, Preset, preset};
use crate::data::{Dataset, ImageSet, Source};
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Signal};
use crate::space::{Alphas, CellOutput, Layout, Primitive};

/// Images of two classes, 8 × 8 pixels.
fn dataset(config: &CheckedConfig) -> Dataset {
    let classes = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
    let set = || {
        let pixel = |at: u32| (at * 37 % 251) as u8;
        let pixels = (0..16u32 * 64).map(pixel).collect();
        ImageSet::new(Arc::clone(&classes), [1, 8, 8], pixels, (0..16).map(|image| image % 2).collect())
    };
    let source = Source::new(DataFormat::Folder, set(), Some(set()), Vec::new());
    Dataset::new(source, &config.data, 0.5, 1).unwrap()
}

/// Two epochs of two steps with cells of two nodes, in the space of DARTS or the one of NAS-Bench-201.
fn config(method: &str) -> CheckedConfig {
    let (space, method) = method.split_once(": ").unwrap_or(("", method));
    let mut config = preset(Preset::PaperCifar10, &DataShape::default()).0;
    config.search.layers = 3;
    config.search.init_channels = 4;
    config.search.nodes = 2;
    config.search.epochs = 2;
    config.search.batch_size = 4;
    config.search.learning_rate = 0.1;
    config.search.cutout = false;
    if space == "nas-bench-201" {
        config.search.inputs = 1;
        config.search.output = CellOutput::Last;
        config.search.edges_per_node = 0;
        config.search.layout = Layout::Residual;
        config.search.stem_multiplier = 1;
        config.search.candidates = Primitive::NAS_BENCH_201.to_vec();
    }
    config.search.method = toml::from_str::<Method>(method).unwrap();
    config.check().unwrap_or_else(|error| panic!("{method}: {error}"))
}

/// Keeps all states, one after each step and each epoch, and all records.
#[derive(Default)]
struct Keep {
    states: Vec<SearchState>,
    epochs: Vec<SearchEpoch>,
}

impl Observer for Keep {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::SaveSearch(state) => self.states.push(state.clone()),
            Event::SearchEpoch(epoch) => self.epochs.push(epoch.clone()),
            _ => {}
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        Signal::Save
    }
}

/// What a search comes to: the alphas, the last state but for its seconds, and the records of the epochs but for theirs.
fn outcome(method: &str, start: Option<&SearchState>) -> (Alphas, Keep) {
    let config = config(method);
    let mut keep = Keep::default();
    let found = search(&dataset(&config), &config, &Device::flex(), start, &mut keep)
        .unwrap_or_else(|error: Error| panic!("{method}: {error}"));
    keep.states.iter_mut().for_each(|state| (state.seconds, state.epoch_seconds) = (0.0, 0.0));
    keep.epochs.iter_mut().for_each(|epoch| epoch.seconds = 0.0);
    (found.alphas, keep)
}

/// The choices of all axes that this part of the method has, each with what it needs beside it.
const METHODS: &[&str] = &[
    "",
    "relaxation = \"gumbel\"\norder = \"joint\"\nalphas = { kind = \"sgd\", learning_rate = 0.1, momentum = 0.5 }",
    "relaxation = \"gumbel-hard\"\norder = \"weights-first\"\nweights = { kind = \"sgd\", nesterov = true }",
    "relaxation = \"dirichlet\"\nregularizer = \"kl\"\nregularizer_weight = 0.1",
    "relaxation = \"sigmoid\"\nregularizer = \"binary\"\nregularizer_weight = 10",
    "relaxation = \"sigmoid\"\nregularizer = \"binary-l1\"\nregularizer_weight = 10\nedge_weights = \"softmax\"",
    "relaxation = \"simplex\"\nedge_weights = \"softmax\"\nalphas = { kind = \"exponentiated-gradient\" }",
    "relaxation = \"simplex\"\nregularizer = \"entropy\"\nregularizer_weight = 0.1\n\
     alphas = { kind = \"exponentiated-gradient\", grad_clip = 0.1 }",
    "relaxation = \"uniform\"\norder = \"weights-only\"",
    "relaxation = \"random-path\"\norder = \"weights-only\"",
    "edge_weights = \"softmax\"\nschedule = { first_epoch = 1 }",
    "regularizer = \"beta\"\nregularizer_weight = 50\nregularizer_ramp = \"linear\"",
    "perturbation = \"random\"",
    "perturbation = \"adversarial\"\nedge_weights = \"softmax\"",
    "arch_step = \"unrolled\"\nedge_weights = \"softmax\"",
    "relaxation = \"dirichlet\"\narch_step = \"unrolled\"\ntemperature_curve = \"exponential\"",
    "nas-bench-201: edge_weights = \"softmax\"\nperturbation = \"random\"",
    "nas-bench-201: relaxation = \"gumbel-hard\"\norder = \"weights-first\"",
    "nas-bench-201: relaxation = \"random-path\"\norder = \"weights-only\"",
];

#[test]
fn every_choice_runs_repeats_and_goes_on_from_any_step() {
    let mut finals: Vec<(Alphas, SearchState)> = Vec::new();
    for method in METHODS {
        let (alphas, whole) = outcome(method, None);
        // After each of two steps and after each of two epochs.
        assert_eq!((whole.states.len(), whole.epochs.len()), (6, 2), "{method}");
        assert!(alphas.values().all(|alpha| alpha.is_finite()));
        let last = whole.states.last().unwrap();
        for (at, state) in whole.states.iter().enumerate().filter(|(at, _)| [0, 3].contains(at)) {
            // A file has the groups of alphas in the order of their names.
            let mut state = state.clone();
            let mut groups: Vec<_> =
                state.alphas.iter().map(|(name, rows)| (name.to_owned(), rows.clone())).collect();
            groups.sort_by(|(a, _), (b, _)| a.cmp(b));
            state.alphas = groups.into_iter().collect();
            let (again, rest) = outcome(method, Some(&state));
            assert_eq!(again, alphas, "{method}, from state {at}");
            assert!(rest.states.last().unwrap() == last, "{method}, from state {at}: the states differ");
            assert_eq!(rest.epochs.last(), whole.epochs.last(), "{method}, from state {at}");
        }
        let (again, repeated) = outcome(method, None);
        assert!(again == alphas && repeated.states == whole.states, "{method}: another run, other bits");
        let moves = !method.contains("weights-only");
        assert_eq!(whole.states[0].alphas != last.alphas, moves, "{method}");
        assert!(whole.states[0].net != last.net, "{method}: the weights move");
        finals.push((alphas, last.clone()));
    }
    // No two choices are the same search.
    for (at, (alphas, state)) in finals.iter().enumerate() {
        for (before, (others, other)) in finals[..at].iter().enumerate() {
            let same = alphas == others && state.net == other.net;
            assert!(!same, "{} and {}", METHODS[at], METHODS[before]);
        }
    }
}

/// None is forgotten: the list above has each value of each axis.
#[test]
fn every_choice_is_in_the_list() {
    let darts = METHODS.iter().filter(|text| !text.contains(": "));
    let methods: Vec<Method> = darts.map(|text| toml::from_str(text).unwrap()).collect();
    assert!(Relaxation::ALL.iter().all(|&choice| methods.iter().any(|m| m.relaxation == choice)));
    assert!(EdgeNormalization::ALL.iter().all(|&choice| methods.iter().any(|m| m.edge_weights == choice)));
    assert!(StepOrder::ALL.iter().all(|&choice| methods.iter().any(|m| m.order == choice)));
    assert!(Perturbation::ALL.iter().all(|&choice| methods.iter().any(|m| m.perturbation == choice)));
    assert!(Regularizer::ALL.iter().all(|&choice| methods.iter().any(|m| m.regularizer == choice)));
}
