//! Sums along a binary tree: `((g₀ + g₁) + (g₂ + g₃)) + …`.

use std::ops::Range;

use super::Exchange;

/// The leaves that each of so many ranks has, of as many as the next power of two: those below one node.
pub(super) fn nodes(ranks: usize) -> Vec<Range<usize>> {
    let mut nodes = Vec::from_iter(std::iter::once(0..ranks.next_power_of_two()));
    while nodes.len() < ranks {
        let largest = nodes.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        let at = nodes.iter().position(|node| node.len() == largest).expect("there is a node");
        let Range { start, end } = nodes[at];
        let middle = start + largest / 2;
        nodes.splice(at..=at, [start..middle, middle..end]);
    }
    nodes
}

/// Adds up the values of all ranks, which are sums below their nodes.
pub(super) fn sum(exchange: &dyn Exchange, values: &mut [f32]) {
    let nodes = nodes(exchange.ranks());
    let mut other = Vec::new();
    below(exchange, &nodes, 0..nodes.len(), values, &mut other);
    exchange.broadcast(values);
}

/// Adds up the values of ranks that share a node; the first of them has the sum.
fn below(
    exchange: &dyn Exchange,
    nodes: &[Range<usize>],
    ranks: Range<usize>,
    values: &mut [f32],
    other: &mut Vec<f32>,
) {
    if ranks.len() < 2 {
        return;
    }
    let (start, end) = (nodes[ranks.start].start, nodes[ranks.end - 1].end);
    let middle = start + (end - start) / 2;
    let right = ranks.start + nodes[ranks.clone()].iter().filter(|node| node.start < middle).count();
    below(exchange, nodes, ranks.start..right, values, other);
    below(exchange, nodes, right..ranks.end, values, other);
    match exchange.rank() {
        rank if rank == right => exchange.send(values, ranks.start),
        rank if rank == ranks.start => {
            other.resize(values.len(), 0.0);
            exchange.receive(other, right);
            values.iter_mut().zip(&*other).for_each(|(sum, more)| *sum += more);
        }
        _ => {}
    }
}

/// Adds up values as they come, of a power of two of leaves.
#[derive(Default)]
pub(crate) struct TreeSum {
    /// By height: the sum below a node whose neighbour is not there yet.
    waiting: Vec<Vec<f32>>,
}

impl TreeSum {
    /// The sum of as many leaves, of as many values each.
    pub fn add<'a>(&mut self, leaves: impl Iterator<Item = &'a [f32]>) -> &[f32] {
        let mut top = 0;
        for (index, leaf) in leaves.enumerate() {
            // So many nodes are complete with this leaf.
            top = index.trailing_ones() as usize;
            if self.waiting.len() <= top {
                self.waiting.resize(top + 1, Vec::new());
            }
            if top == 0 {
                self.waiting[0].clear();
                self.waiting[0].extend_from_slice(leaf);
                continue;
            }
            self.waiting[0].iter_mut().zip(leaf).for_each(|(sum, more)| *sum += more);
            for height in 1..top {
                let (lower, upper) = self.waiting.split_at_mut(height);
                upper[0].iter_mut().zip(&lower[height - 1]).for_each(|(sum, more)| *sum += more);
            }
            self.waiting.swap(top - 1, top);
        }
        &self.waiting[top]
    }
}
