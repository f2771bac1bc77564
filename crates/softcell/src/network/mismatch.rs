//! How named tensors differ from those a network wants, in a list that a person can read.

use std::collections::BTreeMap;

/// Lines of each part of the list; more are counted.
const MOST_LINES: usize = 24;

/// What was found wrong.
#[derive(Debug, Default)]
pub(super) struct Mismatch {
    missing: Vec<String>,
    surplus: Vec<String>,
    /// Name and the two shapes.
    reshaped: Vec<(String, String)>,
}

impl Mismatch {
    /// A tensor that is not there.
    pub fn missing(&mut self, name: String) {
        self.missing.push(name);
    }

    /// A tensor that the network has not.
    pub fn surplus(&mut self, name: String) {
        self.surplus.push(name);
    }

    /// A tensor of another shape.
    pub fn reshaped(&mut self, name: String, found: &[usize], wanted: &[usize]) {
        self.reshaped.push((name, format!(" is {found:?} instead of {wanted:?}")));
    }

    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.surplus.is_empty() && self.reshaped.is_empty()
    }

    /// How many there are of each kind: `tensors 5 missing, 1 surplus`.
    pub fn counts(&self) -> String {
        let counts: Vec<String> =
            self.parts().map(|(what, tensors)| format!("{} {what}", tensors.len())).collect();
        format!("tensors {}", counts.join(", "))
    }

    /// The names; those that differ in the cell alone share a line: `missing: cells.{0,2-5}._ops.3.op.1.weight`.
    pub fn lines(&self) -> Vec<String> {
        let mut list = Vec::new();
        for (what, tensors) in self.parts() {
            let lines = grouped(&tensors);
            for line in lines.iter().take(MOST_LINES) {
                list.push(format!("{what}: {line}"));
            }
            if let Some(more) = lines.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
                list.push(format!("{what}: {more} lines more"));
            }
        }
        list
    }

    /// The kinds that there are: name and remark of each tensor.
    fn parts(&self) -> impl Iterator<Item = (&'static str, Vec<(String, String)>)> {
        let plain = |names: &[String]| names.iter().map(|name| (name.clone(), String::new())).collect();
        let parts = [
            ("missing", plain(&self.missing)),
            ("surplus", plain(&self.surplus)),
            ("of another shape", self.reshaped.clone()),
        ];
        parts.into_iter().filter(|(_, tensors)| !tensors.is_empty())
    }
}

/// One line for all tensors whose names differ in the number of the cell alone, in the order of the first.
fn grouped(tensors: &[(String, String)]) -> Vec<String> {
    let mut order = Vec::new();
    let mut cells: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (name, remark) in tensors {
        let remark = remark.as_str();
        match of_a_cell(name) {
            Some((cell, rest)) => {
                let group = cells.entry((rest, remark)).or_default();
                if group.is_empty() {
                    order.push((rest, remark, true));
                }
                group.push(cell);
            }
            None => order.push((name.as_str(), remark, false)),
        }
    }
    let line = |(name, remark, in_cells): (&str, &str, bool)| match in_cells {
        false => format!("{name}{remark}"),
        true => {
            let mut numbers = cells[&(name, remark)].clone();
            numbers.sort_unstable();
            format!("cells.{}.{name}{remark}", ranges(&numbers))
        }
    };
    order.into_iter().map(line).collect()
}

/// `cells.3.preprocess0.op` → 3 and `preprocess0.op`.
fn of_a_cell(name: &str) -> Option<(usize, &str)> {
    let (number, rest) = name.strip_prefix("cells.")?.split_once('.')?;
    Some((number.parse().ok()?, rest))
}

/// `3`, `{0-2,5}` of ascending numbers.
fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |&(first, last): &(usize, usize)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    match runs.as_slice() {
        [(first, last)] if first == last => first.to_string(),
        _ => format!("{{{}}}", runs.iter().map(run).collect::<Vec<_>>().join(",")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_share_a_line() {
        let mut mismatch = Mismatch::default();
        assert!(mismatch.is_empty());
        for cell in [0, 1, 2, 10] {
            mismatch.missing(format!("cells.{cell}._ops.0.op.1.weight"));
        }
        mismatch.missing("cells.7.preprocess1.op.1.weight".into());
        mismatch.surplus("stem0.0.weight".into());
        mismatch.reshaped("classifier.weight".into(), &[10, 8], &[7, 8]);
        assert!(!mismatch.is_empty());
        assert_eq!(mismatch.counts(), "tensors 5 missing, 1 surplus, 1 of another shape");
        assert_eq!(
            mismatch.lines(),
            [
                "missing: cells.{0-2,10}._ops.0.op.1.weight",
                "missing: cells.7.preprocess1.op.1.weight",
                "surplus: stem0.0.weight",
                "of another shape: classifier.weight is [10, 8] instead of [7, 8]",
            ]
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let mut mismatch = Mismatch::default();
        (0..30).for_each(|i| mismatch.surplus(format!("layer{i}")));
        let list = mismatch.lines();
        assert!(
            list[list.len() - 2].ends_with("layer23")
                && list.ends_with(&["surplus: 6 lines more".to_owned()])
        );
    }
}
