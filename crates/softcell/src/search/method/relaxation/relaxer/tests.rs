//! Relaxations against closed forms, finite differences, and the distributions that they claim.

use super::*;
use crate::search::method::{AlphaOptimizer, ExponentiatedGradient, Half};
use crate::space::{Primitive, derive_genotype};

use Primitive::{AvgPool3x3, MaxPool3x3, None as Nothing, SepConv3x3, SkipConnect};

/// Cells of two edges into one node and three into a second, five candidates each, `none` first.
fn space() -> SearchSpace {
    SearchSpace::darts().with_nodes(2).with_candidates(&[
        Nothing,
        SkipConnect,
        SepConv3x3,
        MaxPool3x3,
        AvgPool3x3,
    ])
}

/// Rows of two and three candidates.
fn ragged() -> SearchSpace {
    let mut space = space();
    let rows = space.cells.cells_mut().flatten();
    rows.enumerate().for_each(|(edge, row)| row.truncate(2 + edge % 2));
    space
}

fn method(relaxation: Relaxation, edge_weights: EdgeNormalization) -> Method {
    let mut method = Method { relaxation, edge_weights, ..Method::default() };
    if relaxation == Relaxation::Simplex {
        method.alphas = AlphaOptimizer::ExponentiatedGradient(ExponentiatedGradient::default());
    }
    method
}

const AT: Moment = Moment { seed: 7, epoch: 3, epochs: 10, step: 5, half: Half::Weights };

/// Numbers between −2 and 2 (0 and 1 on the simplex) in steps of 1/1024, so that sums with such steps are exact.
fn alphas(relaxer: &Relaxer) -> Alphas {
    let mut random = stream(11, "alphas", &[]);
    let on_simplex = relaxer.relaxation() == Relaxation::Simplex;
    let mut draw = || {
        let number: f64 = StandardNormal.sample(&mut random);
        let number = if on_simplex { 0.2 + number.abs() / 8.0 } else { number };
        (number * 1024.0).round() as f32 / 1024.0
    };
    Alphas(relaxer.rows().map(|rows| rows.iter().map(|&n| (0..n).map(|_| draw()).collect()).collect()))
}

/// The gradient of some loss in the edge weights.
fn slopes(relaxed: &Relaxed) -> EdgeGradient {
    let mut random = stream(12, "slopes", &[]);
    EdgeGradient(relaxed.weights.map_values(|_| StandardNormal.sample(&mut random)))
}

/// `Σ g·w`, whose gradient in the weights is g.
fn loss(weights: &EdgeWeights, slopes: &EdgeGradient) -> f64 {
    weights.values().zip(slopes.values()).map(|(w, g)| w * g).sum()
}

/// Checks the pullback of `relax` against a central difference in every alpha.
fn assert_slopes(relaxer: &Relaxer, tolerance: f64, relax: impl Fn(&Alphas) -> Relaxed) {
    const STEP: f32 = 1.0 / 1024.0;
    let alphas = alphas(relaxer);
    let relaxed = relax(&alphas);
    let slopes = slopes(&relaxed);
    let gradient = relaxed.pull_back(&slopes);
    assert_eq!(gradient.lengths(), alphas.lengths());
    let mut largest = 0f64;
    for (k, found) in gradient.values().enumerate() {
        let moved = |step: f32| {
            let mut alphas = alphas.clone();
            *alphas.values_mut().nth(k).unwrap() += step;
            loss(&relax(&alphas).weights, &slopes)
        };
        let wanted = (moved(STEP) - moved(-STEP)) / f64::from(2.0 * STEP);
        assert!((found - wanted).abs() < tolerance, "{relaxer:?}, alpha {k}: {found} / {wanted}");
        largest = largest.max(wanted.abs());
    }
    assert!(largest > 0.05, "{relaxer:?}: nothing has a slope");
}

