//! A random genotype, drawn as random search draws.

use super::relaxation::random_paths;
use crate::error::Result;
use crate::random::stream;
use crate::space::{EdgeWeights, Genotype, SearchSpace, derive_genotype};

/// A genotype drawn uniformly by the rules of the space: where nodes keep some of their edges, so many distinct ones with
/// an operation other than `none` each (Li & Talwalkar 2019); where they keep all, any candidate on each edge, `none`
/// included (NAS-Bench-201). The draw is of the stream `genotype/random` of the seed.
///
/// # Errors
/// A space that cannot be searched.
pub fn random_genotype(space: &SearchSpace, seed: u64) -> Result<Genotype> {
    space.check()?;
    let mut random = stream(seed, "genotype/random", &[]);
    let weights: EdgeWeights = random_paths(space, &mut random);
    derive_genotype(&weights, space)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::space::Primitive;

    #[test]
    fn draws_keep_the_rules_and_are_uniform() {
        const DRAWS: u64 = 4000;
        let mut counts: BTreeMap<(usize, Primitive), u64> = BTreeMap::new();
        let space = SearchSpace::nas_bench_201();
        for seed in 0..DRAWS {
            let genotype = random_genotype(&space, seed).unwrap();
            let operations = genotype.nas_bench_201().unwrap().operations;
            operations.into_iter().enumerate().for_each(|place| *counts.entry(place).or_default() += 1);
        }
        assert_eq!(counts.len(), 30);
        let expected = DRAWS as f64 / 5.0;
        let chi: f64 = counts.values().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
        // 24 degrees of freedom: above 60 once in 50,000 tries.
        assert!(chi < 60.0, "{chi}");
        let darts = SearchSpace::darts();
        for seed in 0..50 {
            let genotype = random_genotype(&darts, seed).unwrap();
            genotype.check().unwrap();
            for genes in genotype.cells.cells().flat_map(|cell| &cell.nodes) {
                assert_eq!(genes.len(), 2);
                assert_ne!(genes[0].source, genes[1].source);
            }
            assert_eq!(genotype, random_genotype(&darts, seed).unwrap());
            assert_ne!(genotype, random_genotype(&darts, seed + 1).unwrap());
        }
    }
}
