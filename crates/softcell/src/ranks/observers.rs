//! Observers of work that several ranks do.

use std::path::Path;
use std::sync::Arc;

use super::{Exchange, Order, agree};
use crate::config::{CheckedConfig, HERE};
use crate::error::{Error, Remedy, Result};
use crate::event::{Event, Observer, Position, Signal, Stage};
use crate::space::Genotype;

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

    /// Begins a test of the best or the last weights of a run.
    ///
    /// # Errors
    /// As [`Leading::train`].
    pub fn test(
        ranks: Option<&Arc<dyn Exchange>>,
        run: &Path,
        (config, genotype): (&CheckedConfig, &Genotype),
        best: bool,
        inner: &'a mut dyn Observer,
    ) -> Result<Self> {
        let (run, genotype) = (run.to_path_buf(), genotype.clone());
        let order = move || Order::Test { run, config: config.to_toml(), genotype, best };
        Self::begin(ranks, order, Stage::Train, None, inner)
    }

    fn begin(
        ranks: Option<&Arc<dyn Exchange>>,
        order: impl FnOnce() -> Order,
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

    fn wording(&self, remedy: &Remedy) -> String {
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
pub(super) struct Following(pub Arc<dyn Exchange>);

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
