//! The clock.

use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use rand_distr::{Distribution, StandardNormal};

use super::wanted::Wanted;
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::network::{Network, Operation, Pass, absorb, initialize};
use crate::random::stream;
use crate::space::plan::{MapShape, Step};
use crate::space::{Genotype, LatencyTable, LayerTime, NetworkShape, NetworkTime};
use crate::thread_pool::in_pool;

/// Answers that are not timed, and those whose median counts.
const WARMUP: usize = 2;
const TIMED: usize = 9;
/// How often the statistics of a batch move the running ones: of where they began, 0.9⁶⁴ ≈ 0.1 % stays.
const ABSORBED: usize = 64;

/// Median seconds of an answer, after some that do not count.
fn median_seconds(mut answer: impl FnMut()) -> f64 {
    let mut seconds: Vec<f64> = (0..WARMUP + TIMED)
        .map(|_| {
            let clock = Instant::now();
            answer();
            clock.elapsed().as_secs_f64()
        })
        .skip(WARMUP)
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[TIMED / 2]
}

/// Measures layers and networks on `device`, the plain one: each answers for one image, as in evaluation.
///
/// # Errors
/// What the observer answers.
pub fn measure(
    wanted: &Wanted,
    device: &Device,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<LatencyTable> {
    let total = wanted.layers().len() + wanted.networks().len();
    let mut table = LatencyTable::default();
    observer.on(Event::Measuring { done: 0, total })?;
    for layer in wanted.layers() {
        let seconds = in_pool(|| seconds_of(&layer.ways.iter().collect::<Vec<_>>(), layer.input, device));
        table.layers.push(LayerTime { place: layer.place.clone(), seconds });
        observer.on(Event::Measuring { done: table.layers.len(), total })?;
    }
    for (done, network) in wanted.networks().iter().enumerate() {
        let layer_seconds = table.of_layers(&Wanted::config(network).plan())?;
        let seconds = seconds_of_network(network, device, seed);
        let (genotype, shape) = network;
        table.networks.push(NetworkTime {
            genotype: genotype.to_text(),
            init_channels: shape.init_channels,
            layers: shape.n_cells,
            seconds,
            layer_seconds,
        });
        observer.on(Event::Measuring { done: table.layers.len() + done + 1, total })?;
    }
    Ok(table)
}

/// Seconds that a network takes for one image on `device`, the plain one, with weights that are drawn.
pub fn seconds_of_network(network: &(Genotype, NetworkShape), device: &Device, seed: u64) -> f64 {
    let config = Wanted::config(network);
    in_pool(|| of_network(Network::new(config.plan(), device), config.image_size, seed, device))
}

/// Seconds of some steps for one image, of several ways together.
pub(crate) fn seconds_of(ways: &[&Vec<Step>], input: MapShape, device: &Device) -> f64 {
    let ways = ways.iter().filter(|steps| !steps.is_empty());
    let ways: Vec<Operation> =
        ways.map(|steps| initialize(Operation::new(steps.to_vec(), device), 0)).collect();
    let MapShape { channels, size: [height, width] } = input;
    // What the numbers are does not matter, but for denormal ones.
    let image = Tensor::<4>::ones([1, channels, height, width], device);
    median_seconds(|| {
        for way in &ways {
            // Reading the answer waits for it.
            let _ = way.forward(image.clone(), &mut Pass::eval()).into_data();
        }
    })
}

/// Seconds of a network of weights that are drawn, whose running statistics are like those of a trained one: with those it
/// is built with maps would fade to denormal numbers, which some processors handle slowly.
fn of_network(net: Network, [height, width]: [usize; 2], seed: u64, device: &Device) -> f64 {
    let channels = net.plan().image.channels;
    let mut random = stream(seed, "latency/image", &[]);
    let batch = |images: usize, random: &mut _| {
        let shape = [images, channels, height, width];
        let numbers: Vec<f32> = (0..shape.iter().product()).map(|_| StandardNormal.sample(random)).collect();
        Tensor::<4>::from_data(TensorData::new(numbers, shape), device)
    };
    let mut net = initialize(net, seed);
    let mut pass = Pass::train();
    net.forward(batch(4, &mut random), &mut pass);
    (0..ABSORBED).for_each(|_| absorb(&mut net, pass.statistics.clone()));
    let image = batch(1, &mut random);
    median_seconds(|| {
        let _ = net.forward(image.clone(), &mut Pass::eval()).logits.into_data();
    })
}
