//! Replays single operations.

use burn::tensor::Tensor;
use serde::Deserialize;

use super::compare_gradients;
use super::deviation::{Deviations, Reach};
use super::recording::{Recording, count_recorded};
use super::stage::{Stage, to_host};
use crate::error::Result;
use crate::network::{Operation, Pass, gradients, load_named, weight_names};
use crate::space::Primitive;
use crate::space::plan::{Norms, primitive_steps};

/// The case of a recording of operations.
#[derive(Deserialize)]
struct Case {
    /// Such as `sep_conv_3x3.s2.affine`.
    cases: Vec<String>,
}

/// What a name says.
struct Variant {
    primitive: Primitive,
    stride: usize,
    affine: bool,
}

/// Runs each operation forwards and backwards in training mode.
pub(super) fn replay(recording: &Recording, stage: &Stage) -> Result<Deviations> {
    let case: Case = recording.case()?;
    let mut deviations = Deviations::default();
    for name in &case.cases {
        let variant = parse(recording, name)?;
        one(&mut deviations, recording, name, &variant, stage)?;
    }
    Ok(deviations)
}

fn one(
    deviations: &mut Deviations,
    recording: &Recording,
    name: &str,
    variant: &Variant,
    stage: &Stage,
) -> Result<()> {
    let tensor = |part: &str| format!("{name}.{part}");
    let (recorded_input, shape) = recording.shaped::<4>(&tensor("input"))?;
    let recorded_output = recording.float(&tensor("output"))?;
    let recorded_input_gradient = recording.float(&tensor("grad_input"))?;
    let (output_gradient, output_shape) = recording.shaped::<4>(&tensor("grad_output"))?;
    let op = build(recording, name, variant, shape[1], stage)?;

    let input = stage.tensor::<4>(recorded_input).require_grad();
    let output = match &op {
        Some(op) => op.forward(input.clone(), &mut Pass::train()),
        None => nothing(input.clone(), variant.stride),
    };
    deviations.compare("output", Reach::Smooth, &tensor("output"), &to_host(output.clone()), recorded_output);
    if output.dims() != output_shape {
        let expected = format!("the shape of the output, {:?}", output.dims());
        return Err(recording.refuse(&tensor("grad_output"), format!("shape {output_shape:?}"), expected));
    }
    // The gradient of Σ output · g is what a backward pass from g gives.
    let back = (output * stage.tensor::<4>(output_gradient)).sum().backward();
    let input_gradient = match input.grad(&back) {
        Some(gradient) => to_host(gradient),
        None => to_host(Tensor::<4>::zeros(shape, &stage.device)),
    };
    deviations.compare(
        "input_gradient",
        Reach::Smooth,
        &tensor("grad_input"),
        &input_gradient,
        recorded_input_gradient,
    );
    match op {
        Some(op) => compare_gradients(
            deviations,
            "parameter_gradients",
            Reach::Smooth,
            recording,
            &tensor("grad."),
            &weight_names(&op),
            &gradients(&op, &back),
        ),
        None => Ok(()),
    }
}

/// The operation with the recorded parameters. Pooling is bare, whatever the normalisation.
fn build(
    recording: &Recording,
    name: &str,
    variant: &Variant,
    channels: usize,
    stage: &Stage,
) -> Result<Option<Operation>> {
    let Variant { primitive, stride, affine } = *variant;
    let parameters = recording.under(&format!("{name}.param."));
    let norms = Norms { affine, ..Norms::DERIVED };
    let bare = primitive == Primitive::None || primitive.is_pool() || (primitive.is_skip() && stride == 1);
    // Every other operation has at least a weight for each pair of channels: a header that claims more
    // channels than it has weights would only fill the memory.
    let weights = count_recorded(&parameters, |_| false);
    if !bare && weights < channels as u64 * channels as u64 {
        let found = format!("{weights} weights");
        return Err(recording.refuse(
            &format!("{name}.param"),
            found,
            format!("those of {channels} channels"),
        ));
    }
    if primitive == Primitive::None {
        return Ok(None);
    }
    let op = Operation::new(primitive_steps(primitive, channels, stride, norms), &stage.device);
    let origin = format!("{}, {name}.param", recording.origin());
    Ok(Some(stage.module(load_named(op, &parameters, &origin)?)))
}

/// `none`: zeros, of the size that the stride leaves. The supernet skips it, which amounts to the same.
fn nothing(x: Tensor<4>, stride: usize) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    let side = |length: usize| length.div_ceil(stride);
    let zeros = Tensor::zeros([n, c, side(h), side(w)], &x.device());
    // Keeps a path, of slope zero, from the input to the output.
    zeros + x.sum().reshape([1, 1, 1, 1]) * 0.0
}

fn parse(recording: &Recording, name: &str) -> Result<Variant> {
    let parts: Vec<&str> = name.split('.').collect();
    let variant = match parts[..] {
        [primitive, stride, norm] => {
            let stride = match stride {
                "s1" => Some(1),
                "s2" => Some(2),
                _ => None,
            };
            let affine = match norm {
                "plain" => Some(false),
                "affine" => Some(true),
                _ => None,
            };
            primitive.parse().ok().zip(stride).zip(affine)
        }
        _ => None,
    };
    let ((primitive, stride), affine) = variant.ok_or_else(|| {
        let names = Primitive::ALL.map(Primitive::name).join(", ");
        let expected =
            format!("<operation>.<s1 or s2>.<plain or affine>, the operation being one of {names}");
        recording.refuse("case", format!("the name {name:?}"), expected)
    })?;
    Ok(Variant { primitive, stride, affine })
}
