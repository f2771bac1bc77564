//! Weights in and out: checkpoints that PyTorch wrote, and what Softcell exports read back.

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use softcell::data::Normalization;
use softcell::export::safetensors::{self, AuxiliaryHead};
use softcell::export::{Destination, Existing};
use softcell::model::TrainedModel;
use softcell::model::{Imported, Importer, Known, Outline, read_checkpoint};
use softcell::nn::Pass;
use softcell::nn::{NamedTensors, initialize, named_tensors};
use softcell::run::{Manifest, Overwrite, RunFolder};
use softcell::space::{DerivedNetworkConfig, Reductions, StemKind};
use softcell::space::{Genotype, known_genotype, known_names};

/// The cells of the network in the checkpoints.
const CELLS: &str = "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1)], normal_concat=[2], \
                     reduce=[('max_pool_3x3', 0), ('skip_connect', 1)], reduce_concat=[2])";

fn checkpoint(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints").join(name)
}

fn tensors(name: &str) -> NamedTensors {
    read_checkpoint(&checkpoint(name)).unwrap_or_else(|e| panic!("{name}: {e}")).tensors
}

fn cells() -> Known {
    Known { genotype: Some(CELLS.parse().unwrap()), ..Known::default() }
}

fn import(path: &Path, known: Known) -> softcell::Result<Imported> {
    Importer::read(path, known)?.finish(None, &Device::flex())
}

#[test]
fn every_container_and_wrapping_gives_the_same_numbers() {
    let expected = tensors("weights.safetensors");
    assert!(expected.len() > 20 && expected.keys().all(|name| !name.ends_with("num_batches_tracked")));
    for name in ["weights.pt", "legacy.pt", "checkpoint.pth.tar", "legacy-checkpoint.pth.tar", "double.pt"] {
        assert_eq!(tensors(name), expected, "{name}");
    }
    let strided = tensors("strided.pt");
    assert_eq!(strided["classifier.weight"], expected["classifier.weight"]);
    assert_eq!(
        (&strided["stem.1.bias"], &strided["classifier.bias"]),
        (&expected["stem.1.bias"], &expected["classifier.bias"])
    );
    for (name, half) in tensors("half.pt") {
        for (half, whole) in half.values.iter().zip(&expected[&name].values) {
            assert!((half - whole).abs() < 1e-3, "{name}");
        }
    }
}

#[test]
fn code_is_refused_by_name_and_not_run() {
    let touched = Path::new("pickle-was-run");
    for (name, word) in [
        ("code.pt", "`posix.system`"),
        ("legacy-code.pt", "`posix.system`"),
        ("code-before.pt", "`posix.system`"),
        ("module.pt", "`torch.nn.modules.linear.Linear`"),
        ("code.pkl", "torch.save did not write"),
    ] {
        let message = read_checkpoint(&checkpoint(name)).unwrap_err().to_string();
        assert!(message.contains(word), "{name}: {message}");
        assert!(!touched.exists(), "{name} was run");
    }
}

#[test]
fn a_file_that_is_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pt");
    for name in ["weights.pt", "legacy.pt", "weights.safetensors"] {
        let whole = std::fs::read(checkpoint(name)).unwrap();
        for part in 1..20 {
            std::fs::write(&path, &whole[..whole.len() * part / 20]).unwrap();
            let message = read_checkpoint(&path).unwrap_err().to_string();
            assert!(message.contains("cut.pt"), "{name}, {part}/20: {message}");
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(read_checkpoint(&path).is_err(), "{name}");
    }
}

