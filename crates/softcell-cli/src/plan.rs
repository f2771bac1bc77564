//! What a run would be: images read, settings merged and checked, before anything is written.

use anyhow::Result;
use softcell::config::{Config, DataConfig, DataShape, Section};
use softcell::data::{Dataset, ImageSet, class_weights, open};
use softcell::device::{Device, open_device};
use softcell::forecast::{ChosenSide, MemoryModel, stand_in};
use softcell::shown::escaped;
use softcell::sizing::{check_limits, sized};
use softcell::space::Genotype;
use softcell::train::check_network;

use crate::args::{Machine, RunArgs, TimeLimit};
use crate::fitted;
use crate::output::grouped;
use crate::progress::Progress;
use crate::settings::Given;

/// The path that stands for the embedded digits.
pub const DIGITS: &str = "digits";

/// Unreadable images that are told one by one.
pub const MOST_SKIPPED: usize = 10;

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub enum Stages<'a> {
    /// Search only.
    Search,
    /// Search, then train what is found.
    Fit,
    /// Train this.
    Train(&'a Genotype),
}

impl Stages<'_> {
    /// Whether there is a search.
    pub fn search(self) -> bool {
        matches!(self, Stages::Search | Stages::Fit)
    }

    /// The genotype that is trained, or one that stands for it.
    pub fn trained(self) -> Option<Genotype> {
        match self {
            Stages::Search => None,
            Stages::Fit => Some(stand_in()),
            Stages::Train(genotype) => Some(genotype.clone()),
        }
    }
}

/// Threads that are used at most where the machine has fewer processors. More take time from each other and gain
/// nothing, since work is cut into 16 parts.
const MOST_THREADS: usize = 64;

/// The number of threads that are used where so many are asked for. Results do not depend on it.
fn threads_used(asked: u32) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (asked as usize).min(processors.max(MOST_THREADS))
}

/// Sets the number of threads and opens the device.
///
/// # Errors
/// When this build has no such device.
pub fn start(machine: &Machine) -> Result<Device> {
    if let Some(threads) = machine.threads {
        rayon::ThreadPoolBuilder::new().num_threads(threads_used(threads)).build_global()?;
    }
    Ok(open_device(&machine.device)?)
}

/// Reads and divides the images of a run.
///
/// # Errors
/// When they cannot be used.
pub fn read_data(config: &Config, progress: &mut Progress) -> Result<Dataset> {
    let opened = open(&config.data, &mut |done, total| progress.count("reading", done, total));
    progress.clear();
    let dataset = Dataset::new(opened?, &config.data, config.search.train_portion, config.seed)?;
    progress.classes(&dataset.train.class_counts());
    let summary = &dataset.summary;
    progress.line(&format!(
        "images: {}, {} to train on ({} of them for validation), {} to test on, {} classes, {}x{}, {}",
        config.data.path,
        grouped(dataset.train.len() as u64),
        grouped(dataset.split.validation.len() as u64),
        grouped(dataset.test.len() as u64),
        summary.classes.len(),
        summary.height,
        summary.width,
        if summary.channels == 1 { "gray" } else { "colour" },
    ));
    for note in &summary.notes {
        progress.line(&format!("  {note}"));
    }
    for (path, reason) in summary.skipped.iter().take(MOST_SKIPPED) {
        progress.line(&format!("  skipped {}: {reason}", escaped(path)));
    }
    if let Some(more) = summary.skipped.len().checked_sub(MOST_SKIPPED).filter(|more| *more > 0) {
        progress.line(&format!("  and {more} more; softcell data inspect tells all"));
    }
    Ok(dataset)
}

/// What the presets look at.
pub fn shape(dataset: &Dataset) -> DataShape {
    let counts = dataset.train.class_counts();
    let counts = counts.iter().copied().filter(|&images| images > 0);
    DataShape {
        train_images: dataset.train.len(),
        classes: dataset.train.classes.len(),
        channels: dataset.train.channels,
        height: dataset.train.height,
        width: dataset.train.width,
        largest_class: counts.clone().max().unwrap_or(0),
        smallest_class: counts.min().unwrap_or(0),
    }
}

