//! How much memory the maps of a fused network take in training.

use softcell_kernels::CellMemory;

/// A network of fused cells, the stem among them, each of which reads the two before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CellStack {
    /// Bytes of the first map.
    pub input: usize,
    /// From the stem to the last cell.
    pub cells: Vec<CellMemory>,
}

impl CellStack {
    /// Most bytes of maps, of their gradients and of what is computed with them, in a step.
    ///
    /// Forward everything stays. Backward cell by cell what was kept goes; the gradients of a cell's output and
    /// of its two inputs are there at the same time.
    pub fn peak(&self) -> usize {
        let output = |i: Option<usize>| i.map_or(0, |i| self.cells[i].output);
        let (mut live, mut peak) = (self.input, 0);
        for cell in &self.cells {
            live += cell.output + cell.kept;
            peak = peak.max(live + cell.forward);
        }
        for (i, cell) in self.cells.iter().enumerate().rev() {
            let gradients = cell.output + output(i.checked_sub(1)) + output(i.checked_sub(2));
            peak = peak.max(live + gradients + cell.backward);
            live -= cell.output + cell.kept;
        }
        peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_where_most_is_alive() {
        let cell = |output, kept, forward, backward| CellMemory { output, kept, forward, backward };
        let stack = |cells: &[CellMemory]| CellStack { input: 1, cells: cells.to_vec() }.peak();
        // The last cell forward; the last cell backward; the first cell backward.
        assert_eq!(stack(&[cell(10, 100, 0, 0), cell(5, 50, 40, 0)]), 1 + 110 + 55 + 40);
        assert_eq!(stack(&[cell(10, 100, 0, 0), cell(5, 50, 7, 9)]), 1 + 110 + 55 + (5 + 10) + 9);
        assert_eq!(stack(&[cell(10, 100, 0, 500), cell(5, 50, 7, 9)]), 1 + 110 + 10 + 500);
    }
}