#[test]
fn the_tensors_tell_the_network() {
    let imported = import(&checkpoint("checkpoint.pth.tar"), cells()).unwrap();
    let network = &imported.model.network;
    assert_eq!((network.init_channels, network.n_cells, network.classes), (2, 2, 3));
    assert_eq!((network.stem, network.channels_in, network.image_size), (StemKind::Cifar, 3, [32, 32]));
    let manifest = &imported.model.manifest;
    assert_eq!(manifest.classes, ["class_0", "class_1", "class_2"]);
    assert_eq!(manifest.normalization.mean, [0.4914, 0.4822, 0.4465]);
    let notes = manifest.notes.join("\n");
    assert!(notes.contains("CIFAR-10") && notes.contains("32x32") && notes.contains("numbered"), "{notes}");
    assert!(manifest.imported_from.as_ref().unwrap().contains("checkpoint.pth.tar"));
}

#[test]
fn what_does_not_fit_is_listed_by_name() {
    let path = checkpoint("weights.pt");
    let message = |known: Known| import(&path, known).unwrap_err().to_string();
    let other = known_genotype("NASNet");
    let text = message(Known { genotype: other, ..Known::default() });
    for words in [
        "missing: cells.{0-1}._ops.0.op.1.weight\n",
        "surplus: cells.{0-1}._ops.1.bn.bias\n",
        "of another shape: classifier.weight is [3, 8] instead of [3, 24]",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let text = message(Known { layers: Some(3), ..cells() });
    assert!(text.contains("cells.2.preprocess1.op.1.weight"), "{text}");
    let text = message(Known { init_channels: Some(4), ..cells() });
    assert!(text.contains("stem.0.weight is [6, 3, 3, 3] instead of [12, 3, 3, 3]"), "{text}");
    let text = message(Known { init_channels: Some(4096), layers: Some(200), ..cells() });
    assert!(text.contains("4096 channels"), "{text}");
    assert!(message(Known::default()).contains("Known::genotype"));
    let names = |names: &[&str]| Some(names.iter().map(|name| name.to_string()).collect());
    let text = message(Known { classes: names(&["a", "b"]), ..cells() });
    assert!(text.contains("found 2 classes, expected 3"), "{text}");
    assert!(message(Known { classes: names(&["a", "b", "a"]), ..cells() }).contains("`a` twice"));
    let normalization = |mean: &[f32], std: &[f32]| Known {
        normalization: Some(Normalization { mean: mean.to_vec(), std: std.to_vec() }),
        ..cells()
    };
    assert!(message(normalization(&[0.5], &[0.5])).contains("3 finite numbers"));
    assert!(message(normalization(&[0.5; 3], &[0.5, 0.0, 0.5])).contains("above 0"));
}

/// A network with weights and running statistics that are all different.
fn network(config: DerivedNetworkConfig) -> TrainedModel {
    let net = initialize(config.init(&Device::flex()).unwrap(), 5);
    let mut weights = named_tensors(&net);
    for (i, (name, tensor)) in weights.iter_mut().enumerate() {
        if tensor.shape.len() == 1 {
            let scale = if name.ends_with("running_var") { 0.5 } else { 0.1 };
            let wave = |j: usize| scale * (1.5 + ((i * 31 + j * 17) as f32).sin());
            tensor.values.iter_mut().enumerate().for_each(|(j, value)| *value = wave(j));
        }
    }
    let channels = config.channels_in;
    let [height, width] = config.image_size;
    let classes = (0..config.classes).map(|class| format!("\"{class}\",\\\n ü")).collect();
    let normalization = Normalization { mean: vec![1.0 / 3.0; channels], std: vec![0.1; channels] };
    let mut manifest = Manifest::new(classes, [channels, height, width], normalization);
    manifest.seed = 11;
    manifest.data_fingerprint = "fingerprint".into();
    TrainedModel { network: config, weights, manifest }
}

fn logits(model: &TrainedModel) -> Vec<u32> {
    let device = Device::flex();
    let [channels, height, width] = model.manifest.image_shape;
    let n = 3 * channels * height * width;
    let values: Vec<f32> = (0..n).map(|i| (i as f32 * 0.37).sin()).collect();
    let images = Tensor::<4>::from_data(TensorData::new(values, [3, channels, height, width]), &device);
    let net = model.build("weights", &device).unwrap();
    let logits = net.forward(images, &mut Pass::eval()).logits.into_data().try_to_vec::<f32>().unwrap();
    assert!(logits.iter().all(|logit| logit.is_finite()));
    logits.into_iter().map(f32::to_bits).collect()
}

fn same_network(one: &DerivedNetworkConfig, other: &DerivedNetworkConfig) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

#[test]
fn an_export_comes_back_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (i, name) in known_names().into_iter().enumerate() {
        let imagenet = i % 3 == 0;
        let model = network(DerivedNetworkConfig {
            reductions: Reductions::THIRDS,
            genotype: known_genotype(name).unwrap(),
            init_channels: 4,
            n_cells: 3 + i % 2,
            channels_in: if i % 2 == 0 { 1 } else { 3 },
            image_size: if imagenet { [70, 96] } else { [9, 16] },
            classes: 2 + i,
            stem: if imagenet { StemKind::Imagenet } else { StemKind::Cifar },
            auxiliary: i % 4 == 0,
        });
        safetensors::write(&model, &Destination::new(&path, Existing::Replace).unwrap()).unwrap();
        let imported = import(&path, Known::default()).unwrap();
        let back = &imported.model;
        assert!(same_network(&back.network, &model.network), "{name}: {:?}", back.network);
        assert_eq!(back.weights, model.weights, "{name}");
        assert_eq!(back.manifest.classes, model.manifest.classes, "{name}");
        assert_eq!(back.manifest.normalization, model.manifest.normalization, "{name}");
        assert_eq!((back.manifest.seed, back.manifest.image_shape), (11, model.manifest.image_shape));
        // And through a run folder.
        let run = RunFolder::create(&folder.path().join(name), Overwrite::Refuse).unwrap();
        imported.write(&run).unwrap();
        let loaded = TrainedModel::load(&run).unwrap();
        assert!(same_network(&loaded.network, &model.network), "{name}: {:?}", loaded.network);
        assert_eq!(logits(&loaded), logits(&model), "{name}");
    }
}

