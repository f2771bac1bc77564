//! Search, train and evaluate on the embedded handwritten digits, with the library alone.
//!
//! ```text
//! cargo run --release -p softcell --example fit_digits
//! ```

use softcell::event::Event;
use softcell::experiment::Experiment;

fn main() -> softcell::Result<()> {
    let fitted = Experiment::digits().fit(&mut |event: Event<'_>| {
        match event {
            Event::Note(note) => println!("{note}"),
            Event::SearchEpoch(e) => {
                println!("search {:3}  loss {:.4}  {}", e.epoch, e.train_loss, e.genotype)
            }
            Event::TrainEpoch(e) => println!("train {:3}  loss {:.4}", e.epoch, e.train_loss),
            _ => {}
        }
        Ok(())
    })?;
    println!("test accuracy {:.4}", fitted.result.test_accuracy);
    Ok(())
}
