//! Weights from elsewhere, as a run.
//!
//! [`read_checkpoint`] reads a safetensors file or what `torch.save` writes, without running anything that is in
//! it. [`Importer`] finds out from names and shapes of the tensors which network they are of, asks for what they
//! cannot say, and makes a [`TrainedModel`](crate::model::TrainedModel) that a run folder takes.

mod fault;
mod function;
mod importer;
mod metadata;
mod outline;
mod pickle;
mod read;
mod storages;
mod tensor;

pub use importer::{Imported, Importer, Known};
pub use outline::Outline;
pub use read::{Checkpoint, read_checkpoint};
