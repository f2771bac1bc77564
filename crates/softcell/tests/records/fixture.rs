//! Runs of a second, and all that reads one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use softcell::config::{CheckedConfig, DataShape, Preset, preset};
use softcell::data::{Dataset, open};
use softcell::drawing::{CellChoice, animate_cells, draw_cells};
use softcell::event::{Event, Observer, Signal};
use softcell::experiment::Job;
use softcell::export::Sample;
use softcell::export::onnx::{self, BatchNorms, OnnxOptions};
use softcell::export::pytorch;
use softcell::export::safetensors::{self, AuxiliaryHead};
use softcell::model::Predictor;
use softcell::model::TrainedModel;
use softcell::nn::{Device, open_device};
use softcell::report::{RunRecord, comparison, findings, report};
use softcell::run::{Manifest, Overwrite, RunFolder, RunState, list_runs};
use softcell::space::{derived_cost, derived_layers, supernet_parameters};
use softcell::train::network_config;
use softcell::{Error, Result};

/// Networks above this are not built: what they need is found out elsewhere.
const LARGEST: u64 = 1 << 20;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Searching,
    Training,
    Finished,
}

/// The files of a run, by their place in its folder.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What the tests of this file share.
pub struct Fixture {
    pub config: CheckedConfig,
    pub dataset: Dataset,
    pub device: Device,
}

/// Stops after a number of steps of the run; a stage that goes on does one step.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn on(&mut self, event: Event<'_>) -> Result<()> {
        if let Event::Step(_) = event {
            self.0 = self.0.saturating_sub(1);
        }
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        if self.0 == 0 { Signal::Stop } else { Signal::Continue }
    }
}

impl Fixture {
    pub fn new() -> Fixture {
        let shape = DataShape {
            train_images: 160,
            classes: 10,
            channels: 1,
            height: 8,
            width: 8,
            ..DataShape::default()
        };
        let mut config = preset(Preset::Auto, &shape).0;
        config.train.all_images = false;
        config.data.images_per_class = 20;
        (config.search.init_channels, config.search.layers, config.search.nodes) = (2, 2, 1);
        (config.train.init_channels, config.train.layers) = (2, 2);
        (config.search.epochs, config.train.epochs) = (2, 2);
        (config.search.batch_size, config.train.batch_size) = (32, 32);
        config.train.auxiliary = false;
        let config = config.check().unwrap();
        let source = open(&config.data, &mut |_, _| {}).unwrap();
        let dataset = Dataset::new(source, &config.data, config.search.train_portion, config.seed).unwrap();
        Fixture { config, dataset, device: open_device("cpu").unwrap() }
    }

    pub fn job<'a>(&'a self, folder: &'a RunFolder, config: &'a CheckedConfig) -> Job<'a> {
        let (dataset, device) = (&self.dataset, &self.device);
        Job { folder, config, dataset, device, checkpoint_interval: Duration::MAX, ranks: None }
    }

    fn manifest(&self) -> Manifest {
        let mut manifest = Manifest::of_run(&self.dataset, &self.config);
        manifest.version = "0".to_owned();
        manifest.command = vec!["softcell".to_owned(), "fit".to_owned()];
        manifest.preset = "auto".to_owned();
        (manifest.device, manifest.threads) = ("cpu".to_owned(), 2);
        manifest.notes = vec!["a note".to_owned()];
        manifest
    }

    /// A run that got as far as that.
    pub fn make(&self, place: &Path, stage: Stage) -> Files {
        let folder = RunFolder::create(place, Overwrite::Refuse).unwrap();
        folder.write_config(&self.config).unwrap();
        folder.write_manifest(&self.manifest()).unwrap();
        let job = self.job(&folder, &self.config);
        let steps = self.dataset.split.weights.len().div_ceil(self.config.search.batch_size);
        if stage == Stage::Searching {
            let stopped = job.search(&mut StopAfter(steps + 1));
            assert!(matches!(stopped, Err(Error::Interrupted { epoch: 1, step: 1 })), "{stopped:?}");
            return files(place);
        }
        let found = job.search(&mut StopAfter(usize::MAX)).unwrap();
        let steps = self.dataset.training_indices().len().div_ceil(self.config.train.batch_size);
        let asked = if stage == Stage::Training { steps + 1 } else { usize::MAX };
        match job.train(&found.genotype, &mut StopAfter(asked)) {
            Err(Error::Interrupted { .. }) if stage == Stage::Training => {}
            Ok(trained) => {
                let searched = Some(found.searched());
                job.finish(&found.genotype, searched, &trained, &mut StopAfter(usize::MAX)).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
        files(place)
    }
}

/// All files in a folder.
pub fn files(folder: &Path) -> Files {
    fn add(root: &Path, folder: &Path, found: &mut Files) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => add(root, &path, found),
                false => {
                    drop(
                        found
                            .insert(path.strip_prefix(root).unwrap().to_path_buf(), fs::read(&path).unwrap()),
                    );
                }
            }
        }
    }
    let mut found = Files::new();
    add(folder, folder, &mut found);
    found
}

