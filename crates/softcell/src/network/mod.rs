//! The network built from a genotype. It knows nothing of the supernet.

mod auxiliary;
mod cell;
mod net;

pub use auxiliary::{AuxiliaryHead, AuxiliaryHeadConfig};
pub use cell::{DerivedCell, DerivedCellConfig};
pub use net::{DerivedNetwork, DerivedNetworkConfig, Logits};

pub use crate::space::StemKind;
