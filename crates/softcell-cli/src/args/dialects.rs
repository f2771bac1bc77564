//! Forms of genotypes on the command line.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use softcell::Result;
use softcell::space::Dialect;

/// The word for a form that is detected.
pub const AUTO: &str = "auto";

/// The form that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromDialect {
    /// The text tells.
    Detected,
    /// This one.
    Given(Dialect),
}

fn possible(dialect: Dialect) -> PossibleValue {
    PossibleValue::new(dialect.name()).aliases(dialect.other_names()).help(dialect.title())
}

/// Reads the name of a dialect.
pub fn to() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(Dialect::ALL.map(possible)).try_map(|name| name.parse::<Dialect>())
}

/// Reads the name of a dialect, or [`AUTO`].
pub fn from() -> impl TypedValueParser<Value = FromDialect> {
    let auto = PossibleValue::new(AUTO).help("whichever the text is of");
    let all: Vec<PossibleValue> = [auto].into_iter().chain(Dialect::ALL.map(possible)).collect();
    PossibleValuesParser::new(all).try_map(|name| -> Result<FromDialect> {
        if name == AUTO { Ok(FromDialect::Detected) } else { name.parse().map(FromDialect::Given) }
    })
}
