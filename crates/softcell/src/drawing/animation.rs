//! A cell over the epochs of a search.

use maud::{Markup, html};

use super::columns::Columns;
use super::layout::Layout;
use super::svg::{CellChoice, FONTS, body, file, heading, moved, round};
use super::{FONT_SIZE, check};
use crate::error::{Error, Result};
use crate::space::plan::CellType;
use crate::space::{Genotype, cell_title};

/// Seconds that an epoch is shown, and least seconds of a picture.
const EPOCH_SECONDS: f64 = 0.4;
/// Seconds that the last picture stays longer.
const LAST_SECONDS: f64 = 2.5;
/// Height of the line that names the epochs.
const CAPTION: f64 = 26.0;

/// Genotypes of successive epochs that are the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub genotype: Genotype,
    /// First and last epoch, from 0.
    pub first: usize,
    pub last: usize,
}

impl Frame {
    /// `epoch 3` or `epochs 3 to 7`, from 1.
    pub(crate) fn caption(&self) -> String {
        if self.first == self.last {
            format!("epoch {}", self.first + 1)
        } else {
            format!("epochs {} to {}", self.first + 1, self.last + 1)
        }
    }

    /// Seconds that it is shown in an animation.
    pub(crate) fn seconds(&self) -> f64 {
        (self.last - self.first + 1) as f64 * EPOCH_SECONDS
    }
}

/// Joins epochs with the same genotype; `epochs` are numbers from 0 and what was found after them.
pub(crate) fn frames(epochs: impl IntoIterator<Item = (usize, Genotype)>) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for (epoch, genotype) in epochs {
        match frames.last_mut() {
            Some(frame) if frame.genotype == genotype => frame.last = epoch,
            _ => frames.push(Frame { genotype, first: epoch, last: epoch }),
        }
    }
    frames
}

/// Pictures of one size for the frames: content and seconds.
struct Pictures {
    size: [f64; 2],
    pictures: Vec<(Markup, f64)>,
}

/// Draws every frame with the nodes at the same places.
fn pictures(frames: &[Frame], names: &[&str]) -> Result<Pictures> {
    frames.iter().try_for_each(|frame| check(&frame.genotype))?;
    let mut contents: Vec<Vec<Markup>> = vec![Vec::new(); frames.len()];
    let (mut width, mut top) = (0.0_f64, 0.0);
    for &name in names {
        let layouts: Vec<Layout> = frames
            .iter()
            .filter_map(|frame| Some((name, frame.genotype.cells.get(name)?)))
            .map(|(name, gene)| Layout::new(&CellType::derived(name, gene), Columns::ByNode))
            .collect();
        let above = layouts.iter().map(Layout::axis).fold(0.0, f64::max);
        let below = layouts.iter().map(|layout| layout.height - layout.axis()).fold(0.0, f64::max);
        for (layout, content) in layouts.iter().zip(&mut contents) {
            content.push(cell_at(layout, name, top, above));
            width = width.max(layout.width);
        }
        top += CAPTION + above + below;
    }
    let size = [width, top + CAPTION];
    let last = frames.len() - 1;
    let pictures = frames
        .iter()
        .zip(contents)
        .enumerate()
        .map(|(i, (frame, content))| {
            let markup = html! {
                @for cell in &content { (cell) }
                text class="sc-text" x=(round(width / 2.0)) y=(round(top + CAPTION - 9.0)) text-anchor="middle" {
                    (frame.caption())
                }
            };
            (markup, frame.seconds() + if i == last { LAST_SECONDS } else { 0.0 })
        })
        .collect();
    Ok(Pictures { size, pictures })
}

fn cell_at(layout: &Layout, name: &str, top: f64, axis: f64) -> Markup {
    html! {
        (heading(name, top))
        (moved(top + CAPTION + axis - layout.axis(), &body(layout)))
    }
}

