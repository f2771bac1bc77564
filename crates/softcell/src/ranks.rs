//! Several processes at one run, each with a share of every batch.
//!
//! Rank 0 does all that a run is: it chooses, writes and speaks. Where it searches or trains, it tells the others which
//! run, and all do the same steps with the same bits; only rank 0 hears of them. The others read images and checkpoints
//! where rank 0 has them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
pub use softcell_kernels::{Exchange, InProcess};

use crate::config::{CheckedConfig, Config, HERE};
use crate::error::{Error, Result};
use crate::event::{Event, Observer, Position, Signal, Silent, Stage};
use crate::experiment::{Machine, read_images, reading_settings};
use crate::run::RunFolder;
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
    /// Nothing more.
    End,
}

/// Whether all have come to the same point of a run.
///
/// # Errors
/// When one of them has another checkpoint.
fn agree(ranks: &dyn Exchange, stage: Stage, at: Option<Position>) -> Result<()> {
    let numbers = at.map_or([-1.0, -1.0], |at| [at.epoch as f32, at.step as f32]);
    let all = ranks.gather(&numbers, &vec![2; ranks.ranks()]);
    match all.chunks_exact(2).position(|other| other != numbers) {
        None => Ok(()),
        Some(rank) => Err(Error::invalid(
            format!("rank {rank}"),
            format!("another checkpoint of the {} than rank {} has", stage.noun(), ranks.rank()),
            "one folder that all ranks see",
            "put the run and its images on a file system that all nodes share",
        )),
    }
}

/// Rank 0 at work with the others: they do what it does, and stop where it stops.
pub(crate) struct Leading<'a> {
    inner: &'a mut dyn Observer,
    ranks: Option<Arc<dyn Exchange>>,
    /// What ended the work here; the others are told at the next step.
    failed: Option<Error>,
}

impl<'a> Leading<'a> {
    /// Begins a search of a run.
    ///
    /// # Errors
    /// What cannot be done by several.
    pub fn search(
        ranks: Option<&Arc<dyn Exchange>>,
        run: &Path,
        config: &CheckedConfig,
        at: Option<Position>,
        inner: &'a mut dyn Observer,
    ) -> Result<Self> {
        if ranks.is_some() && config.search.method.resource_latency > 0.0 && config.latency_table == HERE {
            return Err(Error::setting(
                "latency_table",
                HERE,
                "a file of times: processes that measured for themselves would not agree",
            ));
        }
        let order = || Order::Search { run: run.to_path_buf(), config: config.to_toml() };
        Self::begin(ranks, order, Stage::Search, at, inner)
    }

    /// Begins a training in a run.
    ///
    /// # Errors
    /// When the others have another checkpoint.
    pub fn train(
        ranks: Option<&Arc<dyn Exchange>>,
        run: &Path,
        (config, genotype): (&CheckedConfig, &Genotype),
        at: Option<Position>,
        inner: &'a mut dyn Observer,
    ) -> Result<Self> {
        let order =
            || Order::Train { run: run.to_path_buf(), config: config.to_toml(), genotype: genotype.clone() };
        Self::begin(ranks, order, Stage::Train, at, inner)
    }

    fn begin(
        ranks: Option<&Arc<dyn Exchange>>,
        order: impl Fn() -> Order,
        stage: Stage,
        at: Option<Position>,
        inner: &'a mut dyn Observer,
    ) -> Result<Self> {
        if let Some(ranks) = ranks {
            ranks.announce(serde_json::to_string(&order()).expect("orders serialise"));
            agree(&**ranks, stage, at)?;
        }
        Ok(Self { inner, ranks: ranks.cloned(), failed: None })
    }

    /// The outcome of the work, or what ended it here.
    pub fn ended<T>(self, outcome: Result<T>) -> Result<T> {
        match self.failed {
            Some(error) => Err(error),
            None => outcome,
        }
    }
}

impl Observer for Leading<'_> {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        if self.ranks.is_none() {
            return self.inner.on(event);
        }
        if self.failed.is_none()
            && let Err(error) = self.inner.on(event)
        {
            self.failed = Some(error);
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        let Some(ranks) = &self.ranks else { return self.inner.signal() };
        let signal = if self.failed.is_some() { Signal::Stop } else { self.inner.signal() };
        ranks.broadcast(&mut [number(signal)]);
        signal
    }

    fn ranks(&self) -> Option<Arc<dyn Exchange>> {
        self.ranks.clone()
    }

    fn wording(&self, remedy: &crate::error::Remedy) -> String {
        self.inner.wording(remedy)
    }
}

fn number(signal: Signal) -> f32 {
    match signal {
        Signal::Continue => 0.0,
        Signal::Save => 1.0,
        Signal::Stop => 2.0,
    }
}

/// Another rank at work: it hears nothing, and stops where rank 0 stops.
struct Following(Arc<dyn Exchange>);

impl Observer for Following {
    fn on(&mut self, _: Event<'_>) -> Result<()> {
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        let mut said = [0.0];
        self.0.broadcast(&mut said);
        match said[0] {
            0.0 => Signal::Continue,
            1.0 => Signal::Save,
            _ => Signal::Stop,
        }
    }

    fn ranks(&self) -> Option<Arc<dyn Exchange>> {
        Some(Arc::clone(&self.0))
    }
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
            Order::Search { run, config } | Order::Train { run, config, .. } => (run, config),
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
            Order::End => Ok(()),
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
