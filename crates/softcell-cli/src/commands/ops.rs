//! `softcell bench ops`: how long each operation takes here for one image.

use std::io::IsTerminal;

use anyhow::Result;
use softcell::Error;
use softcell::bench::OpsBench;
use softcell::config::{ImageSize, Stem};
use softcell::event::Silent;
use softcell::export::Destination;
use softcell::latency::LatencyFile;
use softcell::program::shown;
use softcell::space::{LayerTime, NetworkTime};

use super::bench::time;
use super::existing;
use crate::args::{BenchOpsArgs, StemArg, Voice};
use crate::genotypes::resolve;
use crate::machine::start;
use crate::output::{Form, print, print_data, quoted, table};
use crate::progress::Progress;

/// Runs the command.
///
/// # Errors
/// Sizes or a space that cannot be measured, a place where nothing may be written.
pub fn run(args: &BenchOpsArgs) -> Result<()> {
    let bench = bench(args)?;
    let destination =
        args.out.as_deref().map(|out| Destination::new(out, existing(args.force))).transpose()?;
    let device = start(&args.machine)?;
    let form = Form::of(args.json);
    let name = &args.machine.device;
    let file = match form == Form::Json && !std::io::stderr().is_terminal() {
        true => bench.run(&device, name, &mut Silent)?,
        false => bench.run(&device, name, &mut Progress::new(Voice::default()))?,
    };
    if let Some(destination) = &destination {
        destination.write((serde_json::to_string(&file)? + "\n").as_bytes())?;
    }
    match form {
        Form::Json => print_data(&(serde_json::to_string(&file)? + "\n")),
        Form::Text => {
            let written = destination.map_or(String::new(), |destination| {
                let place = destination.path();
                let given = quoted(&place.display().to_string());
                format!(
                    "\n{}\nnext\n  softcell train --latency TIME --latency-table {given} ...\n",
                    shown::path(place)
                )
            });
            print(&(text(&file) + &written))
        }
    }
}

fn bench(args: &BenchOpsArgs) -> Result<OpsBench> {
    // There are no images that could say it, as `auto` would have it.
    let Ok(ImageSize::Fixed { height, width }) = args.image_size.parse() else {
        let most = ImageSize::MAX_SIDE;
        let expected = format!("a side such as 32 or HEIGHTxWIDTH such as 24x32, each 1 to {most} pixels");
        return Err(Error::setting("image_size", &args.image_size, expected).into());
    };
    Ok(OpsBench {
        space: args.space.clone(),
        genotype: args.genotype.as_deref().map(resolve).transpose()?,
        init_channels: args.init_channels as usize,
        layers: args.layers as usize,
        image_shape: [args.channels as usize, height, width],
        classes: args.classes as usize,
        stem: match args.stem {
            StemArg::Auto => Stem::Auto,
            StemArg::Cifar => Stem::Cifar,
            StemArg::Imagenet => Stem::Imagenet,
        },
        seed: args.seed,
    })
}

fn text(file: &LatencyFile) -> String {
    let networks = &file.times.networks;
    format!(
        "{}\n{}\n{}",
        file.machine.in_words(),
        layers(&file.times.layers),
        whole(networks, file.times.factor(), file.times.spread())
    )
}

/// A row for each layer of one kind and place, its times from the narrowest to the widest.
fn layers(layers: &[LayerTime]) -> String {
    let head = ["layer", "stride", "of", "channels", "time"].map(str::to_owned).to_vec();
    let mut rows = vec![head];
    let alike = |a: &LayerTime, b: &LayerTime| {
        (&a.place.operation, a.place.stride, a.place.size)
            == (&b.place.operation, b.place.stride, b.place.size)
    };
    let mut sorted: Vec<&LayerTime> = layers.iter().collect();
    sorted.sort_by_key(|layer| {
        let place = &layer.place;
        (place.operation.clone(), place.stride, std::cmp::Reverse(place.size), place.inputs, place.outputs)
    });
    for group in sorted.chunk_by(|a, b| alike(a, b)) {
        let (first, last) = (group[0], group[group.len() - 1]);
        let [height, width] = first.place.size;
        let between = |first: String, last: String| match first == last {
            true => first,
            false => format!("{first} to {last}"),
        };
        rows.push(vec![
            first.place.operation.clone(),
            first.place.stride.to_string(),
            format!("{height}x{width}"),
            between(first.place.inputs.to_string(), last.place.inputs.to_string()),
            between(time(first.seconds), time(last.seconds)),
        ]);
    }
    table(&rows)
}

/// The networks that were measured whole, beside their estimates.
fn whole(networks: &[NetworkTime], factor: f64, spread: Option<[f64; 2]>) -> String {
    let head = ["network", "measured", "its layers", "estimate", "measured by estimate"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for network in networks {
        let estimate = network.layer_seconds * factor;
        rows.push(vec![
            format!("{} cells from {} channels", network.layers, network.init_channels),
            time(network.seconds),
            time(network.layer_seconds),
            time(estimate),
            format!("{:.2}", network.seconds / estimate),
        ]);
    }
    let error = spread.map_or(String::new(), |[least, most]| {
        format!(
            "An estimate is {factor:.2} times the sum of the layers: the networks took {:.0} to {:.0} % of theirs.\n",
            least * 100.0,
            most * 100.0
        )
    });
    format!("{}{error}", table(&rows))
}