#[test]
fn pullbacks_are_slopes() {
    use Relaxation::{Gumbel, Sigmoid, Simplex, Softmax};
    for space in [space(), ragged(), SearchSpace::nas_bench_201()] {
        for edges in EdgeNormalization::ALL {
            // Softmaxes are computed in f32.
            let coarse = |relaxation| relaxation == Softmax || edges == EdgeNormalization::Softmax;
            for relaxation in [Softmax, Gumbel, Sigmoid, Simplex] {
                let relaxer = method(relaxation, edges).relaxer(&space);
                let tolerance = if coarse(relaxation) && relaxation != Simplex { 1e-3 } else { 1e-5 };
                assert_slopes(&relaxer, tolerance, |alphas| relaxer.relax(alphas, AT));
            }
            for relaxation in
                [Softmax, Gumbel, Relaxation::GumbelHard, Relaxation::Dirichlet, Sigmoid, Simplex]
            {
                let relaxer = method(relaxation, edges).relaxer(&space);
                assert_slopes(&relaxer, 1e-3, |alphas| relaxer.relax_expected(alphas));
            }
        }
    }
}

/// A hard sample is the largest entry of the dense one of the same draw, and its gradient is that of the dense one:
/// `p̃_k (g_k − Σ p̃_j g_j)/τ`.
#[test]
fn a_hard_sample_is_the_largest_entry_of_the_dense_one() {
    for edges in EdgeNormalization::ALL {
        let dense = method(Relaxation::Gumbel, edges).relaxer(&ragged());
        let hard = method(Relaxation::GumbelHard, edges).relaxer(&ragged());
        let alphas = alphas(&dense);
        let (soft, path) = (dense.relax(&alphas, AT), hard.relax(&alphas, AT));
        let scales = match edges {
            EdgeNormalization::None => vec![1.0; 10],
            EdgeNormalization::Softmax => {
                let sums = path.weights.cells().flatten().map(|row| row.iter().sum::<f64>());
                sums.collect()
            }
        };
        let slopes = slopes(&soft);
        let back = hard.relax(&alphas, AT).pull_back(&slopes);
        let rows = soft.weights.cells().flatten().zip(path.weights.cells().flatten());
        let gradients = slopes.cells().flatten().zip(back.cells().flatten());
        let temperature = 10.0 - 9.9 * 3.0 / 9.0;
        for (((soft, path), (g, back)), scale) in rows.zip(gradients).zip(scales) {
            let shares: Vec<f64> = soft.iter().map(|weight| weight / scale).collect();
            let chosen = path.iter().position(|&weight| weight > 0.0).unwrap();
            assert!(shares.iter().all(|share| *share <= shares[chosen]));
            assert!(path.iter().enumerate().all(|(k, &weight)| (k == chosen) == (weight != 0.0)));
            let mean: f64 = shares.iter().zip(g).map(|(p, g)| p * g).sum();
            for ((share, g), back) in shares.iter().zip(g).zip(back) {
                let wanted = scale * share * (g - mean) / temperature;
                assert!((back - wanted).abs() < 1e-6, "{back} / {wanted}");
            }
        }
    }
}

#[test]
fn draws_are_of_the_moment() {
    let relaxer = method(Relaxation::GumbelHard, EdgeNormalization::None).relaxer(&SearchSpace::darts());
    let alphas = alphas(&relaxer);
    let at = |moment| relaxer.relax(&alphas, moment).weights;
    assert_eq!(at(AT), at(AT));
    for other in [
        Moment { seed: 8, ..AT },
        Moment { epoch: 4, ..AT },
        Moment { step: 6, ..AT },
        Moment { half: Half::Alphas, ..AT },
        Moment { half: Half::Both, ..AT },
    ] {
        assert_ne!(at(AT), at(other), "{other:?}");
    }
    assert_eq!(relaxer.expected(&alphas), Method::default().relaxer(&SearchSpace::darts()).expected(&alphas));
}

/// χ² of counts, `Σ (n − E)²/E`.
fn chi_squared(counts: &[usize], probabilities: &[f64]) -> f64 {
    let n: usize = counts.iter().sum();
    let term = |(&count, p): (&usize, &f64)| (count as f64 - n as f64 * p).powi(2) / (n as f64 * p);
    counts.iter().zip(probabilities).map(term).sum()
}

