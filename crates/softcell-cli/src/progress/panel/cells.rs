//! Cells in words: the two inputs of each node and the operations on them.

use ratatui_core::style::{Color, Style};
use ratatui_core::text::{Line, Span};
use softcell::space::{CellGene, Primitive, cell_title};

/// A heading, then a line `2 = sep_conv_3x3(0) + skip_connect(1)` for each intermediate node. Operations have
/// shorter names where the whole ones need more than so many `columns`.
pub fn lines(name: &str, cell: &CellGene, columns: u16) -> Vec<Line<'static>> {
    let lines = lines_with(name, cell, |primitive| primitive.name().to_owned());
    if lines.iter().all(|line| line.width() <= usize::from(columns)) {
        return lines;
    }
    lines_with(name, cell, |primitive| {
        ["_conv", "_pool", "_connect"]
            .iter()
            .fold(primitive.name().to_owned(), |name, part| name.replace(part, ""))
    })
}

fn lines_with(title: &str, cell: &CellGene, name: impl Fn(Primitive) -> String) -> Vec<Line<'static>> {
    let skips = cell.n_skips();
    let s = if skips == 1 { "" } else { "s" };
    let heading =
        [Span::from(cell_title(title)).style(Style::new().bold()), format!("  {skips} skip{s}").into()];
    let nodes = cell.numbered().map(|(node, genes)| {
        let mut spans = vec![Span::from(format!("{node} ="))];
        for (i, gene) in genes.iter().enumerate() {
            let plus = if i == 0 { " " } else { " + " };
            spans.push(plus.into());
            spans.push(Span::from(name(gene.primitive)).style(Style::new().fg(colour(gene.primitive))));
            spans.push(format!("({})", gene.source).into());
        }
        Line::from(spans)
    });
    std::iter::once(Line::from_iter(heading)).chain(nodes).collect()
}

/// One colour for each kind of operation, as in the pictures of cells.
fn colour(primitive: Primitive) -> Color {
    match primitive {
        Primitive::SepConv3x3 | Primitive::SepConv5x5 | Primitive::SepConv7x7 => Color::LightBlue,
        Primitive::DilConv3x3 | Primitive::DilConv5x5 => Color::Magenta,
        Primitive::Conv7x1_1x7 | Primitive::NorConv1x1 | Primitive::NorConv3x3 => Color::Red,
        Primitive::MaxPool3x3 | Primitive::AvgPool3x3 => Color::Yellow,
        Primitive::SkipConnect => Color::Green,
        Primitive::None | Primitive::Noise => Color::DarkGray,
    }
}

#[cfg(test)]
mod tests {
    use softcell::space::known_genotype;

    use super::*;

    #[test]
    fn names_are_shortened_where_they_do_not_fit() {
        let genotype = known_genotype("DARTS_V2").unwrap();
        let text = |columns| {
            lines("normal", &genotype["normal"], columns).iter().map(Line::to_string).collect::<Vec<_>>()
        };
        assert_eq!(text(38)[0], "normal cell  2 skips");
        assert_eq!(text(38)[1], "2 = sep_conv_3x3(0) + sep_conv_3x3(1)");
        assert_eq!(text(29)[1], "2 = sep_3x3(0) + sep_3x3(1)");
        assert_eq!(text(29).len(), 5);
    }
}
