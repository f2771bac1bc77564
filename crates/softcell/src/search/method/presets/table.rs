//! The known methods.

use super::{Evaluations, KnownMethod};

/// Forward and backward passes of all of the supernet.
const fn passes(passes: f64) -> Evaluations {
    Evaluations { passes, of: "", beside: "" }
}

/// Plain DARTS, on which the others are built.
const DARTS: KnownMethod = KnownMethod {
    name: "darts",
    title: "DARTS, first order",
    paper: "Liu et al. 2019",
    idea: "softmax over the candidates of an edge, alphas and weights in turns",
    settings: "",
    shares: &[],
    without: &[],
    sizes: "",
    code: "quark0/darts",
    evaluations: passes(Evaluations::DARTS),
    note: "",
};

/// All of them, plain DARTS first.
pub const METHODS: &[KnownMethod] = &[
    DARTS,
    KnownMethod {
        name: "darts-2nd",
        title: "DARTS, second order",
        idea: "the alphas' gradient goes through one virtual step of the weights",
        settings: "arch_step = \"unrolled\"",
        evaluations: passes(6.0),
        ..DARTS
    },
    KnownMethod {
        name: "robust-darts-l2",
        title: "RobustDARTS, L2",
        paper: "Zela et al. 2020",
        idea: "second order with 27 times the weight decay, against a collapse into skip connections",
        settings: "arch_step = \"unrolled\"\nweights.weight_decay = 81e-4",
        code: "automl/RobustDARTS",
        evaluations: passes(6.0),
        note: "The paper searches with weight decays of 3, 9, 27, 81 and 243e-4 and keeps the best of four cells after a \
               short training; this is one of them.",
        ..DARTS
    },
];
