//! The times of layers that a limit on latency, and a search that minds it, are counted with.

use std::sync::Arc;

use super::machine::Machine;
use super::stages::Stages;
use crate::config::{CheckedConfig, HERE, path_of_text};
use crate::data::ImageSet;
use crate::error::Result;
use crate::event::{Event, Observer};
use crate::forecast::stand_in;
use crate::latency::{LatencyFile, Wanted, measure};
use crate::sizing::asked_shape;

/// The settings with the times that they ask for: those of a file, or measured here; as they are where nothing asks for
/// times, or where they have them.
///
/// # Errors
/// A file that cannot be used, and what the observer answers.
pub(super) fn timed(
    config: CheckedConfig,
    stages: &Stages,
    images: &ImageSet,
    machine: &Machine,
    observer: &mut dyn Observer,
) -> Result<CheckedConfig> {
    let limited = config.train.max_latency > 0.0;
    let searched = stages.searches(&config) && config.search.method.resource_latency > 0.0;
    let here = config.latency_table == HERE;
    if config.times().is_some() || !(limited || searched && !here) {
        return Ok(config);
    }
    if !here {
        let file = LatencyFile::read(&path_of_text(&config.latency_table))?;
        let note = format!("times of operations: {}, of {}", config.latency_table, file.machine.in_words());
        observer.on(Event::Note(note.into()))?;
        return Ok(config.with_times(Some(Arc::new(file))));
    }
    let (train, space) = (&config.train, config.search.space([images.height, images.width]));
    let wanted = match stages {
        Stages::Train(genotype) => {
            Wanted::of_genotype(genotype, &asked_shape(genotype, &config, images), train.shrink)
        }
        Stages::Search | Stages::Fit => {
            let example = stand_in(&config.search);
            Wanted::of_space(&space, &example, &asked_shape(&example, &config, images), train.shrink)
        }
    };
    let table = measure(&wanted, &machine.device, config.seed, observer)?;
    let shape = [images.channels, images.height, images.width];
    let stem = train.stem.kind([images.height, images.width]);
    let file = LatencyFile::of_this_machine(&machine.name, shape, images.classes.len(), stem, table);
    Ok(config.with_times(Some(Arc::new(file))))
}
