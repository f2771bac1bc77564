//! How much memory a fused network takes in training, from its description alone.

use softcell_kernels::{CellMemory, CellPlan};

use super::fused::FusedCellConfig;
use super::stem::{CifarStemConfig, ImagenetStemConfig};
use crate::space::CellKind;

/// Bytes of a value.
const VALUE: f64 = size_of::<f32>() as f64;

/// What decides the memory of a network in training: the plans of its cells. None of its weights and maps is built.
#[derive(Debug, Clone)]
pub(crate) struct NetworkSize {
    parameters: f64,
    /// Bytes of what lies before the first cell, for an image.
    input: f64,
    /// Cells that differ.
    different: Vec<SizedCell>,
    /// From the stem to the last cell: which of those it is, and how often its output is copied.
    cells: Vec<(usize, usize)>,
    /// Height and width of what the next cell reads.
    sizes: [[usize; 2]; 2],
}

#[derive(Debug, Clone)]
struct SizedCell {
    /// None for the stem.
    config: Option<FusedCellConfig>,
    plan: CellPlan,
    sizes: [[usize; 2]; 2],
}

impl NetworkSize {
    /// Begins with the stem for small images of this height and width.
    pub fn after_cifar_stem(stem: &CifarStemConfig, image: [usize; 2]) -> Self {
        let mut size = Self {
            parameters: 0.0,
            input: values(&[stem.channels_in.next_multiple_of(stem.lanes), image[0], image[1]]) * VALUE,
            different: Vec::new(),
            cells: Vec::new(),
            sizes: [image; 2],
        };
        size.push(SizedCell { config: None, plan: stem.plan(), sizes: size.sizes });
        size
    }

    /// Begins with the stem for large images of this height and width.
    pub fn after_imagenet_stem(stem: &ImagenetStemConfig, image: [usize; 2]) -> Self {
        Self {
            parameters: stem.parameters(),
            input: stem.memory(image),
            different: Vec::new(),
            cells: Vec::new(),
            sizes: [4, 8].map(|part| image.map(|side| side.div_ceil(part))),
        }
    }

    /// Adds a cell; none if it is not fused.
    pub fn cell(&mut self, config: FusedCellConfig, kind: CellKind) -> Option<()> {
        let same = |cell: &SizedCell| cell.sizes == self.sizes && cell.config.as_ref() == Some(&config);
        match self.different.iter().position(same) {
            Some(which) => self.again(which),
            None => {
                let plan = config.clone().plan()?;
                self.push(SizedCell { config: Some(config), plan, sizes: self.sizes });
            }
        }
        let output = match kind {
            CellKind::Normal => self.sizes[1],
            CellKind::Reduction => self.sizes[1].map(|side| side.div_ceil(2)),
        };
        self.sizes = [self.sizes[1], output];
        Some(())
    }

    fn push(&mut self, cell: SizedCell) {
        self.different.push(cell);
        self.again(self.different.len() - 1);
    }

    fn again(&mut self, which: usize) {
        let plan = &self.different[which].plan;
        // Each normalisation has a running mean and a running variance.
        self.parameters += plan.weights() as f64 + 2.0 * values(&[plan.norms(), plan.channels()]);
        self.cells.push((which, 0));
    }

    /// So many copies of the last cell's output stay beside it.
    pub fn copies(&mut self, copies: usize) {
        if let Some(cell) = self.cells.last_mut() {
            cell.1 = copies;
        }
    }

    /// Adds layers behind the cells, of so many weights and running statistics.
    pub fn layers(&mut self, parameters: f64) {
        self.parameters += parameters;
    }

    /// Number of weights and running statistics.
    pub fn parameters(&self) -> f64 {
        self.parameters
    }

    /// Most bytes of maps and their gradients in a training step with a batch of so many images.
    pub fn bytes(&self, images: usize) -> f64 {
        let each: Vec<CellMemory> =
            self.different.iter().map(|cell| cell.plan.memory(images, &cell.sizes)).collect();
        let cell = |&(which, copies): &(usize, usize)| {
            let mut memory = each[which];
            memory.kept += copies as f64 * memory.output;
            memory
        };
        let cells: Vec<CellMemory> = self.cells.iter().map(cell).collect();
        peak(images as f64 * self.input, &cells)
    }
}

/// The product of sizes, however large.
pub(crate) fn values(sizes: &[usize]) -> f64 {
    sizes.iter().map(|&size| size as f64).product()
}

/// Most bytes of maps, of their gradients and of what is computed with them, in a step of cells that read the two
/// before them; `input` are the bytes before the first.
///
/// Forward everything stays. Backward cell by cell what was kept goes; the gradients of a cell's output and of its two
/// inputs are there at the same time.
fn peak(input: f64, cells: &[CellMemory]) -> f64 {
    let output = |i: Option<usize>| i.map_or(0.0, |i| cells[i].output);
    let (mut live, mut peak) = (input, 0.0f64);
    for cell in cells {
        live += cell.output + cell.kept;
        peak = peak.max(live + cell.forward);
    }
    for (i, cell) in cells.iter().enumerate().rev() {
        let gradients = cell.output + output(i.checked_sub(1)) + output(i.checked_sub(2));
        peak = peak.max(live + gradients + cell.backward);
        live -= cell.output + cell.kept;
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_where_most_is_alive() {
        let cell = |output, kept, forward, backward| CellMemory { output, kept, forward, backward };
        let of = |cells: &[CellMemory]| peak(1.0, cells);
        // The last cell forward; the last cell backward; the first cell backward.
        assert_eq!(of(&[cell(10.0, 100.0, 0.0, 0.0), cell(5.0, 50.0, 40.0, 0.0)]), 1.0 + 110.0 + 55.0 + 40.0);
        let last = cell(5.0, 50.0, 7.0, 9.0);
        assert_eq!(of(&[cell(10.0, 100.0, 0.0, 0.0), last]), 1.0 + 110.0 + 55.0 + (5.0 + 10.0) + 9.0);
        assert_eq!(of(&[cell(10.0, 100.0, 0.0, 500.0), last]), 1.0 + 110.0 + 10.0 + 500.0);
    }
}
