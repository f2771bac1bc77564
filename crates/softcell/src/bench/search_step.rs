//! Steps of the search.

use burn::tensor::Device;
use serde::{Serialize, Serializer};
use toml::Table;

use super::arithmetic::Work;
use super::images::Images;
use super::report::Report;
use super::timing::Repeats;
use crate::config::{DataShape, Preset, SearchConfig, lay, lay_method, preset, space_layer};
use crate::error::Result;
use crate::event::{Observer, Position};
use crate::search::method::MethodName;
use crate::search::{ArchStep, Bilevel};
use crate::space::supernet_cost;
use crate::thread_pool::in_pool;

/// A step of the search to be timed: the alphas on one batch, then the weights on another, as a method has it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepBench {
    /// The method.
    pub method: MethodName,
    /// First order (`first`) or unrolled (`second`), in place of what the method has.
    #[serde(serialize_with = "order")]
    pub order: ArchStep,
    /// The space: a known one, or that of a TOML file.
    pub space: String,
    /// Channels of the first cell.
    pub init_channels: usize,
    /// Number of cells.
    pub layers: usize,
    /// Intermediate nodes of a cell; none where they are the space's.
    pub nodes: Option<usize>,
    /// As [`SearchConfig::recompute`].
    pub recompute: bool,
    /// What is searched on.
    #[serde(flatten)]
    pub images: Images,
    /// How often.
    #[serde(flatten)]
    pub repeats: Repeats,
}

impl StepBench {
    /// Builds the supernet and times its steps on `device`, the plain one.
    ///
    /// They are those of the middle of a search: what comes in late or fades out is there.
    ///
    /// # Errors
    /// Settings outside their range, a loss that is not finite, whatever the observer answers.
    pub fn run(&self, device: &Device, observer: &mut dyn Observer) -> Result<Report<Self>> {
        let config = self.config()?;
        config.check()?;
        self.images.check()?;
        self.repeats.check()?;
        in_pool(|| self.measure(&config, &device.clone().autodiff(), observer))
    }

    /// The paper's settings with the method and the size that are asked for; the alphas move.
    fn config(&self) -> Result<SearchConfig> {
        let (mut paper, _) = preset(Preset::PaperCifar10, &DataShape::default());
        if let Some(layer) = space_layer(&self.space, &Table::new())? {
            paper = lay(&paper, &layer)?;
        }
        // Sizes are those that are asked for, not the method's own.
        lay_method(&mut paper, self.method.method(), Preset::Auto, None, &DataShape::default());
        let mut search = paper.search;
        search.method.arch_step = self.order;
        search.method.schedule.first_epoch = 0;
        Ok(SearchConfig {
            init_channels: self.init_channels,
            layers: self.layers,
            nodes: self.nodes.unwrap_or(search.nodes),
            batch_size: self.images.batch_size,
            recompute: self.recompute,
            ..search
        })
    }

    fn measure(
        &self,
        config: &SearchConfig,
        autodiff: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Report<Self>> {
        let Images { batch_size, classes, seed, .. } = self.images;
        let set = self.images.shape();
        let mut bilevel =
            Bilevel::new(config, [set.channels, set.height, set.width], classes, seed, autodiff)?;
        let train = self.images.batch("train", autodiff);
        let valid = self.images.batch("valid", autodiff);
        let lr = config.learning_rate_at(0);
        let epoch = config.epochs / 2;
        let times = self.repeats.time(observer, |step| {
            bilevel.step(Position { epoch, step }, &train, Some(&valid), lr).weights.loss
        })?;
        let cost = supernet_cost(
            &config.space([set.height, set.width]),
            set.channels,
            classes,
            set.height,
            set.width,
        );
        Ok(Report::new(self.work(), cost, batch_size, times, self.clone()))
    }

    fn work(&self) -> Work {
        match self.method.as_str() {
            "darts" | "darts-2nd" => Work::SearchStep(self.order),
            _ => Work::MethodStep(self.method),
        }
    }
}

fn order<S: Serializer>(order: &ArchStep, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(order.order())
}
