//! Exported files, run as whoever gets them runs them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use serde::Serialize;

use super::timing::median;
use crate::config::whole;
use crate::error::{Error, Result};
use crate::export::Sample;
use crate::export::onnx::OnnxFile;
use crate::memory::peak_rss_mb;
use crate::model::{Importer, Known, Predictor};
use crate::reading::{self, MOST_OF_WEIGHTS, Source};

/// Files to be timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ExportBench {
    /// Images that go at once where images a second are counted.
    pub batch_size: usize,
    /// Runs of each kind that are timed; two go before them.
    pub runs: usize,
}

/// What a file came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExportReport {
    /// The file.
    pub path: PathBuf,
    /// What runs it; none where nothing in this program can, and nothing is timed.
    pub runtime: Option<&'static str>,
    /// Whether it computes in whole numbers.
    pub quantized: bool,
    /// Size of the file, and of the weights beside it where there are such.
    pub bytes: u64,
    /// The times.
    #[serde(flatten)]
    pub times: Option<ExportTimes>,
    /// Largest resident size of this process, in 10⁶ bytes, where the system tells: with the program itself.
    pub peak_rss_mb: Option<f64>,
    /// Threads.
    pub threads: usize,
    /// What was asked for.
    pub settings: ExportBench,
}

/// How long a file takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ExportTimes {
    /// Until the file is ready to answer.
    pub load_seconds: f64,
    /// Median time of an answer for one image, from bytes to numbers.
    pub latency_seconds: f64,
    /// Images of a batch by the median of its seconds.
    pub images_per_second: f64,
}

/// What a loaded file does with images.
type Answers = Box<dyn Fn(&[Vec<u8>]) -> Result<()>>;

/// A file ready to answer.
struct Loaded {
    runtime: &'static str,
    quantized: bool,
    image_shape: [usize; 3],
    answers: Answers,
}

impl ExportBench {
    /// Loads a file and times its answers for made-up images.
    ///
    /// ONNX files run in the runtime by which exports are verified, safetensors files of Softcell as its own networks;
    /// of PyTorch source only the size is told.
    ///
    /// # Errors
    /// Numbers out of range; a file of none of these kinds, or of another program.
    pub fn run(&self, path: &Path, device: &Device) -> Result<ExportReport> {
        whole("batch_size", self.batch_size, 1..=4096)?;
        whole("runs", self.runs, 1..=100_000)?;
        let bytes = reading::read(path, MOST_OF_WEIGHTS, Source::Any)?;
        let mut size = bytes.len() as u64;
        let clock = Instant::now();
        let loaded = match path.extension().and_then(|extension| extension.to_str()) {
            Some("onnx") => Some(onnx(bytes)?),
            Some("safetensors") => Some(own(path, device)?),
            Some("py") => {
                let weights = crate::export::pytorch::weights_path(path);
                size += reading::read(&weights, MOST_OF_WEIGHTS, Source::Any)?.len() as u64;
                None
            }
            _ => return Err(unknown(path)),
        };
        let load_seconds = clock.elapsed().as_secs_f64();
        let times = loaded.as_ref().map(|loaded| self.times(loaded, load_seconds)).transpose()?;
        Ok(ExportReport {
            path: path.to_path_buf(),
            runtime: loaded.as_ref().map(|loaded| loaded.runtime),
            quantized: loaded.as_ref().is_some_and(|loaded| loaded.quantized),
            bytes: size,
            times,
            peak_rss_mb: peak_rss_mb(),
            threads: rayon::current_num_threads(),
            settings: *self,
        })
    }

