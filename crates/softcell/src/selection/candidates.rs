//! Which cells are compared.

use std::collections::BTreeSet;

use rand::Rng;

use crate::config::{CheckedConfig, SelectConfig, further};
use crate::error::{Error, Result};
use crate::random::stream;
use crate::records::{Candidate, CandidateKind};
use crate::search::method::random_genotype;
use crate::space::{Genotype, Layout, SearchSpace};

/// The cells that the settings ask for, in the order searched, random, further ones; of the searched ones the genotype is
/// not known yet.
///
/// Random cells are drawn by the rules of the space from the streams `select/random`. One that is drawn twice is drawn
/// anew, as long as others are found.
///
/// # Errors
/// A further cell of another layout than the space's.
pub fn candidates(config: &CheckedConfig, image_size: [usize; 2]) -> Result<Vec<Candidate>> {
    let space = config.search.space(image_size);
    space.check()?;
    let select = &config.select;
    let searched = (1..=select.seeds).map(|repeat| candidate(CandidateKind::Searched, repeat, None));
    let mut all: Vec<Candidate> = searched.collect();
    all.extend(
        random(&space, config.seed, config.repeat, select.random)?
            .into_iter()
            .zip(1..)
            .map(|(genotype, repeat)| candidate(CandidateKind::Random, repeat, Some(&genotype))),
    );
    for (name, at) in select.also.iter().zip(1..) {
        let (kind, genotype) = match further(name)? {
            None => (CandidateKind::Biggest, space.biggest()),
            Some(genotype) => (CandidateKind::Given, genotype),
        };
        if genotype.layout() != space.layout {
            let expected = match space.layout {
                Layout::Stacked => "normal and reduction cells, as those that are searched",
                Layout::Residual => "cells of one kind, as those that are searched",
            };
            return Err(Error::setting("select.also", name, expected));
        }
        let mut further = candidate(kind, at, Some(&genotype));
        if kind == CandidateKind::Given
            && Candidate::is_name(name)
            && all.iter().all(|other| other.name != *name)
        {
            further.name.clone_from(name);
        }
        all.push(further);
    }
    Ok(all)
}

/// So many random cells, none twice where the space has as many.
fn random(space: &SearchSpace, seed: u64, repeat: usize, cells: usize) -> Result<Vec<Genotype>> {
    let (mut drawn, mut texts) = (Vec::with_capacity(cells), BTreeSet::new());
    let tries = 20 * cells as u64;
    for index in 0..tries {
        let genotype =
            random_genotype(space, stream(seed, "select/random", &[repeat as u64, index]).next_u64())?;
        // In a space of few cells the last ones are taken as they come.
        if texts.insert(genotype.to_text()) || tries - index <= (cells - drawn.len()) as u64 {
            drawn.push(genotype);
        }
        if drawn.len() == cells {
            break;
        }
    }
    Ok(drawn)
}

/// A candidate of which nothing else is known.
pub fn candidate(kind: CandidateKind, repeat: usize, genotype: Option<&Genotype>) -> Candidate {
    let name = match kind {
        CandidateKind::Searched => format!("search-{repeat}"),
        CandidateKind::Random => format!("random-{repeat}"),
        CandidateKind::Given => format!("given-{repeat}"),
        CandidateKind::Biggest => SelectConfig::BIGGEST.to_owned(),
    };
    Candidate {
        name,
        kind,
        repeat,
        run: None,
        genotype: genotype.map(Genotype::to_text),
        search_seconds: 0.0,
        parameters: 0,
        macs: 0,
        scores: Vec::new(),
        seconds: Vec::new(),
    }
}
