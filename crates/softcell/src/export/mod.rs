//! A trained network for other programs: files that need nothing of Softcell.

pub mod pytorch;
pub mod safetensors;

#[cfg(test)]
mod testing;
