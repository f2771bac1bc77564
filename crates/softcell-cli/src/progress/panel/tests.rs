//! The panel with made-up epochs.

use std::time::Instant;

use softcell::search::{CellLeaning, CellLeanings, Leaning};
use softcell::space::known_genotype;

use super::*;

const EPOCHS: usize = 30;
const STEPS: usize = 8;

fn clock(stage: Stage, epochs_done: usize) -> StageClock {
    StageClock::new(stage, EPOCHS, STEPS, epochs_done * STEPS, 10, [0; 2], Instant::now())
}

fn cells(entropy: [f32; 2], skips: [usize; 2]) -> CellLeanings {
    let cell = |i: usize| CellLeaning { entropy: entropy[i], skips: skips[i] };
    [("normal", cell(0)), ("reduction", cell(1))].into_iter().collect()
}

fn search_epoch(epoch: usize) -> SearchEpoch {
    SearchEpoch {
        epoch,
        learning_rate: 0.025,
        train_loss: 2.0 / (epoch + 1) as f64,
        train_accuracy: 0.5,
        train_top5_accuracy: 0.9,
        valid_loss: (epoch != 1).then_some(1e6 / (epoch + 1) as f64),
        valid_accuracy: 0.456,
        alphas: [("normal", Vec::new()), ("reduction", Vec::new())].into_iter().collect(),
        edge_weights: [("normal", Vec::new()), ("reduction", Vec::new())].into_iter().collect(),
        cells: cells([2.0, 1.5], [3, 4]),
        genotype: known_genotype("DARTS_V2").unwrap(),
        resources: None,
        tabulated: None,
        seconds: 1.0,
        guard: None,
        frozen: None,
    }
}

fn train_epoch(epoch: usize) -> TrainEpoch {
    TrainEpoch {
        epoch,
        learning_rate: 0.0125,
        drop_path_prob: 0.0,
        train_loss: 0.5,
        train_accuracy: 1.0,
        train_top5_accuracy: 1.0,
        valid_loss: None,
        valid_accuracy: None,
        valid_balanced_accuracy: None,
        best_epoch: None,
        seconds: 1.0,
    }
}

fn step(stage: Stage, epoch: usize, loss: f64) -> Step {
    let genotype = known_genotype("PC_DARTS_cifar").unwrap();
    let leaning = Leaning { cells: cells([1.25, 1.75], [0, 1]), genotype };
    Step {
        stage,
        epoch,
        step: 3,
        images: 16,
        loss,
        accuracy: 0.75,
        learning_rate: 0.0125,
        leaning: (stage == Stage::Search).then_some(leaning),
    }
}

/// A stage after some epochs and a part of the next.
fn board(stage: Stage, epochs: usize, loss: f64) -> Board {
    let mut board = Board::new(&clock(stage, 0));
    match stage {
        Stage::Search => (0..epochs).for_each(|epoch| board.search_epoch(&search_epoch(epoch))),
        Stage::Train => {
            board.set_genotype(known_genotype("AmoebaNet").unwrap());
            (0..epochs).for_each(|epoch| board.train_epoch(&train_epoch(epoch)));
        }
    }
    board.step(&step(stage, epochs, loss));
    board
}

fn text(board: &Board, columns: u16, lines: u16, inks: Inks) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, lines));
    board.draw(inks, buffer.area, &mut buffer);
    ansi::text(&buffer, inks)
}

#[track_caller]
fn assert_has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in\n{text}");
    }
}

#[test]
fn a_search_shows_losses_accuracies_entropies_and_its_cells() {
    let mut board = board(Stage::Search, 3, 0.625);
    let now = text(&board, 80, 20, Inks::Plain);
    let figures =
        ["loss", "train 0.6250", "valid 3.3e5", "accuracy in %", "train 75.0", "valid 45.6", "epoch 30"];
    assert_has(&now, &figures);
    assert_has(
        &now,
        &[
            "entropy in nats",
            "normal 1.250",
            "reduce 1.750",
            "normal cell  1 skip",
            "reduction cell  0 skips",
        ],
    );
    assert_has(&now, &["2 = sep_conv_3x3(1) + skip_connect(0)", "⢱"]);
    // After the epoch, what it came to, and its genotype.
    board.search_epoch(&search_epoch(3));
    let then = text(&board, 80, 20, Inks::Plain);
    assert_has(&then, &["train 0.5000", "normal 2.000", "reduce 1.500", "normal cell  2 skips"]);
    assert!(text(&board, 70, 20, Inks::Plain).contains("2 = sep_3x3(0) + sep_3x3(1)"));
    assert!(!text(&board, 70, 20, Inks::Plain).contains("entropy"));
}

#[test]
fn a_training_shows_its_genotype_and_learning_rate() {
    let board = board(Stage::Train, 3, 0.625);
    let now = text(&board, 80, 20, Inks::Plain);
    assert_has(
        &now,
        &["train 0.6250", "valid -", "learning rate", "now 0.012500", "conv_7x1_1x7", "normal cell"],
    );
    // Five nodes and a heading need six lines.
    assert_has(&text(&board, 80, 12, Inks::Plain), &["…", "epoch 30"]);
}

#[test]
fn kinds_of_operations_have_colours() {
    let coloured = text(&board(Stage::Search, 3, 0.5), 100, 20, Inks::Coloured);
    assert_has(
        &coloured,
        &["\x1b[94msep_conv_3x3\x1b[0m(1)", "\x1b[32mskip_connect\x1b[0m(0)", "\x1b[36mtrain 0.5000"],
    );
    assert!(!text(&board(Stage::Search, 3, 0.5), 100, 20, Inks::Plain).contains('\x1b'));
}

#[test]
fn every_size_can_be_drawn() {
    let boards = [Stage::Search, Stage::Train].map(|stage| {
        [
            board(stage, 0, f64::NAN),
            board(stage, 1, f64::INFINITY),
            board(stage, EPOCHS - 1, 0.0),
            Board::new(&clock(stage, 0)),
        ]
    });
    for columns in (1..6).chain([40, 59, 60, 77, 78, 80, 121, 200]) {
        for lines in (1..=22).chain([60]) {
            for board in boards.iter().flatten() {
                for inks in [Inks::Coloured, Inks::Plain] {
                    text(board, columns, lines, inks);
                }
                let drawn = drawn(board, [columns, lines]);
                assert!(drawn.lines().count() <= usize::from(lines));
                assert_eq!(drawn == ERASE_BELOW, columns < 60 || lines < 16);
            }
        }
    }
    let drawn = drawn(&boards[0][2], [60, 16]);
    assert_eq!(console::strip_ansi_codes(&drawn).lines().map(console::measure_text_width).max(), Some(60));
}

#[test]
fn a_run_that_goes_on_shows_the_epochs_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines: Vec<_> = (0..5).map(|epoch| HistoryLine::Search(search_epoch(epoch))).collect();
    lines.push(HistoryLine::Train(train_epoch(0)));
    let history: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    std::fs::write(folder.path().join("config.toml"), "").unwrap();
    std::fs::write(folder.path().join("history.jsonl"), history).unwrap();
    let panel = Panel { run: Some(folder.path().to_owned()), board: Arc::default() };
    // The epochs after the checkpoint are done once more.
    let text = text(&panel.before(&clock(Stage::Search, 4)), 80, 20, Inks::Plain);
    assert_has(&text, &["train 0.5000", "valid 2.5e5", "normal cell  2 skips"]);
    let nowhere = Panel { run: Some("nowhere".into()), board: Arc::default() };
    nowhere.before(&clock(Stage::Train, 4));
}
