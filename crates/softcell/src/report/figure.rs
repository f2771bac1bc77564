//! A chart on the page: its title, its legend, and where the page's script draws it.

use maud::{Markup, html};

use super::charts::{Chart, Series};

/// A chart with its title and legend.
pub(super) fn chart_figure(title: &str, note: &str, chart: &Chart) -> Markup {
    html! {
        figure {
            figcaption { h3 { (title) } @if !note.is_empty() { p class="note" { (note) } } (legend(&chart.series)) }
            div class="chart" data-chart=(chart.id) {}
        }
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
