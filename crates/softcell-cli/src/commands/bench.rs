//! `softcell bench`: how fast this machine works.

mod exports;

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use softcell::Error;
use softcell::bench::{Derived, EvaluateBench, Images, Repeats, Report, StepBench, TrainBench};
use softcell::config::{ImageSize, method_order};
use softcell::event::{Observer, Silent};
use softcell::search::ArchStep;

use crate::args::{
    BenchCommand, BenchEvaluateArgs, BenchStepArgs, BenchTrainArgs, MeasureArgs, NetworkArgs, OrderArg, Voice,
};
use crate::genotypes::resolve;
use crate::machine::start;
use crate::output::{grouped, print, print_data};
use crate::progress::Progress;

/// Runs the command.
///
/// # Errors
/// When there is no such network, or nothing to time.
pub fn run(command: &BenchCommand) -> Result<ExitCode> {
    match command {
        BenchCommand::Step(args) => step(args)?,
        BenchCommand::Train(args) => train(args)?,
        BenchCommand::Evaluate(args) => evaluate(args)?,
        BenchCommand::Ops(args) => super::ops::run(args)?,
        BenchCommand::Export(args) => exports::run(args)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn step(args: &BenchStepArgs) -> Result<()> {
    let bench = StepBench {
        method: args.method,
        order: match args.order {
            Some(OrderArg::First) => ArchStep::FirstOrder,
            Some(OrderArg::Second) => ArchStep::Unrolled,
            None => method_order(args.method.method()),
        },
        space: args.size.space.clone(),
        init_channels: args.size.init_channels,
        layers: args.size.layers,
        nodes: args.size.nodes,
        recompute: args.recompute,
        images: images(args.size.batch_size, &args.measure)?,
        repeats: repeats(&args.measure),
    };
    let device = start(&args.measure.machine)?;
    measured(&args.measure, |observer| bench.run(&device, observer))
}

fn train(args: &BenchTrainArgs) -> Result<()> {
    let bench = TrainBench {
        network: derived(&args.network)?,
        auxiliary: !args.no_auxiliary,
        drop_path: args.drop_path,
        recompute: args.recompute,
        images: images(args.network.batch_size, &args.measure)?,
        repeats: repeats(&args.measure),
    };
    let device = start(&args.measure.machine)?;
    measured(&args.measure, |observer| bench.run(&device, observer))
}

fn evaluate(args: &BenchEvaluateArgs) -> Result<()> {
    let bench = EvaluateBench {
        network: derived(&args.network)?,
        images: images(args.network.batch_size, &args.measure)?,
        repeats: repeats(&args.measure),
    };
    let device = start(&args.measure.machine)?;
    measured(&args.measure, |observer| bench.run(&device, observer))
}

fn derived(args: &NetworkArgs) -> Result<Derived> {
    let genotype = resolve(&args.genotype)?;
    Ok(Derived { genotype, init_channels: args.init_channels, layers: args.layers })
}

fn images(batch_size: usize, args: &MeasureArgs) -> Result<Images> {
    // There are no images that could say it, as `auto` would have it.
    let Ok(ImageSize::Fixed { height, width }) = args.image_size.parse() else {
        let most = ImageSize::MAX_SIDE;
        let expected = format!("a side such as 32 or HEIGHTxWIDTH such as 24x32, each 1 to {most} pixels");
        return Err(Error::setting("image_size", &args.image_size, expected).into());
    };
    Ok(Images { batch_size, image_size: [height, width], classes: args.classes, seed: args.seed })
}

fn repeats(args: &MeasureArgs) -> Repeats {
    Repeats { warmup: args.warmup, steps: args.steps }
}

/// Measures and prints. Where JSON goes to a program, nothing is said beside it.
fn measured<S: Serialize>(
    args: &MeasureArgs,
    measure: impl FnOnce(&mut dyn Observer) -> softcell::Result<Report<S>>,
) -> Result<()> {
    let report = if args.json && !std::io::stderr().is_terminal() {
        measure(&mut Silent)?
    } else {
        measure(&mut Progress::new(Voice::default()))?
    };
    if args.json {
        print_data(&format!("{}\n", serde_json::to_string(&report)?))
    } else {
        print(&text(&report))
    }
}

fn text<S>(report: &Report<S>) -> String {
    let extreme = |pick: fn(f64, f64) -> f64| report.seconds.iter().copied().reduce(pick).unwrap_or(0.0);
    let spread = match report.seconds.len() {
        1 => "one step".to_owned(),
        n => format!("median of {n}, {} to {}", time(extreme(f64::min)), time(extreme(f64::max))),
    };
    let arithmetic = match (report.gflops, report.gflop_per_step) {
        (Some(speed), Some(step)) => {
            format!("{} GFLOP/s, {} GFLOP a step", significant(speed), significant(step))
        }
        _ => "not counted for this method".to_owned(),
    };
    let memory = report.peak_rss_mb.map_or("unknown here".to_owned(), |mb| format!("at most {mb:.0} MB"));
    format!(
        "{}\n\
         time        {} a step ({spread})\n\
         images      {} a second\n\
         arithmetic  {arithmetic}\n\
         network     {} parameters, {} multiply-adds per image forward\n\
         memory      {memory}\n\
         threads     {}\n",
        report.work.name(),
        time(report.seconds_per_step),
        significant(report.images_per_second),
        grouped(report.parameters),
        grouped(report.macs),
        report.threads,
    )
}

/// `12.3 s`, `1.23 ms`.
pub(super) fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{} ms", significant(seconds * 1e3))
    } else {
        format!("{} s", significant(seconds))
    }
}

/// A positive number to three figures: `1235`, `12.3`, `0.00123`.
fn significant(number: f64) -> String {
    let decimals = (2.0 - number.log10().floor()).clamp(0.0, 9.0) as usize;
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_figures() {
        let numbers =
            [(1234.6, "1235"), (192.2, "192"), (12.34, "12.3"), (1.0, "1.00"), (0.00123456, "0.00123")];
        for (number, text) in numbers {
            assert_eq!(significant(number), text);
        }
        assert_eq!((time(8.8249), time(0.02974)), ("8.82 s".to_owned(), "29.7 ms".to_owned()));
    }
}
