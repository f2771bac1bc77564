//! One figure: two curves over the epochs, with their last values as the legend.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Color, Style};
use ratatui_core::symbols::Marker;
use ratatui_core::text::{Line, Span};
use ratatui_core::widgets::Widget;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};

use super::Inks;

/// Where values may be far away, they are shown as far as this many times the first curve's largest.
const FARTHEST: f64 = 2.0;
const COLOURS: [Color; 2] = [Color::Cyan, Color::Magenta];

/// What a figure is of.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What its values are.
    pub title: &'static str,
    /// The names of its curves; the second may be empty.
    pub names: [&'static str; 2],
    /// Decimals of the values in the legend.
    pub decimals: usize,
    /// How far the second curve may be from the first.
    pub spread: Spread,
}

/// How far the second curve may be from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// All of it is to be seen.
    Near,
    /// So far that the first could not be seen: the first validations of a search may have a loss a thousand times
    /// larger than all that follow.
    Far,
}

impl Figure {
    /// Draws the points of both curves, epochs and values, over `epochs` epochs.
    pub fn draw(&self, curves: [&[(f64, f64)]; 2], epochs: f64, inks: Inks, area: Rect, buffer: &mut Buffer) {
        let [title, legend, plot] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Min(0)]).areas(area);
        Span::from(self.title).style(Style::new().bold()).render(title, buffer);
        let markers = match inks {
            Inks::Coloured => [Marker::Braille, Marker::Braille],
            Inks::Plain => [Marker::Braille, Marker::Dot],
        };
        self.legend(curves, inks).render(legend, buffer);
        let datasets = (0..2).rev().map(|i| {
            let style = Style::new().fg(COLOURS[i]);
            Dataset::default().data(curves[i]).style(style).marker(markers[i]).graph_type(GraphType::Line)
        });
        let [low, high] = bounds(curves, self.spread);
        // One more than the ends need: the middle may be between two.
        let decimals = (1.0 - magnitude(high - low)).clamp(0.0, 9.0) as usize;
        let labels = [low, f64::midpoint(low, high), high].map(|value| format!("{value:.decimals$}"));
        Chart::new(datasets.collect())
            .legend_position(None)
            .x_axis(Axis::default().bounds([0.0, epochs]).labels(["0".to_owned(), format!("epoch {epochs}")]))
            .y_axis(Axis::default().bounds([low, high]).labels(labels))
            .render(odd(plot), buffer);
    }

    /// The names and last values of the curves.
    fn legend(&self, curves: [&[(f64, f64)]; 2], inks: Inks) -> Line<'static> {
        let mut spans = Vec::new();
        for (i, name) in self.names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            // Without colours the second curve has another marker.
            let mark = if inks == Inks::Plain && i == 1 { "•" } else { "" };
            let value = curves[i].last().map_or("-".to_owned(), |point| self.number(point.1));
            let blank = if i == 0 { "" } else { " " };
            spans.push(Span::from(format!("{blank}{mark}{name} {value}")).style(Style::new().fg(COLOURS[i])));
        }
        Line::from(spans)
    }

    /// A value for the legend, never longer than its place.
    fn number(&self, value: f64) -> String {
        if value.abs() < 1000.0 { format!("{value:.0$}", self.decimals) } else { format!("{value:.1e}") }
    }
}

/// The plot with an odd number of lines between its ends, of which one is the middle.
fn odd(plot: Rect) -> Rect {
    Rect { height: plot.height - u16::from(plot.height > 2 && plot.height.is_multiple_of(2)), ..plot }
}

/// Round numbers around all values that are shown.
fn bounds(curves: [&[(f64, f64)]; 2], spread: Spread) -> [f64; 2] {
    let values = |curve: &[(f64, f64)]| curve.iter().map(|point| point.1).collect::<Vec<f64>>();
    let [first, second] = curves.map(values);
    let highest = |values: &[f64]| values.iter().copied().reduce(f64::max);
    let farthest = match (spread, highest(&first)) {
        (Spread::Far, Some(highest)) => highest * FARTHEST,
        _ => f64::INFINITY,
    };
    let shown: Vec<f64> =
        first.into_iter().chain(second.into_iter().map(|value| value.min(farthest))).collect();
    let (Some(low), Some(high)) = (shown.iter().copied().reduce(f64::min), highest(&shown)) else {
        return [0.0, 1.0];
    };
    // A hundredth of the value from end to end at least: what differs less is the same.
    let aside = (((high.abs() / 100.0).max(1e-6) - (high - low)) / 2.0).max(0.0);
    let (low, high) = (low - aside, high + aside);
    let step = 10f64.powf(magnitude(high - low));
    [(low / step).floor() * step, (high / step).ceil() * step]
}

/// The power of ten below half a distance.
fn magnitude(distance: f64) -> f64 {
    (distance / 2.0).log10().floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_round_and_leave_out_what_is_far_away() {
        let curve = |values: &[f64]| values.iter().map(|&value| (0.0, value)).collect::<Vec<_>>();
        let of = |spread, first: &[f64], second: &[f64]| bounds([&curve(first), &curve(second)], spread);
        assert_eq!(of(Spread::Near, &[], &[]), [0.0, 1.0]);
        assert_eq!(of(Spread::Near, &[21.0, 27.0], &[62.5]), [20.0, 70.0]);
        assert_eq!(of(Spread::Far, &[2.0, 1.5], &[4e6, 1.75]), [1.0, 4.0]);
        let [low, high] = of(Spread::Far, &[2.0], &[]);
        assert!(low < 2.0 && 2.0 < high);
    }
}
