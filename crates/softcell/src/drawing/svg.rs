//! Cells as SVG.

use maud::{Markup, PreEscaped, html};

use super::colours::picture_style;
use super::columns::{Columns, Content};
use super::layout::{Area, Layout as Placed, MARGIN, PlacedLine};
use super::{FONT_SIZE, check, check_size, node_name, text_width};
use crate::error::{Error, Result};
use crate::space::plan::CellType;
use crate::space::{Genotype, Layout, cell_title};

/// Fonts that a viewer may have, all of one width or nearly so.
pub(super) const FONTS: &str = "'DejaVu Sans Mono', ui-monospace, Menlo, Consolas, monospace";
/// Height of the line above a cell that names it.
const HEADING: f64 = 24.0;
/// Length and half the breadth of the tip of a line.
const TIP: [f64; 2] = [8.0, 3.5];

/// Which cells are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellChoice {
    /// The normal cell, or the only one.
    Normal,
    /// The reduction cell.
    Reduction,
    /// All of them, one below the other, the normal cell first.
    Both,
}

impl CellChoice {
    /// The names of the cells.
    ///
    /// # Errors
    /// When the genotype has no such cell.
    pub(super) fn names(self, genotype: &Genotype) -> Result<Vec<&str>> {
        let names = genotype.cells.names();
        match self {
            CellChoice::Normal => Ok(names.take(1).collect()),
            CellChoice::Reduction if genotype.layout() == Layout::Residual => Err(Error::invalid(
                "drawing of a cell",
                "a genotype that has no reduction cell",
                "one of a normal and a reduction cell",
                "draw its only cell",
            )),
            CellChoice::Reduction => Ok(names.skip(1).collect()),
            CellChoice::Both => Ok(names.collect()),
        }
    }
}

/// Draws cells as an SVG file: light, or dark where the reader's screen is.
///
/// Sizes are in pixels. Nodes have the numbers they have in the genotype.
///
/// # Errors
/// When the genotype cannot be built, or has more than 200 operations in a cell.
pub fn draw_cells(genotype: &Genotype, cells: CellChoice) -> Result<String> {
    draw_named(genotype, &cells.names(genotype)?)
}

/// Draws the cells of these names.
pub(crate) fn draw_named(genotype: &Genotype, names: &[&str]) -> Result<String> {
    check(genotype)?;
    let mut parts = Vec::new();
    let (mut width, mut height) = (0.0_f64, 0.0);
    for &name in names {
        let layout = Placed::new(&CellType::derived(name, &genotype[name]), Columns::ByDepth);
        parts.push(html! {
            (heading(name, height))
            (moved(height + HEADING, &body(&layout)))
        });
        width = width.max(layout.width);
        height += HEADING + layout.height;
    }
    let title = names.iter().map(|name| cell_title(name)).collect::<Vec<_>>().join(" and ");
    Ok(file(&title, [width, height], &html! { @for part in &parts { (part) } }, ""))
}

/// Draws one cell of any shape, whose edges have one operation each, as [`draw_cells`] does.
///
/// # Errors
/// When it has more than 200 operations.
pub fn draw_cell(cell: &CellType) -> Result<String> {
    check_size(cell.edges.len())?;
    let layout = Placed::new(cell, Columns::ByDepth);
    let content = moved(0.0, &body(&layout));
    Ok(file(&cell_title(&cell.name), [layout.width, layout.height], &content, ""))
}

/// A cell within a page, which has [`inline_style`] once; none where it is too large.
pub(crate) fn inline(genotype: &Genotype, name: &str) -> Option<Markup> {
    check(genotype).ok()?;
    let layout = Placed::new(&CellType::derived(name, genotype.cells.get(name)?), Columns::ByDepth);
    let [width, height] = [layout.width, layout.height].map(round);
    Some(html! {
        svg class="sc-cell" viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height)
            font-family=(FONTS) font-size=(FONT_SIZE) role="img" aria-label=(cell_title(name)) {
            (body(&layout))
        }
    })
}