/// One of a thousand values of χ² is above: of so many degrees of freedom.
fn rare(freedom: usize) -> f64 {
    [10.83, 13.82, 16.27, 18.47, 20.52, 22.46][freedom - 1]
}

/// `P(argmax = k) = softmax(α)_k` for every temperature (τ is 10 in the first of two epochs and 0.1 in the last).
#[test]
fn concrete_samples_choose_with_the_softmax() {
    let space = space().with_nodes(1);
    for relaxation in [Relaxation::GumbelHard, Relaxation::Gumbel] {
        let relaxer = method(relaxation, EdgeNormalization::None).relaxer(&space);
        let alphas = alphas(&relaxer);
        let expected = relaxer.expected(&alphas);
        for epoch in [0, 1] {
            let mut counts = vec![vec![0usize; 5]; 4];
            for step in 0..4000 {
                let moment = Moment { epoch, epochs: 2, step, ..AT };
                let relaxed = relaxer.relax(&alphas, moment);
                for (counts, row) in counts.iter_mut().zip(relaxed.weights.cells().flatten()) {
                    assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                    let largest = row.iter().copied().fold(0.0, f64::max);
                    counts[row.iter().position(|&weight| weight == largest).unwrap()] += 1;
                }
            }
            for (counts, row) in counts.iter().zip(expected.cells().flatten()) {
                let found = chi_squared(counts, row);
                assert!(found < rare(4), "{relaxation:?}, epoch {epoch}: χ² = {found}, {counts:?} / {row:?}");
            }
        }
    }
}

/// Mean, variance and the mean of the gradient are those of the distribution: `E[x_i] = c_i/c₀`,
/// `Var[x_i] = c_i(c₀ − c_i)/(c₀²(c₀+1))`, `∂E[x_i]/∂c_j = (δ_ij c₀ − c_i)/c₀²`.
#[test]
fn dirichlet_samples_and_their_gradient() {
    const N: usize = 20_000;
    let relaxer = method(Relaxation::Dirichlet, EdgeNormalization::None).relaxer(&space().with_nodes(1));
    let rows = vec![vec![-2.0, -0.5, 0.0, 0.7, 2.5], vec![-4.0, -4.0, -3.0, -5.0, -1.0]];
    let alphas: Alphas = ["normal", "reduction"].map(|name| (name, rows.clone())).into_iter().collect();
    let n = N as f64;
    // For each of the two rows x_i, x_i² and ∂x_i/∂α_j with its square.
    let mut values = vec![vec![[0f64; 2]; 5]; 2];
    let mut slopes = vec![vec![vec![[0f64; 2]; 5]; 5]; 2];
    for step in 0..N {
        let relaxed = relaxer.relax(&alphas, Moment { step, ..AT });
        let drawn = relaxed.weights.get("normal").unwrap();
        for i in 0..5 {
            let one = relaxed.weights.map(|rows| {
                rows.iter().map(|row| (0..row.len()).map(|k| f64::from(u8::from(k == i))).collect()).collect()
            });
            let back = relaxed.pull_back(&EdgeGradient(one));
            for (row, back) in back.get("normal").unwrap().iter().enumerate() {
                let x = drawn[row][i];
                values[row][i][0] += x / n;
                values[row][i][1] += x * x / n;
                for (j, slope) in back.iter().enumerate() {
                    assert!(slope.is_finite());
                    slopes[row][i][j][0] += slope / n;
                    slopes[row][i][j][1] += slope * slope / n;
                }
            }
        }
    }
    for (row, alphas) in rows.iter().enumerate() {
        let c: Vec<f64> = alphas
            .iter()
            .map(|&a: &f32| if a > 0.0 { f64::from(a) + 1.0 } else { f64::from(a).exp() })
            .collect();
        let whole: f64 = c.iter().sum();
        for i in 0..5 {
            let [mean, square] = values[row][i];
            let variance = c[i] * (whole - c[i]) / (whole * whole * (whole + 1.0));
            assert!((mean - c[i] / whole).abs() < 4.0 * (variance / n).sqrt(), "{row}, {i}: {mean}");
            assert!((square - mean * mean - variance).abs() < 0.2 * variance.max(0.01), "{row}, {i}");
            for j in 0..5 {
                let [mean, square] = slopes[row][i][j];
                let chain = if alphas[j] > 0.0 { 1.0 } else { f64::from(alphas[j]).exp() };
                let same = if i == j { whole } else { 0.0 };
                let wanted = (same - c[i]) / (whole * whole) * chain;
                let error = ((square - mean * mean) / n).sqrt();
                assert!(
                    (mean - wanted).abs() < 4.5 * error + 1e-9,
                    "{row}, {i}, {j}: {mean} / {wanted} ± {error}"
                );
                assert!(error < 0.01, "{error} says nothing");
            }
        }
    }
}