    fn times(&self, loaded: &Loaded, load_seconds: f64) -> Result<ExportTimes> {
        let made_up = Sample::made_up(loaded.image_shape).images;
        let batch: Vec<Vec<u8>> = made_up.iter().cycle().take(self.batch_size).cloned().collect();
        let seconds = |images: &[Vec<u8>]| -> Result<f64> {
            let mut seconds = Vec::with_capacity(self.runs);
            for run in 0..self.runs + 2 {
                let clock = Instant::now();
                (loaded.answers)(images)?;
                if run >= 2 {
                    seconds.push(clock.elapsed().as_secs_f64());
                }
            }
            Ok(median(&seconds))
        };
        Ok(ExportTimes {
            load_seconds,
            latency_seconds: seconds(&batch[..1])?,
            images_per_second: self.batch_size as f64 / seconds(&batch)?,
        })
    }
}

fn onnx(bytes: Vec<u8>) -> Result<Loaded> {
    use crate::export::onnx::{Preparation, RUNTIME};

    let file = OnnxFile::load(bytes, Preparation::Optimized)?;
    Ok(Loaded {
        runtime: RUNTIME,
        quantized: file.says("quantization").is_some(),
        image_shape: file.image_shape(),
        answers: match file.takes_pictures() {
            false => Box::new(move |images| file.values(images, &["logits"]).map(drop)),
            // One after another, at the size of the network's.
            true => Box::new(move |images| {
                let [channels, height, width] = file.image_shape();
                images.iter().try_for_each(|image| {
                    file.values_of_picture(image, [height, width, channels], &["logits"]).map(drop)
                })
            }),
        },
    })
}

fn own(path: &Path, device: &Device) -> Result<Loaded> {
    let model = Importer::read(path, Known::default())?.finish(None, device)?.model;
    let image_shape = model.manifest.image_shape;
    let predictor = Predictor::new(model, "weights", device)?;
    Ok(Loaded {
        runtime: "Softcell",
        quantized: false,
        image_shape,
        answers: Box::new(move |images| {
            predictor.logits(images);
            Ok(())
        }),
    })
}

fn unknown(path: &Path) -> Error {
    Error::data(
        path,
        "is none of the kinds of files that are exported",
        "name a .onnx, .safetensors or .py file that Softcell exported",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::onnx::OnnxOptions;
    use crate::export::testing::model;
    use crate::export::{Destination, Existing, onnx, pytorch, safetensors};
    use crate::space::StemKind;

    #[test]
    fn all_formats_of_a_network_are_measured() {
        let base = tempfile::tempdir().unwrap();
        let model = model("DARTS_V2", StemKind::Cifar, false);
        let device = Device::flex();
        let to = |name: &str| Destination::new(&base.path().join(name), Existing::Keep).unwrap();
        let sample = Sample::made_up([3, 32, 32]);
        onnx::write(&model, &OnnxOptions::default(), &to("a.onnx"), &sample, &device).unwrap();
        safetensors::write(&model, &to("b.safetensors")).unwrap();
        pytorch::write(&model, &to("c.py"), &to("c.safetensors")).unwrap();
        let bench = ExportBench { batch_size: 3, runs: 1 };
        let run = |name: &str| bench.run(&base.path().join(name), &device);
        for (name, runtime) in
            [("a.onnx", Some("RTen 0.27")), ("b.safetensors", Some("Softcell")), ("c.py", None)]
        {
            let report = run(name).unwrap();
            assert_eq!((report.runtime, report.times.is_some()), (runtime, runtime.is_some()), "{name}");
            let bytes = std::fs::metadata(base.path().join(name)).unwrap().len();
            assert!(if name == "c.py" { report.bytes > bytes } else { report.bytes == bytes }, "{name}");
            assert!(
                report.times.is_none_or(|times| times.latency_seconds > 0.0 && times.images_per_second > 0.0)
            );
        }
        std::fs::write(base.path().join("d.onnx"), "no model").unwrap();
        std::fs::write(base.path().join("e.txt"), "").unwrap();
        assert!(run("d.onnx").unwrap_err().to_string().contains("ONNX file"));
        assert!(run("e.txt").unwrap_err().to_string().contains("none of the kinds"));
        assert!(run("none.onnx").is_err());
        assert!(ExportBench { runs: 0, ..bench }.run(&base.path().join("a.onnx"), &device).is_err());
    }
}
