//! The named choices on an edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wording::{did_you_mean, excerpt};
use crate::error::{Error, Result};

/// A named choice on an edge. Written, also by serde, in the original's spelling (`sep_conv_3x3`).
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Primitive {
    /// `none`: no edge. Takes part in the softmax, is never derived.
    None,
    /// `max_pool_3x3`: padding 1.
    MaxPool3x3,
    /// `avg_pool_3x3`: padding 1, the padding left out of the mean.
    AvgPool3x3,
    /// `skip_connect`: identity at stride 1, factorized reduce at stride 2.
    SkipConnect,
    /// `sep_conv_3x3`: depthwise separable convolution, applied twice.
    SepConv3x3,
    /// `sep_conv_5x5`: depthwise separable convolution, applied twice.
    SepConv5x5,
    /// `dil_conv_3x3`: depthwise separable convolution with dilation 2.
    DilConv3x3,
    /// `dil_conv_5x5`: depthwise separable convolution with dilation 2.
    DilConv5x5,
    /// `sep_conv_7x7`: depthwise separable convolution, applied twice; in NASNet and AmoebaNet only.
    SepConv7x7,
    /// `conv_7x1_1x7`: a full convolution 1×7, then one 7×1; in AmoebaNet only.
    Conv7x1_1x7,
    /// `nor_conv_1x1`: ReLU, full convolution 1×1, batch normalisation; in NAS-Bench-201.
    NorConv1x1,
    /// `nor_conv_3x3`: ReLU, full convolution 3×3, batch normalisation; in NAS-Bench-201.
    NorConv3x3,
    /// `noise`: standard normal numbers, whatever is read; in S4 of RobustDARTS, to see whether a search avoids it.
    Noise,
}

impl Primitive {
    /// The candidates of the original search, in its order: the columns of alpha.
    pub const DARTS: [Primitive; 8] = [
        Primitive::None,
        Primitive::MaxPool3x3,
        Primitive::AvgPool3x3,
        Primitive::SkipConnect,
        Primitive::SepConv3x3,
        Primitive::SepConv5x5,
        Primitive::DilConv3x3,
        Primitive::DilConv5x5,
    ];

    /// The choices of NAS-Bench-201 (Dong & Yang 2020), in its order.
    pub const NAS_BENCH_201: [Primitive; 5] = [
        Primitive::None,
        Primitive::SkipConnect,
        Primitive::NorConv1x1,
        Primitive::NorConv3x3,
        Primitive::AvgPool3x3,
    ];

    /// Every primitive, [`Primitive::DARTS`] first.
    pub const ALL: [Primitive; 13] = [
        Primitive::None,
        Primitive::MaxPool3x3,
        Primitive::AvgPool3x3,
        Primitive::SkipConnect,
        Primitive::SepConv3x3,
        Primitive::SepConv5x5,
        Primitive::DilConv3x3,
        Primitive::DilConv5x5,
        Primitive::SepConv7x7,
        Primitive::Conv7x1_1x7,
        Primitive::NorConv1x1,
        Primitive::NorConv3x3,
        Primitive::Noise,
    ];