/// Where nodes keep two edges: each pair of the three into the second node equally often, each operation but `none`.
#[test]
fn random_paths_are_uniform_where_edges_are_chosen() {
    let relaxer = method(Relaxation::RandomPath, EdgeNormalization::None).relaxer(&space());
    let alphas = relaxer.initial(1);
    let (mut pairs, mut operations, mut means) = ([0usize; 3], [0usize; 4], vec![0.0; 50]);
    const N: usize = 3000;
    for step in 0..N {
        let weights = relaxer.relax(&alphas, Moment { step, ..AT }).weights;
        for rows in weights.cells() {
            let chosen: Vec<(usize, usize)> =
                (rows.iter().enumerate()).flat_map(|(edge, row)| row.iter().positions(edge)).collect();
            assert_eq!(chosen.iter().filter(|(edge, _)| *edge < 2).count(), 2);
            assert_eq!(chosen.iter().filter(|(edge, _)| *edge >= 2).count(), 2);
            assert!(chosen.windows(2).all(|pair| pair[0].0 != pair[1].0), "{chosen:?}");
            let left_out = (2..5).find(|edge| chosen.iter().all(|(found, _)| found != edge)).unwrap();
            pairs[left_out - 2] += 1;
            for (_, operation) in chosen {
                operations[operation - 1] += 1;
            }
        }
        means.iter_mut().zip(weights.values()).for_each(|(mean, weight)| *mean += weight / N as f64);
    }
    assert!(chi_squared(&pairs, &[1.0 / 3.0; 3]) < rare(2), "{pairs:?}");
    assert!(chi_squared(&operations, &[0.25; 4]) < rare(3), "{operations:?}");
    for (mean, wanted) in means.iter().zip(relaxer.expected(&alphas).values()) {
        assert!((mean - wanted).abs() < 0.04, "{mean} / {wanted}");
    }
    let relaxed = relaxer.relax(&alphas, AT);
    assert!(relaxed.pull_back(&slopes(&relaxed)).values().all(|&g| g == 0.0));
}

trait Positions {
    fn positions(self, edge: usize) -> Vec<(usize, usize)>;
}

impl<'a, I: Iterator<Item = &'a f64>> Positions for I {
    /// Edge and place of the numbers that are 1; all others are 0.
    fn positions(self, edge: usize) -> Vec<(usize, usize)> {
        let found = self.enumerate().filter(|(_, weight)| {
            assert!(**weight == 0.0 || **weight == 1.0);
            **weight == 1.0
        });
        found.map(|(k, _)| (edge, k)).collect()
    }
}

