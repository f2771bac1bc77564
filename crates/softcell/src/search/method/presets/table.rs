//! The known methods.

use super::{Evaluations, KnownMethod};
use crate::space::Primitive;

/// Forward and backward passes of all of the supernet.
const fn passes(passes: f64) -> Evaluations {
    Evaluations { passes, of: "", beside: "" }
}

/// The search in NAS-Bench-201 of the codes after AutoDL-Projects (DrNAS, SmoothDARTS, DARTS-PT, β-DARTS): 100 epochs,
/// plain momentum, no bias; and more.
macro_rules! plain {
    ($more:literal) => {
        concat!(
            "epochs = 100\nmethod.weights.nesterov = false\nmethod.weights.weight_decay = 3e-4\n",
            "convolution_bias = false\n",
            $more
        )
    };
}

/// The same with the alphas first.
macro_rules! bilevel {
    ($more:literal) => {
        concat!(
            "epochs = 100\nmethod.weights.nesterov = false\nmethod.weights.weight_decay = 3e-4\n",
            "convolution_bias = false\nmethod.order = \"alphas-first\"\n",
            $more
        )
    };
}

/// Candidates that a method has no use for in the DARTS space.
const WITHOUT_NONE: &[Primitive] = &[Primitive::None];

/// Plain DARTS, on which the others are built.
const DARTS: KnownMethod = KnownMethod {
    name: "darts",
    title: "DARTS, first order",
    paper: "Liu et al. 2019",
    idea: "softmax over the candidates of an edge, alphas and weights in turns",
    settings: "",
    beside: "",
    shares: &[],
    without: &[],
    sizes: "",
    training: "",
    nas_bench_201: "",
    nas_bench_201_shares: &[],
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
        nas_bench_201: "method.order = \"alphas-first\"",
        evaluations: passes(6.0),
        ..DARTS
    },
    KnownMethod {
        name: "gdas",
        title: "GDAS",
        paper: "Dong & Yang 2019",
        idea: "one operation of each edge is drawn and runs; the temperature of the draws falls",
        settings: "relaxation = \"gumbel-hard\"\ntemperature = 10.0\ntemperature_end = 0.1\norder = \"weights-first\"\n\
                   selection = \"pairs\"\nweights.nesterov = true\nweights.weight_decay = 5e-4",
        sizes: "batch_size = 256\nepochs = 250\nlayers = 6",
        nas_bench_201: "epochs = 250\nmethod.selection = \"strongest\"",
        code: "D-X-Y/AutoDL-Projects",
        evaluations: Evaluations { passes: 2.0, of: "one operation an edge", beside: "" },
        note: "Its code lets the learning rate fall from epoch to epoch, as here; in the DARTS space it ends in a \
               normalisation and its pointwise convolutions have biases, which are left out here. In NAS-Bench-201 it \
               also adds the weights of operations that were not drawn, which are 0 and have gradients; that is left out here.",
        ..DARTS
    },
    KnownMethod {
        name: "snas",
        title: "SNAS",
        paper: "Xie et al. 2019",
        idea: "dense concrete samples; one pass on the weights' images moves alphas and weights",
        settings: "relaxation = \"gumbel\"\ntemperature = 1.0\ntemperature_end = 0.03\norder = \"joint\"\n\
                   selection = \"all-edges\"\nalphas.kind = \"sgd\"\nalphas.learning_rate = 3e-4\n\
                   alphas.grad_clip = 10.0",
        sizes: "epochs = 150",
        nas_bench_201: bilevel!(
            "method.temperature = 10.0\nmethod.temperature_end = 1.0\nmethod.alphas.kind = \"adam\""
        ),
        code: "SNAS-Series",
        evaluations: passes(1.0),
        note: "Its code moves alphas and weights on all training images, here on the weights' part; the other part is only \
               looked at. It searches with drop path of 0.3, which is off here. The paper's resource terms are \
               resource_params and resource_macs with resource_penalty = \"log\"; they are off here. Alphas begin as those of DARTS.",
        ..DARTS
    },
    KnownMethod {
        name: "pc-darts",
        title: "PC-DARTS",
        paper: "Xu et al. 2020",
        idea: "operations see a quarter of the channels, edges have weights of their own, alphas rest at first",
        settings: "edge_weights = \"softmax\"\nshare = 4\nalphas.learning_rate = 6e-4",
        shares: &[("schedule.first_epoch", 0.3)],
        sizes: "batch_size = 256\nlearning_rate = 0.1\nlearning_rate_min = 0.0",
        training: "drop_path_prob = 0.3",
        code: "yuhuixu1993/PC-DARTS",
        evaluations: Evaluations { passes: 2.0, of: "a quarter of the channels", beside: "" },
        note: "There is no official code of it for NAS-Bench-201.",
        ..DARTS
    },
    KnownMethod {
        name: "p-darts",
        title: "P-DARTS",
        paper: "Chen et al. 2019",
        idea: "three stages with fewer candidates each, dropout of skip connections, at most two of them in the end",
        settings: "selection = \"limited-skips\"\nselection_skips = 2\nalphas.learning_rate = 6e-4\n\
                   alphas.grad_clip = 5.0\nschedule.stage_operations = \"8,5,3\"\n\
                   schedule.stage_dropout = \"0.1,0.4,0.7\"\nschedule.stage_start = \"fresh\"",
        shares: &[("schedule.first_epoch", 10.0 / 75.0)],
        sizes: "batch_size = 96\nepochs = 75\nlearning_rate_min = 0.0\nmethod.schedule.stage_layers = \"5,11,17\"",
        training: "batch_size = 128\ndrop_path_prob = 0.3",
        code: "chenxin061/pdarts",
        nas_bench_201: "method.schedule.stage_operations = \"5,4,3\"",
        note: "Where the preset is not a paper's of the DARTS space all stages have its number of cells. Batches for the \
               alphas are drawn anew in each step, in its code without replacement. There is no official code of it for \
               NAS-Bench-201.",
        ..DARTS
    },
    KnownMethod {
        name: "fair-darts",
        title: "FairDARTS",
        paper: "Chu et al. 2020",
        idea: "a sigmoid for each candidate, pressed to 0 or 1; edges under a threshold fall away",
        settings: "relaxation = \"sigmoid\"\nregularizer = \"binary\"\nregularizer_weight = 10.0\n\
                   selection = \"threshold\"\nselection_threshold = 0.85\nalphas.learning_rate = 3e-3\n\
                   alphas.beta1 = 0.9",
        without: WITHOUT_NONE,
        sizes: "batch_size = 128\nlearning_rate = 0.005\nlearning_rate_min = 0.001",
        code: "xiaomi-automl/FairDARTS",
        ..DARTS
    },
    KnownMethod {
        name: "darts-minus",
        title: "DARTS-",
        paper: "Chu et al. 2021",
        idea: "one more skip connection on each edge, which no alpha weighs and which fades out",
        settings: "auxiliary_skip = true",
        code: "Meituan-AutoML/DARTS-",
        note: "There is no official code of it for NAS-Bench-201.",
        ..DARTS
    },
    KnownMethod {
        name: "drnas",
        title: "DrNAS",
        paper: "Chen et al. 2021",
        idea: "edge weights drawn from Dirichlet distributions; a second stage with fewer candidates that see more channels",
        settings: "relaxation = \"dirichlet\"\nalphas.learning_rate = 6e-4\nschedule.stage_operations = \"7,4\"\n\
                   schedule.stage_share = \"4,2\"\nschedule.stage_start = \"continued\"",
        shares: &[("schedule.first_epoch", 0.2)],
        without: WITHOUT_NONE,
        sizes: "batch_size = 64\nlearning_rate = 0.1\nlearning_rate_min = 0.0\ninit_channels = 36\nlayers = 20\n\
                method.schedule.stage_share = \"6,4\"",
        training: "batch_size = 64\ndrop_path_prob = 0.3",
        nas_bench_201: bilevel!(
            "method.alphas.learning_rate = 3e-4\nmethod.schedule.stage_operations = \"5,3\""
        ),
        nas_bench_201_shares: &[("schedule.first_epoch", 0.1)],
        code: "xiangning-chen/DrNAS",
        evaluations: Evaluations { passes: 2.0, of: "a part of the channels", beside: "" },
        note: "Anchored by the L2 penalty of the alphas' Adam; regularizer = \"kl\" with regularizer_weight = 0.001 is its \
               other anchor.",
        ..DARTS
    },
    KnownMethod {
        name: "sdarts-rs",
        title: "SmoothDARTS, random",
        paper: "Chen & Hsieh 2020",
        idea: "weights learn at randomly disturbed edge weights, more and more so",
        settings: "perturbation = \"random\"\nperturbation_start = 0.03\nperturbation_end = 0.3",
        without: WITHOUT_NONE,
        nas_bench_201: bilevel!(""),
        code: "xiangning-chen/SmoothDARTS",
        ..DARTS
    },
    KnownMethod {
        name: "sdarts-adv",
        title: "SmoothDARTS, adversarial",
        paper: "Chen & Hsieh 2020",
        idea: "weights learn at edge weights that an adversary has made worse, in seven steps",
        settings: "perturbation = \"adversarial\"\nperturbation_start = 0.03\nperturbation_end = 0.3",
        without: WITHOUT_NONE,
        nas_bench_201: bilevel!(""),
        code: "xiangning-chen/SmoothDARTS",
        evaluations: passes(9.7),
        ..DARTS
    },
    KnownMethod {
        name: "robust-darts-es",
        title: "RobustDARTS, early stopping",
        paper: "Zela et al. 2020",
        idea: "second order until the largest eigenvalue of the alphas' Hessian has grown by 1.3",
        settings: "arch_step = \"unrolled\"\nstop = \"eigenvalue\"\nguards.interval = 2",
        code: "automl/RobustDARTS",
        evaluations: Evaluations { passes: 6.0, of: "", beside: "and an eigenvalue every second epoch" },
        note: "The result is the cell of some epochs before the rise; with the guard on, the last of these that has few skip \
               connections: guard = \"off\" takes the paper's.",
        ..DARTS
    },
    KnownMethod {
        name: "robust-darts-ada",
        title: "RobustDARTS, adaptive",
        paper: "Zela et al. 2020",
        idea: "as robust-darts-es, but it goes back and on with ten times the weight decay",
        settings: "arch_step = \"unrolled\"\nstop = \"adapt\"\nguards.interval = 2",
        code: "automl/RobustDARTS",
        evaluations: Evaluations { passes: 6.0, of: "", beside: "and an eigenvalue every second epoch" },
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
    KnownMethod {
        name: "robust-darts-dp",
        title: "RobustDARTS, drop path",
        paper: "Zela et al. 2020",
        idea: "second order with drop path on the edges and cutout, both more often from epoch to epoch",
        settings: "arch_step = \"unrolled\"\ndrop_path = 0.2\ncutout = \"rising\"",
        beside: "cutout = true",
        code: "automl/RobustDARTS",
        evaluations: passes(6.0),
        note: "The paper searches with drop path of 0, 0.2, 0.4 and 0.6 and keeps the best of four cells after a short \
               training; this is one of them.",
        ..DARTS
    },
    KnownMethod {
        name: "darts-pt",
        title: "DARTS, selected by perturbation",
        paper: "Wang et al. 2021",
        idea: "of each edge stays what the supernet misses most when it is taken away",
        settings: "selection = \"perturb\"\nselection_interval = 5\nselection_rate = 0.1",
        without: WITHOUT_NONE,
        nas_bench_201: bilevel!(""),
        code: "ruocwang/darts-pt",
        evaluations: Evaluations { passes: 2.0, of: "", beside: "and epochs of tuning between the choices" },
        ..DARTS
    },
    KnownMethod {
        name: "blank-pt",
        title: "Selection by perturbation without alphas",
        paper: "Wang et al. 2021",
        idea: "only weights learn, at alphas as they were drawn; selection as in darts-pt",
        settings: "order = \"weights-only\"\nselection = \"perturb\"\nselection_interval = 5\nselection_rate = 0.1",
        without: WITHOUT_NONE,
        nas_bench_201: plain!(""),
        code: "ruocwang/darts-pt",
        evaluations: Evaluations { passes: 1.0, of: "", beside: "and epochs of tuning between the choices" },
        ..DARTS
    },
    KnownMethod {
        name: "beta-darts",
        title: "beta-DARTS",
        paper: "Ye et al. 2022",
        idea: "a term that grows over the epochs keeps the alphas of an edge small and near one another",
        settings: "regularizer = \"beta\"\nregularizer_weight = 25.0\nregularizer_ramp = \"linear\"",
        without: WITHOUT_NONE,
        nas_bench_201: bilevel!("method.regularizer_weight = 50.0"),
        code: "Sunshine-Ye/Beta-DARTS",
        note: "Its code ends at 50 in 100 epochs of NAS-Bench-201; half of that elsewhere is our choice.",
        ..DARTS
    },
    KnownMethod {
        name: "lambda-darts",
        title: "Lambda-DARTS",
        paper: "Movahedi et al. 2023",
        idea: "the weights are made to let all normal cells want the same of their edges",
        settings: "alignment = 0.25\nalignment_epsilon = 1e-3",
        without: WITHOUT_NONE,
        sizes: "batch_size = 96",
        nas_bench_201: plain!(
            "method.alignment_epsilon = 1e-4\nmethod.alphas.learning_rate = 1e-4\nmethod.order = \"weights-first\""
        ),
        code: "dr-faustus/Lambda-DARTS",
        evaluations: passes(4.0),
        note: "The term grows from 0 over the epochs.",
        ..DARTS
    },
    KnownMethod {
        name: "gaea",
        title: "GAEA on PC-DARTS",
        paper: "Li et al. 2021",
        idea: "alphas are shares themselves and move by exponentiated gradients, on a quarter of the channels",
        settings: "relaxation = \"simplex\"\nedge_weights = \"softmax\"\nshare = 4\n\
                   alphas.kind = \"exponentiated-gradient\"\nalphas.learning_rate = 0.1",
        sizes: "batch_size = 256\nlearning_rate = 0.1\nlearning_rate_min = 0.0",
        nas_bench_201: "epochs = 25\ninit_channels = 24\nmethod.order = \"alphas-first\"\nmethod.share = 1\n\
                        method.edge_weights = \"none\"\n\
                        method.weights.nesterov = false\nmethod.weights.weight_decay = 3e-4\n\
                        convolution_bias = false\n\
                        candidates = [\"skip_connect\", \"nor_conv_1x1\", \"nor_conv_3x3\", \"avg_pool_3x3\"]",
        code: "liamcli/gaea_release",
        evaluations: Evaluations { passes: 2.0, of: "a quarter of the channels", beside: "" },
        note: "In NAS-Bench-201 its code sees all channels, has no weights of edges and leaves none out: 4,096 \
               cells. Its learning rate there is that of the first 25 of \
               50 epochs; here it falls over the 25. Its cell is that of the best epoch on the alphas' images, ours that of the \
               last.",
        ..DARTS
    },
    KnownMethod {
        name: "oles",
        title: "OLES, by the true cosine",
        paper: "Jiang et al. 2023",
        idea: "weights of an operation freeze where its gradients on both parts of the images point apart",
        settings: "freeze.below = -0.68\nfreeze.every = 20",
        code: "PasaLab/oles",
        evaluations: Evaluations { passes: 2.0, of: "", beside: "with gradients of the weights in both" },
        note: "Not the official score: its code compares the training's gradient with the sum of both, with 0.4 as the \
               threshold, which is a true cosine of -0.68 where both are of one length. The cell is that of the last \
               healthy epoch, not of the best one on the alphas' images.",
        ..DARTS
    },
    KnownMethod {
        name: "darts-plus",
        title: "DARTS+",
        paper: "Liang et al. 2019",
        idea: "the search ends when the normal cell has two skip connections",
        settings: "stop = \"skips\"\nstops.skips = 2",
        code: "no official code: the rule is our reading",
        ..DARTS
    },
    KnownMethod {
        name: "random",
        title: "A random cell",
        paper: "Li & Talwalkar 2019",
        idea: "a cell drawn by the rules of the space, to compare with: nothing is searched",
        settings: "selection = \"random\"",
        code: "liamcli/randomNAS_release",
        evaluations: passes(0.0),
        ..DARTS
    },
    KnownMethod {
        name: "rsws",
        title: "Random search with weight sharing",
        paper: "Li & Talwalkar 2019",
        idea: "each step trains a cell drawn at random; the best of many by the shared weights is taken",
        settings: "relaxation = \"random-path\"\norder = \"weights-only\"\nselection = \"scored-samples\"\n\
                   selection_samples = 1000\nselection_batches = 10\nselection_finalists = 10",
        sizes: "epochs = 150\ninit_channels = 24\ngrad_clip = 1.0",
        nas_bench_201: "epochs = 250\nmethod.selection_samples = 100\nmethod.selection_batches = 1\n\
                        method.selection_finalists = 1",
        note: "Its code draws none as well; here none is never drawn. In NAS-Bench-201 as in AutoDL-Projects: 100 cells, \
               one batch each.",
        code: "liamcli/randomNAS_release",
        evaluations: Evaluations {
            passes: 1.0,
            of: "one operation an edge",
            beside: "and the scores of the cells",
        },
        ..DARTS
    },
];
