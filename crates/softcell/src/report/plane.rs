//! Pictures in the plane that need no script: axes with a grid, and curves that stand still.

use maud::{Markup, html};

use super::charts::{Chart, Scale};

/// Lines of the grid along each axis, about.
const LINES: f64 = 5.0;
/// Width and height of a picture, and its margins: left, top, right, bottom.
pub(super) const SIZE: [f64; 2] = [480.0, 300.0];
const MARGINS: [f64; 4] = [56.0, 16.0, 26.0, 44.0];

/// How the numbers of an axis are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// As they are.
    Plain,
    /// Shares, as percent.
    Share,
    /// Large whole numbers, with k, M or G behind.
    Count,
}

/// From values to pixels.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    values: [f64; 2],
    pixels: [f64; 2],
    step: f64,
    unit: Unit,
}

impl Axis {
    /// From left to right, with room for all values.
    pub fn across(values: impl Iterator<Item = f64> + Clone, unit: Unit) -> Axis {
        Axis::of(values, unit, [MARGINS[0], SIZE[0] - MARGINS[2]])
    }

    /// From the bottom to the top, with room for all values.
    pub fn upwards(values: impl Iterator<Item = f64> + Clone, unit: Unit) -> Axis {
        Axis::of(values, unit, [SIZE[1] - MARGINS[3], MARGINS[1]])
    }

    /// From a line of the grid to another, but not beyond what can be: no count below 0, no share above 1.
    fn of(values: impl Iterator<Item = f64> + Clone, unit: Unit, pixels: [f64; 2]) -> Axis {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let wide = (high - low).max(high.abs() * 0.01).max(1e-9);
        let rough = wide / LINES;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|n| n * power >= rough).unwrap_or(10.0) * power;
        let mut values =
            [((low - wide * 0.04) / step).floor() * step, ((high + wide * 0.04) / step).ceil() * step];
        if low >= 0.0 {
            values[0] = values[0].max(0.0);
        }
        if unit == Unit::Share && high <= 1.0 && low < 1.0 {
            values[1] = values[1].min(1.0);
        }
        Axis { values, pixels, step, unit }
    }

    /// Tenths of pixels are enough.
    pub fn at(&self, value: f64) -> f64 {
        let [from, to] = self.pixels;
        let share = (value - self.values[0]) / (self.values[1] - self.values[0]);
        ((from + share * (to - from)) * 10.0).round() / 10.0
    }

    /// The values of the grid's lines.
    fn lines(&self) -> Vec<f64> {
        let first = (self.values[0] / self.step).ceil() * self.step;
        let lines = ((self.values[1] - first) / self.step + 1e-6).floor() as usize;
        (0..=lines).map(|line| first + line as f64 * self.step).collect()
    }

    /// A value of a line as it is written, with as many digits as tell it from the next one.
    fn words(&self, value: f64) -> String {
        let (scale, mark) = match self.unit {
            Unit::Plain => (1.0, ""),
            Unit::Share => (0.01, " %"),
            Unit::Count => {
                let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
                units.into_iter().find(|(scale, _)| self.values[1] >= *scale).unwrap_or((1.0, ""))
            }
        };
        let digits = (-(self.step / scale).log10() - 1e-9).ceil().max(0.0) as usize;
        if value.abs() < self.step / 2.0 && mark != " %" {
            return "0".to_owned();
        }
        format!("{:.digits$}{mark}", value / scale)
    }

    /// The two ends in pixels.
    pub fn ends(&self) -> [f64; 2] {
        self.pixels
    }
}

/// The lines of both axes with their numbers, and what the lower one is of.
pub(super) fn grid(x: &Axis, y: &Axis, x_name: &str) -> Markup {
    let ([left, right], [bottom, top]) = (x.ends(), y.ends());
    html! {
        @for value in y.lines() {
            line class="grid" x1=(left) x2=(right) y1=(y.at(value)) y2=(y.at(value)) {}
            text x=(left - 8.0) y=(y.at(value) + 4.0) text-anchor="end" { (y.words(value)) }
        }
        @for value in x.lines() {
            line class="grid" x1=(x.at(value)) x2=(x.at(value)) y1=(bottom) y2=(top) {}
            text x=(x.at(value)) y=(bottom + 18.0) text-anchor="middle" { (x.words(value)) }
        }
        text x=((left + right) / 2.0) y=(bottom + 37.0) text-anchor="middle" { (x_name) }
    }
}

