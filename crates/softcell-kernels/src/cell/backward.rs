//! A cell backward: states in reverse order, all that leaves a state while it is in the cache.

mod images;

use std::ops::Range;

use self::images::StateWork;
use super::norm_gradient::{Coefficients, NormSums};
use super::plan::{Map, Place, Source};
use super::record::{Outside, Record};
use super::shapes::{groups, split, split_all};
use super::stage_gradient::GradientScratch;
use crate::share::{Share, TreeSum};
use crate::support::parallel::for_each;
use crate::support::workspace::Buffer;

/// Which gradients are asked for, beside those of the inputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub weights: bool,
    pub terms: bool,
}

/// What becomes of an input's gradient.
pub(super) enum InputGradient<'a> {
    Unwanted,
    /// Written here.
    Write(Buffer),
    /// Added to this one.
    Add(&'a mut [f32]),
}

impl InputGradient<'_> {
    /// The gradient, if it is a new one.
    pub fn written(self) -> Option<Buffer> {
        match self {
            InputGradient::Write(buffer) => Some(buffer),
            InputGradient::Unwanted | InputGradient::Add(_) => None,
        }
    }

    fn values(&mut self) -> &mut [f32] {
        match self {
            InputGradient::Unwanted => &mut [],
            InputGradient::Write(buffer) => buffer,
            InputGradient::Add(sum) => sum,
        }
    }

    fn wanted(&self) -> bool {
        !matches!(self, InputGradient::Unwanted)
    }
}

/// The gradients that were asked for.
pub(super) struct Gradients<'a> {
    pub inputs: Vec<InputGradient<'a>>,
    pub weights: Option<Vec<f32>>,
    pub terms: Option<Vec<f32>>,
}

struct Backward<'a> {
    record: &'a Record,
    /// Inputs and output of the forward pass.
    outside: Outside<'a>,
    wanted: Wanted,
    /// Gradient of the output; a state's part becomes the gradient of the state (before it was shuffled).
    gradient: &'a mut [f32],
    /// Gradients of the states outside of the output, but for those that go to an input.
    states: Vec<Buffer>,
    /// Gradients of the normalised first halves, while their state is worked on.
    firsts: Vec<Buffer>,
    /// By stage: what reads of a first half give.
    first_coefficients: Vec<Coefficients>,
    /// By summand.
    coefficients: Vec<Coefficients>,
    weights: Vec<f32>,
    terms: Vec<f32>,
    input_gradients: Vec<InputGradient<'a>>,
}

/// A cell backward. `outside` are all inputs and outputs of the forward pass; `gradient` is that of the output and is
/// used as working memory.
pub(super) fn backward<'a>(
    record: &'a Record,
    outside: Outside<'a>,
    gradient: &'a mut [f32],
    input_gradients: Vec<InputGradient<'a>>,
    wanted: Wanted,
) -> Gradients<'a> {
    let plan = &record.plan;
    let mut pass = Backward {
        record,
        outside,
        wanted,
        gradient,
        states: Vec::new(),
        firsts: plan.stages.iter().map(|_| Buffer::default()).collect(),
        first_coefficients: vec![Coefficients::default(); plan.stages.len()],
        coefficients: vec![Coefficients::default(); plan.summands.len()],
        weights: if wanted.weights { vec![0.0; plan.weights()] } else { Vec::new() },
        terms: vec![0.0; plan.config.terms.len()],
        input_gradients,
    };
    pass.states = (0..plan.states())
        .map(|state| {
            let own = match plan.place(state) {
                Place::Output(_) => false,
                Place::Input => !pass.input_gradients[state].wanted(),
                Place::Own => true,
            };
            let len = record.shapes.images * record.shapes.values(plan, Map::State(state));
            if own && pass.wants(state) { Buffer::dirty(len) } else { Buffer::default() }
        })
        .collect();
    for state in (0..plan.states()).rev().filter(|&state| pass.wants(state)).collect::<Vec<_>>() {
        pass.run(plan.second_stages_of(state), Step::Second);
        pass.run(plan.stages_of(Source::State(state)), Step::State(state));
        pass.firsts.iter_mut().for_each(|first| *first = Buffer::default());
    }
    for input in 0..plan.inputs() {
        let stages = plan.stages_of(Source::Input(input));
        if pass.wants(input) && !stages.is_empty() {
            pass.run(stages, Step::Input(input));
        }
    }
    if let (Some(share), true) = (&record.shapes.share, wanted.weights) {
        pass.sum_weights(share);
    }
    Gradients {
        inputs: pass.input_gradients,
        weights: wanted.weights.then_some(pass.weights),
        terms: wanted.terms.then_some(pass.terms),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Second,
    State(usize),
    Input(usize),
}

/// The part of one group of images.
struct Part<'a> {
    images: Range<usize>,
    gradient: &'a mut [f32],
    /// The state's gradient outside of the output, or the input's.
    own: Option<&'a mut [f32]>,
    /// Gradients of first halves.
    firsts: Vec<&'a mut [f32]>,
    sums: &'a mut [f32],
    weights: Option<&'a mut [f32]>,
}

