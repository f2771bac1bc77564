//! Search, train and evaluate on the embedded handwritten digits, with the library alone.
//!
//! ```text
//! cargo run --release -p softcell --example fit_digits
//! ```

use softcell::config::{DataShape, Preset, preset};
use softcell::data::{Dataset, open};
use softcell::device::open_device;
use softcell::evaluate::evaluate;
use softcell::event::{Event, Observer};
use softcell::nn::Pass;
use softcell::nn::load_named;
use softcell::search::search;
use softcell::train::{build_network, evaluation_plan, train};

/// Prints a line for each epoch.
struct Print;

impl Observer for Print {
    fn on(&mut self, event: Event<'_>) -> softcell::Result<()> {
        match event {
            Event::SearchEpoch(e) => {
                let entropies: Vec<String> =
                    e.cells.cells().map(|cell| format!("{:.3}", cell.entropy)).collect();
                println!(
                    "search {:3}  loss {:.4}  accuracy {:.4}  valid {:.4}  entropy {}  {:.2} s",
                    e.epoch,
                    e.train_loss,
                    e.train_accuracy,
                    e.valid_accuracy,
                    entropies.join(" "),
                    e.seconds
                );
            }
            Event::TrainEpoch(e) => println!(
                "train {:3}  loss {:.4}  accuracy {:.4}  valid {:.4}  {:.2} s",
                e.epoch,
                e.train_loss,
                e.train_accuracy,
                e.valid_accuracy.unwrap_or(f64::NAN),
                e.seconds
            ),
            _ => {}
        }
        Ok(())
    }
}

fn main() -> softcell::Result<()> {
    let shape = DataShape {
        train_images: 1437,
        classes: 10,
        channels: 1,
        height: 8,
        width: 8,
        ..DataShape::default()
    };
    let (config, reasons) = preset(Preset::Auto, &shape);
    for reason in reasons {
        println!("{reason}");
    }
    let source = open(&config.data, &mut |_, _| {})?;
    let dataset = Dataset::new(source, &config.data, config.search.train_portion, config.seed)?;
    let device = open_device("cpu")?;

    let found = search(&dataset, &config, &device, None, &mut Print)?;
    println!("{}", found.genotype.to_text());

    let trained = train(&dataset, &found.genotype, &config, &device, None, &mut Print)?;
    let net = build_network(&found.genotype, &config.train, &dataset.train, &device)?;
    let net = load_named(net, trained.chosen(), "trained weights")?;
    let everything = (0..dataset.test.len()).collect();
    let plan = evaluation_plan(&dataset.test, everything, &dataset.normalization, 128);
    let test = evaluate(&plan, &device, |images| net.forward(images, &mut Pass::eval()).logits);
    println!(
        "test accuracy {:.4} on {} images; search {:.1} s, training {:.1} s",
        test.accuracy, test.images, found.seconds, trained.seconds
    );
    Ok(())
}
