//! The messages of an ONNX file, as far as they are written here.
//!
//! Field numbers are those of `onnx.proto` (ONNX IR specification). Fields of the original that are
//! never written are left out; a reader skips what it does not know, and so does this one.

use prost::Message;

/// Element type `FLOAT` of a tensor.
pub const FLOAT: i32 = 1;
/// Element type `UINT8` of a tensor.
pub const UINT8: i32 = 2;
/// Element type `INT8` of a tensor.
#[cfg(feature = "verify")]
pub const INT8: i32 = 3;
/// Element type `INT32` of a tensor.
#[cfg(feature = "verify")]
pub const INT32: i32 = 6;
/// Element type `INT64` of a tensor.
pub const INT64: i32 = 7;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    #[prost(int64, optional, tag = "1")]
    pub ir_version: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub producer_name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub producer_version: Option<String>,
    #[prost(int64, optional, tag = "5")]
    pub model_version: Option<i64>,
    #[prost(string, optional, tag = "6")]
    pub doc_string: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Property>,
}

/// Which edition of the operators a file uses.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSet {
    /// Empty for ONNX's own operators.
    #[prost(string, optional, tag = "1")]
    pub domain: Option<String>,
    #[prost(int64, optional, tag = "2")]
    pub version: Option<i64>,
}

/// A line of the metadata.
#[derive(Clone, PartialEq, Message)]
pub struct Property {
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// Nodes in an order in which they can be computed, and what they read.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(string, optional, tag = "10")]
    pub doc_string: Option<String>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfo>,
}

/// One operator at work.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, optional, tag = "3")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub op_type: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
}

/// A constant of a node: one of `f`, `i` and `ints`, named by `r#type`.
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    // `onnx.proto` is of the second edition, in which lists are not packed unless said.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, optional, tag = "20")]
    pub r#type: Option<i32>,
}

/// Numbers.
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, optional, tag = "2")]
    pub data_type: Option<i32>,
    #[prost(string, optional, tag = "8")]
    pub name: Option<String>,
    /// Little-endian, row-major.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub raw_data: Option<Vec<u8>>,
}

/// Name, element type and shape of a value.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfo {
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<Type>,
    #[prost(string, optional, tag = "3")]
    pub doc_string: Option<String>,
}

/// The type of a value, here always a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorType>,
}

/// Element type and shape.
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    #[prost(int32, optional, tag = "1")]
    pub elem_type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// Sides of a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// A side: a number, or a name for one that is known only when the model runs.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

impl Attribute {
    /// A number with a point, type `FLOAT`.
    pub fn float(name: &str, value: f32) -> Attribute {
        Attribute { name: Some(name.into()), f: Some(value), r#type: Some(1), ..Attribute::default() }
    }

    /// A whole number, type `INT`.
    pub fn int(name: &str, value: usize) -> Attribute {
        Attribute { name: Some(name.into()), i: Some(value as i64), r#type: Some(2), ..Attribute::default() }
    }

    /// Whole numbers, type `INTS`.
    pub fn ints(name: &str, values: &[usize]) -> Attribute {
        let ints = values.iter().map(|&value| value as i64).collect();
        Attribute { name: Some(name.into()), ints, r#type: Some(7), ..Attribute::default() }
    }
}

impl Tensor {
    /// Numbers of type `FLOAT`.
    pub fn floats(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::raw(name, shape, FLOAT, bytes)
    }

    /// A list of numbers of type `INT64`.
    pub fn integers(name: &str, values: &[i64]) -> Tensor {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::raw(name, &[values.len()], INT64, bytes)
    }

    /// Numbers of type `UINT8`.
    #[cfg(feature = "verify")]
    pub fn bytes(name: &str, shape: &[usize], values: &[u8]) -> Tensor {
        Tensor::raw(name, shape, UINT8, values.to_vec())
    }

    /// Numbers of type `INT8`.
    #[cfg(feature = "verify")]
    pub fn signed_bytes(name: &str, shape: &[usize], values: &[i8]) -> Tensor {
        Tensor::raw(name, shape, INT8, values.iter().map(|value| value.cast_unsigned()).collect())
    }

    /// Numbers of type `INT32`.
    #[cfg(feature = "verify")]
    pub fn words(name: &str, shape: &[usize], values: &[i32]) -> Tensor {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor::raw(name, shape, INT32, bytes)
    }

    /// Shape and numbers of a tensor of type `FLOAT`.
    #[cfg(feature = "verify")]
    pub fn float_values(&self) -> (Vec<usize>, Vec<f32>) {
        let (values, _) = self.raw_data().as_chunks::<4>();
        let values = values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        (self.dims.iter().map(|&side| side as usize).collect(), values)
    }

    fn raw(name: &str, shape: &[usize], data_type: i32, bytes: Vec<u8>) -> Tensor {
        Tensor {
            dims: shape.iter().map(|&side| side as i64).collect(),
            data_type: Some(data_type),
            name: Some(name.into()),
            raw_data: Some(bytes),
        }
    }
}

impl ValueInfo {
    /// Numbers of type `UINT8`, `[height, width, channels]`, each known only when the model runs.
    pub fn picture(name: &str, description: String) -> ValueInfo {
        let open = |side: &str| Dimension { dim_value: None, dim_param: Some(side.into()) };
        let dim = ["height", "width", "channels"].map(open).to_vec();
        let tensor_type = TensorType { elem_type: Some(UINT8), shape: Some(Shape { dim }) };
        ValueInfo {
            name: Some(name.into()),
            r#type: Some(Type { tensor_type: Some(tensor_type) }),
            doc_string: Some(description),
        }
    }

    /// Numbers of type `FLOAT` for a batch of any size: `[batch, …shape]`.
    pub fn batch(name: &str, shape: &[usize]) -> ValueInfo {
        let batch = Dimension { dim_value: None, dim_param: Some("batch".into()) };
        let fixed = |&side: &usize| Dimension { dim_value: Some(side as i64), dim_param: None };
        let dim = std::iter::once(batch).chain(shape.iter().map(fixed)).collect();
        let tensor_type = TensorType { elem_type: Some(FLOAT), shape: Some(Shape { dim }) };
        ValueInfo {
            name: Some(name.into()),
            r#type: Some(Type { tensor_type: Some(tensor_type) }),
            doc_string: None,
        }
    }
}
