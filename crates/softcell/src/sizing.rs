//! Width and depth of the network that is trained, where its size or work is limited.

use crate::config::{CheckedConfig, Config};
use crate::data::ImageSet;
use crate::error::Result;
use crate::space::{
    Genotype, LatencyTable, NetworkPlan, NetworkShape, derived_cost, largest_within, lightest_genotype,
    milliseconds,
};
use crate::train::network_config;

/// The shape of the network that the settings ask for, whatever the limits.
pub fn asked_shape(genotype: &Genotype, config: &Config, images: &ImageSet) -> NetworkShape {
    let image_shape = [images.channels, images.height, images.width];
    network_config(genotype, &config.train, image_shape, images.classes.len()).shape()
}

/// The settings with the width and depth that honour their limits, chosen by [`largest_within`].
///
/// The choice depends on settings with their times, genotype and the shape of the images alone, and the settings that it
/// returns are left as they are by a second time.
///
/// # Errors
/// When the limits cannot be met, with the least that can, and when the time of a network cannot be estimated.
pub fn sized(genotype: &Genotype, config: &CheckedConfig, images: &ImageSet) -> Result<CheckedConfig> {
    let limits = config.limits();
    if limits.is_none() {
        return Ok(config.clone());
    }
    let asked = asked_shape(genotype, config, images);
    let shape = largest_within(genotype, &asked, &limits, config.train.shrink)?;
    config.with(|config| {
        config.train.init_channels = shape.init_channels;
        config.train.layers = shape.n_cells;
    })
}

/// What [`sized`] did, in a sentence; `None` where there is no limit.
pub fn sizing_note(
    genotype: &Genotype,
    asked: &Config,
    sized: &CheckedConfig,
    images: &ImageSet,
) -> Option<String> {
    let limits = sized.limits();
    let limit = |limit: u64, what: &str| (limit > 0).then(|| format!("at most {limit} {what}"));
    let latency = limits.latency.map(|limit| format!("at most {} for an image", milliseconds(limit.seconds)));
    let words =
        [limit(limits.max_params, "parameters"), limit(limits.max_macs, "multiply-adds per image"), latency];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        return None;
    }
    let shape = asked_shape(genotype, sized, images);
    let cost = derived_cost(genotype, &shape);
    let (asked, chosen) = (&asked.train, &sized.train);
    let same = (asked.init_channels, asked.layers) == (chosen.init_channels, chosen.layers);
    let instead = if same {
        "as asked for".to_owned()
    } else {
        format!("instead of {} from {}", asked.layers, asked.init_channels)
    };
    let estimate = limits.latency.and_then(|limit| {
        let seconds = limit.times.of_network(&NetworkPlan::derived(genotype, &(&shape).into())).ok()?;
        Some(format!(", and an answer takes {} by estimate{}", milliseconds(seconds), spread(limit.times)))
    });
    Some(format!(
        "network of {} cells from {} channels, {instead}, for {}: it has {} parameters and {} multiply-adds{}",
        chosen.layers,
        chosen.init_channels,
        words.join(" and "),
        cost.parameters,
        cost.macs,
        estimate.unwrap_or_default(),
    ))
}

/// ` (networks that were measured took 93 to 108 % of theirs)`; nothing where none was.
fn spread(times: &LatencyTable) -> String {
    let Some([least, most]) = times.spread() else { return String::new() };
    let n = times.networks.len();
    format!(" ({n} networks that were measured took {:.0} to {:.0} % of theirs)", least * 100.0, most * 100.0)
}

/// Refuses limits that no genotype of the search space can meet, before it is searched.
///
/// # Errors
/// When the lightest network of the space is above a limit even when it is made as small as it may be.
pub fn check_limits(config: &CheckedConfig, images: &ImageSet) -> Result<()> {
    match lightest_genotype(&config.search.space([images.height, images.width])) {
        Some(lightest) => sized(&lightest, config, images).map(|_| ()),
        None => Ok(()),
    }
}
