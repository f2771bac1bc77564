//! The frame of a page: style, scripts and data within it, and nothing from outside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::charts::{Chart, colours};
use crate::drawing::{inline_style, series_properties};
use crate::shown::{escaped, escaped_lines};

const STYLE: &str = include_str!("../../assets/report/report.css");
const SCRIPT: &str = include_str!("../../assets/report/report.js");
const PLOT_STYLE: &str = include_str!("../../assets/uplot/uPlot.min.css");
const PLOT_SCRIPT: &str = include_str!("../../assets/uplot/uPlot.iife.min.js");
const PLOT_LICENSE: &str = include_str!("../../assets/uplot/LICENSE");

/// A whole page.
///
/// Its policy forbids every request, and every script and style but its own, whose hashes it names: text that
/// came in with the data could not act even if it were not escaped. So no element has a `style` attribute.
pub(super) fn page(title: &str, body: &Markup, charts: &[Chart]) -> String {
    let plot = format!("/*\nuPlot\n{}\n*/\n{PLOT_SCRIPT}", PLOT_LICENSE.trim());
    let style = style();
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src '{}'; \
         script-src '{}' '{}'",
        hash(&style),
        hash(&plot),
        hash(SCRIPT)
    );
    // Names came in with the data: what is no text in them is shown, not obeyed.
    let body = PreEscaped(escaped_lines(&body.0));
    let title = escaped(title);
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content={ "Softcell " (env!("CARGO_PKG_VERSION")) };
                // Browsers ask for an icon of their own accord.
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body {
                (body)
                @if !charts.is_empty() {
                    script type="application/json" id="charts" { (PreEscaped(data(&charts))) }
                }
                script { (PreEscaped(plot)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

/// All styles of a page.
fn style() -> String {
    let mut style = format!(
        "{PLOT_STYLE}{STYLE}:root{{{}}}@media screen and (prefers-color-scheme:dark){{:root:not(.paper){{{}}}}}{}",
        series_properties(false),
        series_properties(true),
        inline_style()
    );
    for colour in colours() {
        style.push_str(&format!(".c{colour}{{--c:var({colour})}}"));
    }
    for tint in 0..=TINTS {
        style.push_str(&format!(".v{tint}{{--v:{}}}", f64::from(tint) / f64::from(TINTS)));
    }
    style
}

/// Steps from no colour to a full one, as classes `v0` to `v20`.
pub(super) const TINTS: u32 = 20;

/// A value as JSON that can stand in a script element: `<` is written as an escape, so that no text ends it.
fn data(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).expect("charts are plain numbers and names");
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// The hash of a script or style as a policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_its_element() {
        let text = data(&["</script><script>alert(1)</script>", "<!--"]);
        assert!(!text.contains('<'), "{text}");
        let back: Vec<String> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, ["</script><script>alert(1)</script>", "<!--"]);
    }

    #[test]
    fn what_is_built_in_stays_within_its_elements_and_asks_for_nothing() {
        for script in [PLOT_SCRIPT, PLOT_LICENSE, SCRIPT] {
            assert!(!script.contains("</script") && !script.contains("<!--"));
        }
        assert!(!PLOT_LICENSE.contains("*/"));
        for style in [PLOT_STYLE, STYLE] {
            assert!(!style.contains("</") && !style.contains("url(") && !style.contains("@import"));
        }
    }
}
