//! Who stands above whom, and at which height.

use super::columns::Graph;

/// Sweeps over the columns, there and back.
const SWEEPS: usize = 12;

/// Weight of an item that has to be where it is.
const PINNED: f64 = 1e6;

/// Orders the columns for few crossings: items go to the mean place of what they are connected with, column
/// after column, there and back; the best order met is kept (Sugiyama, Tagawa & Toda 1981).
pub(super) fn order(graph: &mut Graph) {
    let mut best = (crossings(graph), graph.columns.clone());
    for sweep in 0..SWEEPS {
        if best.0 == 0 {
            break;
        }
        let n = graph.columns.len();
        // The inputs keep their order.
        let columns: Vec<usize> = if sweep % 2 == 0 { (1..n).collect() } else { (1..n - 1).rev().collect() };
        for column in columns {
            sort_by_neighbours(graph, column, sweep % 2 == 0);
        }
        let now = crossings(graph);
        if now < best.0 {
            best = (now, graph.columns.clone());
        }
    }
    graph.columns = best.1;
}

/// The place of every item in its column.
fn ranks(graph: &Graph) -> Vec<usize> {
    let mut ranks = vec![0; graph.items.len()];
    for column in &graph.columns {
        for (rank, &item) in column.iter().enumerate() {
            ranks[item] = rank;
        }
    }
    ranks
}

fn sort_by_neighbours(graph: &mut Graph, column: usize, by_left: bool) {
    let ranks = ranks(graph);
    let key = |item: usize| {
        let neighbours = if by_left { &graph.items[item].left } else { &graph.items[item].right };
        if neighbours.is_empty() {
            return ranks[item] as f64;
        }
        neighbours.iter().map(|&n| ranks[n] as f64).sum::<f64>() / neighbours.len() as f64
    };
    let mut items = graph.columns[column].clone();
    items.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
    graph.columns[column] = items;
}

/// Pairs of connections that cross.
fn crossings(graph: &Graph) -> usize {
    let ranks = ranks(graph);
    let mut count = 0;
    for column in &graph.columns {
        let ends: Vec<(usize, usize)> = column
            .iter()
            .flat_map(|&item| graph.items[item].right.iter().map(move |&to| (item, to)))
            .map(|(from, to)| (ranks[from], ranks[to]))
            .collect();
        for (i, a) in ends.iter().enumerate() {
            count +=
                ends[i + 1..].iter().filter(|b| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1)).count();
        }
    }
    count
}

/// Gives every item its height: as near to what it is connected with as order and distances allow.
pub(super) fn place(graph: &mut Graph) {
    for column in 0..graph.columns.len() {
        settle(graph, column, Sides::Neither);
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let n = graph.columns.len();
        let columns: Vec<usize> = if forward { (0..n).collect() } else { (0..n).rev().collect() };
        let sides = match (sweep + 2 >= SWEEPS, forward) {
            (true, _) => Sides::Both,
            (false, true) => Sides::Left,
            (false, false) => Sides::Right,
        };
        for column in columns {
            settle(graph, column, sides);
        }
    }
}

/// Which neighbours an item wants to be level with.
#[derive(Debug, Clone, Copy)]
enum Sides {
    Neither,
    Left,
    Right,
    Both,
}

/// The height an item wants: the mean of its neighbours'.
fn wanted(graph: &Graph, item: usize, sides: Sides) -> f64 {
    let item = &graph.items[item];
    let (left, right) = match sides {
        Sides::Neither => return 0.0,
        Sides::Left => (&item.left[..], &[][..]),
        Sides::Right => (&[][..], &item.right[..]),
        Sides::Both => (&item.left[..], &item.right[..]),
    };
    let n = left.len() + right.len();
    if n == 0 {
        return item.y;
    }
    left.iter().chain(right).map(|&neighbour| graph.items[neighbour].y).sum::<f64>() / n as f64
}

/// Brings the items of a column to the heights that are nearest to the wanted ones, by least squares, in their
/// order and at their distances.
fn settle(graph: &mut Graph, column: usize, sides: Sides) {
    let items = &graph.columns[column];
    // With the distances taken out, heights only have to rise: isotonic regression, by pooling neighbours.
    let mut offsets = vec![0.0; items.len()];
    for i in 1..items.len() {
        offsets[i] = offsets[i - 1] + graph.distance(items[i - 1], items[i]);
    }
    // Sum of weights, weighted sum, items of each pool.
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for (&item, offset) in items.iter().zip(&offsets) {
        let (weight, aim) = match graph.items[item].pinned {
            Some(y) => (PINNED, y),
            None => (1.0, wanted(graph, item, sides)),
        };
        pools.push((weight, weight * (aim - offset), 1));
        while let [.., before, after] = pools[..]
            && before.1 / before.0 >= after.1 / after.0
        {
            pools.truncate(pools.len() - 2);
            pools.push((before.0 + after.0, before.1 + after.1, before.2 + after.2));
        }
    }
    let levels = pools.iter().flat_map(|&(weight, sum, n)| std::iter::repeat_n(sum / weight, n));
    let heights: Vec<f64> = levels.zip(&offsets).map(|(level, offset)| level + offset).collect();
    for (i, y) in heights.into_iter().enumerate() {
        let item = graph.columns[column][i];
        graph.items[item].y = y;
    }
}
