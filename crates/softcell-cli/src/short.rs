//! Genotypes in a few words.

use softcell::space::{CellGene, Genotype, Primitive, parse_genotype};

use crate::output::shortened;

/// Longest text that is no genotype.
const WIDEST: usize = 32;

/// `4 sep3 2 skip 2 dil5 | 5 max 3 skip`, the normal cell first; the string of NAS-Bench-201 for what has its shape.
pub fn short_cells(genotype: &Genotype) -> String {
    match genotype.nas_bench_201() {
        Some(architecture) => architecture.to_string(),
        None => genotype.cells.cells().map(short_cell).collect::<Vec<_>>().join(" | "),
    }
}

/// [`short_cells`] of a genotype's text; the text itself if it is none that can be read.
pub fn short_genotype(text: &str) -> String {
    match parse_genotype(text) {
        Ok(genotype) => short_cells(&genotype),
        Err(_) => shortened(text, WIDEST),
    }
}

/// The operations of a cell, the frequent ones first.
fn short_cell(cell: &CellGene) -> String {
    let mut counts: Vec<(Primitive, usize)> = Vec::new();
    for gene in cell.nodes.iter().flatten() {
        match counts.iter_mut().find(|(primitive, _)| *primitive == gene.primitive) {
            Some((_, count)) => *count += 1,
            None => counts.push((gene.primitive, 1)),
        }
    }
    counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let words: Vec<String> =
        counts.into_iter().map(|(primitive, count)| format!("{count} {}", short_name(primitive))).collect();
    words.join(" ")
}

fn short_name(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::None => "none",
        Primitive::MaxPool3x3 => "max",
        Primitive::AvgPool3x3 => "avg",
        Primitive::SkipConnect => "skip",
        Primitive::SepConv3x3 => "sep3",
        Primitive::SepConv5x5 => "sep5",
        Primitive::SepConv7x7 => "sep7",
        Primitive::DilConv3x3 => "dil3",
        Primitive::DilConv5x5 => "dil5",
        Primitive::Conv7x1_1x7 => "7x1",
        Primitive::NorConv1x1 => "conv1",
        Primitive::NorConv3x3 => "conv3",
        Primitive::Noise => "noise",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genotypes_are_told_by_their_operations() {
        assert_eq!(short_genotype("DARTS_V2"), "5 sep3 2 skip 1 dil3 | 5 max 3 skip");
        assert_eq!(short_genotype("no such thing"), "no such thing");
    }
}
