//! Rectifiers moved before what they follow, where that changes nothing.

use std::collections::{HashMap, HashSet};

use crate::export::onnx::proto::{Graph, Node};

/// `max(join(a, b), 0) = join(max(a, 0), max(b, 0))`: where maps are joined and nothing but a rectifier reads the
/// result, the maps are rectified before.
///
/// Of a map that only rectifiers read nothing below zero need be kept, so that all 256 levels are there for the rest;
/// and a rectifier behind a convolution or a sum costs nothing in whole numbers, one behind a join a pass over the map.
pub fn rectify_before_joining(graph: &mut Graph) {
    let answered: HashSet<String> = graph.output.iter().map(|value| value.name().to_owned()).collect();
    let mut readers: HashMap<String, (usize, usize)> = HashMap::new();
    for node in &graph.node {
        for value in &node.input {
            let (all, rectifiers) = readers.entry(value.clone()).or_default();
            *all += 1;
            *rectifiers += usize::from(node.op_type() == "Relu");
        }
    }
    let is_rectified = |value: &str| {
        !answered.contains(value)
            && readers.get(value).is_some_and(|(all, rectifiers)| *all > 0 && all == rectifiers)
    };
    let mut placed: HashSet<String> = HashSet::new();
    // What is now read in place of a value.
    let mut instead: HashMap<String, String> = HashMap::new();
    let mut nodes: Vec<Node> = Vec::with_capacity(graph.node.len());
    let mut place = |nodes: &mut Vec<Node>, node: Node| {
        if placed.insert(node.output[0].clone()) {
            nodes.push(node);
        }
    };
    for mut node in std::mem::take(&mut graph.node) {
        for value in &mut node.input {
            if let Some(other) = instead.get(value) {
                value.clone_from(other);
            }
        }
        match node.op_type() {
            "Relu" if instead.contains_key(&node.output[0]) => continue,
            "Concat" if is_rectified(&node.output[0]) => {
                for value in &mut node.input {
                    let rectified = rectified_name(value);
                    place(&mut nodes, relu(value, &rectified));
                    *value = rectified;
                }
                let joined = node.output[0].clone();
                instead.insert(rectified_name(&joined), joined);
            }
            _ => {}
        }
        place(&mut nodes, node);
    }
    graph.node = nodes;
}

/// The one rectifier of a value is called so: see [`Layers::relu`](super::super::layers::Layers::relu).
fn rectified_name(value: &str) -> String {
    format!("{value}.relu")
}

fn relu(input: &str, output: &str) -> Node {
    Node {
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        name: Some(output.to_owned()),
        op_type: Some("Relu".to_owned()),
        attribute: Vec::new(),
    }
}