impl Backward<'_> {
    /// Whether anything that is asked for depends on the gradient of this state.
    fn wants(&self, state: usize) -> bool {
        state >= self.record.plan.inputs() || self.wanted.weights || self.input_gradients[state].wanted()
    }

    fn run(&mut self, stages: Vec<usize>, step: Step) {
        let record = self.record;
        let plan = &record.plan;
        let (width, images) = (plan.blocks.width(), record.shapes.images);
        if stages.is_empty() && step == Step::Second {
            return;
        }
        let groups = match self.wanted.weights {
            true => record.shapes.summing_groups(plan),
            false => groups(images),
        };
        // First halves whose gradient the second halves give.
        let first_of = |&stage: &usize| match plan.stages[stage].source {
            Source::Stage(first) => first,
            _ => unreachable!("a second half reads a first half"),
        };
        let firsts: Vec<usize> =
            if step == Step::Second { stages.iter().map(first_of).collect() } else { Vec::new() };
        let first_lens: Vec<usize> =
            firsts.iter().map(|&first| record.shapes.values(plan, Map::Stage(first))).collect();
        let mut first_buffers: Vec<Buffer> =
            first_lens.iter().map(|len| Buffer::dirty(len * images)).collect();
        let summands = match step {
            Step::State(state) => plan.summands_of(state),
            _ => Vec::new(),
        };
        let sums_len = match step {
            Step::Second => 2 * plan.seen.width() * firsts.len(),
            Step::State(_) => (1 + summands.len()) * width,
            Step::Input(_) => 0,
        };
        let mut sums = Buffer::dirty(sums_len * images);
        let weights_lens: Vec<usize> =
            stages.iter().map(|&stage| plan.stages[stage].gradient_len()).collect();
        let weights_len: usize = if self.wanted.weights { weights_lens.iter().sum() } else { 0 };
        let mut weights = Buffer::dirty(weights_len * groups.len());
        let gradient = std::mem::take(&mut self.gradient);
        let mut own = match step {
            Step::State(state) => std::mem::take(&mut self.states[state]),
            _ => Buffer::default(),
        };
        let input = match step {
            Step::Input(input) => Some(input),
            Step::State(state) if plan.place(state) == Place::Input && own.is_empty() => Some(state),
            Step::State(_) | Step::Second => None,
        };
        let mut input_gradient = match input {
            Some(input) => std::mem::replace(&mut self.input_gradients[input], InputGradient::Unwanted),
            None => InputGradient::Unwanted,
        };
        let accumulate = matches!(input_gradient, InputGradient::Add(_));

        let output_len = gradient.len() / images;
        let own_values: &mut [f32] = if input.is_some() { input_gradient.values() } else { &mut own };
        let own_len = own_values.len() / images;
        let mut own_parts = split(own_values, own_len, &groups).into_iter();
        let mut weights_parts = weights.chunks_mut(weights_len.max(1));
        let first_parts = split_all(
            first_buffers.iter_mut().zip(&first_lens).map(|(b, &len)| (&mut **b, len)).collect(),
            &groups,
        );
        let parts: Vec<Part<'_>> = groups
            .iter()
            .cloned()
            .zip(split(&mut *gradient, output_len, &groups))
            .zip(first_parts)
            .zip(split(&mut sums, sums_len, &groups))
            .map(|(((images, gradient), firsts), sums)| Part {
                images,
                gradient,
                own: own_parts.next().filter(|own| !own.is_empty()),
                firsts,
                sums,
                weights: weights_parts.next(),
            })
            .collect();
        let pools = match step {
            Step::State(state) => plan.pools_of(state),
            _ => Vec::new(),
        };
        let pooled_lens = pools.iter().map(|&pool| record.shapes.values(plan, Map::Pool(pool)));
        let mut spare = pooled_lens.max().unwrap_or(0);
        if let Step::State(state) = step
            && plan.is_shuffled(state)
        {
            spare = spare.max(record.shapes.values(plan, Map::State(state)));
        }
        let cost = stages
            .iter()
            .map(|&s| {
                let packed = &record.packed[s];
                2 * packed.out.height * packed.out.width * packed.pointwise.len()
            })
            .sum::<usize>()
            + output_len;
        let this = &*self;
        let state_work = match step {
            Step::State(state) => Some(StateWork::new(plan, state, &stages, &summands, &weights_lens)),
            Step::Second | Step::Input(_) => None,
        };
        for_each(
            parts,
            cost * images.div_ceil(groups.len()),
            || GradientScratch::new(record, &stages, spare),
            |scratch, _, mut part| {
                if let Some(weights) = &mut part.weights {
                    weights.fill(0.0);
                }
                match (step, &state_work) {
                    (Step::Input(input), _) => this.input_part(input, stages[0], accumulate, scratch, part),
                    (_, Some(work)) => this.state_part(work, accumulate, scratch, part),
                    (_, None) => this.second_part(&stages, &firsts, &weights_lens, scratch, part),
                }
            },
        );

        self.gradient = gradient;
        for (&first, buffer) in firsts.iter().zip(first_buffers) {
            self.firsts[first] = buffer;
        }
        match step {
            Step::State(state) => self.states[state] = own,
            Step::Input(_) | Step::Second => {}
        }
        if let Some(input) = input {
            self.input_gradients[input] = input_gradient;
        }
        if weights_len > 0 {
            self.add_weights(&stages, &weights, weights_len);
        }
        let all = record.shapes.share.as_ref().filter(|_| sums_len > 0);
        let all = all.map(|share| share.rows(&sums, sums_len));
        let sums = all.as_deref().unwrap_or(&sums);
        match step {
            Step::Second => self.finish_firsts(&firsts, sums),
            Step::State(_) => self.finish_summands(&summands, sums),
            Step::Input(_) => {}
        }
    }

    /// Adds up the groups' gradients of the convolutions' weights, along a tree.
    fn add_weights(&mut self, stages: &[usize], partial: &[f32], len: usize) {
        let plan = &self.record.plan;
        let mut total = vec![0.0; len];
        const CHUNK: usize = 4096;
        let chunks: Vec<&mut [f32]> = total.chunks_mut(CHUNK).collect();
        let groups = partial.len() / len;
        for_each(chunks, CHUNK * groups, TreeSum::default, |tree, index, total| {
            let chunk = index * CHUNK..index * CHUNK + total.len();
            total.copy_from_slice(tree.add(partial.chunks_exact(len).map(|group| &group[chunk.clone()])));
        });
        let mut rest = &total[..];
        for &stage in stages {
            let stage = &plan.stages[stage];
            let (packed, tail) = rest.split_at(stage.gradient_len());
            stage.unpack_gradient(packed, &mut self.weights);
            rest = tail;
        }
    }

    /// Adds up what the processes have; the affine parameters of normalisations have the gradient of all images already.
    fn sum_weights(&mut self, share: &Share) {
        let affine: Vec<Range<usize>> =
            self.record.plan.norms.iter().filter_map(|norm| norm.affine.clone()).flatten().collect();
        let whole: Vec<Vec<f32>> = affine.iter().map(|range| self.weights[range.clone()].to_vec()).collect();
        share.sum(&mut self.weights);
        for (range, whole) in affine.into_iter().zip(whole) {
            self.weights[range].copy_from_slice(&whole);
        }
    }

    fn finish_firsts(&mut self, firsts: &[usize], sums: &[f32]) {
        let plan = &self.record.plan;
        for (index, &first) in firsts.iter().enumerate() {
            let total = |row| NormSums::total(sums, 2 * firsts.len(), row, plan.seen.width(), None);
            let sums = NormSums { plain: total(2 * index), centred: total(2 * index + 1) };
            let pixels = self.record.shapes.pixels(plan, Map::Stage(first));
            self.first_coefficients[first] = self.through_norm(plan.stages[first].norm, 1.0, &sums, pixels);
        }
    }

    fn finish_summands(&mut self, summands: &[usize], sums: &[f32]) {
        let record = self.record;
        let plan = &record.plan;
        let width = plan.blocks.width();
        let rows = 1 + summands.len();
        // The first row is that of all summands, where none has scales of its own.
        let plain = NormSums::total(sums, rows, 0, width, None);
        for (index, &summand) in summands.iter().enumerate() {
            let spec = &plan.summands[summand];
            let weight = spec.term.map_or(1.0, |term| record.terms[term]);
            let scales = spec.term.and_then(|term| record.scales_of(term));
            let sums = NormSums {
                plain: match scales {
                    Some(_) => NormSums::total(sums, rows, 0, width, scales),
                    None => plain.clone(),
                },
                centred: NormSums::total(sums, rows, 1 + index, width, scales),
            };
            let pixels = record.shapes.pixels(plan, spec.map);
            let (coefficients, slope) = match spec.norm {
                Some(norm) => {
                    (self.through_norm(norm, weight, &sums, pixels), sums.slope(&record.norms[norm]))
                }
                None => {
                    let slope = sums.centred[spec.values.clone()].iter().sum();
                    (Coefficients::plain(weight, spec.values.clone(), width), slope)
                }
            };
            self.coefficients[summand] = coefficients;
            if let Some(term) = spec.term {
                self.terms[term] = slope as f32;
            }
        }
    }

    /// The coefficients behind a normalisation; its affine parameters get their gradients.
    fn through_norm(&mut self, norm: usize, weight: f32, sums: &NormSums, pixels: usize) -> Coefficients {
        let (record, values) = (self.record, &self.record.norms[norm]);
        if self.wanted.weights
            && let Some([gamma, beta]) = &record.plan.norms[norm].affine
        {
            let t = sums.normalised(values);
            for (index, channel) in record.plan.norms[norm].blocks.positions().into_iter().enumerate() {
                self.weights[gamma.start + index] = (f64::from(weight) * t[channel]) as f32;
                self.weights[beta.start + index] = (f64::from(weight) * sums.plain[channel]) as f32;
            }
        }
        let count = if record.given { None } else { Some(pixels * record.shapes.all_images()) };
        sums.coefficients(values, weight, count)
    }
}