/// A picture with its name.
pub(super) fn picture(name: &str, content: &Markup) -> Markup {
    html! {
        svg viewBox=(format!("0 0 {} {}", SIZE[0], SIZE[1])) role="img" aria-label=(name) { (content) }
    }
}

/// A chart as it is shown where no script draws it.
pub(super) fn still(chart: &Chart) -> Markup {
    let points = |values: &[Option<f64>]| -> Vec<Option<(f64, f64)>> {
        chart.x.iter().zip(values).map(|(&epoch, value)| value.map(|value| (epoch as f64, value))).collect()
    };
    let all: Vec<(f64, f64)> =
        chart.series.iter().flat_map(|series| points(&series.values)).flatten().collect();
    if all.is_empty() {
        return html! {};
    }
    let unit = match chart.scale {
        Scale::Percent | Scale::Accuracy => Unit::Share,
        _ => Unit::Plain,
    };
    let zero = matches!(chart.scale, Scale::Zero | Scale::Count).then_some(0.0);
    let x = Axis::across(chart.x.iter().map(|&epoch| epoch as f64), Unit::Plain);
    let y = Axis::upwards(all.iter().map(|point| point.1).chain(zero), unit);
    let curve = |values: &[Option<f64>]| {
        let mut path = String::new();
        let mut pen = 'M';
        for point in points(values) {
            match point {
                Some((epoch, value)) => {
                    path.push_str(&format!("{pen}{} {}", x.at(epoch), y.at(value)));
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        path
    };
    let content = html! {
        (grid(&x, &y, "epoch"))
        @for series in &chart.series {
            path class={ "curve c" (series.colour) @if series.dashed { " dashed" } } d=(curve(&series.values)) {}
            @if chart.x.len() == 1 {
                @for (epoch, value) in points(&series.values).into_iter().flatten() {
                    circle class={ "c" (series.colour) } cx=(x.at(epoch)) cy=(y.at(value)) r="4" {}
                }
            }
        }
    };
    picture("curves over the epochs", &content)
}

#[cfg(test)]
mod tests {
    use super::super::charts::Series;
    use super::*;

    #[test]
    fn an_axis_has_room_for_its_values() {
        for values in [vec![44.0, 52.0], vec![0.5, 0.5], vec![17_802.0, 181_898.0], vec![0.0, 0.0]] {
            let axis = Axis::of(values.iter().copied(), Unit::Plain, [50.0, 400.0]);
            let lines = axis.lines();
            assert!(lines.len() > 1 && lines.len() < 15, "{values:?}: {lines:?}");
            for value in values {
                assert!((50.0..=400.0).contains(&axis.at(value)), "{value}");
            }
            for line in lines {
                assert!((50.0..=400.0).contains(&axis.at(line)), "{line}");
            }
        }
    }

    #[test]
    fn numbers_of_an_axis_have_the_digits_they_need() {
        let words = |values: [f64; 2], unit| {
            let axis = Axis::across(values.into_iter(), unit);
            axis.lines().into_iter().map(|line| axis.words(line)).collect::<Vec<_>>()
        };
        assert_eq!(words([0.97, 1.0], Unit::Share), ["96 %", "97 %", "98 %", "99 %", "100 %"]);
        assert_eq!(
            words([17_802.0, 181_898.0], Unit::Count),
            ["0k", "50k", "100k", "150k", "200k"].map(|w| if w == "0k" { "0" } else { w })
        );
        assert_eq!(
            words([1.2e6, 2.1e6], Unit::Count),
            ["1.0M", "1.2M", "1.4M", "1.6M", "1.8M", "2.0M", "2.2M"]
        );
        assert_eq!(
            words([0.0, 0.025], Unit::Plain),
            ["0", "0.005", "0.010", "0.015", "0.020", "0.025", "0.030"]
        );
        assert_eq!(words([1.0, 30.0], Unit::Plain).last().unwrap(), "40");
    }

    #[test]
    fn a_curve_is_torn_where_numbers_are_missing() {
        let values = vec![Some(1.0), None, Some(2.0), Some(3.0)];
        let series = vec![Series::new("a", "--first", values)];
        let chart =
            Chart { id: "a".to_owned(), x: vec![1, 2, 3, 4], series, scale: Scale::Loss, group: "train" };
        let drawn = still(&chart).into_string();
        assert!(drawn.matches('M').count() == 2 && drawn.matches('L').count() == 1, "{drawn}");
        let none = Chart { series: vec![Series::new("a", "--first", vec![None; 4])], ..chart };
        assert!(still(&none).into_string().is_empty());
    }
}