#[test]
fn an_auxiliary_head_may_be_there_or_not() {
    let genotype: Genotype = CELLS.parse().unwrap();
    let config = DerivedNetworkConfig {
        reductions: Reductions::THIRDS,
        genotype,
        init_channels: 4,
        n_cells: 3,
        channels_in: 3,
        image_size: [32, 32],
        classes: 3,
        stem: StemKind::Cifar,
        auxiliary: true,
    };
    let model = network(config);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let with = safetensors::to_bytes(&model, AuxiliaryHead::Keep);
    let without = safetensors::to_bytes(&model, AuxiliaryHead::Drop);
    for (bytes, auxiliary) in [(with, true), (without, false)] {
        std::fs::write(&path, bytes).unwrap();
        let imported = import(&path, Known::default()).unwrap();
        assert_eq!(imported.model.network.auxiliary, auxiliary);
        assert_eq!(imported.config.train.auxiliary, auxiliary);
        assert_eq!(logits(&imported.model), logits(&model));
    }
}

#[test]
fn recordings_of_the_original_are_understood() {
    // Their tensors stand behind prefixes: those under `init.` are a state dict.
    for (name, expected) in
        [("derived-darts-v2.safetensors", (4, 5, 10, true)), ("derived-nasnet.safetensors", (4, 3, 7, false))]
    {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
        let all = read_recording(&path);
        let outline = Outline::of(&all, name).unwrap();
        assert_eq!(
            (outline.init_channels, outline.n_cells, outline.classes, outline.auxiliary),
            expected,
            "{name}"
        );
    }
}

fn read_recording(path: &Path) -> NamedTensors {
    let bytes = std::fs::read(path).unwrap();
    let file = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .filter_map(|(name, view)| {
            let name = name.strip_prefix("init.")?;
            let tensor = softcell::nn::HostTensor { shape: view.shape().to_vec(), values: Vec::new() };
            Some((name.to_owned(), tensor))
        })
        .collect()
}
