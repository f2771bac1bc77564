//! Genotypes as other tools write them.
//!
//! A [`Dialect`] reads and writes one form. Reading is as lenient as the form allows; writing is exact: what was
//! written is recognised as the same dialect and reads back as the same architecture, and what a dialect cannot
//! express is an error that names it.

use std::fmt;
use std::str::FromStr;

use super::genotype::Genotype;
use super::wording::{did_you_mean, excerpt};
use crate::error::{Error, Result};

mod comments;
mod cursor;
mod keys;
mod opening;
mod refusal;
mod spelling;

mod call;
mod routes;
mod yaml;

mod autodl;
mod aw_nas;
mod darts;
mod json;
mod mmrazor;
mod nb201;
mod nni;
mod pt_darts;

#[cfg(test)]
mod tests;

use cursor::Cursor;
pub(super) use darts::{Nesting, write_call};
use opening::Opening;
use refusal::{Refusal, no_node_is_empty, of_darts};

/// Longest text that is read, in bytes: 1 MiB. Numbers of nodes end at 1000 and no reader nests deeper than its
/// form, so that this bounds the memory that reading can take.
pub const LONGEST_GENOTYPE_TEXT: usize = 1 << 20;

/// What to do about a text of no dialect.
const UNKNOWN_REMEDY: &str = "give the genotype alone, as the tool that found it prints it";

/// A form in which genotypes are written.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Ord, PartialOrd)]
pub enum Dialect {
    /// The original's text: `Genotype(normal=[('sep_conv_3x3', 0), …], normal_concat=range(2, 6), …)`.
    Darts,
    /// The text of pt.darts and Katib, one list per node: `Genotype(normal=[[('sep_conv_3x3', 0), …], …], …)`.
    PtDarts,
    /// NNI's dictionary: `{"normal/op_2_0": "sep_conv_3x3", "normal/input_2_0": [0], …}`.
    Nni,
    /// AutoDL-Projects (D-X-Y): `Genotype(…, connectN=None, connects=None)`, or `Structure([…])` for an
    /// architecture of NAS-Bench-201.
    AutoDl,
    /// The string that names an architecture in NAS-Bench-201: `|nor_conv_3x3~0|+|…|`.
    Nb201,
    /// The text of aw_nas: `CNNGenotype(normal_0=[('sep_conv_3x3', 0, 2), …], reduce_1=[…], …)`.
    AwNas,
    /// MMRazor's file of a fixed subnet, YAML: `normal_n2: {chosen: [normal_n2_p0, …]}`.
    MmRazor,
    /// This program's JSON, that of [`Genotype`]'s serde.
    Json,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Dialect; 8] = [
        Dialect::Darts,
        Dialect::PtDarts,
        Dialect::Nni,
        Dialect::AutoDl,
        Dialect::Nb201,
        Dialect::AwNas,
        Dialect::MmRazor,
        Dialect::Json,
    ];

    /// The name by which it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Dialect::Darts => "darts",
            Dialect::PtDarts => "pt-darts",
            Dialect::Nni => "nni",
            Dialect::AutoDl => "autodl",
            Dialect::Nb201 => "nb201",
            Dialect::AwNas => "aw-nas",
            Dialect::MmRazor => "mmrazor",
            Dialect::Json => "json",
        }
    }

    /// Other names by which it is known.
    pub const fn other_names(self) -> &'static [&'static str] {
        match self {
            Dialect::Darts => &["text", "original"],
            Dialect::PtDarts => &["katib", "pt_darts"],
            Dialect::AutoDl => &["autodl-projects"],
            Dialect::Nb201 => &["nas-bench-201"],
            Dialect::AwNas => &["aw_nas"],
            Dialect::Nni | Dialect::MmRazor | Dialect::Json => &[],
        }
    }

    /// What it looks like, in a line.
    pub const fn title(self) -> &'static str {
        match self {
            Dialect::Darts => "the original's text: Genotype(normal=[('sep_conv_3x3', 0), …], …)",
            Dialect::PtDarts => "text of pt.darts and Katib: Genotype(normal=[[(…), (…)], …], …)",
            Dialect::Nni => "dictionary of NNI: {\"normal/op_2_0\": \"sep_conv_3x3\", …}",
            Dialect::AutoDl => "text of AutoDL-Projects: Genotype(…, connectN=None, connects=None)",
            Dialect::Nb201 => "string of NAS-Bench-201: |nor_conv_3x3~0|+|…|",
            Dialect::AwNas => "text of aw_nas: CNNGenotype(normal_0=[('sep_conv_3x3', 0, 2), …], …)",
            Dialect::MmRazor => "YAML of MMRazor: normal_n2: chosen: …",
            Dialect::Json => "JSON of this program",
        }
    }

    /// The dialect of a text.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with the place where the text begins if no dialect begins so, or if it is longer than
    /// [`LONGEST_GENOTYPE_TEXT`].
    pub fn detect(text: &str) -> Result<Dialect> {
        check_length(text)?;
        let text = &*comments::blanked(text);
        Opening::of(text).dialect(text).ok_or_else(|| {
            Cursor::new(text, call::WHAT, UNKNOWN_REMEDY).fault(
                "`Genotype(`, `CNNGenotype(` or `Structure(`, perhaps after `NAME =`, `{` of JSON or a dictionary, \
                 `|` of NAS-Bench-201, or a line `normal_n2:` of MMRazor",
            )
        })
    }

    /// The genotype that a text of this dialect denotes. Comments of Python and YAML are stepped over.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with line and column where the text cannot be read, with cell and node where
    /// [`Genotype::check`] refuses what it says, or for more than [`LONGEST_GENOTYPE_TEXT`] bytes.
    pub fn parse(self, text: &str) -> Result<Genotype> {
        check_length(text)?;
        let python = &*comments::blanked(text);
        let genotype = match self {
            Dialect::Darts => darts::read(python)?,
            Dialect::PtDarts => pt_darts::read(python)?,
            Dialect::Nni => nni::read(python)?,
            Dialect::AutoDl => autodl::read(python)?,
            Dialect::Nb201 => Genotype::from(&nb201::read(python)?),
            Dialect::AwNas => aw_nas::read(python)?,
            Dialect::MmRazor => mmrazor::read(text)?,
            Dialect::Json => json::read(text)?,
        };
        if matches!(self, Dialect::Nni | Dialect::AutoDl | Dialect::AwNas | Dialect::MmRazor) {
            no_node_is_empty(&genotype).map_err(|(cell, node)| {
                let expected = "at least one edge into every node";
                let remedy = "correct the genotype, or derive it again from the search";
                Error::invalid(format!("genotype, {cell}, node {node}"), "no edges", expected, remedy)
            })?;
        }
        genotype.check()?;
        Ok(genotype)
    }

    /// The genotype as text of this dialect, without a line end after it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names the dialect, what it cannot express and the dialects that can; also what
    /// [`Genotype::check`] says.
    pub fn write(self, genotype: &Genotype) -> Result<String> {
        genotype.check()?;
        self.try_write(genotype).map_err(|Refusal { found, expected }| {
            let able = Dialect::ALL.into_iter().filter(|dialect| dialect.try_write(genotype).is_ok());
            let able: Vec<&str> = able.map(Dialect::name).collect();
            let remedy = format!("it can be written as {}", able.join(", "));
            Error::invalid(format!("genotype in the dialect {self}"), found, expected, remedy)
        })
    }

    fn try_write(self, genotype: &Genotype) -> Result<String, Refusal> {
        match self {
            Dialect::Darts => darts::write(of_darts(genotype)?),
            Dialect::PtDarts => Ok(pt_darts::write(of_darts(genotype)?)),
            Dialect::Nni => nni::write(whole_nodes(genotype)?),
            Dialect::AutoDl => match genotype.nas_bench_201() {
                Some(architecture) => Ok(autodl::write_structure(&architecture)),
                None => Ok(autodl::write_cells(whole_nodes(genotype)?)),
            },
            Dialect::Nb201 => nb201::write(genotype),
            Dialect::AwNas => Ok(aw_nas::write(whole_nodes(genotype)?)),
            Dialect::MmRazor => mmrazor::write(whole_nodes(genotype)?),
            Dialect::Json => Ok(json::write(genotype)),
        }
    }
}

