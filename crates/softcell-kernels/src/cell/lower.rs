//! From a cell's description to its steps.

use std::ops::Range;

use super::blocks::Blocks;
use super::config::{
    CellConfig, CellInput, ConvolutionConfig, InputChannels, Operation, Preparation, Term, Unfused,
    known_lanes,
};
use super::plan::{
    CellPart, CellPlan, Map, Norm, Origin, PooledMap, Reader, Source, Spread, Stage, Summand, WeightTensor,
};
use crate::Pool;

impl CellPlan {
    /// The plan of a cell, or why the fused body cannot run it.
    pub fn new(config: CellConfig) -> Result<Self, Unfused> {
        config.check()?;
        let (inputs, terms) = (config.inputs.clone(), config.terms.clone());
        let mut plan = Self::empty(config);
        for (index, input) in inputs.iter().enumerate() {
            plan.begin(Origin::Input(index));
            plan.prepare(index, *input);
        }
        for (index, term) in terms.into_iter().enumerate() {
            plan.begin(Origin::Term(index));
            plan.term(index, term);
        }
        Ok(plan)
    }

    /// The plan of a 3×3 convolution with padding 1 and an affine normalisation behind it: a cell of one input and
    /// no terms.
    ///
    /// Its flat weights are those of the convolution, `[O, I, 3, 3]`, then scale and shift of the normalisation.
    ///
    /// # Panics
    ///
    /// If there are no channels (in or out), the stride is not 1 or 2, or the lanes are not 8 or 16.
    pub fn convolution(config: ConvolutionConfig) -> Self {
        let ConvolutionConfig { input, channels, stride, rectify, lanes, epsilon } = config;
        assert!(
            input.total() > 0 && channels > 0 && matches!(stride, 1 | 2) && known_lanes(lanes),
            "a convolution of {input:?} to {channels} channels with stride {stride} in blocks of {lanes}: expected \
             one or more channels, stride 1 or 2, blocks of 8 or 16"
        );
        let mut plan = Self::empty(CellConfig {
            channels,
            share: 1,
            inputs: vec![CellInput { channels: input, preparation: Preparation::Keep }],
            affine: true,
            nodes: 0,
            terms: Vec::new(),
            output: vec![0],
            lanes,
            epsilon,
        });
        plan.begin(Origin::Input(0));
        plan.input_stage(0, input, Spread::Window(3), stride, rectify);
        plan
    }

    /// The plan of some of the terms: a cell in which all others are zero. It is called with the same weights (the
    /// others have a gradient of zero), the same weights and scales of terms, and numbers its normalisations alike.
    /// A node without a term is zero.
    ///
    /// # Panics
    ///
    /// If there are not as many answers as terms.
    pub fn only(&self, terms: &[bool]) -> Self {
        assert_eq!(terms.len(), self.config.terms.len(), "answers for the terms of a cell");
        let terms: Vec<bool> = self.terms.iter().zip(terms).map(|(&here, &wanted)| here && wanted).collect();
        let kept = |term: Option<usize>| term.is_none_or(|term| terms[term]);
        let stages: Vec<bool> = self.stages.iter().map(|stage| kept(stage.term)).collect();
        let summands: Vec<bool> = self.summands.iter().map(|summand| kept(summand.term)).collect();
        let reads = |pool: usize| {
            let mut kept = self.summands.iter().zip(&summands).filter(|(_, kept)| **kept);
            kept.any(|(summand, _)| summand.map == Map::Pool(pool))
        };
        let pools: Vec<bool> = (0..self.pools.len()).map(reads).collect();
        let [stage_at, summand_at, pool_at] = [&stages, &summands, &pools].map(|kept| renumbered(kept));
        let map = |map: Map| match map {
            Map::Stage(stage) => stage_at[stage].map(Map::Stage),
            Map::Pool(pool) => pool_at[pool].map(Map::Pool),
            Map::State(state) => Some(Map::State(state)),
        };
        let stage = |stage: &Stage| {
            let source = match stage.source {
                Source::Stage(first) => Source::Stage(stage_at[first]?),
                source => source,
            };
            let reader = match stage.reader {
                Reader::Summand(summand) => Reader::Summand(summand_at[summand]?),
                Reader::Stage(second) => Reader::Stage(stage_at[second]?),
            };
            kept(stage.term).then(|| Stage { source, reader, ..stage.clone() })
        };
        let summand = |summand: &Summand| {
            let map = map(summand.map)?;
            kept(summand.term).then(|| Summand { map, ..summand.clone() })
        };
        let mut norms = self.norms.clone();
        for part in &self.parts {
            for norm in &mut norms[part.norms.clone()] {
                // A pooled map may stay for another term that reads it.
                norm.map = norm.map.filter(|_| kept(part.origin.term())).and_then(map);
            }
        }
        let pool = |(pool, kept): (&PooledMap, &bool)| kept.then(|| pool.clone());
        Self {
            terms: terms.clone(),
            stages: self.stages.iter().filter_map(stage).collect(),
            pools: self.pools.iter().zip(&pools).filter_map(pool).collect(),
            norms,
            summands: self.summands.iter().filter_map(summand).collect(),
            ..self.clone()
        }
    }