/// Draws cells over the epochs of a search as an animated SVG file: a style sheet shows the pictures one after
/// another, those of equal successive genotypes as one. A viewer that does not animate, or whose reader wants
/// no motion, shows the last one.
///
/// `epochs` are numbers from 0 and the genotype after each.
///
/// # Errors
/// When there is no epoch, or a genotype that cannot be drawn.
pub fn animate_cells(
    epochs: impl IntoIterator<Item = (usize, Genotype)>,
    cells: CellChoice,
) -> Result<String> {
    let frames = frames(epochs);
    let Pictures { size, pictures } = pictures(&frames, &chosen(&frames, cells)?)?;
    let total: f64 = pictures.iter().map(|(_, seconds)| seconds).sum();
    let mut style = String::from(".sc-frame{visibility:hidden}.sc-last{visibility:visible}");
    if pictures.len() > 1 {
        style.push_str("@media screen and (prefers-reduced-motion:no-preference){");
        let mut begin = 0.0;
        for (i, (_, seconds)) in pictures.iter().enumerate() {
            let percent = |at: f64| (at / total * 1e4).round() / 100.0;
            let (from, to) = (percent(begin), percent(begin + seconds));
            let before = if i == 0 { "" } else { "0%{visibility:hidden}" };
            let after = if i + 1 == pictures.len() { "100%{visibility:visible}" } else { "" };
            let hide = if i + 1 == pictures.len() {
                String::new()
            } else {
                format!("{to}%,100%{{visibility:hidden}}")
            };
            style.push_str(&format!(
                "@keyframes sc-{i}{{{before}{from}%{{visibility:visible}}{hide}{after}}}\
                 .sc-f{i}{{animation:sc-{i} {}s step-end infinite}}",
                round(total)
            ));
            begin += seconds;
        }
        style.push('}');
    }
    let last = pictures.len() - 1;
    let content = html! {
        @for (i, (picture, _)) in pictures.iter().enumerate() {
            g class={ "sc-frame sc-f" (i) @if i == last { " sc-last" } } { (picture) }
        }
    };
    Ok(file("cells over the epochs of the search", size, &content, &style))
}

/// The pictures of [`animate`] as SVG files of one size, each with its seconds.
///
/// # Errors
/// Those of [`animate`].
#[cfg(feature = "raster")]
pub(crate) fn still_pictures(
    epochs: impl IntoIterator<Item = (usize, Genotype)>,
    cells: CellChoice,
) -> Result<Vec<(String, f64)>> {
    let frames = frames(epochs);
    let Pictures { size, pictures } = pictures(&frames, &chosen(&frames, cells)?)?;
    let still = |(content, seconds): &(Markup, f64)| (file("cells", size, content, ""), *seconds);
    Ok(pictures.iter().map(still).collect())
}

/// The pictures in one drawing within a page, all but the last one hidden, and their captions; nothing where
/// one of them is too large.
pub(crate) fn inline_frames(frames: &[Frame], name: &str) -> Option<Markup> {
    let Pictures { size, pictures } = pictures(frames, &[name]).ok()?;
    let [width, height] = size.map(round);
    let last = pictures.len() - 1;
    Some(html! {
        svg class="sc-cell sc-frames" viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height)
            font-family=(FONTS) font-size=(FONT_SIZE) role="img" aria-label=(format!("{} over the epochs", cell_title(name))) {
            @for (i, (picture, _)) in pictures.iter().enumerate() {
                g class={ "sc-frame" @if i == last { " sc-last" } } { (picture) }
            }
        }
    })
}

/// The names of the cells that are drawn: those of the last epoch, as all are of one space.
fn chosen(frames: &[Frame], cells: CellChoice) -> Result<Vec<&str>> {
    cells.names(&frames.last().ok_or_else(no_epochs)?.genotype)
}

fn no_epochs() -> Error {
    Error::invalid(
        "animation of a search",
        "no epoch",
        "at least one finished epoch of a search",
        "draw the cell itself, or wait for the first epoch",
    )
}
