//! Writes networks in the formats that PyTorch reads, and what they answer, for `scripts/check-pytorch`.
//!
//! `cargo run --release -p softcell --example export_for_pytorch -- FOLDER [RUN...]`: networks of every published
//! genotype with drawn weights, and those of trained runs. For each `NAME`: `NAME.py` and `NAME.safetensors` (the
//! PyTorch export), `NAME.state` (the safetensors export), `NAME.answers` (safetensors: pixels and logits).

use std::error::Error;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use softcell::data::Normalization;
use softcell::export::{Destination, Existing};
use softcell::export::{pytorch, safetensors};
use softcell::model::TrainedModel;
use softcell::nn::Pass;
use softcell::nn::{HostTensor, initialize, named_tensors};
use softcell::run::{Manifest, RunFolder, encode_weights};
use softcell::space::{DerivedNetworkConfig, Reductions, StemKind};
use softcell::space::{Genotype, known_genotype, known_names};

/// Images that each network answers.
const IMAGES: usize = 8;

/// Nodes with one edge and with three, an output in another order.
const ODD: &str = "Genotype(normal=[[('dil_conv_5x5', 1)], [('skip_connect', 0), ('avg_pool_3x3', 1), ('sep_conv_5x5', 2)]], \
                   normal_concat=[3, 2], reduce=[[('skip_connect', 1), ('conv_7x1_1x7', 0)], [('max_pool_3x3', 2)]], \
                   reduce_concat=[3])";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().ok_or("name a folder to write to")?;
    std::fs::create_dir_all(&folder)?;
    let device = Device::flex();
    for name in known_names() {
        let genotype = known_genotype(name).ok_or("it is a published one")?;
        for (suffix, stem, [channels, height, width], auxiliary) in [
            ("rgb", StemKind::Cifar, [3, 32, 32], true),
            ("odd", StemKind::Cifar, [1, 13, 22], false),
            ("imagenet", StemKind::Imagenet, [3, 224, 224], true),
            ("imagenet-odd", StemKind::Imagenet, [1, 75, 98], false),
        ] {
            let config = DerivedNetworkConfig {
                reductions: Reductions::THIRDS,
                genotype: genotype.clone(),
                init_channels: 8,
                n_cells: 6,
                channels_in: channels,
                image_size: [height, width],
                classes: 10,
                stem,
                auxiliary,
            };
            write(&folder, &format!("{name}-{suffix}"), &drawn(config, &device)?, &device)?;
        }
    }
    let genotype: Genotype = ODD.parse()?;
    for (n_cells, size) in [(1, [1, 5]), (2, [8, 8]), (5, [31, 1])] {
        let config = DerivedNetworkConfig {
            reductions: Reductions::THIRDS,
            genotype: genotype.clone(),
            init_channels: 3,
            n_cells,
            channels_in: 3,
            image_size: size,
            classes: 2,
            stem: StemKind::Cifar,
            auxiliary: false,
        };
        write(&folder, &format!("odd-{n_cells}"), &drawn(config, &device)?, &device)?;
    }
    for run in arguments {
        let model = TrainedModel::load(&RunFolder::view(&run)?)?;
        let name = run.file_name().unwrap_or_default().to_string_lossy();
        write(&folder, &format!("run-{name}"), &model, &device)?;
    }
    Ok(())
}

/// A network with drawn weights, whose normalisations all do something.
fn drawn(config: DerivedNetworkConfig, device: &Device) -> Result<TrainedModel, Box<dyn Error>> {
    let mut weights = named_tensors(&initialize(config.init(device)?, 5));
    for (i, (name, tensor)) in weights.iter_mut().enumerate() {
        let wave = |j: usize| ((i * 31 + j * 17) as f32).sin();
        let value = |j: usize| match name.rsplit('.').next() {
            Some("running_var" | "weight") => 1.0 + 0.5 * wave(j),
            _ => 0.2 * wave(j),
        };
        if tensor.shape.len() == 1 {
            tensor.values.iter_mut().enumerate().for_each(|(j, number)| *number = value(j));
        }
    }
    let [height, width] = config.image_size;
    let channels = config.channels_in;
    let classes = (0..config.classes).map(|class| format!("\"{class}\"\\\n\u{202e}'ü")).collect();
    let normalization = Normalization {
        mean: vec![0.485, 0.456, 0.406][..channels].to_vec(),
        std: vec![0.229, 0.224, 0.225][..channels].to_vec(),
    };
    let manifest = Manifest::new(classes, [channels, height, width], normalization);
    Ok(TrainedModel { network: config, weights, manifest })
}

fn write(folder: &Path, name: &str, model: &TrainedModel, device: &Device) -> Result<(), Box<dyn Error>> {
    let place = |end: &str| Destination::new(&folder.join(format!("{name}.{end}")), Existing::Replace);
    pytorch::write(model, &place("py")?, &place("safetensors")?)?;
    safetensors::write(model, &place("state")?)?;
    let [channels, height, width] = model.manifest.image_shape;
    let length = channels * height * width;
    let shape = vec![IMAGES, channels, height, width];
    let pixels: Vec<u8> = (0..IMAGES * length).map(|i| (i * i * 7 + i / 3 * 31) as u8).collect();
    let normalizer = model.manifest.normalization.normalizer();
    let mut values = vec![0.0; pixels.len()];
    for (image, values) in pixels.chunks_exact(length).zip(values.chunks_exact_mut(length)) {
        normalizer.apply(image, values);
    }
    let images = Tensor::<4>::from_data(TensorData::new(values, shape.clone()), device);
    let net = model.build(name, device)?;
    let logits = net.forward(images, &mut Pass::eval()).logits;
    let logits = HostTensor {
        shape: logits.dims().to_vec(),
        values: logits.into_data().try_to_vec::<f32>().map_err(|e| format!("{e:?}"))?,
    };
    let pixels = HostTensor { shape, values: pixels.into_iter().map(f32::from).collect() };
    let answers = [("pixels".to_owned(), pixels), ("logits".to_owned(), logits)].into();
    place("answers")?.write(&encode_weights(&answers))?;
    Ok(())
}
