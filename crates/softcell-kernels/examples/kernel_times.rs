//! Prints milliseconds of each operation's stock body and fast body, forward and forward + backward.
//!
//! `cargo run --release -p softcell-kernels --example kernel_times`

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use softcell_kernels as fast;
use softcell_kernels::{Activation, ConvShape, Pool, reference};

/// An operation on a map and its parameters.
type Operation = Box<dyn Fn(Tensor<4>, &[Tensor<4>]) -> Tensor<4>>;

struct Case {
    name: String,
    parameters: Vec<Tensor<4>>,
    stock: Operation,
    fast: Operation,
}

fn main() {
    println!(
        "{:<22} {:<28} {:>9} {:>9} {:>9} {:>9}",
        "map", "operation", "stock f", "fast f", "stock f+b", "fast f+b"
    );
    for [images, channels, size] in [[64, 16, 32], [64, 32, 16], [64, 64, 8], [64, 8, 8]] {
        let shape = [images, channels, size, size];
        let x = random(shape);
        for case in cases(channels, shape) {
            let [stock, fast] = [&case.stock, &case.fast].map(|operation| {
                let forward = time(|| drop(operation(x.clone(), &case.parameters)));
                let both = time(|| {
                    let x = Tensor::from_inner(x.clone()).require_grad();
                    let parameters: Vec<_> = case
                        .parameters
                        .iter()
                        .map(|p| Tensor::from_inner(p.clone()).require_grad())
                        .collect();
                    let y = operation(x, &parameters);
                    drop(y.sum().backward());
                });
                [forward, both]
            });
            println!(
                "{:<22} {:<28} {:>9.3} {:>9.3} {:>9.3} {:>9.3}",
                format!("{shape:?}"),
                case.name,
                stock[0],
                fast[0],
                stock[1],
                fast[1]
            );
        }
    }
}

fn random(shape: [usize; 4]) -> Tensor<4> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::flex())
}

/// Best of several runs, in milliseconds.
fn time(mut body: impl FnMut()) -> f64 {
    body();
    let start = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while runs < 5 || (start.elapsed().as_secs_f64() < 0.25 && runs < 200) {
        let start = Instant::now();
        body();
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        runs += 1;
    }
    best
}

fn cases(channels: usize, shape: [usize; 4]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (kernel, stride, dilation) in [(3, 1, 1), (5, 1, 1), (3, 1, 2), (5, 1, 2), (3, 2, 1), (5, 2, 1)] {
        let padding = dilation * (kernel - 1) / 2;
        let options = ConvShape::square(stride, padding, dilation).with_activation(Activation::Relu);
        cases.push(Case {
            name: format!("relu + depthwise {kernel}x{kernel} s{stride} d{dilation}"),
            parameters: vec![random([channels, 1, kernel, kernel])],
            stock: Box::new(move |x, p| reference::depthwise_conv2d(x, p[0].clone(), options)),
            fast: Box::new(move |x, p| fast::depthwise_conv2d(x, p[0].clone(), options)),
        });
    }
    cases.push(Case {
        name: "pointwise".into(),
        parameters: vec![random([channels, channels, 1, 1])],
        stock: Box::new(|x, p| reference::pointwise_conv2d(x, p[0].clone())),
        fast: Box::new(|x, p| fast::pointwise_conv2d(x, p[0].clone())),
    });
    for kind in [Pool::Max, Pool::Average] {
        for stride in [1, 2] {
            cases.push(Case {
                name: format!("pool {kind:?} s{stride}"),
                parameters: Vec::new(),
                stock: Box::new(move |x, _| reference::pool3x3(x, kind, stride)),
                fast: Box::new(move |x, _| fast::pool3x3(x, kind, stride)),
            });
        }
    }
    cases.push(Case {
        name: "batch norm".into(),
        parameters: Vec::new(),
        stock: Box::new(|x, _| {
            let (channels, device) = (x.dims()[1], x.device());
            let (gamma, beta) = (Tensor::ones([channels], &device), Tensor::zeros([channels], &device));
            burn::tensor::module::batch_norm_train(x, gamma, beta, 1e-5).output
        }),
        fast: Box::new(|x, _| fast::batch_norm_train(x, None, 1e-5).y),
    });
    let mut terms: Vec<_> = (0..7).map(|_| random(shape)).collect();
    terms.push(random([7, 1, 1, 1]));
    let sum = |terms: &[Tensor<4>], body: fn(Vec<Tensor<4>>, Tensor<1>) -> Tensor<4>| {
        body(terms[..7].to_vec(), terms[7].clone().reshape([7]))
    };
    cases.push(Case {
        name: "weighted sum of 7".into(),
        parameters: terms,
        stock: Box::new(move |_, p| sum(p, reference::weighted_sum)),
        fast: Box::new(move |_, p| sum(p, fast::weighted_sum)),
    });
    cases
}
