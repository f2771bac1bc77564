//! A graph whose convolutions, sums, joins and pools compute in whole numbers of eight bits.
//!
//! The form is that of ONNX's `QuantizeLinear` and `DequantizeLinear` around ordinary nodes: any runtime can compute it,
//! and one that has whole-number bodies (onnxruntime: `QLinearConv` and its kin) takes a node with those around it for
//! one of them.

use std::collections::{HashMap, HashSet};

use super::scale::{Filters, Scale};
use crate::export::onnx::proto::{Attribute, Graph, Node, Tensor};

/// Which nodes of a graph compute in whole numbers, and which values are whole numbers between them.
pub struct Plan {
    /// Values with levels of their own, in the order in which they come to be.
    pub values: Vec<String>,
    /// Nodes by their output.
    whole: HashSet<String>,
}

/// Operators with a body in whole numbers.
const WHOLE: [&str; 7] = ["Conv", "Add", "Concat", "AveragePool", "MaxPool", "Slice", "Relu"];
/// Of these, those that pass values on as they are: the levels of the result are those of the input.
const PASSING: [&str; 2] = ["MaxPool", "Slice"];

impl Plan {
    /// Of a graph whose rectifiers stand where they are cheapest; nodes of these names compute with a point, beside all
    /// that have no body in whole numbers.
    pub fn of(graph: &Graph, kept: &[&str]) -> Plan {
        let constants: HashSet<&str> = graph.initializer.iter().map(Tensor::name).collect();
        let whole: HashSet<String> = graph
            .node
            .iter()
            .filter(|node| WHOLE.contains(&node.op_type()) && !kept.contains(&node.name()))
            .map(|node| node.output[0].clone())
            .collect();
        let made: HashSet<&str> = graph.node.iter().map(|node| node.output[0].as_str()).collect();
        let mut readers: HashMap<&str, Vec<&Node>> = HashMap::new();
        for node in &graph.node {
            for value in node.input.iter().filter(|value| !constants.contains(value.as_str())) {
                readers.entry(value).or_default().push(node);
            }
        }
        let is_whole = |node: &Node| whole.contains(&node.output[0]);
        let has_levels = |value: &str| {
            let Some(readers) = readers.get(value) else { return false };
            // A rectifier that alone reads the result of a node is done by the levels of its own result.
            let is_only_rectified =
                made.contains(value) && matches!(readers[..], [reader] if reader.op_type() == "Relu");
            readers.iter().any(|node| is_whole(node)) && !is_only_rectified
        };
        let inputs = graph.input.iter().map(|input| input.name());
        let outputs = graph.node.iter().map(|node| node.output[0].as_str());
        let values = inputs.chain(outputs).filter(|value| has_levels(value)).map(str::to_owned).collect();
        Plan { values, whole }
    }

    /// Convolutions that compute in whole numbers, and all.
    pub fn convolutions(&self, graph: &Graph) -> [usize; 2] {
        let convolutions = || graph.node.iter().filter(|node| node.op_type() == "Conv");
        let whole = convolutions().filter(|node| self.whole.contains(&node.output[0]));
        [whole.count(), convolutions().count()]
    }

    /// The graph with these levels of [`Self::values`].
    pub fn apply(&self, mut graph: Graph, mut scales: HashMap<String, Scale>) -> Graph {
        for node in graph.node.iter().filter(|node| PASSING.contains(&node.op_type())) {
            if let (Some(&of_input), true) =
                (scales.get(&node.input[0]), scales.contains_key(&node.output[0]))
            {
                scales.insert(node.output[0].clone(), of_input);
            }
        }
        let mut insertion = Insertion {
            scales: &scales,
            nodes: Vec::new(),
            constants: std::mem::take(&mut graph.initializer),
            read_as: HashMap::new(),
        };
        let inputs: Vec<String> = graph.input.iter().map(|input| input.name().to_owned()).collect();
        for input in &inputs {
            insertion.levels(input);
        }
        for node in std::mem::take(&mut graph.node) {
            insertion.node(node, self);
        }
        let Insertion { nodes, constants, .. } = insertion;
        let read: HashSet<&str> = nodes.iter().flat_map(|node| &node.input).map(String::as_str).collect();
        graph.initializer = constants.into_iter().filter(|tensor| read.contains(tensor.name())).collect();
        drop(read);
        graph.node = nodes;
        // They follow from the nodes, and would be a good part of a small file.
        graph.value_info.clear();
        graph
    }
}

