//! Several processes at one run, each with a share of every batch.
//!
//! Rank 0 does all that a run is: it chooses, writes and speaks. Where it searches or trains, it tells the others which
//! run, and all do the same steps with the same bits; only rank 0 hears of them. The others read images and checkpoints
//! where rank 0 has them.

mod observers;
mod parts;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use softcell_kernels::isa_name;
pub use softcell_kernels::{Exchange, InProcess};

use self::observers::Following;
pub(crate) use self::observers::Leading;
pub use self::parts::PartsOnRanks;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::event::{Position, Silent, Stage};
use crate::experiment::{Machine, read_images, reading_settings};
use crate::pipeline::test;
use crate::run::{RunFolder, Weights};
use crate::search::search;
use crate::space::Genotype;
use crate::train::train;

/// What rank 0 wants of the others.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Searches in this run.
    Search { run: PathBuf, config: String },
    /// Trains the network of a cell in this run.
    Train { run: PathBuf, config: String, genotype: Genotype },
    /// Answers for the test images of this run, with the best or the last weights.
    Test { run: PathBuf, config: String, genotype: Genotype, best: bool },
    /// Does parts of the selection in this run, each whole, as they are dealt out.
    Parts { run: PathBuf, parts: Vec<String>, checkpoint_seconds: u64 },
    /// Nothing more.
    End,
}

/// Whether all have come to the same point of a run, on processors that round alike.
///
/// # Errors
/// When one of them has another checkpoint, or other vector instructions.
fn agree(ranks: &dyn Exchange, stage: Stage, at: Option<Position>) -> Result<()> {
    // A number for a name.
    let vectors = isa_name().bytes().fold(0, |sum, byte| sum + u32::from(byte)) as f32;
    let [epoch, step] = at.map_or([-1.0, -1.0], |at| [at.epoch as f32, at.step as f32]);
    let numbers = [epoch, step, vectors];
    let all = ranks.gather(&numbers, &vec![numbers.len(); ranks.ranks()]);
    let Some(rank) = all.chunks_exact(numbers.len()).position(|other| other != numbers) else {
        return Ok(());
    };
    let (found, expected, remedy) = match all[rank * numbers.len() + 2] == vectors {
        true => (
            format!("another checkpoint of the {} than rank {} has", stage.noun(), ranks.rank()),
            "one folder that all ranks see",
            "put the run and its images on a file system that all nodes share",
        ),
        false => (
            format!("other vector instructions than rank {} has, which are {}", ranks.rank(), isa_name()),
            "processors that round alike",
            "set SOFTCELL_ISA=avx2, or portable, for all of them",
        ),
    };
    Err(Error::invalid(format!("rank {rank}"), found, expected, remedy))
}

/// Does what rank 0 wants, until it wants nothing more ([`dismiss`]): the whole work of every other rank.
///
/// # Errors
/// A run or images that cannot be read here. What ends the work on all ranks is told by rank 0 alone.
pub fn follow(ranks: &Arc<dyn Exchange>, machine: &Machine) -> Result<()> {
    loop {
        let text = ranks.announce(String::new());
        let order = serde_json::from_str(&text).expect("rank 0 is of this version");
        let (run, config) = match &order {
            Order::End => return Ok(()),
            Order::Parts { run, parts, checkpoint_seconds } => {
                parts::follow(&**ranks, machine, (run, parts, *checkpoint_seconds))?;
                continue;
            }
            Order::Search { run, config }
            | Order::Train { run, config, .. }
            | Order::Test { run, config, .. } => (run, config),
        };
        let (folder, _) = RunFolder::peek(run)?;
        let times = folder.read_latencies()?.map(Arc::new);
        let config = Config::from_toml(config, "settings of rank 0")?.with_times(times);
        let dataset = read_images(&reading_settings(&config, &folder)?, &mut Silent)?;
        if folder.read_manifest()?.is_some_and(|m| m.data_fingerprint != dataset.summary.fingerprint) {
            return Err(Error::run(run, "other images than rank 0 has", "let all nodes see the same ones"));
        }
        let mut following = Following(Arc::clone(ranks));
        let device = machine.device();
        let outcome = match &order {
            Order::End | Order::Parts { .. } => Ok(()),
            Order::Search { .. } => {
                let state = folder.load_search()?.map(|loaded| loaded.state);
                agree(&**ranks, Stage::Search, state.as_ref().map(|state| state.position))?;
                search(&dataset, &config, device, state.as_ref(), &mut following).map(drop)
            }
            Order::Train { genotype, .. } => {
                let state = folder.load_train()?.map(|loaded| loaded.state);
                agree(&**ranks, Stage::Train, state.as_ref().map(|state| state.position))?;
                train(&dataset, genotype, &config, device, state.as_ref(), &mut following).map(drop)
            }
            Order::Test { genotype, best, .. } => {
                let which = if *best { Weights::Best } else { Weights::Last };
                let weights = folder.read_weights(which)?.ok_or_else(|| {
                    Error::run(run, "no weights, which rank 0 has", "let all nodes see the same folder")
                })?;
                agree(&**ranks, Stage::Train, None)?;
                // What the answers are, rank 0 finds as well.
                let _ = test(&config, &dataset, device, (genotype, &weights), &mut following, |_| {});
                Ok(())
            }
        };
        match outcome {
            // Rank 0 has come to the same, and tells of it.
            Ok(()) | Err(Error::Interrupted { .. } | Error::NotFinite { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Lets the other ranks go: the last that rank 0 does.
pub fn dismiss(ranks: &dyn Exchange) {
    ranks.announce(serde_json::to_string(&Order::End).expect("orders serialise"));
}
