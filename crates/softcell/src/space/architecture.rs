//! What a text of any dialect may denote.

use super::genotype::Genotype;
use super::nb201::Nb201Architecture;
use crate::error::{Error, Result};

/// An architecture that was read, of one of two spaces.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub enum Architecture {
    /// Cells as in DARTS: what is searched, built and trained here.
    Cells(Genotype),
    /// A cell of NAS-Bench-201: can be read and written, not built.
    Nb201(Nb201Architecture),
}

impl Architecture {
    /// The genotype, where the architecture is one.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for an architecture of NAS-Bench-201.
    pub fn into_genotype(self) -> Result<Genotype> {
        match self {
            Architecture::Cells(genotype) => Ok(genotype),
            Architecture::Nb201(architecture) => Err(Error::invalid(
                "genotype",
                format!("the NAS-Bench-201 architecture `{architecture}`"),
                "a normal and a reduction cell as in DARTS",
                "NAS-Bench-201 is another space (one input, six edges, other operations) of which no network is \
                 built here; `softcell genotype convert` writes it as nb201 or autodl",
            )),
        }
    }
}

impl From<Genotype> for Architecture {
    fn from(genotype: Genotype) -> Architecture {
        Architecture::Cells(genotype)
    }
}

impl From<Nb201Architecture> for Architecture {
    fn from(architecture: Nb201Architecture) -> Architecture {
        Architecture::Nb201(architecture)
    }
}