/// Settings and images of a run that is to begin.
pub struct Plan {
    /// Its settings.
    pub config: Config,
    /// Its images.
    pub dataset: Dataset,
    /// What was decided and why.
    pub notes: Vec<String>,
}

/// Reads images and settings, checks them and says what was decided.
///
/// # Errors
/// When they cannot be used, or there is too little memory.
pub fn plan(
    args: &RunArgs,
    given: &Given,
    stages: Stages<'_>,
    time: TimeLimit,
    progress: &mut Progress,
) -> Result<Plan> {
    if let Some(asked) = args.machine.threads.filter(|&asked| threads_used(asked) < asked as usize) {
        progress
            .line(&format!("{} threads in place of {asked}: more would only be slower", threads_used(asked)));
    }
    let (mut reading, _) = given.build(&DataShape::default())?;
    let memory = MemoryCheck::of(args);
    if reading.data.path == DIGITS && !given.has(Section::Data, "path") {
        progress.line("using the built-in handwritten digits; --data PATH takes your own images");
    }
    let side = fitted::choose_side(given, &reading, stages, time, memory)?;
    if let Some(ChosenSide { side, why }) = &side {
        reading.data.image_size = side.to_string();
        progress.line(why);
    }
    let dataset = read_data(&reading, progress)?;
    let shape = shape(&dataset);
    let (base, reasons) = given.build(&shape)?;
    let (config, changes) = fitted::fit(given, &base, &shape, stages, &dataset.train, memory)?;
    let config = Config { data: DataConfig { image_size: reading.data.image_size, ..config.data }, ..config };
    check_stages(stages, &config, &dataset)?;
    memory.check(stages, &config, &dataset.train)?;
    progress.line(&format!("settings: {}", given.preset()));
    for reason in reasons.iter().chain(&changes) {
        progress.line(&format!("  {reason}"));
    }
    let overrides = given.overrides(&shape)?;
    if !overrides.is_empty() {
        progress.line("  instead, as given:");
        overrides.iter().for_each(|line| progress.line(&format!("    {line}")));
    }
    let mut notes: Vec<String> = side.into_iter().map(|side| side.why).collect();
    notes.extend(reasons);
    notes.extend(changes);
    notes.extend(overrides);
    Ok(Plan { config, dataset, notes })
}

/// Whether a stage is refused for which there is too little memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryCheck {
    /// It is.
    On,
    /// Nobody looks. So it is on devices whose memory is not the machine's.
    Off,
}

impl MemoryCheck {
    /// As the flags say.
    pub fn of(args: &RunArgs) -> MemoryCheck {
        if args.ignore_memory || args.machine.device != "cpu" { MemoryCheck::Off } else { MemoryCheck::On }
    }

    /// Refuses batches for which there is too little memory.
    ///
    /// # Errors
    /// When there is too little, with the largest batch that fits.
    pub fn check(self, stages: Stages<'_>, config: &Config, images: &ImageSet) -> Result<()> {
        if self == MemoryCheck::Off { Ok(()) } else { check_memory(stages, config, images) }
    }
}

/// Refuses stages for which there is too little memory, whoever asked for them.
///
/// # Errors
/// As [`MemoryCheck::check`].
pub fn check_memory(stages: Stages<'_>, config: &Config, images: &ImageSet) -> Result<()> {
    if stages.search() {
        MemoryModel::of_search(&config.search, images)?.check(config.search.batch_size)?;
    }
    if let Some(genotype) = stages.trained() {
        let train = sized(&genotype, config, images)?.train;
        MemoryModel::of_training(&genotype, &train, images)?.check(train.batch_size)?;
    }
    Ok(())
}

/// Refuses a network that cannot be built, and limits that cannot be met, before a folder is made and hours
/// are spent on the search for it.
fn check_stages(stages: Stages<'_>, config: &Config, dataset: &Dataset) -> Result<()> {
    let images = &dataset.train;
    class_weights(&config.data.class_weights, images, &dataset.training_indices())?;
    match stages {
        Stages::Train(genotype) => {
            check_network(genotype, &sized(genotype, config, images)?.train, images)?;
        }
        Stages::Search | Stages::Fit => {
            check_limits(config, images)?;
            check_network(&stand_in(), &config.train, images)?;
        }
    }
    Ok(())
}
