//! `softcell genotype draw`: cells as pictures.

use std::path::Path;

use anyhow::{Result, bail};
use serde::Serialize;
use softcell::drawing::{CellChoice, animate_cells, draw_cells};
use softcell::export::Destination;
use softcell::program::shown;
use softcell::report::RunRecord;
use softcell::run::RunFolder;
use softcell::space::Genotype;

use super::existing;
use crate::args::{CellArg, DrawArgs};
use crate::genotypes::resolve;
use crate::output::{Form, print, print_json};

/// What is drawn.
enum Subject {
    Cells(Genotype),
    /// Epochs from 0 and what was found after them.
    Search(Vec<(usize, Genotype)>),
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Drawn<'a> {
    path: &'a Path,
    bytes: usize,
}

/// Runs the command.
///
/// # Errors
/// When the genotype cannot be read or drawn, or the file cannot be written.
pub fn run(args: &DrawArgs) -> Result<()> {
    let subject = match (&args.genotype, &args.run) {
        (Some(genotype), _) => Subject::Cells(resolve(genotype)?),
        (None, Some(run)) => Subject::Search(epochs(run)?),
        (None, None) => bail!("name a genotype, or a run with --run"),
    };
    let out = &args.out;
    let destination = Destination::new(out, existing(args.force))?;
    let cells = match args.cell {
        CellArg::Normal => CellChoice::Normal,
        CellArg::Reduction => CellChoice::Reduction,
        CellArg::Both => CellChoice::Both,
    };
    let extension = out.extension().map_or(String::new(), |e| e.to_string_lossy().to_lowercase());
    let bytes = match (subject, extension.as_str()) {
        (Subject::Cells(genotype), "svg") => draw_cells(&genotype, cells)?.into_bytes(),
        (Subject::Cells(genotype), "png") => png(&draw_cells(&genotype, cells)?, args.scale)?,
        (Subject::Search(epochs), "svg") => animate_cells(epochs, cells)?.into_bytes(),
        (Subject::Search(epochs), "gif") => gif(epochs, cells, args.scale)?,
        (Subject::Cells(_), _) => bail!("{}: expected a file that ends in .svg or .png", shown::path(out)),
        (Subject::Search(_), _) => {
            bail!("{}: expected a file that ends in .svg or .gif for an animation", shown::path(out))
        }
    };
    destination.write(&bytes)?;
    match Form::of(args.json) {
        Form::Text => print(&format!("{}\n", shown::path(out))),
        Form::Json => print_json(&Drawn { path: out, bytes: bytes.len() }),
    }
}

fn epochs(run: &Path) -> Result<Vec<(usize, Genotype)>> {
    let (folder, activity) = RunFolder::peek(run)?;
    let epochs = RunRecord::read(&folder, activity)?.genotypes();
    if epochs.is_empty() {
        bail!("run {} has no epoch of a search yet", shown::path(run));
    }
    Ok(epochs)
}

#[cfg(feature = "raster")]
fn png(svg: &str, scale: f32) -> Result<Vec<u8>> {
    Ok(softcell::drawing::to_png(svg, scale)?)
}

#[cfg(feature = "raster")]
fn gif(epochs: Vec<(usize, Genotype)>, cells: CellChoice, scale: f32) -> Result<Vec<u8>> {
    Ok(softcell::drawing::to_gif(epochs, cells, scale)?)
}

#[cfg(not(feature = "raster"))]
fn png(_svg: &str, _scale: f32) -> Result<Vec<u8>> {
    bail!("this build draws SVG only: build it with --features raster, or name a file that ends in .svg")
}

#[cfg(not(feature = "raster"))]
fn gif(_epochs: Vec<(usize, Genotype)>, _cells: CellChoice, _scale: f32) -> Result<Vec<u8>> {
    bail!("this build draws SVG only: build it with --features raster, or name a file that ends in .svg")
}
