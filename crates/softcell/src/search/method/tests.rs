//! Methods as they are written, and what does not fit.

use super::*;
use crate::space::{Alphas, EdgeGradient, Primitive, SearchSpace};

#[test]
fn the_default_is_darts_and_reads_back() {
    let method = Method::default();
    let text = toml::to_string(&method).unwrap();
    assert_eq!(
        text,
        "name = \"darts\"\nrelaxation = \"softmax\"\norder = \"alphas-first\"\narch_step = \"first-order\"\nperturbation = \"none\"\n\
         regularizer = \"none\"\nselection = \"strongest\"\nselection_threshold = 0.85\nselection_skips = 2\n\
         selection_interval = 5\nselection_rate = 0.1\nselection_samples = 1000\nselection_batches = 10\n\
         selection_finalists = 10\nguard = \"warn\"\nstop = \"none\"\n\n[guards]\nskips = 0\n\
         interval = 0\nratio = 1.3\nwindow = 5\ndistance = 4\n\n[stops]\nskips = 2\nepochs = 10\n\n[freeze]\n\
         below = -1.0\nevery = 20\n\n[schedule]\nfirst_epoch = 0\nstage_epochs = \"\"\nstage_layers = \"\"\n\
         stage_operations = \"\"\nstage_share = \"\"\nstage_dropout = \"\"\nstage_start = \"continued\"\n\n[weights]\n\
         kind = \"sgd\"\nmomentum = 0.9\nweight_decay = 0.0003\n\n[alphas]\nkind = \"adam\"\n\
         learning_rate = 0.0003\nbeta1 = 0.5\nbeta2 = 0.999\nweight_decay = 0.001\n"
    );
    assert_eq!(toml::from_str::<Method>(&text).unwrap(), method);
    assert_eq!(toml::from_str::<Method>("").unwrap(), method);
    let part: Method = toml::from_str("alphas = { kind = \"adam\", beta1 = 0.9 }").unwrap();
    assert_eq!(part.alphas, AlphaOptimizer::Adam(Adam { beta1: 0.9, ..Adam::default() }));
}

#[test]
fn what_is_unknown_is_refused() {
    for text in [
        "name = \"dart\"",
        "relaxations = \"softmax\"",
        "relaxation = \"soft\"",
        "arch_step = \"second\"",
        "schedule = { first = 3 }",
        "schedule = { first_epoch = -3 }",
        "weights = { kind = \"sgd\", beta1 = 0.5 }",
        "alphas = { kind = \"lion\" }",
        "alphas = { learning_rate = 0.1 }",
    ] {
        assert!(toml::from_str::<Method>(text).is_err(), "{text}");
    }
}

/// A cell with three edges and two candidates.
fn space() -> SearchSpace {
    SearchSpace::darts().with_candidates(&[Primitive::None, Primitive::SkipConnect]).with_nodes(1)
}

#[test]
fn alphas_are_drawn_row_by_row() {
    let alphas = Relaxation::Softmax.initial(&SearchSpace::darts(), 2);
    assert_eq!(alphas.lengths(), SearchSpace::darts().candidates_by_edge());
    let n = alphas.values().count() as f64;
    let squares: f64 = alphas.values().map(|&alpha| f64::from(alpha).powi(2)).sum();
    assert_eq!(n, 224.0);
    assert!(((squares / n).sqrt() / 1e-3 - 1.0).abs() < 0.2, "{squares}");
    assert_eq!(alphas, Relaxation::Softmax.initial(&SearchSpace::darts(), 2));
    assert_ne!(alphas, Relaxation::Softmax.initial(&SearchSpace::darts(), 3));
}

#[test]
fn alphas_of_another_space_are_refused() {
    let rows = || vec![vec![0.0, 1.0]; 2];
    let fit = |alphas: Alphas| Relaxation::Softmax.fit(&alphas, &space());
    let fitting: Alphas = [("reduction", rows()), ("normal", rows())].into_iter().collect();
    assert_eq!(fit(fitting).unwrap().names().collect::<Vec<_>>(), ["normal", "reduction"]);
    for wrong in [
        vec![("normal", rows())],
        vec![("normal", rows()), ("reduction", rows()), ("third", rows())],
        vec![("normal", rows()), ("reduction", vec![vec![0.0, 1.0]; 3])],
        vec![("normal", rows()), ("reduction", vec![vec![0.0, 1.0], vec![0.0]])],
        vec![("normal", rows()), ("reduce", rows())],
    ] {
        let message = fit(wrong.into_iter().collect()).unwrap_err().to_string();
        assert!(message.contains("expected normal 2 x 2, reduction 2 x 2"), "{message}");
    }
}

/// Whatever the method, alphas of several cells and rows of several lengths keep their places.
#[test]
fn relaxing_keeps_cells_and_rows() {
    let alphas: Alphas =
        [("a", vec![vec![0.0, 1.0], vec![2.0]]), ("b", vec![vec![3.0, 1.0, 0.5]])].into_iter().collect();
    let moment = Moment { seed: 1, epoch: 0, epochs: 1, step: 0, half: Half::Alphas };
    let relaxed = Relaxation::Softmax.relax(&alphas, moment);
    assert_eq!(relaxed.weights, Relaxation::Softmax.expected(&alphas));
    assert_eq!(relaxed.weights.lengths(), alphas.lengths());
    for rows in relaxed.weights.cells().flatten() {
        assert!((rows.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{rows:?}");
    }
    let gradient = EdgeGradient(alphas.map_values(|&alpha| f64::from(alpha)));
    let back = relaxed.pull_back(&gradient);
    assert_eq!(back.lengths(), alphas.lengths());
    // One candidate is always chosen; a row of the softmax cannot grow as a whole.
    assert_eq!(back.get("a").unwrap()[1], [0.0]);
    for rows in back.cells().flatten() {
        assert!(rows.iter().sum::<f64>().abs() < 1e-6, "{rows:?}");
    }
    assert_eq!(Regularizer::None.penalty(&alphas, &relaxed, moment), None);
    let disturbed = Perturbation::None.disturb(relaxed.weights.clone(), moment, &mut |_| panic!("not asked"));
    assert_eq!(disturbed, relaxed.weights);
}

#[test]
fn numbers_outside_their_range() {
    let wrong = |text: &str| toml::from_str::<Method>(text).unwrap().check().unwrap_err().to_string();
    for (text, name) in [
        ("alphas = { kind = \"adam\", learning_rate = -1.0 }", "search.method.alphas.learning_rate"),
        ("alphas = { kind = \"adam\", beta2 = 1.0 }", "search.method.alphas.beta2"),
        ("weights = { kind = \"sgd\", momentum = nan }", "search.method.weights.momentum"),
    ] {
        assert!(wrong(text).contains(name), "{text}");
    }
    Method::default().check().unwrap();
}