/// A genotype of DARTS' shape of which every node has an edge.
fn whole_nodes(genotype: &Genotype) -> Result<&Genotype, Refusal> {
    let genotype = of_darts(genotype)?;
    no_node_is_empty(genotype).map_err(|(cell, node)| {
        Refusal::new(format!("no edges into node {node} of the {cell}"), "at least one edge into every node")
    })?;
    Ok(genotype)
}

/// # Errors
///
/// [`Error::Invalid`] for more than [`LONGEST_GENOTYPE_TEXT`] bytes.
fn check_length(text: &str) -> Result<()> {
    if text.len() <= LONGEST_GENOTYPE_TEXT {
        return Ok(());
    }
    Err(Error::invalid(
        "genotype text",
        format!("{} bytes", text.len()),
        format!("at most {LONGEST_GENOTYPE_TEXT}"),
        "give the genotype alone, without the log around it",
    ))
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dialect {
    type Err = Error;

    /// Reads a name; case does not matter, and `_` stands for `-`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for any other text; it names the nearest known name.
    fn from_str(text: &str) -> Result<Dialect> {
        let word = text.trim().to_ascii_lowercase().replace('_', "-");
        let named = |dialect: &Dialect| dialect.name() == word || dialect.other_names().contains(&&*word);
        Dialect::ALL.into_iter().find(named).ok_or_else(|| {
            let names = Dialect::ALL.map(Dialect::name);
            let expected = format!("one of {}", names.join(", "));
            Error::invalid("genotype dialect", excerpt(text, 32), expected, did_you_mean(&word, names))
        })
    }
}

/// The genotype that a text of any dialect denotes.
///
/// # Errors
///
/// Those of [`Dialect::detect`] and [`Dialect::parse`].
pub(super) fn read_any(text: &str) -> Result<Genotype> {
    Dialect::detect(text)?.parse(text)
}

impl FromStr for Genotype {
    type Err = Error;

    /// Reads any [`Dialect`].
    ///
    /// # Errors
    ///
    /// Those of [`Dialect::detect`] and [`Dialect::parse`].
    fn from_str(text: &str) -> Result<Genotype> {
        read_any(text)
    }
}
