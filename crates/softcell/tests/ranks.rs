//! Runs of several ranks: the bits of one process, on any number of them, stopped and gone on with on another number.

use std::path::Path;
use std::sync::Arc;

use softcell::Error;
use softcell::event::{Event, Observer, Signal};
use softcell::experiment::{Experiment, Machine, Stages};
use softcell::ranks::{Exchange, InProcess, dismiss, follow};
use softcell::run::Overwrite;
use softcell::space::known_genotype;

const SMALL: [(&str, &str); 11] = [
    ("data.images_per_class", "24"),
    ("search.epochs", "2"),
    ("search.nodes", "2"),
    ("search.layers", "3"),
    ("search.init_channels", "4"),
    ("search.batch_size", "32"),
    ("train.epochs", "2"),
    ("train.layers", "3"),
    ("train.init_channels", "4"),
    ("train.batch_size", "32"),
    ("train.drop_path_prob", "0.2"),
];

/// Candidates of the five edges of two nodes.
const NOISY: &str =
    "noise|sep_conv_3x3,noise|sep_conv_3x3,noise|sep_conv_3x3,noise|sep_conv_3x3,noise|sep_conv_3x3";

/// Stops after so many steps.
struct Watch {
    steps: usize,
    most: usize,
}

impl Observer for Watch {
    fn on(&mut self, event: Event<'_>) -> softcell::Result<()> {
        self.steps += usize::from(matches!(event, Event::Step(_)));
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        if self.steps >= self.most { Signal::Stop } else { Signal::Continue }
    }
}

fn experiment(more: &[(&str, &str)]) -> Experiment {
    let all = SMALL.iter().chain(more);
    all.fold(Experiment::digits(), |experiment, (key, value)| experiment.set(key, *value).unwrap())
}

/// Does work on rank 0, while the others follow; each rank has threads of its own.
fn on_ranks<T: Send>(ranks: usize, threads: usize, work: impl FnOnce(Machine) -> T + Send) -> T {
    let pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let mut all = InProcess::ranks(ranks).into_iter();
    let first: Arc<dyn Exchange> = all.next().unwrap();
    std::thread::scope(|scope| {
        let others: Vec<_> = all
            .map(|rank| {
                let pool = pool();
                scope.spawn(move || pool.install(|| follow(&rank, &Machine::open("cpu").unwrap())))
            })
            .collect();
        let machine = Machine::open("cpu").unwrap().among(Arc::clone(&first));
        let answer = pool().install(|| work(machine));
        dismiss(&*first);
        others.into_iter().for_each(|other| other.join().unwrap().unwrap());
        answer
    })
}

/// What a run has come to, without times.
fn found(run: &Path) -> (String, Vec<u8>, Vec<String>) {
    let text = |name: &str| std::fs::read_to_string(run.join(name)).unwrap_or_default();
    let history = text("history.jsonl");
    let history = history.lines().map(|line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().retain(|key, _| !key.contains("seconds"));
        line.to_string()
    });
    let weights = std::fs::read(run.join("weights/last.safetensors")).unwrap_or_default();
    (text("genotype.txt"), weights, history.collect())
}