    fn empty(config: CellConfig) -> Self {
        Self {
            blocks: Blocks::new(1, config.channels, config.lanes),
            seen: Blocks::new(1, config.channels / config.share, config.lanes),
            terms: vec![true; config.terms.len()],
            config,
            stages: Vec::new(),
            pools: Vec::new(),
            norms: Vec::new(),
            summands: Vec::new(),
            parts: Vec::new(),
            weights: 0,
        }
    }

    fn begin(&mut self, origin: Origin) {
        let norms = self.norms.len();
        self.parts.push(CellPart { origin, tensors: Vec::new(), norms: norms..norms });
    }

    fn prepare(&mut self, input: usize, CellInput { channels, preparation }: CellInput) {
        match preparation {
            Preparation::None => {}
            Preparation::Keep => self.input_stage(input, channels, Spread::Keep, 1, true),
            Preparation::Halve => self.input_stage(input, channels, Spread::Halve, 2, true),
        }
    }

    fn input_stage(
        &mut self,
        input: usize,
        channels: InputChannels,
        spread: Spread,
        stride: usize,
        rectify: bool,
    ) {
        let source_blocks = Blocks::new(channels.groups, channels.channels, self.config.lanes);
        let reader = Reader::Summand(self.summands.len());
        let out_blocks = self.blocks.clone();
        let (map, norm) =
            self.stage(Source::Input(input), [source_blocks, out_blocks], spread, stride, reader, None);
        self.stages.last_mut().expect("just added").rectify = rectify;
        let values = 0..self.blocks.width();
        self.summands.push(Summand { target: input, map, norm: Some(norm), term: None, values });
    }

    fn term(&mut self, index: usize, Term { source, target, operation, stride }: Term) {
        let reader = Reader::Summand(self.summands.len());
        let read = |plan: &mut Self, source: Source, spread: Spread, stride: usize, reader: Reader| {
            let blocks = [plan.seen.clone(), plan.seen.clone()];
            let (map, norm) = plan.stage(source, blocks, spread, stride, reader, Some(index));
            (map, Some(norm))
        };
        let state = Source::State(source);
        let depthwise = |kernel, dilation| Spread::Depthwise { kernel, dilation };
        let seen = self.seen.clone();
        let (map, norm) = match operation {
            Operation::Zero => return,
            Operation::Identity => (Map::State(source), None),
            Operation::Bypass if stride == 1 => (Map::State(source), None),
            Operation::Bypass => {
                let blocks = self.blocks.clone();
                (self.pooled(PooledMap { state: source, kind: Pool::Max, side: 2, stride, blocks }), None)
            }
            Operation::Pool { kind, normalise } => {
                let map =
                    self.pooled(PooledMap { state: source, kind, side: 3, stride, blocks: seen.clone() });
                (map, normalise.then(|| self.norm(map, seen, false)))
            }
            Operation::Halve => read(self, state, Spread::Halve, 2, reader),
            Operation::Convolution { kernel: 1 } if stride == 1 => read(self, state, Spread::Keep, 1, reader),
            Operation::Convolution { kernel } => read(self, state, Spread::Window(kernel), stride, reader),
            Operation::Dilated { kernel } => read(self, state, depthwise(kernel, 2), stride, reader),
            Operation::Separable { kernel } => {
                let (first, second) = (self.stages.len(), self.stages.len() + 1);
                read(self, state, depthwise(kernel, 1), stride, Reader::Stage(second));
                read(self, Source::Stage(first), depthwise(kernel, 1), 1, reader)
            }
        };
        let narrow = self.config.channels / self.config.share;
        let values = match operation {
            Operation::Bypass => narrow..self.config.channels,
            _ if self.config.share == 1 => 0..self.blocks.width(),
            _ => 0..narrow,
        };
        self.summands.push(Summand { target, map, norm, term: Some(index), values });
    }