    /// The original's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Primitive::None => "none",
            Primitive::MaxPool3x3 => "max_pool_3x3",
            Primitive::AvgPool3x3 => "avg_pool_3x3",
            Primitive::SkipConnect => "skip_connect",
            Primitive::SepConv3x3 => "sep_conv_3x3",
            Primitive::SepConv5x5 => "sep_conv_5x5",
            Primitive::DilConv3x3 => "dil_conv_3x3",
            Primitive::DilConv5x5 => "dil_conv_5x5",
            Primitive::SepConv7x7 => "sep_conv_7x7",
            Primitive::Conv7x1_1x7 => "conv_7x1_1x7",
            Primitive::NorConv1x1 => "nor_conv_1x1",
            Primitive::NorConv3x3 => "nor_conv_3x3",
            Primitive::Noise => "noise",
        }
    }

    /// Whether this is max or average pooling.
    pub const fn is_pool(self) -> bool {
        matches!(self, Primitive::MaxPool3x3 | Primitive::AvgPool3x3)
    }

    /// Whether this is a convolution: an operation that learns at every stride.
    pub const fn is_learnable(self) -> bool {
        use Primitive::*;
        matches!(
            self,
            SepConv3x3
                | SepConv5x5
                | SepConv7x7
                | DilConv3x3
                | DilConv5x5
                | Conv7x1_1x7
                | NorConv1x1
                | NorConv3x3
        )
    }

    /// Whether this is `skip_connect`.
    pub const fn is_skip(self) -> bool {
        matches!(self, Primitive::SkipConnect)
    }

    /// Whether a cell of these alone has collapsed: they hand on what they get, or nothing of it.
    pub const fn is_idle(self) -> bool {
        matches!(self, Primitive::SkipConnect | Primitive::Noise)
    }
}

impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Primitive {
    type Err = Error;

    /// Reads the original's spelling exactly.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for any other text; it names the nearest known name.
    fn from_str(text: &str) -> Result<Primitive> {
        let all = Primitive::ALL;
        all.into_iter().find(|primitive| primitive.name() == text).ok_or_else(|| {
            let names = all.map(Primitive::name);
            Error::invalid(
                "operation name",
                excerpt(text, 32),
                format!("one of {}", names.join(", ")),
                near(text),
            )
        })
    }
}

fn near(text: &str) -> String {
    did_you_mean(text, Primitive::ALL.map(Primitive::name))
}

impl Serialize for Primitive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Primitive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Primitive, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            let (found, near) = (excerpt(&text, 32), near(&text));
            serde::de::Error::custom(format!("an unknown operation {found}, {near}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn darts_order_is_the_column_order_of_alpha() {
        let names = Primitive::DARTS.map(Primitive::name);
        let expected =
            "none max_pool_3x3 avg_pool_3x3 skip_connect sep_conv_3x3 sep_conv_5x5 dil_conv_3x3 dil_conv_5x5";
        assert_eq!(names.join(" "), expected);
        assert_eq!(Primitive::ALL[..8], Primitive::DARTS);
    }

    #[test]
    fn names_read_back() {
        for primitive in Primitive::ALL {
            assert_eq!(primitive.to_string().parse::<Primitive>().unwrap(), primitive);
            let json = serde_json::to_string(&primitive).unwrap();
            assert_eq!(json, format!("\"{}\"", primitive.name()));
            assert_eq!(serde_json::from_str::<Primitive>(&json).unwrap(), primitive);
        }
    }

    #[test]
    fn unknown_names_get_the_nearest() {
        for (wrong, near) in [
            ("sepconv3x3", "`sep_conv_3x3`?"),
            ("Skip_Connect", "`skip_connect`?"),
            ("conv_7x1", "`conv_7x1_1x7`?"),
        ] {
            let message = wrong.parse::<Primitive>().unwrap_err().to_string();
            assert!(message.contains(near) && message.contains(wrong), "{message}");
        }
        let message = serde_json::from_str::<Primitive>("\"max_pool_5x5\"").unwrap_err().to_string();
        assert!(message.contains("did you mean `max_pool_3x3`?"), "{message}");
        let message = "bogus_op".parse::<Primitive>().unwrap_err().to_string();
        assert!(message.ends_with("no known name is like it"), "{message}");
    }

    #[test]
    fn kinds_of_primitive() {
        let pools: Vec<_> = Primitive::ALL.into_iter().filter(|p| p.is_pool()).collect();
        assert_eq!(pools, [Primitive::MaxPool3x3, Primitive::AvgPool3x3]);
        let skips: Vec<_> = Primitive::ALL.into_iter().filter(|p| p.is_skip()).collect();
        assert_eq!(skips, [Primitive::SkipConnect]);
    }
}
