//! A chart on the page: its title, its legend, and where the page's script draws it.

use maud::{Markup, html};

use super::charts::{Chart, Series};
use super::plane::still;

/// A chart with its title and legend.
pub(super) fn chart_figure(title: &str, note: &str, chart: &Chart) -> Markup {
    html! {
        figure {
            figcaption { h3 { (title) } @if !note.is_empty() { p class="note" { (note) } } (legend(&chart.series)) }
            div class="chart" data-chart=(chart.id) { noscript { (still(chart)) } }
        }
    }
}

/// How to look at a part of the charts; the page's style shows it where a script draws them and a pointer can be dragged.
pub(super) fn hint() -> Markup {
    html! {
        p class="note hint" { "Drag across a chart to see a part of the epochs; a double click shows all of them again." }
    }
}

/// The colours of a chart's curves.
fn legend(series: &[Series]) -> Markup {
    html! {
        ul class="legend" {
            @for one in series {
                li {
                    i class={ "c" (one.colour) @if one.dashed { " dashed" } } {}
                    (one.label)
                }
            }
        }
    }
}
