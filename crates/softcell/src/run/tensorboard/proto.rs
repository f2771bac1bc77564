//! The messages of an event file, as far as they are written here.
//!
//! Field numbers are those of `event.proto`, `summary.proto`, `tensor.proto`, `tensor_shape.proto`
//! and of the hparams plugin's `plugin_data.proto` (TensorBoard) and of `struct.proto` (Protocol Buffers).
//! Fields that are never written are left out.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// Element type `DT_FLOAT` of a tensor.
pub const FLOAT: i32 = 1;
/// Element type `DT_STRING` of a tensor.
pub const STRING: i32 = 7;
/// Data class `DATA_CLASS_TENSOR`.
pub const TENSOR_CLASS: i32 = 2;
/// Status `START` of a session.
pub const START: i32 = 1;

/// One record of a file.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// What happened.
#[derive(Clone, PartialEq, Oneof)]
pub enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// A session begins: whatever was read before of this run at this step or later is to be forgotten.
#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    #[prost(int32, tag = "1")]
    pub status: i32,
}

/// Values of a step.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

/// A value and its name.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(message, optional, tag = "9")]
    pub metadata: Option<Metadata>,
    #[prost(oneof = "Kind", tags = "2, 4, 5, 8")]
    pub kind: Option<Kind>,
}

/// The value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    #[prost(float, tag = "2")]
    Scalar(f32),
    #[prost(message, tag = "4")]
    Image(Image),
    #[prost(message, tag = "5")]
    Histogram(Histogram),
    #[prost(message, tag = "8")]
    Tensor(Tensor),
}

/// Which plugin reads a value.
#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub plugin_data: Option<PluginData>,
    #[prost(int32, tag = "4")]
    pub data_class: i32,
}

/// A plugin and its own data.
#[derive(Clone, PartialEq, Message)]
pub struct PluginData {
    #[prost(string, tag = "1")]
    pub plugin_name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub content: Vec<u8>,
}

/// A picture.
#[derive(Clone, PartialEq, Message)]
pub struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// 3: red, green, blue.
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// PNG.
    #[prost(bytes = "vec", tag = "4")]
    pub encoded: Vec<u8>,
}

/// Counts of numbers in buckets.
#[derive(Clone, PartialEq, Message)]
pub struct Histogram {
    #[prost(double, tag = "1")]
    pub min: f64,
    #[prost(double, tag = "2")]
    pub max: f64,
    #[prost(double, tag = "3")]
    pub num: f64,
    #[prost(double, tag = "4")]
    pub sum: f64,
    #[prost(double, tag = "5")]
    pub sum_squares: f64,
    /// Upper end of each bucket.
    #[prost(double, repeated, tag = "6")]
    pub bucket_limit: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    pub bucket: Vec<f64>,
}

/// A tensor without sides.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int32, tag = "1")]
    pub dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub tensor_shape: Option<Shape>,
    #[prost(float, repeated, tag = "5")]
    pub float_val: Vec<f32>,
    #[prost(bytes = "vec", repeated, tag = "8")]
    pub string_val: Vec<Vec<u8>>,
}

/// No sides.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {}

/// What the hparams plugin reads.
#[derive(Clone, PartialEq, Message)]
pub struct HparamsData {
    #[prost(message, optional, tag = "3")]
    pub session_start_info: Option<SessionStart>,
}

/// The settings of a run.
#[derive(Clone, PartialEq, Message)]
pub struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub hparams: BTreeMap<String, Setting>,
    #[prost(double, tag = "5")]
    pub start_time_secs: f64,
}

/// A value of a setting.
#[derive(Clone, PartialEq, Message)]
pub struct Setting {
    #[prost(oneof = "SettingKind", tags = "2, 3, 4")]
    pub kind: Option<SettingKind>,
}

/// The value.
#[derive(Clone, PartialEq, Oneof)]
pub enum SettingKind {
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(bool, tag = "4")]
    Switch(bool),
}