/// The style of the cells within a page.
pub(crate) fn inline_style() -> String {
    picture_style()
}

/// A whole SVG file with a page behind the drawing.
pub(super) fn file(title: &str, size: [f64; 2], content: &Markup, more_style: &str) -> String {
    let [width, height] = size.map(f64::ceil);
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {width} {height}")) width=(width)
            height=(height) font-family=(FONTS) font-size=(FONT_SIZE) role="img" {
            title { (title) }
            style { (PreEscaped(picture_style())) (PreEscaped(more_style)) }
            rect class="sc-page" width=(width) height=(height) {}
            (content)
        }
    };
    markup.into_string()
}

/// The name of a cell, above it.
pub(super) fn heading(name: &str, top: f64) -> Markup {
    html! {
        text class="sc-faint" x=(MARGIN) y=(round(top + HEADING - 7.0)) { (cell_title(name)) }
    }
}

/// `content`, further down.
pub(super) fn moved(down: f64, content: &Markup) -> Markup {
    html! { g transform=(format!("translate(0 {})", round(down))) { (content) } }
}

/// Lines first, so that boxes lie on their ends.
pub(super) fn body(layout: &Placed) -> Markup {
    html! {
        @for line in &layout.lines { (drawn_line(line)) }
        @for placed in &layout.boxes { (drawn_box(placed.content, &placed.area, layout.inputs)) }
    }
}

fn drawn_line(line: &PlacedLine) -> Markup {
    let point = |[x, y]: [f64; 2]| format!("{} {}", round(x), round(y));
    let mut end = line.end;
    if line.arrives {
        end[0] -= TIP[0];
    }
    let mut path = format!("M{}", point(line.start));
    for [from, to] in &line.curves {
        let middle = (from[0] + to[0]) / 2.0;
        path.push_str(&format!(
            "L{}C{} {} {}",
            point(*from),
            point([middle, from[1]]),
            point([middle, to[1]]),
            // The tip begins where the line ends.
            point([to[0].min(end[0]), to[1]])
        ));
    }
    path.push_str(&format!("L{}", point(end)));
    let class = line.primitive.map_or(String::new(), |primitive| format!(" sc-{primitive}"));
    html! {
        path class={ "sc-line" (class) } d=(path) {}
        @if line.arrives {
            @let [x, y] = line.end;
            path class={ "sc-tip" (class) } d=(format!(
                "M{}L{}L{}Z",
                point([x, y]),
                point([x - TIP[0], y - TIP[1]]),
                point([x - TIP[0], y + TIP[1]])
            )) {}
        }
    }
}

fn drawn_box(content: Content, area: &Area, inputs: usize) -> Markup {
    let [x, y] = area.centre();
    let baseline = round(y + 0.35 * FONT_SIZE);
    let [left, top, width, height] = [area.left, area.top, area.width, area.height].map(round);
    match content {
        Content::Bend => html! {},
        Content::Operation { primitive, source, target, stride } => {
            let length = round(text_width(primitive.name()));
            html! {
                g {
                    title { (primitive) " from " (node_name(source, inputs)) " to " (node_name(target, inputs)) ", stride " (stride) }
                    rect class={ "sc-box sc-" (primitive) } x=(left) y=(top) width=(width) height=(height) rx="6" {}
                    text class="sc-text" x=(round(x)) y=(baseline) text-anchor="middle" textLength=(length)
                        lengthAdjust="spacingAndGlyphs" { (primitive) }
                }
            }
        }
        Content::Input(_) | Content::Node(_) | Content::Output => html! {
            rect class="sc-node" x=(left) y=(top) width=(width) height=(height) rx="4" {}
            text class="sc-text" x=(round(x)) y=(baseline) text-anchor="middle" {
                @match content {
                    Content::Input(before) => { "c" tspan font-size="9.5" dy="3" { "k\u{2013}" (before) } },
                    Content::Output => { "c" tspan font-size="9.5" dy="3" { "k" } },
                    Content::Node(node) => (node),
                    _ => {},
                }
            }
        },
    }
}

/// Tenths of pixels are enough.
pub(super) fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
