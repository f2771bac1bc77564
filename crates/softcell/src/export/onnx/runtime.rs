//! An ONNX file that Softcell wrote, loaded by an ONNX runtime: [RTen](https://github.com/robertknight/rten).

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message;
use rten::{Model, ModelOptions, RunOptions, ThreadPool, Value, ValueOrView, op_registry};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};

use super::proto;
use super::{INPUT, InputRange, resizing};
use crate::error::{Error, Result};

/// Name and version of the runtime.
pub const RUNTIME: &str = "RTen 0.27";

/// What the runtime may do to a graph before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preparation {
    /// Nodes are joined where that is faster.
    Optimized,
    /// None, so that every value between two nodes can be asked for.
    AsWritten,
}

/// A file loaded to run.
pub struct OnnxFile {
    model: Model,
    run: RunOptions,
    metadata: HashMap<String, String>,
    image_shape: [usize; 3],
    input_range: InputRange,
}

impl OnnxFile {
    /// Of the bytes of a file. It runs on as many threads as the pool has.
    ///
    /// # Errors
    /// Bytes that are no ONNX file of Softcell, or that the runtime does not take.
    pub fn load(bytes: Vec<u8>, preparation: Preparation) -> Result<OnnxFile> {
        let metadata = metadata(&bytes)?;
        let known = |key: &str| {
            let value = metadata.get(key).and_then(|text| serde_json::from_str::<Vec<usize>>(text).ok());
            value.ok_or_else(|| foreign(&format!("no {key} in its metadata")))
        };
        let image_shape: [usize; 3] =
            known("image_shape")?.try_into().map_err(|_| foreign("an image_shape of another length"))?;
        let input_range = match known("input_range")?[..] {
            [0, 1] => InputRange::Unit,
            _ => InputRange::Bytes,
        };
        // The operators that are ever written, so that the rest of the runtime need not be built in.
        let registry = op_registry!(
            Abs,
            Add,
            AveragePool,
            BatchNormalization,
            Cast,
            Concat,
            Conv,
            DequantizeLinear,
            Div,
            Flatten,
            Floor,
            Gather,
            Gemm,
            GlobalAveragePool,
            Greater,
            LeakyRelu,
            MatMul,
            Max,
            MaxPool,
            Min,
            Mul,
            Pad,
            QuantizeLinear,
            Range,
            ReduceSum,
            Relu,
            Shape,
            Slice,
            Softmax,
            Squeeze,
            Sub,
            Transpose,
            Unsqueeze,
            Where
        );
        let mut options = ModelOptions::with_ops(registry);
        options.enable_optimization(preparation == Preparation::Optimized);
        let model = options.load(bytes).map_err(refused)?;
        let threads = ThreadPool::with_num_threads(rayon::current_num_threads());
        let run = RunOptions::default().with_thread_pool(Some(Arc::new(threads)));
        Ok(OnnxFile { model, run, metadata, image_shape, input_range })
    }

    /// What the file says of itself under a key.
    pub fn says(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// Channels, height and width of the images that the network sees.
    pub fn image_shape(&self) -> [usize; 3] {
        self.image_shape
    }

    /// The values of these names for images given as bytes, channel after channel: of each, image after image.
    ///
    /// # Errors
    /// Names that are not there; what the runtime says.
    ///
    /// # Panics
    /// If an image has another number of bytes.
    pub fn values<I: AsRef<[u8]>>(&self, images: &[I], names: &[&str]) -> Result<Vec<Vec<f32>>> {
        let [channels, height, width] = self.image_shape;
        let value = |&byte: &u8| match self.input_range {
            InputRange::Bytes => f32::from(byte),
            InputRange::Unit => f32::from(byte) / 255.0,
        };
        let values: Vec<f32> = images.iter().flat_map(|image| image.as_ref()).map(value).collect();
        let input = NdTensor::from_data([images.len(), channels, height, width], values);
        self.run(INPUT, input.view().into(), names)
    }

    /// Whether the file takes single images of any size: see [`Self::values_of_picture`].
    pub fn takes_pictures(&self) -> bool {
        self.says("input") == Some(resizing::INPUT)
    }

    /// As [`Self::values`] for one image, `[height, width, channels]`, of a file that takes such.
    ///
    /// # Errors
    /// As [`Self::values`].
    ///
    /// # Panics
    /// If there are more or fewer bytes than the shape says.
    pub fn values_of_picture(
        &self,
        pixels: &[u8],
        shape: [usize; 3],
        names: &[&str],
    ) -> Result<Vec<Vec<f32>>> {
        let picture = NdTensor::from_data(shape, pixels.to_vec());
        self.run(resizing::INPUT, picture.view().into(), names)
    }

    fn run(&self, input: &str, value: ValueOrView<'_>, names: &[&str]) -> Result<Vec<Vec<f32>>> {
        let node = |name: &str| self.model.node_id(name).map_err(refused);
        let outputs = names.iter().map(|name| node(name)).collect::<Result<Vec<_>>>()?;
        let found =
            self.model.run(vec![(node(input)?, value)], &outputs, Some(self.run.clone())).map_err(refused)?;
        let values = |value: Value| Tensor::<f32>::try_from(value).map(|v| v.to_vec()).map_err(refused);
        found.into_iter().map(values).collect()
    }
}

/// The metadata of a file.
fn metadata(bytes: &[u8]) -> Result<HashMap<String, String>> {
    let file = proto::Model::decode(bytes).map_err(|_| foreign("bytes that are no ONNX file"))?;
    let entry = |property: proto::Property| Some((property.key?, property.value?));
    Ok(file.metadata_props.into_iter().filter_map(entry).collect())
}

fn foreign(found: &str) -> Error {
    let remedy = "name a file that Softcell exported as ONNX";
    Error::invalid("ONNX file", found, "one that Softcell wrote, which says what its images are", remedy)
}

fn refused(reason: impl std::fmt::Display) -> Error {
    Error::invalid(
        "the ONNX file that was made",
        format!("one that does not run ({reason})"),
        "a file that an ONNX runtime takes",
        "this is a fault of Softcell: please report it with the genotype of the run",
    )
}