/// Where nodes keep all edges: one of all candidates on each, `none` among them. Edges with `none` alone are no edges.
#[test]
fn random_paths_take_anything_where_all_edges_stay() {
    let relaxer =
        method(Relaxation::RandomPath, EdgeNormalization::None).relaxer(&SearchSpace::nas_bench_201());
    let alphas = relaxer.initial(1);
    let mut counts = [0usize; 5];
    for step in 0..1000 {
        for row in relaxer.relax(&alphas, Moment { step, ..AT }).weights.cells().flatten() {
            let chosen = row.iter().positions(0);
            assert_eq!(chosen.len(), 1);
            counts[chosen[0].1] += 1;
        }
    }
    assert!(chi_squared(&counts, &[0.2; 5]) < rare(4), "{counts:?}");
    assert!(relaxer.expected(&alphas).values().all(|&weight| weight == 0.2));

    let mut space = space();
    space.cells.cells_mut().for_each(|edges| edges[2] = vec![Nothing]);
    let relaxer = method(Relaxation::RandomPath, EdgeNormalization::None).relaxer(&space);
    let weights = relaxer.relax(&relaxer.initial(1), AT).weights;
    assert!(weights.cells().all(|rows| rows[2] == [0.0] && rows[3].contains(&1.0) && rows[4].contains(&1.0)));
}

#[test]
fn relaxations_that_draw_nothing() {
    let close = |found: &EdgeWeights, wanted: &EdgeWeights| {
        assert!(
            found.values().zip(wanted.values()).all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?} {wanted:?}"
        );
    };
    let rows = |row: Vec<f64>| -> EdgeWeights {
        ["normal", "reduction"].map(|name| (name, vec![row.clone(); 5])).into_iter().collect()
    };
    let alphas: Alphas = ["normal", "reduction"]
        .map(|name| (name, vec![vec![0.0, 3f32.ln(), -100.0, 0.0, 1.0]; 5]))
        .into_iter()
        .collect();
    let of = |relaxation| method(relaxation, EdgeNormalization::None).relaxer(&space());
    close(&of(Relaxation::Sigmoid).relax(&alphas, AT).weights, &rows(vec![0.5, 0.75, 0.0, 0.5, 0.731_058_6]));
    close(&of(Relaxation::Uniform).relax(&alphas, AT).weights, &rows(vec![0.2; 5]));
    close(
        &of(Relaxation::Simplex).relax(&alphas, AT).weights,
        &EdgeWeights(alphas.map_values(|&a| f64::from(a))),
    );
    let whole = 1.0 + (3f64.ln() + 1.0) + 1.0 + 2.0;
    let mean = vec![1.0 / whole, (3f64.ln() + 1.0) / whole, 0.0, 1.0 / whole, 2.0 / whole];
    close(&of(Relaxation::Dirichlet).expected(&alphas), &rows(mean));
    let uniform = of(Relaxation::Uniform).relax(&alphas, AT);
    assert!(uniform.pull_back(&slopes(&uniform)).values().all(|&g| g == 0.0));
}

/// `w = softmax(β) · softmax(α)`: the strength of an edge is the product (A3, B3), so that an edge may win by its own
/// weight whose candidates are less decided.
#[test]
fn edges_with_weights_of_their_own() {
    let relaxer = method(Relaxation::Softmax, EdgeNormalization::Softmax).relaxer(&space());
    let names: Vec<_> = relaxer.rows().names().map(str::to_owned).collect();
    assert_eq!(names, ["normal", "reduction", "normal.nodes", "reduction.nodes"]);
    assert_eq!(relaxer.rows().get("normal.nodes").unwrap(), &[2, 3]);
    let mut alphas = relaxer.initial(4);
    alphas.cells_mut().flatten().flatten().for_each(|alpha| *alpha = 0.0);
    alphas.cells_mut().next().unwrap()[2][1] = 1.0;
    let derived = |alphas: &Alphas| {
        let genotype = derive_genotype(&relaxer.expected(alphas), &space()).unwrap();
        let text = genotype.to_text();
        text.split("normal_concat").next().unwrap().to_owned()
    };
    let plain = derived(&alphas);
    // The third edge into the second node gets a weight of its own.
    alphas.cells_mut().nth(2).unwrap()[1] = vec![0.0, 1.0, 1.5];
    let weighted = derived(&alphas);
    assert!(plain.ends_with("('skip_connect', 0), ('skip_connect', 1)], "), "{plain}");
    assert!(weighted.ends_with("('skip_connect', 2), ('skip_connect', 1)], "), "{weighted}");

    let weights = relaxer.expected(&alphas);
    let of_edges = [1.0, 1f64.exp(), 1.5f64.exp()];
    let whole: f64 = of_edges.iter().sum();
    for (row, edge) in weights.get("normal").unwrap()[2..].iter().zip(of_edges) {
        assert!((row.iter().sum::<f64>() - edge / whole).abs() < 1e-6, "{row:?}");
    }
    for relaxation in Relaxation::ALL.into_iter().filter(|relaxation| relaxation.has_alphas()) {
        let relaxer = method(relaxation, EdgeNormalization::Softmax).relaxer(&space());
        let alphas = relaxer.initial(4);
        for weights in [relaxer.relax(&alphas, AT).weights, relaxer.expected(&alphas)] {
            let first: f64 = weights.cells().next().unwrap()[..2].iter().flatten().sum();
            let wanted = if relaxation == Relaxation::Sigmoid { 2.5 } else { 1.0 };
            assert!((first - wanted).abs() < 1e-6, "{relaxation:?}: {first}");
        }
    }
}

