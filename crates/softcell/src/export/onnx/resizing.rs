//! What `predict` does to an image before the network sees it, as nodes of a graph.
//!
//! The input is one image as programs hold it once it is decoded: uint8, `[height, width, channels]` of any size, with 1
//! (gray), 2 (gray and opacity), 3 (red, green, blue) or 4 channels. It is laid on white, turned gray or to three equal
//! channels, cut or bordered as the run did it, and brought to the size of the network's images by the filter of
//! training, a triangle as wide as the scale asks for. ONNX's own `Resize` is not used: its filter for shrinking came
//! late and differs between runtimes, while the filter is a product with a matrix for each axis:
//!
//! `A[k, i] = max(0, 1 − |i − c(k)| / max(r, 1)) / Σᵢ`, `c(k) = (k + ½) · r − ½`, `r = from / to`,
//!
//! rounded to whole levels in the end, as the decoder's pixels are.

use super::graph::GraphBuilder;
use super::proto::{Attribute, FLOAT, Graph};
use crate::config::Resize;

/// Weights of red, green and blue in the luminance of Rec. 709 as the decoder has them: with a white point of
/// (0.31272, 0.32903), of which the usual one is the rounded form.
const LUMINANCE: [f32; 3] = [0.212_647_81, 0.715_179_15, 0.072_173_04];

/// Name of the input of a graph that resizes: not that of one that does not, as it is another thing.
pub const INPUT: &str = "picture";
/// Name of the pixels at the size of the network, `[1, channels, height, width]`, whole numbers 0 to 255.
pub const PIXELS: &str = "picture.resized";

/// Puts the nodes before a graph that reads `image`, `[batch, channels, height, width]` of this shape,
/// bytes as they are; its input is [`INPUT`] then.
pub fn resize_before(graph: &mut Graph, shape: [usize; 3], resize: Resize) {
    let mut beginning = GraphBuilder::default();
    resized(&mut beginning, shape, resize);
    let Graph { node, mut initializer, input, value_info, .. } = beginning.into_beginning();
    // Not every way to bring an image to a size needs all numbers.
    initializer.retain(|tensor| node.iter().flat_map(|node| &node.input).any(|name| name == tensor.name()));
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if name == super::INPUT {
            PIXELS.clone_into(name);
        }
    }
    graph.node.splice(0..0, node);
    graph.initializer.extend(initializer);
    graph.input = input;
    if !graph.value_info.is_empty() {
        graph.value_info.splice(0..0, value_info);
    }
}

/// The nodes; the last one is [`PIXELS`].
fn resized(graph: &mut GraphBuilder, shape: [usize; 3], resize: Resize) {
    let [channels, height, width] = shape;
    let description = "one image, [height, width, channels] of any size, as bytes: gray, gray and opacity, red, green, \
                       blue, or these and opacity";
    graph.picture(INPUT, description.to_owned());
    let mut nodes = Nodes { graph, count: 0 };
    let pixels = nodes.node("Cast", &[INPUT], vec![Attribute::int("to", FLOAT as usize)]);
    let pixels = nodes.node("Transpose", &[&pixels], vec![Attribute::ints("perm", &[2, 0, 1])]);
    let pixels = nodes.on_white(&pixels);
    let pixels = nodes.with_channels(&pixels, channels);
    let sides = nodes.sides(&pixels);
    let place = nodes.place(&sides, [height, width], resize);
    let part = match &place.cut {
        None => pixels,
        Some([starts, ends]) => {
            let axes = nodes.integers(&[1, 2]);
            nodes.node("Slice", &[&pixels, starts, ends, &axes], vec![])
        }
    };
    let rows = nodes.coefficients(&place.from[0], &place.to[0], &place.offset[0], height);
    let columns = nodes.coefficients(&place.from[1], &place.to[1], &place.offset[1], width);
    let part = nodes.node("MatMul", &[&rows, &part], vec![]);
    let columns = nodes.node("Transpose", &[&columns], vec![Attribute::ints("perm", &[1, 0])]);
    let part = nodes.node("MatMul", &[&part, &columns], vec![]);
    // Rounded behind the ends: RTen 0.27 would take a sum right behind a product for one with a bias and panic.
    let [none, white] = [0.0, 255.0].map(|level| nodes.float(level));
    let part = nodes.node("Max", &[&part, &none], vec![]);
    let part = nodes.node("Min", &[&part, &white], vec![]);
    let part = nodes.rounded(&part);
    let first = nodes.integers(&[0]);
    nodes.graph.node("Unsqueeze", PIXELS, &[&part, &first], vec![], &shape);
}

/// Which part of an image goes where. All are names of lists of one whole number.
struct Place {
    /// Where the part begins and ends, rows and columns; none where it is the whole image.
    cut: Option<[String; 2]>,
    /// Rows and columns of the part.
    from: [String; 2],
    /// Those that it is brought to.
    to: [String; 2],
    /// Rows above and columns to the left of it in the result.
    offset: [String; 2],
}