/// Puts files into a folder in the place of whatever is there.
pub fn put(folder: &Path, files: &Files) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
        _ => {}
    }
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What the readers of a run said: its name, and the error if there was one.
pub type Said = Vec<(&'static str, Option<String>)>;

/// Does everything that reads a run. What is answered must be numbers.
pub fn exercise(fixture: &Fixture, run: &Path) -> Said {
    let mut said = Said::new();
    let mut tell =
        |name, outcome: Result<()>| said.push((name, outcome.err().map(|error| error.to_string())));
    tell("runs", listed(run));
    tell("report", reported(run));
    tell("predict", predicted(fixture, run));
    tell("evaluate", evaluated(fixture, run));
    tell("export", exported(fixture, run));
    tell("genotype", shown(run));
    tell("tensorboard", RunFolder::open(run).and_then(|folder| folder.write_tensorboard()));
    tell("search", resumed(fixture, run, |job, stop| job.search(stop).map(drop)));
    tell(
        "train",
        resumed(fixture, run, |job, stop| {
            let Some(genotype) = job.folder.read_genotype()? else { return Ok(()) };
            job.train(&genotype, stop).map(drop)
        }),
    );
    said
}

fn listed(run: &Path) -> Result<()> {
    let runs = list_runs(run)?;
    serde_json::to_string(&runs).expect("a list can be written");
    match &runs[..] {
        [one] => match &one.state {
            RunState::Broken { reason } => Err(Error::run(run, reason, "")),
            _ => Ok(()),
        },
        _ => Err(Error::run(run, "no run", "")),
    }
}

fn reported(run: &Path) -> Result<()> {
    let (folder, activity) = RunFolder::peek(run)?;
    let record = RunRecord::read(&folder, activity)?;
    let page = report(&record);
    assert!(page.contains("</html>"));
    findings(&record);
    let epochs = record.genotypes();
    comparison(&[record.clone(), record]);
    if !epochs.is_empty() {
        animate_cells(epochs, CellChoice::Both)?;
    }
    Ok(())
}

fn is_small(manifest: &Manifest) -> bool {
    manifest.image_shape.iter().product::<usize>() <= 1 << 14
}

fn predicted(fixture: &Fixture, run: &Path) -> Result<()> {
    let predictor = Predictor::load(&RunFolder::view(run)?, &fixture.device)?;
    let manifest = predictor.manifest();
    if !is_small(manifest) {
        return Ok(());
    }
    let image = (0..manifest.image_shape.iter().product::<usize>()).map(|i| (i * 37 % 256) as u8).collect();
    for answer in predictor.predict(&[image]) {
        let answer = answer?;
        let sum: f32 = answer.probabilities.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3 && answer.probability.is_finite(), "{answer:?}");
    }
    Ok(())
}

fn evaluated(fixture: &Fixture, run: &Path) -> Result<()> {
    let folder = RunFolder::view(run)?;
    let model = TrainedModel::load(&folder)?;
    let config = folder.read_config()?;
    let job = fixture.job(&folder, &config);
    job.check_data()?;
    let test = job.test(&model.network.genotype, &model.weights, &mut StopAfter(usize::MAX))?;
    assert!((0.0..=1.0).contains(&test.accuracy) && test.loss.is_finite(), "{test:?}");
    Ok(())
}

fn exported(fixture: &Fixture, run: &Path) -> Result<()> {
    let model = TrainedModel::load(&RunFolder::view(run)?)?;
    safetensors::to_bytes(&model, AuxiliaryHead::Keep);
    pytorch::to_files(&model, Path::new("model.py"))?;
    onnx::to_bytes(&model, &OnnxOptions { norms: BatchNorms::Kept, ..OnnxOptions::default() })?;
    let options = OnnxOptions::default();
    let bytes = onnx::to_bytes(&model, &options)?;
    let few = |sample: Sample| Sample { images: sample.images[..2].to_vec(), ..sample };
    if is_small(&model.manifest) {
        let sample = few(Sample::made_up(model.manifest.image_shape));
        onnx::verify(bytes.clone(), &model, &options, &sample, &fixture.device)?;
    }
    let sample = few(Sample::of(&fixture.dataset.test));
    onnx::verify(bytes, &model, &options, &sample, &fixture.device).map(drop)
}

fn shown(run: &Path) -> Result<()> {
    let folder = RunFolder::view(run)?;
    let (config, manifest) = (folder.read_config()?, folder.read_manifest()?);
    let (Some(manifest), Some(genotype)) = (manifest, folder.read_genotype()?) else { return Ok(()) };
    let network = network_config(&genotype, &config.train, manifest.image_shape, manifest.classes.len());
    derived_layers(&genotype, &network.shape());
    draw_cells(&genotype, CellChoice::Both).map(drop)
}

fn resumed(
    fixture: &Fixture,
    run: &Path,
    stage: impl Fn(&Job<'_>, &mut StopAfter) -> Result<()>,
) -> Result<()> {
    let folder = RunFolder::open(run)?;
    folder.read_budget()?;
    let config = folder.read_config()?;
    let job = fixture.job(&folder, &config);
    job.check_data()?;
    // Without a checkpoint these are just large networks.
    let images = &fixture.dataset.train;
    let supernet = supernet_parameters(
        &config.search.space([images.height, images.width]),
        images.channels,
        images.classes.len(),
    );
    let network = folder.read_genotype()?.map_or(0, |genotype| {
        let shape = [images.channels, images.height, images.width];
        let network = network_config(&genotype, &config.train, shape, images.classes.len());
        derived_cost(&genotype, &network.shape()).parameters
    });
    if supernet.max(network) > LARGEST && !run.join("checkpoints").exists() {
        return Ok(());
    }
    match stage(&job, &mut StopAfter(1)) {
        Err(Error::Interrupted { .. }) => Ok(()),
        other => other,
    }
}
