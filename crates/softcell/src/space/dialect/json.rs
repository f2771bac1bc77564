//! This program's JSON.

use super::super::genotype::{Genotype, UncheckedGenotype};
use super::super::wording::shorten;
use crate::error::{Error, Result};

/// Reads the JSON of [`Genotype`]'s serde.
pub(super) fn read(text: &str) -> Result<Genotype> {
    let unchecked: UncheckedGenotype = serde_json::from_str(text).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let problem = error.to_string();
        let problem = problem.strip_suffix(&place).unwrap_or(&problem);
        Error::invalid(
            format!("genotype JSON, line {}, column {}", error.line(), error.column()),
            shorten(problem, 300),
            concat!(
                r#"{"normal": {"nodes": [[{"primitive": "sep_conv_3x3", "source": 0}, …], …], "#,
                r#""concat": [2, …]}, "reduction": {…}}"#
            ),
            "correct the JSON, or give the genotype as the original's text `Genotype(normal=[…], …)`",
        )
    })?;
    unchecked.try_into()
}

/// Writes the JSON of [`Genotype`]'s serde, indented.
pub(super) fn write(genotype: &Genotype) -> String {
    serde_json::to_string_pretty(genotype).expect("names and numbers can be written as JSON")
}
