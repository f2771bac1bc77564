//! Networks as they are really built: their sizes, and images of any shape.

use burn::tensor::{Device, Distribution, Tensor};
use softcell::nn::{EdgeTensors, Network, Pass, count_weights, initialize};
use softcell::search::Method;
use softcell::space::{
    DerivedNetworkConfig, Genotype, Limits, NetworkPlan, NetworkShape, Reductions, SearchSpace, Shrink,
    StemKind, derived_cost, known_genotype, largest_within, supernet_parameters,
};

/// Weights of the networks that the original code builds: CIFAR (36 channels, 20 cells), ImageNet (48, 14).
const PUBLISHED: [(&str, u64, Option<u64>); 10] = [
    ("DARTS_V1", 3_169_414, None),
    ("DARTS_V2", 3_349_342, Some(4_718_752)),
    ("PDARTS", 3_433_798, Some(4_944_352)),
    ("PC_DARTS_cifar", 3_634_678, Some(5_270_560)),
    ("PC_DARTS_image", 3_721_510, Some(5_342_464)),
    ("DrNAS_cifar10", 4_099_294, Some(5_738_464)),
    ("DrNAS_imagenet", 4_048_750, Some(5_726_368)),
    ("oles_cifar10", 4_222_414, Some(5_736_544)),
    ("NASNet", 3_830_950, None),
    ("AmoebaNet", 3_145_078, None),
];

fn built(config: &DerivedNetworkConfig) -> Network {
    config.init(&Device::flex()).unwrap()
}

/// Convolutions over all channels, which no published cell has.
const FULL: &str = "Genotype(normal=[('nor_conv_3x3', 0), ('nor_conv_1x1', 1)], normal_concat=[2], \
                    reduce=[('nor_conv_1x1', 0), ('nor_conv_3x3', 1)], reduce_concat=[2])";

fn genotype(name: &str) -> Genotype {
    known_genotype(name).unwrap_or_else(|| name.parse().unwrap())
}

fn on_cifar(name: &str, auxiliary: bool) -> DerivedNetworkConfig {
    DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype: genotype(name),
        init_channels: 36,
        n_cells: 20,
        channels_in: 3,
        image_size: [32, 32],
        classes: 10,
        stem: StemKind::Cifar,
        auxiliary,
    }
}

fn on_imagenet(name: &str, auxiliary: bool) -> DerivedNetworkConfig {
    DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype: genotype(name),
        init_channels: 48,
        n_cells: 14,
        channels_in: 3,
        image_size: [224, 224],
        classes: 1000,
        stem: StemKind::Imagenet,
        auxiliary,
    }
}

#[test]
fn built_networks_have_the_published_sizes() {
    for (name, cifar, imagenet) in PUBLISHED {
        let config = on_cifar(name, false);
        assert_eq!(built(&config).parameters(), cifar, "{name}, CIFAR");
        let cost = derived_cost(&config.genotype, &config.shape());
        assert_eq!(cost.parameters, cifar, "{name}, CIFAR, closed form");
        // Where nothing is published the closed form must still agree with the network.
        let config = on_imagenet(name, false);
        let cost = derived_cost(&config.genotype, &config.shape());
        let built = built(&config).parameters();
        assert_eq!(built, cost.parameters, "{name}, ImageNet, closed form");
        if let Some(imagenet) = imagenet {
            assert_eq!(built, imagenet, "{name}, ImageNet");
        }
    }
}

#[test]
fn auxiliary_heads_have_the_published_sizes() {
    let cifar = built(&on_cifar("DARTS_V2", true));
    assert_eq!(count_weights(&cifar, |_| true), 3_825_768);
    assert_eq!(cifar.parameters(), 3_349_342, "the head is not shipped");
    let imagenet = built(&on_imagenet("DARTS_V2", true));
    assert_eq!(count_weights(&imagenet, |_| true), 5_979_528);
    assert_eq!(imagenet.parameters(), 4_718_752, "the head is not shipped");
}

#[test]
fn the_supernet_has_the_size_of_the_original() {
    let space = SearchSpace::darts();
    let net = Network::new(NetworkPlan::supernet(&space, [3, 32, 32], 10), &Device::flex());
    assert_eq!(count_weights(&net, |_| true), 1_930_618);
    assert_eq!(supernet_parameters(&space, 3, 10), 1_930_618);
}

#[test]
fn closed_form_agrees_with_other_supernets() {
    for (n_nodes, n_cells, init_channels, channels_in, classes) in
        [(1, 1, 2, 1, 2), (3, 5, 6, 2, 7), (2, 4, 3, 4, 3)]
    {
        let space = SearchSpace { n_cells, init_channels, ..SearchSpace::darts().with_nodes(n_nodes) };
        let net = Network::new(NetworkPlan::supernet(&space, [channels_in, 8, 8], classes), &Device::flex());
        assert_eq!(
            count_weights(&net, |_| true),
            supernet_parameters(&space, channels_in, classes),
            "{space:?}"
        );
    }
}

/// Channels, height, width: odd, rectangular, square, a single row.
const IMAGES: [[usize; 3]; 4] = [[1, 7, 9], [3, 10, 6], [2, 8, 8], [1, 1, 5]];
const BATCH: usize = 2;
const CLASSES: usize = 5;

