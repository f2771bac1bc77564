//! Which limit cannot be met, and what could be.

use super::{Limits, Shrink, latency};
use crate::error::{Error, Result};
use crate::space::cost::{Cost, NetworkShape, derived_cost};
use crate::space::genotype::Genotype;

/// What is limited.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Quantity {
    Parameters,
    Macs,
    Latency,
}

impl Quantity {
    const ALL: [Quantity; 3] = [Quantity::Parameters, Quantity::Macs, Quantity::Latency];

    /// How much of it a network has; none where it is not known.
    fn of(self, genotype: &Genotype, shape: &NetworkShape, limits: &Limits<'_>) -> Result<Option<f64>> {
        let Cost { parameters, macs } = derived_cost(genotype, shape);
        Ok(match self {
            Quantity::Parameters => Some(parameters as f64),
            Quantity::Macs => Some(macs as f64),
            Quantity::Latency => {
                limits.latency.map(|limit| latency(genotype, shape, limit.times)).transpose()?
            }
        })
    }

    /// The most of it, if that is limited.
    fn limit(self, limits: &Limits<'_>) -> Option<f64> {
        match self {
            Quantity::Parameters => Some(limits.max_params as f64),
            Quantity::Macs => Some(limits.max_macs as f64),
            Quantity::Latency => limits.latency.map(|limit| limit.seconds),
        }
        .filter(|limit| *limit > 0.0)
    }

    /// These limits without the one on it.
    fn lifted<'a>(self, limits: &Limits<'a>) -> Limits<'a> {
        match self {
            Quantity::Parameters => Limits { max_params: 0, ..*limits },
            Quantity::Macs => Limits { max_macs: 0, ..*limits },
            Quantity::Latency => Limits { latency: None, ..*limits },
        }
    }

    /// The setting.
    fn name(self) -> &'static str {
        match self {
            Quantity::Parameters => "train.max_params",
            Quantity::Macs => "train.max_macs",
            Quantity::Latency => "train.max_latency",
        }
    }

    /// So much of it, as the setting is written.
    fn written(self, amount: f64) -> String {
        match self {
            Quantity::Parameters | Quantity::Macs => format!("{amount:.0}"),
            Quantity::Latency => milliseconds(amount),
        }
    }

    /// So much of it, in words.
    fn words(self, amount: f64) -> String {
        match self {
            Quantity::Parameters => format!("has {amount:.0} parameters"),
            Quantity::Macs => format!("has {amount:.0} multiply-adds"),
            Quantity::Latency => format!("takes {} for an image by estimate", milliseconds(amount)),
        }
    }
}

/// `4.73ms`, to three figures, never less than it is: what is told as the least can be asked for.
pub(crate) fn milliseconds(seconds: f64) -> String {
    let amount = seconds * 1e3;
    if amount <= 0.0 {
        return "0ms".to_owned();
    }
    let decimals = (2.0 - amount.log10().floor()).clamp(0.0, 6.0) as usize;
    let power = 10f64.powi(decimals as i32);
    // What only rounding of the product adds is not rounded up.
    format!("{:.decimals$}ms", (amount * power - 1e-6).ceil() / power)
}

/// The network with the least of `quantity` among those that may be chosen and are within `others`; `limits` has the times.
fn smallest(
    genotype: &Genotype,
    asked: &NetworkShape,
    shrink: Shrink,
    quantity: Quantity,
    (limits, others): (&Limits<'_>, &Limits<'_>),
) -> Result<Option<(f64, NetworkShape)>> {
    let Some(&init_channels) = shrink.widths(asked.init_channels).last() else { return Ok(None) };
    let mut least: Option<(f64, NetworkShape)> = None;
    for n_cells in shrink.depths(asked.n_cells) {
        let shape = NetworkShape { init_channels, n_cells, ..*asked };
        let amount = quantity.of(genotype, &shape, limits)?;
        if let Some(amount) = amount.filter(|amount| least.is_none_or(|(least, _)| *amount < least))
            && others.hold(genotype, &shape)?
        {
            least = Some((amount, shape));
        }
    }
    Ok(least)
}

/// Says which limit cannot be met, and what could be.
pub(super) fn unreachable_limit(
    genotype: &Genotype,
    asked: &NetworkShape,
    limits: &Limits<'_>,
    shrink: Shrink,
) -> Result<Error> {
    let free = Limits::default();
    let mut out_of_reach = None;
    let mut limited = Vec::new();
    for quantity in Quantity::ALL {
        let Some(limit) = quantity.limit(limits) else { continue };
        limited.push(quantity);
        let least = smallest(genotype, asked, shrink, quantity, (limits, &free))?;
        if out_of_reach.is_none() && least.is_some_and(|(amount, _)| amount > limit) {
            out_of_reach = Some(quantity);
        }
    }
    // Where each can be met but not all, the question is how little of the first the others leave.
    let first = limited.first().copied().unwrap_or(Quantity::Parameters);
    let (quantity, others) = match out_of_reach {
        Some(quantity) => (quantity, free),
        None => (first, first.lifted(limits)),
    };
    let words = |shrink| -> Result<Option<String>> {
        let least = smallest(genotype, asked, shrink, quantity, (limits, &others))?;
        Ok(least.map(|(amount, shape)| {
            format!(
                "{} with {} cells from {} channels",
                quantity.words(amount),
                shape.n_cells,
                shape.init_channels
            )
        }))
    };
    let least = words(shrink)?.unwrap_or_else(|| "is not within the other limits either".to_owned());
    let beside = if others.is_none() { "" } else { " within the other limits" };
    let mut expected = format!("no less than the smallest network{beside}, which {least}");
    match words(Shrink::Both)?.filter(|_| shrink != Shrink::Both) {
        Some(smaller) => expected
            .push_str(&format!("; train.shrink is {}: with both, the smallest {smaller}", shrink.name())),
        None => expected.push_str("; a still narrower one is taken where train.init_channels is given"),
    }
    let limit = quantity.limit(limits).unwrap_or_default();
    Ok(Error::setting(quantity.name(), quantity.written(limit), expected))
}