/// A graph as it is made anew.
struct Insertion<'a> {
    scales: &'a HashMap<String, Scale>,
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    /// Values by what reads them as numbers with a point, after their levels.
    read_as: HashMap<String, String>,
}

impl Insertion<'_> {
    fn node(&mut self, mut node: Node, plan: &Plan) {
        let output = node.output[0].clone();
        let is_whole = plan.whole.contains(&output);
        let sources = node.input.clone();
        for value in &mut node.input {
            // What computes with a point reads levels where there is nothing else.
            if let Some(levels) = self.read_as.get(value)
                && (is_whole || plan.whole.contains(value))
            {
                value.clone_from(levels);
            }
        }
        if is_whole && node.op_type() == "Conv" {
            self.filters(&mut node, &sources);
        }
        if is_whole && node.op_type() == "Relu" && node.input[0] != sources[0] {
            // A rectifier between levels and levels: in this form it has a body in whole numbers.
            node.op_type = Some("LeakyRelu".to_owned());
            node.attribute = vec![Attribute::float("alpha", 0.0)];
        }
        self.nodes.push(node);
        self.levels(&output);
    }

    /// Makes levels of a value, if it has some.
    fn levels(&mut self, value: &str) {
        let Some(&Scale { scale, zero }) = self.scales.get(value) else { return };
        let number = self.read_as.len();
        let [levels, back, step] = ["q", "dq", "scale"].map(|kind| format!("{kind}{number}"));
        let zero_name = format!("zero_{zero}");
        if !self.constants.iter().any(|tensor| tensor.name() == zero_name) {
            self.constants.push(Tensor::bytes(&zero_name, &[], &[zero]));
        }
        self.constants.push(Tensor::floats(&step, &[], &[scale]));
        self.nodes.push(plain("QuantizeLinear", &[value, &step, &zero_name], &levels, vec![]));
        self.nodes.push(plain("DequantizeLinear", &[&levels, &step, &zero_name], &back, vec![]));
        self.read_as.insert(value.to_owned(), back);
    }

    /// Makes levels of weight and bias of a convolution, which reads `sources`.
    fn filters(&mut self, node: &mut Node, sources: &[String]) {
        let input = self.scales[&sources[0]];
        let weight = sources[1].clone();
        let at = self.position(&weight);
        let (shape, values) = self.constants[at].float_values();
        let filters = Filters::of(&values, shape[0]);
        self.constants[at] = Tensor::signed_bytes(&weight, &shape, &filters.levels);
        node.input[1] = self.back(&weight, &filters.scales);
        if let Some(bias) = sources.get(2) {
            let at = self.position(bias);
            let (shape, values) = self.constants[at].float_values();
            let (levels, scales) = filters.bias(&values, input);
            self.constants[at] = Tensor::words(bias, &shape, &levels);
            node.input[2] = self.back(bias, &scales);
        }
    }

    /// A node that makes numbers of the levels of a constant, whose channels have these steps; answers its name.
    fn back(&mut self, constant: &str, scales: &[f32]) -> String {
        let (steps, back) = (format!("{constant}.scale"), format!("{constant}.dq"));
        self.constants.push(Tensor::floats(&steps, &[scales.len()], scales));
        let axis = vec![Attribute::int("axis", 0)];
        self.nodes.push(plain("DequantizeLinear", &[constant, &steps], &back, axis));
        back
    }

    fn position(&self, constant: &str) -> usize {
        let found = self.constants.iter().position(|tensor| tensor.name() == constant);
        found.expect("weights and biases of convolutions are constants of the file")
    }
}

/// A node that needs no name of its own.
fn plain(operator: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) -> Node {
    Node {
        input: inputs.iter().map(|&input| input.to_owned()).collect(),
        output: vec![output.to_owned()],
        name: None,
        op_type: Some(operator.to_owned()),
        attribute,
    }
}
