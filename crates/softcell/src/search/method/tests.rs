//! Methods as they are written, and what does not fit.

use super::*;
use crate::space::{Alphas, Primitive, SearchSpace};

#[test]
fn the_default_is_darts_and_reads_back() {
    let method = Method::default();
    let text = toml::to_string(&method).unwrap();
    assert_eq!(
        text,
        "name = \"darts\"\nrelaxation = \"softmax\"\ntemperature = 10.0\ntemperature_end = 0.1\n\
         temperature_curve = \"linear\"\nedge_weights = \"none\"\norder = \"alphas-first\"\n\
         arch_step = \"first-order\"\nperturbation = \"none\"\nperturbation_start = 0.03\n\
         perturbation_end = 0.3\nregularizer = \"none\"\nregularizer_weight = 0.0\n\
         regularizer_ramp = \"constant\"\nshare = 1\nauxiliary_skip = false\n\
         drop_path = 0.0\ncutout = \"constant\"\nalignment = 0.0\n\
         alignment_epsilon = 0.001\nresource_params = 0.0\nresource_macs = 0.0\n\
         resource_latency = 0.0\nresource_penalty = \"linear\"\nselection = \"strongest\"\n\
         selection_threshold = 0.85\n\
         selection_skips = 2\nselection_interval = 5\nselection_rate = 0.1\nselection_samples = 1000\n\
         selection_batches = 10\nselection_finalists = 10\nguard = \"warn\"\nstop = \"none\"\n\n[guards]\nskips = 0\n\
         interval = 0\nratio = 1.3\nwindow = 5\ndistance = 4\n\n[stops]\nskips = 2\nepochs = 10\n\n[freeze]\n\
         below = -1.0\nevery = 20\n\n[schedule]\nfirst_epoch = 0\nstage_epochs = \"\"\n\
         stage_layers = \"\"\nstage_operations = \"\"\nstage_share = \"\"\nstage_dropout = \"\"\n\
         stage_start = \"continued\"\n\n[weights]\nkind = \"sgd\"\nmomentum = 0.9\nnesterov = false\n\
         weight_decay = 0.0003\n\n[alphas]\nkind = \"adam\"\nlearning_rate = 0.0003\nbeta1 = 0.5\n\
         beta2 = 0.999\nweight_decay = 0.001\ngrad_clip = 0.0\n"
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
    let relaxer = Method::default().relaxer(&SearchSpace::darts());
    let alphas = relaxer.initial(2);
    assert_eq!(alphas.lengths(), SearchSpace::darts().candidates_by_edge());
    let n = alphas.values().count() as f64;
    let squares: f64 = alphas.values().map(|&alpha| f64::from(alpha).powi(2)).sum();
    assert_eq!(n, 224.0);
    assert!(((squares / n).sqrt() / 1e-3 - 1.0).abs() < 0.2, "{squares}");
    assert_eq!(alphas, relaxer.initial(2));
    assert_ne!(alphas, relaxer.initial(3));
}

#[test]
fn alphas_of_another_space_are_refused() {
    let rows = || vec![vec![0.0, 1.0]; 2];
    let fit = |alphas: Alphas| Method::default().relaxer(&space()).fit(&alphas);
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

#[test]
fn numbers_outside_their_range() {
    let wrong = |text: &str| toml::from_str::<Method>(text).unwrap().check().expect_err(text).to_string();
    for (text, name) in [
        ("alphas = { kind = \"adam\", learning_rate = -1.0 }", "search.method.alphas.learning_rate"),
        ("alphas = { kind = \"adam\", beta2 = 1.0 }", "search.method.alphas.beta2"),
        ("weights = { kind = \"sgd\", momentum = nan }", "search.method.weights.momentum"),
        ("weights = { kind = \"sgd\", momentum = 0, nesterov = true }", "search.method.weights.nesterov"),
        ("alphas = { kind = \"sgd\", momentum = 1.0 }", "search.method.alphas.momentum"),
        ("alphas = { kind = \"sgd\", grad_clip = -1.0 }", "search.method.alphas.grad_clip"),
        ("temperature = 0.0", "search.method.temperature"),
        ("temperature_end = inf", "search.method.temperature_end"),
        ("perturbation_start = -0.1", "search.method.perturbation_start"),
        ("perturbation_end = 1.1", "search.method.perturbation_end"),
        ("regularizer_weight = -1.0", "search.method.regularizer_weight"),
        ("selection_threshold = 1.5", "search.method.selection_threshold"),
        ("selection_rate = 0.0", "search.method.selection_rate"),
        ("selection_interval = 0", "search.method.selection_interval"),
        ("selection = \"perturb\"\nguard = \"stop\"", "search.method.selection"),
        ("selection = \"scored-samples\"\nstop = \"skips\"", "search.method.selection"),
        ("selection = \"perturb\"\nschedule = { stage_share = \"4,2\" }", "search.method.selection"),
        ("stop = \"adapt\"\nschedule = { stage_share = \"4,2\" }", "search.method.stop"),
        ("freeze = { below = 0.0 }\nschedule = { stage_share = \"4,2\" }", "search.method.freeze.below"),
        ("resource_latency = 1.0\nschedule = { stage_share = \"4,2\" }", "search.method.resource_latency"),
    ] {
        assert!(wrong(text).contains(name), "{text}");
    }
    Method::default().check().unwrap();
}

/// What no method defines is refused, each with what to do instead; what a preset needs is not.
#[test]
fn combinations() {
    let check = |text: &str| toml::from_str::<Method>(text).unwrap().check();
    for (text, name, reason) in [
        ("relaxation = \"simplex\"", "alphas.kind", "L2 penalties"),
        ("relaxation = \"sigmoid\"\nshare = 4", "share", "no sum"),
        ("order = \"joint\"\nalignment = 0.1", "alignment", "one pass moves both"),
        ("alphas = { kind = \"exponentiated-gradient\" }", "relaxation", "expected simplex"),
        ("relaxation = \"uniform\"", "order", "no alphas to move"),
        ("relaxation = \"random-path\"\norder = \"joint\"", "order", "expected weights-only"),
        (
            "relaxation = \"uniform\"\norder = \"weights-only\"\nedge_weights = \"softmax\"",
            "edge_weights",
            "nothing moves",
        ),
        ("order = \"joint\"\narch_step = \"unrolled\"", "arch_step", "no second level"),
        ("order = \"weights-only\"\narch_step = \"unrolled\"", "arch_step", "moves no alphas"),
        ("relaxation = \"gumbel\"\narch_step = \"unrolled\"", "arch_step", "see a sample"),
        ("relaxation = \"gumbel-hard\"\narch_step = \"unrolled\"", "arch_step", "see a sample"),
        ("relaxation = \"gumbel-hard\"\nperturbation = \"random\"", "perturbation", "one operation an edge"),
        (
            "relaxation = \"random-path\"\norder = \"weights-only\"\nperturbation = \"adversarial\"",
            "perturbation",
            "one operation an edge",
        ),
        ("relaxation = \"sigmoid\"\nperturbation = \"random\"", "perturbation", "no shares"),
        ("order = \"joint\"\nperturbation = \"random\"", "perturbation", "undisturbed"),
        ("order = \"weights-only\"\nregularizer = \"beta\"", "regularizer", "moves no alphas"),
        ("relaxation = \"sigmoid\"\nregularizer = \"beta\"", "regularizer", "made for softmax, gumbel"),
        ("regularizer = \"binary\"", "regularizer", "made for sigmoid"),
        ("regularizer = \"kl\"", "regularizer", "made for dirichlet"),
        ("regularizer = \"entropy\"", "regularizer", "made for simplex"),
        ("regularizer = \"beta\"", "regularizer_weight", "such as 50"),
    ] {
        let message = check(text).unwrap_err().to_string();
        assert!(
            message.contains(&format!("search.method.{name} = ")) && message.contains(reason),
            "{message}"
        );
    }
    for text in [
        "relaxation = \"simplex\"\nedge_weights = \"softmax\"\nalphas = { kind = \"exponentiated-gradient\" }",
        "relaxation = \"random-path\"\norder = \"weights-only\"",
        "relaxation = \"uniform\"\norder = \"weights-only\"\nperturbation = \"random\"",
        "relaxation = \"gumbel\"\norder = \"joint\"\nalphas = { kind = \"sgd\" }",
        "relaxation = \"gumbel-hard\"\norder = \"weights-first\"",
        "relaxation = \"sigmoid\"\nregularizer = \"binary\"\nregularizer_weight = 10",
        "relaxation = \"dirichlet\"\nregularizer = \"kl\"\nregularizer_weight = 1e-3\nedge_weights = \"softmax\"",
        "regularizer = \"beta\"\nregularizer_weight = 50\nregularizer_ramp = \"linear\"",
        "perturbation = \"adversarial\"\narch_step = \"unrolled\"",
    ] {
        check(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn what_changes_over_the_epochs() {
    let method = Method { regularizer_weight: 50.0, regularizer_ramp: Ramp::Linear, ..Method::default() };
    assert_eq!([0, 1, 99].map(|epoch| method.regularizer_at(epoch, 100)), [0.0, 0.5, 49.5]);
    let constant = Method { regularizer_ramp: Ramp::Constant, ..method.clone() };
    assert_eq!([0, 99].map(|epoch| constant.regularizer_at(epoch, 100)), [50.0, 50.0]);
    let strength = |epoch| method.perturbation_at(epoch, 50);
    assert!((strength(0) - 0.03).abs() < 1e-12 && (strength(25) - 0.165).abs() < 1e-12);
    let temperature = |epoch| method.temperature().at(epoch, 250);
    assert!((temperature(0) - 10.0).abs() < 1e-12 && (temperature(249) - 0.1).abs() < 1e-12);
    assert!((temperature(100) - (10.0 - 9.9 * 100.0 / 249.0)).abs() < 1e-12);
    let exponential = Temperature { curve: TemperatureCurve::Exponential, ..method.temperature() };
    assert!((exponential.at(0, 3) - 10.0).abs() < 1e-12 && (exponential.at(1, 3) - 1.0).abs() < 1e-12);
    assert_eq!(method.temperature().at(0, 1), 10.0);
}