#[test]
fn where_searches_begin() {
    let of = |relaxation, edges| method(relaxation, edges).relaxer(&space());
    let plain = of(Relaxation::Softmax, EdgeNormalization::None).initial(3);
    let with_edges = of(Relaxation::Softmax, EdgeNormalization::Softmax).initial(3);
    assert!(plain.iter().all(|(name, rows)| with_edges.get(name) == Some(rows)));
    assert!(with_edges.values().all(|alpha| alpha.abs() < 1e-2 && *alpha != 0.0));
    assert!(of(Relaxation::Sigmoid, EdgeNormalization::None).initial(3).values().all(|&alpha| alpha == 0.0));
    let sigmoid = of(Relaxation::Sigmoid, EdgeNormalization::Softmax).initial(3);
    assert!(sigmoid.cells().nth(2).unwrap().iter().flatten().all(|&alpha| alpha != 0.0));
    let simplex = of(Relaxation::Simplex, EdgeNormalization::Softmax);
    let alphas = simplex.initial(3);
    assert!(alphas.cells().flatten().all(|row| row.iter().all(|alpha| *alpha == 1.0 / row.len() as f32)));
    assert_eq!(simplex.fit(&alphas).unwrap(), alphas);
    let message = simplex.fit(&plain).unwrap_err().to_string();
    assert!(message.contains("normal.nodes [2, 3]"), "{message}");
}

/// `β_e = (E − e)/E` stands behind the candidates in a pass and in validation; nothing else sees it.
#[test]
fn the_auxiliary_skip_is_no_candidate() {
    let with = SearchSpace { auxiliary_skip: true, ..ragged() };
    for edges in EdgeNormalization::ALL {
        for relaxation in [Relaxation::Softmax, Relaxation::Dirichlet] {
            let plain = method(relaxation, edges).relaxer(&ragged());
            let relaxer = method(relaxation, edges).relaxer(&with);
            let alphas = alphas(&relaxer);
            assert_eq!(relaxer.expected(&alphas), plain.expected(&alphas));
            let (relaxed, wanted) = (relaxer.relax(&alphas, AT), plain.relax(&alphas, AT));
            assert_eq!((relaxed.beside, wanted.beside), (1, 0));
            let rows = relaxed.weights.cells().flatten().zip(wanted.weights.cells().flatten());
            for (row, wanted) in rows {
                assert_eq!((&row[..wanted.len()], row.len()), (&wanted[..], wanted.len() + 1));
                assert_eq!(row[wanted.len()], 0.7);
            }
            let slopes = slopes(&relaxed);
            let mut without = slopes.clone();
            without.cells_mut().flatten().for_each(|row| {
                row.pop();
            });
            assert_eq!(relaxed.pull_back(&slopes), wanted.pull_back(&without));
            let last = relaxer.of_network(&alphas, 49, 50);
            let beside: Vec<f64> = last.cells().flatten().map(|row| row[row.len() - 1]).collect();
            assert!(beside.iter().all(|weight| (weight - 0.02).abs() < 1e-12), "{beside:?}");
        }
    }
}
