//! How much memory a fused network takes in training, from its plan alone.

use softcell_kernels::{CellMemory, CellPlan};

use super::fused::kernel_plan;
use super::net::lanes;
use crate::space::plan::{Block, Body, CellBlock, MapShape, NetworkPlan, Place, Step, step_values};

/// Bytes of a value.
const VALUE: f64 = size_of::<f32>() as f64;

/// Copies of the map under an auxiliary head that its stock operations make: in another order, rectified, and
/// the gradients of both.
const AUXILIARY_COPIES: usize = 4;

/// What decides the memory of a network in training. None of its weights and maps is built.
#[derive(Debug, Clone)]
pub(crate) struct NetworkSize {
    parameters: f64,
    /// Bytes of what lies before the first fused block, for an image.
    input: f64,
    /// Fused blocks that differ.
    different: Vec<SizedBlock>,
    /// From the first to the last: which of those it is, and how often its output is copied.
    blocks: Vec<(usize, usize)>,
}

#[derive(Debug, Clone)]
struct SizedBlock {
    /// What it is, and the maps it reads; none for what is no cell.
    cell: Option<(CellBlock, Vec<MapShape>)>,
    plan: CellPlan,
    sizes: Vec<[usize; 2]>,
    /// Weights and running statistics.
    parameters: f64,
}

impl NetworkSize {
    /// Of a network; none where a cell is not fused.
    pub fn of(plan: &NetworkPlan) -> Option<Self> {
        let lanes = lanes(plan);
        let mut size = Self { parameters: 0.0, input: 0.0, different: Vec::new(), blocks: Vec::new() };
        let reads_image = |block: &Block| block.inputs.contains(&Place::Image);
        for block in &plan.blocks {
            match &block.body {
                Body::Cell(cell) => size.cell(plan, block, cell, lanes)?,
                Body::Auxiliary { steps } => {
                    if let Some(cell) = size.blocks.last_mut() {
                        cell.1 = AUXILIARY_COPIES;
                    }
                    size.parameters += step_values(steps);
                }
                Body::Steps { steps, .. } => match kernel_plan(plan, block, lanes) {
                    Ok(kernel) => {
                        let sizes = vec![plan.input(block, 0).size];
                        let parameters = step_values(steps);
                        if reads_image(block) {
                            let MapShape { channels, size: [height, width] } = plan.image;
                            let image = [channels.next_multiple_of(lanes), height, width];
                            size.input += product(&image) * VALUE;
                        }
                        size.push(SizedBlock { cell: None, plan: kernel, sizes, parameters });
                    }
                    Err(_) => size.steps(plan.input(block, 0), block, &[steps]),
                },
                Body::Residual { main, shortcut } => {
                    size.steps(plan.input(block, 0), block, &[main, shortcut]);
                }
            }
        }
        Some(size)
    }

    /// Adds a cell; none if it is not fused.
    fn cell(&mut self, plan: &NetworkPlan, block: &Block, cell: &CellBlock, lanes: usize) -> Option<()> {
        let shapes: Vec<MapShape> = block.inputs.iter().map(|&place| plan.shape(place)).collect();
        let key = (cell.clone(), shapes);
        match self.different.iter().position(|other| other.cell.as_ref() == Some(&key)) {
            Some(which) => self.again(which),
            None => {
                let kernel = kernel_plan(plan, block, lanes).ok()?;
                let sizes = key.1.iter().map(|shape| shape.size).collect();
                let parameters = values(plan, block, cell);
                self.push(SizedBlock { cell: Some(key), plan: kernel, sizes, parameters });
            }
        }
        Some(())
    }

    fn push(&mut self, block: SizedBlock) {
        self.different.push(block);
        self.again(self.different.len() - 1);
    }

    fn again(&mut self, which: usize) {
        self.parameters += self.different[which].parameters;
        self.blocks.push((which, 0));
    }

    /// Adds steps that run one by one: each leaves a map, a convolution's has a gradient, and what a fused cell reads
    /// is brought into another order.
    fn steps(&mut self, input: MapShape, block: &Block, ways: &[&Vec<Step>]) {
        let bytes = |shape: MapShape| {
            let [height, width] = shape.size;
            product(&[shape.channels, height, width, size_of::<f32>()])
        };
        for steps in ways {
            self.parameters += step_values(steps);
            let mut shape = input;
            for step in steps.iter() {
                shape = step.output(shape);
                match step {
                    Step::Convolution(_) => self.input += 2.0 * bytes(shape),
                    Step::Mean | Step::Linear(_) => {}
                    _ => self.input += bytes(shape),
                }
            }
        }
        if !matches!(ways, [steps] if steps.iter().any(|step| matches!(step, Step::Mean | Step::Linear(_)))) {
            self.input += bytes(block.output);
        }
    }

    /// Number of weights and running statistics.
    pub fn parameters(&self) -> f64 {
        self.parameters
    }

    /// Most bytes of maps and their gradients in a training step with a batch of so many images; `recompute` is whether
    /// the backward pass computes cells again.
    pub fn bytes(&self, images: usize, recompute: bool) -> f64 {
        let memory = |block: &SizedBlock| {
            let memory = block.plan.memory(images, &block.sizes);
            if recompute { memory.recomputed() } else { memory }
        };
        let each: Vec<CellMemory> = self.different.iter().map(memory).collect();
        let cell = |&(which, copies): &(usize, usize)| {
            let mut memory = each[which];
            memory.kept += copies as f64 * memory.output;
            memory
        };
        let cells: Vec<CellMemory> = self.blocks.iter().map(cell).collect();
        peak(images as f64 * self.input, &cells)
    }
}

/// Weights and running statistics of a cell.
fn values(plan: &NetworkPlan, block: &Block, cell: &CellBlock) -> f64 {
    let kind = plan.cell_type(cell);
    let inputs = (0..cell.preparations.len()).map(|input| plan.preparation(block, cell, input).1);
    let operations = kind
        .operations()
        .filter_map(|(edge, candidate)| kind.steps(edge, candidate, cell.channels, cell.norms));
    inputs.chain(operations).map(|steps| step_values(&steps)).sum()
}

/// The product of sizes, however large.
pub(crate) fn product(sizes: &[usize]) -> f64 {
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
        let cell =
            |output, kept, forward, backward| CellMemory { output, kept, packed: 0.0, forward, backward };
        let of = |cells: &[CellMemory]| peak(1.0, cells);
        // The last cell forward; the last cell backward; the first cell backward.
        assert_eq!(of(&[cell(10.0, 100.0, 0.0, 0.0), cell(5.0, 50.0, 40.0, 0.0)]), 1.0 + 110.0 + 55.0 + 40.0);
        let last = cell(5.0, 50.0, 7.0, 9.0);
        assert_eq!(of(&[cell(10.0, 100.0, 0.0, 0.0), last]), 1.0 + 110.0 + 55.0 + (5.0 + 10.0) + 9.0);
        assert_eq!(of(&[cell(10.0, 100.0, 0.0, 500.0), last]), 1.0 + 110.0 + 10.0 + 500.0);
    }
}