#[test]
fn ranks_come_to_the_bits_of_one_process() {
    let here = tempfile::tempdir().unwrap();
    let auxiliary = [("train.layers", "6"), ("train.auxiliary", "true"), ("train.init_channels", "8")];
    for (name, settings) in [
        ("plain", &[][..]),
        ("unrolled", &[("search.method.arch_step", "unrolled")]),
        ("paths", &[("search.method.relaxation", "gumbel-hard")]),
        // A cell that runs step by step.
        ("noise", &[("search.normal_edges", NOISY), ("train.epochs", "1")]),
        ("auxiliary", &auxiliary),
    ] {
        let fit = |ranks: usize, threads: usize| {
            let out = here.path().join(format!("{name}-{ranks}-{threads}"));
            on_ranks(ranks, threads, |machine| {
                let experiment = experiment(settings).on(machine).run_folder(&out, Overwrite::Refuse);
                let mut watch = Watch { steps: 0, most: usize::MAX };
                match name {
                    "noise" => {
                        experiment.begin(Stages::Search, &mut watch).unwrap().search(&mut watch).map(drop)
                    }
                    "auxiliary" => {
                        let cell = known_genotype("DARTS_V2").unwrap();
                        experiment.train(&cell, &mut watch).map(drop)
                    }
                    _ => experiment.fit(&mut watch).map(drop),
                }
            })
            .unwrap();
            found(&out)
        };
        let one = fit(1, 2);
        assert!(!one.2.is_empty() && one.1.is_empty() == (name == "noise"), "{name}");
        for (ranks, threads) in [(2, 1), (3, 2), (4, 1)] {
            assert!(one == fit(ranks, threads), "{name} on {ranks} ranks");
        }
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let here = tempfile::tempdir().unwrap();
    let fit = |out: &Path, ranks: usize, most: usize, overwrite| {
        on_ranks(ranks, 1, |machine| {
            let experiment = experiment(&[]).on(machine).run_folder(out, overwrite);
            experiment.fit(&mut Watch { steps: 0, most }).map(drop)
        })
    };
    let (whole, parts) = (here.path().join("whole"), here.path().join("parts"));
    fit(&whole, 1, usize::MAX, Overwrite::Refuse).unwrap();
    for (ranks, steps) in [(2, 3), (1, 2), (3, 4)] {
        let stopped = fit(&parts, ranks, steps, Overwrite::Resume);
        assert!(matches!(stopped, Err(Error::Interrupted { .. })), "{stopped:?}");
    }
    fit(&parts, 4, usize::MAX, Overwrite::Resume).unwrap();
    assert!(found(&whole) == found(&parts));
}

#[test]
fn ranks_do_the_parts_of_a_selection() {
    let here = tempfile::tempdir().unwrap();
    let settings = [
        ("select.seeds", "1"),
        ("select.random", "3"),
        ("select.epochs", "2"),
        ("select.trainings", "1"),
        ("select.finalists", "2"),
        ("select.longer_epochs", "3"),
    ];
    let select = |name: &str, ranks: usize, most: usize| {
        let out = here.path().join(name);
        let outcome = on_ranks(ranks, 1, |machine| {
            let experiment = experiment(&settings).on(machine).run_folder(&out, Overwrite::Resume);
            experiment.fit(&mut Asked { asked: 0, most }).map(drop)
        });
        (outcome, out)
    };
    let scores = |run: &Path| {
        let text = std::fs::read_to_string(run.join("selection.json")).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
        without_seconds(&mut record);
        (record, found(run))
    };
    let (one, whole) = select("one", 1, usize::MAX);
    one.unwrap();
    for ranks in [2, 3] {
        let (several, out) = select(&format!("ranks-{ranks}"), ranks, usize::MAX);
        several.unwrap();
        assert!(scores(&whole) == scores(&out), "{ranks} ranks");
    }
    // Stopped in the middle of the parts, on two ranks, and gone on with on three.
    let (stopped, out) = select("stopped", 2, 3);
    assert!(matches!(stopped, Err(Error::Interrupted { .. })), "{stopped:?}");
    select("stopped", 3, usize::MAX).0.unwrap();
    assert!(scores(&whole) == scores(&out));
}

/// Stops when it has been asked so often.
struct Asked {
    asked: usize,
    most: usize,
}

impl Observer for Asked {
    fn on(&mut self, _: Event<'_>) -> softcell::Result<()> {
        Ok(())
    }

    fn signal(&mut self) -> Signal {
        self.asked += 1;
        if self.asked >= self.most { Signal::Stop } else { Signal::Continue }
    }
}

fn without_seconds(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.retain(|key, _| !key.contains("seconds"));
            fields.values_mut().for_each(without_seconds);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_seconds),
        _ => {}
    }
}