/// Nodes whose shapes are known only when the image is, called by numbers.
struct Nodes<'a> {
    graph: &'a mut GraphBuilder,
    count: usize,
}

impl Nodes<'_> {
    fn name(&mut self) -> String {
        self.count += 1;
        format!("picture.{}", self.count)
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: Vec<Attribute>) -> String {
        let name = self.name();
        self.graph.shapeless(operator, &name, inputs, attributes);
        name
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let name = self.name();
        self.graph.integers(&name, values);
        name
    }

    fn integer(&mut self, value: usize) -> String {
        self.integers(&[value as i64])
    }

    fn float(&mut self, value: f32) -> String {
        let name = self.name();
        self.graph.floats(&name, &[1], &[value]);
        name
    }

    fn two(&mut self, operator: &str, a: &str, b: &str) -> String {
        self.node(operator, &[a, b], vec![])
    }

    /// `a ∘ b` with a whole number.
    fn by(&mut self, operator: &str, a: &str, b: usize) -> String {
        let b = self.integer(b);
        self.two(operator, a, &b)
    }

    /// `⌊a + ½⌋`.
    fn rounded(&mut self, a: &str) -> String {
        let half = self.float(0.5);
        let a = self.two("Add", a, &half);
        self.node("Floor", &[&a], vec![])
    }

    /// The colours of `[channels, height, width]` on white: `⌊(colour · opacity + 255 · (255 − opacity) + 127) / 255⌋`.
    fn on_white(&mut self, pixels: &str) -> String {
        let shape = self.node("Shape", &[pixels], vec![]);
        let first = self.integers(&[0]);
        let channels = self.node("Gather", &[&shape, &first], vec![]);
        // 1, 1, 3, 3 colours of 1 to 4 channels.
        let colours = self.by("Add", &channels, 1);
        let colours = self.by("Div", &colours, 2);
        let colours = self.by("Mul", &colours, 2);
        let colours = self.by("Sub", &colours, 1);
        let behind = self.by("Add", &colours, 1);
        let one = self.integers(&[1]);
        // Behind the channels stands an opaque one, which is read where there is no other.
        let plane = self.node("Slice", &[pixels, &first, &one, &first], vec![]);
        let [nothing, opaque] = [0.0, 255.0].map(|level| self.float(level));
        let plane = self.two("Mul", &plane, &nothing);
        let plane = self.two("Add", &plane, &opaque);
        let both = self.node("Concat", &[pixels, &plane], vec![Attribute::int("axis", 0)]);
        let opacity = self.node("Slice", &[&both, &colours, &behind, &first], vec![]);
        let colour = self.node("Slice", &[pixels, &first, &colours, &first], vec![]);
        let shown = self.two("Mul", &colour, &opacity);
        let through = self.two("Sub", &opaque, &opacity);
        let through = self.two("Mul", &through, &opaque);
        let sum = self.two("Add", &shown, &through);
        let half = self.float(127.0);
        let sum = self.two("Add", &sum, &half);
        let sum = self.two("Div", &sum, &opaque);
        self.node("Floor", &[&sum], vec![])
    }

    /// One or three colours as so many channels.
    fn with_channels(&mut self, colours: &str, channels: usize) -> String {
        // Three equal ones of one; three of nine.
        let many = self.node("Concat", &[colours, colours, colours], vec![Attribute::int("axis", 0)]);
        let [first, three] = [0, 3].map(|at| self.integers(&[at]));
        let three = self.node("Slice", &[&many, &first, &three, &first], vec![]);
        if channels != 1 {
            return three;
        }
        let weights = self.name();
        self.graph.floats(&weights, &[3, 1, 1], &LUMINANCE);
        // From 0 to 1 and back, as the decoder computes it.
        let [white, part] = [255.0, 1.0 / 255.0].map(|value| self.float(value));
        let three = self.two("Mul", &three, &part);
        let weighted = self.two("Mul", &three, &weights);
        let gray = self.node("ReduceSum", &[&weighted, &first], vec![Attribute::int("keepdims", 1)]);
        let gray = self.two("Mul", &gray, &white);
        self.rounded(&gray)
    }

    /// Height and width of `[channels, height, width]`.
    fn sides(&mut self, pixels: &str) -> [String; 2] {
        let shape = self.node("Shape", &[pixels], vec![]);
        [1, 2].map(|axis| {
            let axis = self.integers(&[axis]);
            self.node("Gather", &[&shape, &axis], vec![])
        })
    }

    /// `⌊(side · to + ⌊from / 2⌋) / from⌋`, 1 to `most`.
    fn scaled(&mut self, side: &str, to: &str, from: &str, most: &str) -> String {
        let product = self.two("Mul", side, to);
        let half = self.by("Div", from, 2);
        let sum = self.two("Add", &product, &half);
        let scaled = self.two("Div", &sum, from);
        let one = self.integer(1);
        let scaled = self.two("Max", &scaled, &one);
        self.two("Min", &scaled, most)
    }

    /// Half of what is left of `whole` beside `part`.
    fn margin(&mut self, whole: &str, part: &str) -> String {
        let rest = self.two("Sub", whole, part);
        self.by("Div", &rest, 2)
    }

    fn place(&mut self, [height, width]: &[String; 2], size: [usize; 2], resize: Resize) -> Place {
        let to = size.map(|side| self.integer(side));
        let offset = [self.integer(0), self.integer(0)];
        let whole = [height.clone(), width.clone()];
        if resize == Resize::Squash {
            return Place { cut: None, from: whole, to, offset };
        }
        let across = self.two("Mul", width, &to[0]);
        let down = self.two("Mul", height, &to[1]);
        let is_wide = self.two("Greater", &across, &down);
        let either =
            |nodes: &mut Self, wide: &str, high: &str| nodes.node("Where", &[&is_wide, wide, high], vec![]);
        match resize {
            Resize::Crop => {
                let columns = self.scaled(height, &to[1], &to[0], width);
                let rows = self.scaled(width, &to[0], &to[1], height);
                let from = [either(self, height, &rows), either(self, &columns, width)];
                let starts = [self.margin(height, &from[0]), self.margin(width, &from[1])];
                let ends = [self.two("Add", &starts[0], &from[0]), self.two("Add", &starts[1], &from[1])];
                let join = |nodes: &mut Self, [a, b]: &[String; 2]| {
                    nodes.node("Concat", &[a, b], vec![Attribute::int("axis", 0)])
                };
                let cut = Some([join(self, &starts), join(self, &ends)]);
                Place { cut, from, to, offset }
            }
            _ => {
                let rows = self.scaled(height, &to[1], width, &to[0]);
                let columns = self.scaled(width, &to[0], height, &to[1]);
                let inner = [either(self, &rows, &to[0]), either(self, &to[1], &columns)];
                let offset = [self.margin(&to[0], &inner[0]), self.margin(&to[1], &inner[1])];
                Place { cut: None, from: whole, to: inner, offset }
            }
        }
    }

    /// `A`, `[size, from]`: the pixels of `from`, brought to `to` and put at `offset` of `size`; rows of zeros beside.
    fn coefficients(&mut self, from: &str, to: &str, offset: &str, size: usize) -> String {
        let float = |nodes: &mut Self, whole: &str| {
            nodes.node("Cast", &[whole], vec![Attribute::int("to", FLOAT as usize)])
        };
        let [half, none, one] = [0.5, 0.0, 1.0].map(|value| self.float(value));
        let places = self.name();
        let numbers: Vec<f32> = (0..size).map(|k| k as f32).collect();
        self.graph.floats(&places, &[size, 1], &numbers);
        let [from_side, to_side, offset] = [from, to, offset].map(|side| float(self, side));
        let place = self.two("Sub", &places, &offset);
        let ratio = self.two("Div", &from_side, &to_side);
        let reach = self.two("Max", &ratio, &one);
        let centre = self.two("Add", &place, &half);
        let centre = self.two("Mul", &centre, &ratio);
        let centre = self.two("Sub", &centre, &half);
        // 0, 1, … of the pixels, [1, from].
        let axis = self.integers(&[0]);
        let all = self.node("Squeeze", &[from, &axis], vec![]);
        let [start, step] = [0, 1].map(|value| {
            let name = self.name();
            self.graph.scalar(&name, value);
            name
        });
        let pixels = self.node("Range", &[&start, &all, &step], vec![]);
        let pixels = float(self, &pixels);
        let pixels = self.node("Unsqueeze", &[&pixels, &axis], vec![]);
        let distance = self.two("Sub", &pixels, &centre);
        let distance = self.two("Div", &distance, &reach);
        let distance = self.node("Abs", &[&distance], vec![]);
        let weight = self.two("Sub", &one, &distance);
        let weight = self.two("Max", &weight, &none);
        let last = self.integers(&[1]);
        let sum = self.node("ReduceSum", &[&weight, &last], vec![Attribute::int("keepdims", 1)]);
        // Beside the part there may be nothing to divide by.
        let tiny = self.float(1e-6);
        let sum = self.two("Max", &sum, &tiny);
        let share = self.two("Div", &weight, &sum);
        // 1 from place 0 to the last of `to`, else 0.
        let after = self.two("Add", &place, &one);
        let before = self.two("Sub", &to_side, &place);
        let inside = self.two("Min", &after, &before);
        let inside = self.two("Max", &inside, &none);
        let inside = self.two("Min", &inside, &one);
        self.two("Mul", &share, &inside)
    }
}