fn images([channels, height, width]: [usize; 3], device: &Device) -> Tensor<4> {
    Tensor::random([BATCH, channels, height, width], Distribution::Uniform(-1.0, 1.0), device)
}

fn assert_logits(logits: Tensor<2>, what: &str) {
    assert_eq!(logits.dims(), [BATCH, CLASSES], "{what}");
    let values = logits.into_data().try_to_vec::<f32>().unwrap();
    assert!(values.iter().all(|v| v.is_finite()), "{what}: {values:?}");
    assert!(values.iter().any(|&v| v != values[0]), "{what}: the logits say nothing");
}

#[test]
fn supernet_takes_images_of_any_shape() {
    let device = Device::flex();
    let space = SearchSpace { n_cells: 3, init_channels: 4, ..SearchSpace::darts().with_nodes(2) };
    let relaxer = Method::default().relaxer(&space);
    let weights = relaxer.expected(&relaxer.initial(1));
    let weights = EdgeTensors::new(&weights, &device);
    for shape in IMAGES {
        let net = initialize(Network::new(NetworkPlan::supernet(&space, shape, CLASSES), &device), 1);
        for mut pass in [Pass::train(), Pass::eval()] {
            let logits = net.forward_mixed(images(shape, &device), &weights, &mut pass);
            assert_logits(logits, &format!("{shape:?}, {:?}", pass.mode()));
        }
    }
}

fn small(genotype: &Genotype, shape: [usize; 3], stem: StemKind, auxiliary: bool) -> DerivedNetworkConfig {
    DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype: genotype.clone(),
        init_channels: 4,
        n_cells: 3,
        channels_in: shape[0],
        image_size: [shape[1], shape[2]],
        classes: CLASSES,
        stem,
        auxiliary,
    }
}

#[test]
fn derived_networks_take_images_of_any_shape() {
    let device = Device::flex();
    // Between them these use every operation.
    for name in ["DARTS_V2", "NASNet", "AmoebaNet", "PDARTS", FULL] {
        for shape in IMAGES {
            for stem in [StemKind::Cifar, StemKind::Imagenet] {
                let what = format!("{name}, {shape:?}, {stem:?}");
                let net = small(&genotype(name), shape, stem, false).init(&device).unwrap();
                let net = initialize(net, 1);
                let mut pass = Pass::eval();
                let out = net.forward(images(shape, &device), &mut pass);
                assert_logits(out.logits, &what);
                assert!(out.auxiliary.is_none() && pass.statistics.is_empty(), "{what}");
            }
        }
    }
}

/// With 3 cells the head stands on the last one, behind two reductions.
#[test]
fn auxiliary_head_takes_maps_of_any_shape() {
    let device = Device::flex();
    let genotype = genotype("DARTS_V2");
    for (shape, stem) in [
        ([1, 7, 9], StemKind::Cifar),
        ([3, 40, 25], StemKind::Cifar),
        ([1, 5, 64], StemKind::Cifar),
        ([2, 33, 100], StemKind::Imagenet),
    ] {
        let what = format!("{shape:?}, {stem:?}");
        let net = initialize(small(&genotype, shape, stem, true).init(&device).unwrap(), 1);
        let out = net.forward(images(shape, &device), &mut Pass::train());
        assert_logits(out.logits, &what);
        assert_logits(out.auxiliary.expect("training has auxiliary logits"), &what);
        let out = net.forward(images(shape, &device), &mut Pass::eval());
        assert!(out.auxiliary.is_none(), "{what}");
    }
    let message = small(&genotype, [1, 4, 64], StemKind::Cifar, true).init(&device).unwrap_err().to_string();
    assert!(message.contains("it is 1x16"), "{message}");
}

/// The width and depth chosen under limits, counted on the network that is built.
#[test]
fn limits_hold_for_the_networks_that_are_built() {
    for (name, stem) in [("DARTS_V2", StemKind::Cifar), ("PDARTS", StemKind::Imagenet)] {
        for (max_params, max_macs) in
            [(100_000, 0), (0, 8_000_000), (300_000, 20_000_000), (1 << 40, 1 << 40)]
        {
            let asked = DerivedNetworkConfig {
                init_channels: 24,
                n_cells: 8,
                ..small(&genotype(name), [3, 32, 32], stem, false)
            };
            let limits = Limits { max_params, max_macs, latency: None };
            let chosen = largest_within(&asked.genotype, &asked.shape(), &limits, Shrink::Both).unwrap();
            let config = DerivedNetworkConfig {
                init_channels: chosen.init_channels,
                n_cells: chosen.n_cells,
                ..asked.clone()
            };
            let counted = count_weights(&built(&config), |_| true);
            let cost = derived_cost(&config.genotype, &config.shape());
            assert_eq!(counted, cost.parameters, "{name}, {limits:?}");
            assert!(limits.hold(&asked.genotype, &chosen).unwrap(), "{name}, {limits:?}: {chosen:?}");
            // The next wider network, if one was asked for, is above a limit.
            let wider = NetworkShape { init_channels: (chosen.init_channels + 4).min(24), ..chosen };
            let is_all = chosen == asked.shape();
            assert!(is_all || !limits.hold(&asked.genotype, &wider).unwrap(), "{name}, {limits:?}");
        }
    }
}
