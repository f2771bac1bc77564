//! How tools spell operations: the one table.

use super::super::primitive::Primitive;
use super::super::wording::{did_you_mean, excerpt};
use crate::error::{Error, Result};

/// A way to spell operations. All dialects but two keep the original's.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Spelling {
    /// The original's, which the others took over: `sep_conv_3x3`.
    Original,
    /// That of NNI's model hub, the original's; that of the example before it is understood as well.
    NniHub,
    /// That of NNI's example before its model hub: `sepconv3x3`.
    NniExample,
    /// MMRazor's: the original's but for `zero`, and without the operations of NASNet and AmoebaNet.
    MmRazor,
}

/// Every operation as spelled by the original, by NNI's example and by MMRazor; none where a tool has no such
/// operation.
const TABLE: [(Primitive, &str, Option<&str>, Option<&str>); 13] = [
    (Primitive::None, "none", Some("none"), Some("zero")),
    (Primitive::MaxPool3x3, "max_pool_3x3", Some("maxpool"), Some("max_pool_3x3")),
    (Primitive::AvgPool3x3, "avg_pool_3x3", Some("avgpool"), Some("avg_pool_3x3")),
    (Primitive::SkipConnect, "skip_connect", Some("skipconnect"), Some("skip_connect")),
    (Primitive::SepConv3x3, "sep_conv_3x3", Some("sepconv3x3"), Some("sep_conv_3x3")),
    (Primitive::SepConv5x5, "sep_conv_5x5", Some("sepconv5x5"), Some("sep_conv_5x5")),
    (Primitive::DilConv3x3, "dil_conv_3x3", Some("dilconv3x3"), Some("dil_conv_3x3")),
    (Primitive::DilConv5x5, "dil_conv_5x5", Some("dilconv5x5"), Some("dil_conv_5x5")),
    (Primitive::SepConv7x7, "sep_conv_7x7", None, None),
    (Primitive::Conv7x1_1x7, "conv_7x1_1x7", None, None),
    (Primitive::NorConv1x1, "nor_conv_1x1", None, None),
    (Primitive::NorConv3x3, "nor_conv_3x3", None, None),
    (Primitive::Noise, "noise", None, None),
];

/// Operations of other tools and spaces that are not built here, so that none of ours is suggested for them.
const ELSEWHERE: [&str; 13] = [
    "conv_1x1",
    "conv_3x3",
    "conv_5x5",
    "conv_7x7",
    "conv_3x1_1x3",
    "att_squeeze",
    "dil_sep_conv_3x3",
    "dil_sep_conv_5x5",
    "max_pool_2x2",
    "max_pool_5x5",
    "max_pool_7x7",
    "avg_pool_2x2",
    "avg_pool_5x5",
];

impl Spelling {
    /// Every operation that this tool has, in the order of the table, with its name.
    pub(super) fn names(self) -> impl Iterator<Item = (Primitive, &'static str)> {
        TABLE.into_iter().filter_map(move |(primitive, original, nni, mmrazor)| {
            let name = match self {
                Spelling::Original | Spelling::NniHub => Some(original),
                Spelling::NniExample => nni,
                Spelling::MmRazor => mmrazor,
            };
            name.map(|name| (primitive, name))
        })
    }

    /// The name of an operation; none where the tool has no such operation.
    pub(super) fn name(self, primitive: Primitive) -> Option<&'static str> {
        self.names().find(|&(known, _)| known == primitive).map(|(_, name)| name)
    }

    /// The operation of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for any other text; it names the nearest known name, or says that the operation is
    /// another tool's.
    pub(super) fn read(self, text: &str) -> Result<Primitive> {
        let older = (self == Spelling::NniHub).then_some(Spelling::NniExample);
        let mut understood = self.names().chain(older.into_iter().flat_map(Spelling::names));
        if let Some((primitive, _)) = understood.find(|&(_, name)| name == text) {
            return Ok(primitive);
        }
        let names: Vec<&str> = self.names().map(|(_, name)| name).collect();
        let remedy = if ELSEWHERE.contains(&text) {
            "that operation is known elsewhere, but no network with it can be built here".into()
        } else {
            did_you_mean(text, names.iter().copied())
        };
        let expected = format!("one of {}", names.join(", "));
        Err(Error::invalid("operation name", excerpt(text, 32), expected, remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Spelling; 4] =
        [Spelling::Original, Spelling::NniHub, Spelling::NniExample, Spelling::MmRazor];

    #[test]
    fn the_table_holds_every_operation_in_its_own_spelling() {
        assert_eq!(TABLE.map(|(primitive, ..)| primitive), Primitive::ALL);
        for primitive in Primitive::ALL {
            assert_eq!(Spelling::Original.name(primitive), Some(primitive.name()));
        }
    }

    #[test]
    fn names_read_back() {
        for spelling in ALL {
            for (primitive, name) in spelling.names() {
                assert_eq!(spelling.read(name).unwrap(), primitive);
                assert!(!ELSEWHERE.contains(&name), "{name}");
            }
        }
        assert_eq!(Spelling::MmRazor.name(Primitive::SepConv7x7), None);
        assert_eq!(Spelling::MmRazor.read("zero").unwrap(), Primitive::None);
    }

    #[test]
    fn the_hub_understands_the_names_of_the_example() {
        for (primitive, name) in Spelling::NniExample.names() {
            assert_eq!(Spelling::NniHub.read(name).unwrap(), primitive);
            // No name means one operation here and another there.
            assert!(Spelling::NniHub.names().all(|(other, known)| known != name || other == primitive));
        }
        assert!(Spelling::Original.read("sepconv3x3").is_err());
    }

    /// A name that is cut off is none.
    #[test]
    fn no_name_begins_another() {
        let names = ALL.into_iter().flat_map(Spelling::names).map(|(_, name)| name);
        let names: Vec<&str> = names.collect();
        for name in &names {
            assert!(names.iter().all(|other| other == name || !other.starts_with(name)), "{name}");
        }
    }

    #[test]
    fn unknown_names_get_the_nearest_of_the_same_tool() {
        let message = |spelling: Spelling, text: &str| spelling.read(text).unwrap_err().to_string();
        assert!(message(Spelling::NniExample, "sep_conv_3x3").ends_with("did you mean `sepconv3x3`?"));
        assert!(message(Spelling::MmRazor, "none").contains("zero"));
        let elsewhere = message(Spelling::Original, "conv_3x3");
        assert!(elsewhere.contains("known elsewhere") && !elsewhere.contains("did you mean"), "{elsewhere}");
    }
}
