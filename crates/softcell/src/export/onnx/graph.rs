//! A graph as it grows: nodes, the shapes of what they give, and the numbers they read.

use std::collections::HashSet;

use super::proto::{Attribute, Graph, Node, Tensor, ValueInfo};

/// A feature map `[batch, channels, height, width]` in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureMap {
    /// Name of the value.
    pub name: String,
    /// Channels.
    pub channels: usize,
    /// Height and width.
    pub size: [usize; 2],
}

impl FeatureMap {
    /// The same under another name.
    pub fn named(&self, name: String) -> FeatureMap {
        FeatureMap { name, ..*self }
    }

    fn shape(&self) -> [usize; 3] {
        [self.channels, self.size[0], self.size[1]]
    }
}

/// A graph under construction. A node has one output, which bears the node's name.
#[derive(Debug, Default)]
pub struct GraphBuilder {
    graph: Graph,
    /// Names of all values and numbers so far.
    names: HashSet<String>,
}

impl GraphBuilder {
    /// Whether there is a value, or a list of numbers, of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Numbers that are part of the file; those of a name that is there already are left as they are.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        if self.names.insert(name.to_owned()) {
            self.graph.initializer.push(Tensor::floats(name, shape, values));
        }
    }

    /// As [`Self::floats`], whole numbers.
    pub fn integers(&mut self, name: &str, values: &[i64]) {
        if self.names.insert(name.to_owned()) {
            self.graph.initializer.push(Tensor::integers(name, values));
        }
    }

    /// A node whose output is a feature map, which it takes the name from.
    pub fn map(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
        output: FeatureMap,
    ) -> FeatureMap {
        self.node(operator, &output.name, inputs, attributes, &output.shape());
        output
    }

    /// A node whose output `[batch, …shape]` bears its name.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
        shape: &[usize],
    ) {
        self.graph.value_info.push(ValueInfo::batch(name, shape));
        self.names.insert(name.to_owned());
        self.graph.node.push(Node {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some(operator.to_owned()),
            attribute: attributes,
        });
    }

    /// A node whose shape is known only when the graph runs.
    pub fn shapeless(&mut self, operator: &str, name: &str, inputs: &[&str], attributes: Vec<Attribute>) {
        self.node(operator, name, inputs, attributes, &[]);
        self.graph.value_info.pop();
    }

    /// A whole number that is part of the file, no list of one.
    pub fn scalar(&mut self, name: &str, value: i64) {
        self.names.insert(name.to_owned());
        let list = Tensor::integers(name, &[value]);
        self.graph.initializer.push(Tensor { dims: Vec::new(), ..list });
    }

    /// What the graph reads: one image, `[height, width, channels]`, all of them open, in bytes.
    pub fn picture(&mut self, name: &str, description: String) {
        self.names.insert(name.to_owned());
        self.graph.input.push(ValueInfo::picture(name, description));
    }

    /// The graph as it is, without an answer, to be put before another.
    pub fn into_beginning(self) -> Graph {
        self.graph
    }

    /// What the graph reads.
    pub fn input(&mut self, name: &str, shape: &[usize], description: String) {
        self.names.insert(name.to_owned());
        let input = ValueInfo { doc_string: Some(description), ..ValueInfo::batch(name, shape) };
        self.graph.input.push(input);
    }

    /// The finished graph, which answers the value of the last node. What does not lead there is left out:
    /// the nodes of a cell that no other reads and that are no part of its output.
    pub fn finish(mut self, name: &str, description: String) -> Graph {
        // What the graph answers is told of once.
        let output = self.graph.value_info.pop();
        let mut read: HashSet<String> = output.iter().map(|value| value.name().to_owned()).collect();
        let graph = &mut self.graph;
        for node in graph.node.iter().rev() {
            if node.output.iter().any(|value| read.contains(value)) {
                read.extend(node.input.iter().cloned());
            }
        }
        graph.node.retain(|node| node.output.iter().any(|value| read.contains(value)));
        graph.initializer.retain(|tensor| read.contains(tensor.name()));
        graph.value_info.retain(|value| read.contains(value.name()));
        graph.output.extend(output);
        Graph { name: Some(name.to_owned()), doc_string: Some(description), ..self.graph }
    }
}
