//! The colour of each operation, in pictures and charts: one hue for each kind.

use crate::space::Primitive;

/// On white and on black.
pub(crate) struct Colour {
    pub light: &'static str,
    pub dark: &'static str,
}

/// The colour of an operation: separable convolutions are blue, dilated ones purple, other convolutions red,
/// pooling orange, skip connections green, `none` and `noise` gray.
pub(crate) const fn colour_of(primitive: Primitive) -> Colour {
    let (light, dark) = match primitive {
        Primitive::None => ("#868e96", "#868e96"),
        Primitive::MaxPool3x3 => ("#d9480f", "#ff922b"),
        Primitive::AvgPool3x3 => ("#b08900", "#ffd43b"),
        Primitive::SkipConnect => ("#2b8a3e", "#51cf66"),
        Primitive::SepConv3x3 => ("#228be6", "#4dabf7"),
        Primitive::SepConv5x5 => ("#1238a0", "#9ab0ff"),
        Primitive::SepConv7x7 => ("#0b7285", "#22d3ee"),
        Primitive::DilConv3x3 => ("#9c36b5", "#cc5de8"),
        Primitive::DilConv5x5 => ("#d6336c", "#f783ac"),
        Primitive::Conv7x1_1x7 => ("#c92a2a", "#ff6b6b"),
        Primitive::NorConv1x1 => ("#a61e4d", "#faa2c1"),
        Primitive::NorConv3x3 => ("#e03131", "#ff8787"),
        Primitive::Noise => ("#495057", "#ced4da"),
    };
    Colour { light, dark }
}

/// The style of pictures: light, and dark where the reader's screen is.
///
/// Custom properties would be shorter, but not every program that shows SVG knows them.
pub(super) fn picture_style() -> String {
    let rules = |dark: bool| {
        let pick = |light: &'static str, on_dark: &'static str| if dark { on_dark } else { light };
        let mut rules = format!(
            ".sc-page{{fill:{}}}.sc-text{{fill:{}}}.sc-faint{{fill:{}}}\
             .sc-node{{fill:{};stroke:{}}}.sc-line{{stroke:{}}}.sc-tip{{fill:{}}}",
            pick("#ffffff", "#16181d"),
            pick("#1b1e23", "#f1f3f5"),
            pick("#5c636b", "#adb5bd"),
            pick("#f1f3f5", "#2b2f36"),
            pick("#5c636b", "#adb5bd"),
            pick("#868e96", "#868e96"),
            pick("#868e96", "#868e96"),
        );
        for primitive in Primitive::ALL {
            let colour = pick(colour_of(primitive).light, colour_of(primitive).dark);
            let name = primitive.name();
            rules.push_str(&format!(
                ".sc-line.sc-{name}{{stroke:{colour}}}.sc-tip.sc-{name}{{fill:{colour}}}\
                 .sc-box.sc-{name}{{fill:{colour};fill-opacity:{};stroke:{colour}}}",
                if dark { "0.22" } else { "0.13" }
            ));
        }
        rules
    };
    format!(
        ".sc-line{{fill:none;stroke-width:1.3}}.sc-box{{stroke-width:1.2}}.sc-node{{stroke-width:1.2}}{}\
         @media screen and (prefers-color-scheme:dark){{{}}}",
        rules(false),
        rules(true)
    )
}

/// Custom properties `--op-NAME` for pages, of the light or the dark scheme.
pub(crate) fn series_properties(dark: bool) -> String {
    Primitive::ALL
        .iter()
        .map(|&primitive| {
            let colour = colour_of(primitive);
            format!("--op-{}:{};", primitive.name(), if dark { colour.dark } else { colour.light })
        })
        .collect()
}