    fn pooled(&mut self, wanted: PooledMap) -> Map {
        let found = self.pools.iter().position(|pool| *pool == wanted);
        Map::Pool(found.unwrap_or_else(|| {
            self.pools.push(wanted);
            self.pools.len() - 1
        }))
    }

    /// A stage and the normalisation behind it; `blocks` are those of the source and of the result.
    fn stage(
        &mut self,
        source: Source,
        [source_blocks, out_blocks]: [Blocks; 2],
        spread: Spread,
        stride: usize,
        reader: Reader,
        term: Option<usize>,
    ) -> (Map, usize) {
        let (inputs, outputs) = (source_blocks.total(), out_blocks.total());
        let mut depthwise = 0..0;
        let (pointwise, times) = match spread {
            Spread::Halve => {
                let half = outputs / 2;
                let first = self.take(&[half, inputs, 1, 1]);
                (vec![first, self.take(&[outputs - half, inputs, 1, 1])], 2)
            }
            Spread::Keep => (vec![self.take(&[outputs, inputs, 1, 1])], 1),
            Spread::Window(kernel) => (vec![self.take(&[outputs, inputs, kernel, kernel])], kernel * kernel),
            Spread::Depthwise { kernel, .. } => {
                depthwise = self.take(&[inputs, 1, kernel, kernel]);
                (vec![self.take(&[outputs, inputs, 1, 1])], 1)
            }
        };
        let map = Map::Stage(self.stages.len());
        let norm = self.norm(map, out_blocks.clone(), self.config.affine);
        self.stages.push(Stage {
            source,
            rectify: true,
            spread,
            stride,
            spread_blocks: if times == 1 { source_blocks.clone() } else { source_blocks.repeated(times) },
            source_blocks,
            out_blocks,
            depthwise,
            pointwise,
            norm,
            reader,
            term,
        });
        (map, norm)
    }

    fn norm(&mut self, map: Map, blocks: Blocks, affine: bool) -> usize {
        let channels = blocks.total();
        let affine = affine.then(|| [self.take(&[channels]), self.take(&[channels])]);
        self.norms.push(Norm { map: Some(map), blocks, affine });
        self.parts.last_mut().expect("a part was begun").norms.end = self.norms.len();
        self.norms.len() - 1
    }

    /// The place of the next tensor. The halves of few channels can be empty: there is no tensor then.
    fn take(&mut self, shape: &[usize]) -> Range<usize> {
        let range = self.weights..self.weights + shape.iter().product::<usize>();
        self.weights = range.end;
        if !range.is_empty() {
            let tensor = WeightTensor { shape: shape.to_vec(), range: range.clone() };
            self.parts.last_mut().expect("a part was begun").tensors.push(tensor);
        }
        range
    }
}

/// The new number of each item that is kept.
fn renumbered(kept: &[bool]) -> Vec<Option<usize>> {
    let mut next = 0..;
    kept.iter().map(|&kept| if kept { next.next() } else { None }).collect()
}
