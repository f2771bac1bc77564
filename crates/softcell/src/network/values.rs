//! Values that no network can have.

use super::NamedTensors;

/// A tensor with such a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    /// What is wrong, with the tensor's name: `2 values in cells.0.preprocess0.op.1.weight that are not finite`.
    pub found: String,
    /// What it should be.
    pub expected: &'static str,
}

/// The first tensor with a value that is not a finite number, or with a running variance below 0.
pub(crate) fn unusable(tensors: &NamedTensors) -> Option<Unusable> {
    tensors.iter().find_map(|(name, tensor)| {
        let values = &tensor.values;
        let strange = values.iter().filter(|value| !value.is_finite()).count();
        if strange > 0 {
            let of = values.len();
            let found = format!("{strange} of {of} values in {name} that are NaN or infinite");
            return Some(Unusable { found, expected: "finite numbers" });
        }
        let below = values.iter().find(|value| **value < 0.0).filter(|_| name.ends_with("running_var"))?;
        Some(Unusable { found: format!("{below} in {name}"), expected: "variances of 0 or more" })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::HostTensor;

    #[test]
    fn only_variances_must_not_be_below_zero() {
        let found = |name: &str, values: &[f32]| {
            let tensor = HostTensor { shape: vec![values.len()], values: values.to_vec() };
            unusable(&[(name.to_owned(), tensor)].into()).map(|unusable| unusable.found)
        };
        assert_eq!(found("a.weight", &[-1.0, 0.0, f32::MAX]), None);
        assert_eq!(found("a.running_var", &[0.0, 1.0]), None);
        assert_eq!(found("net.a.running_var", &[0.0, -1.0]).unwrap(), "-1 in net.a.running_var");
        for strange in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let text = found("a.weight", &[1.0, strange]).unwrap();
            assert_eq!(text, "1 of 2 values in a.weight that are NaN or infinite");
        }
    }
}
