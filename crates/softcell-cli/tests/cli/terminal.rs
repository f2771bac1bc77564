//! What is drawn on a terminal.
#![cfg(unix)]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::tcgetattr;
use nix::unistd::Pid;

use crate::support::{TINY, ignores_signals, softcell, succeed};

/// A search of a few seconds.
const SEARCH: &str = "search --images-per-class 20 --init-channels 4 --layers 2 --batch-size 16";

/// What became of a program on a terminal.
#[derive(Debug)]
struct Shown {
    code: Option<i32>,
    /// All that it wrote to the terminal.
    written: String,
    /// What is to be seen in the end, long lines as one.
    screen: String,
    /// The lines that the terminal had to break, because they were too long.
    broken: Vec<String>,
}

/// What standard output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// Nobody reads it.
    Away,
    /// The same terminal.
    Shown,
}

/// Whether there are pseudo terminals: containers may have none.
fn has_terminals() -> bool {
    let opened = openpty(None, None);
    if let Err(error) = &opened {
        eprintln!("no pseudo terminal ({error}): nothing is tested");
    }
    opened.is_ok()
}

/// Runs the program with a terminal of this size as its standard error, which it has to leave as it was. Ctrl-C is
/// pressed once it has written some words.
#[track_caller]
fn on_terminal(folder: &Path, args: &str, size: [u16; 2], interrupt_at: Option<&str>) -> Shown {
    with_output(folder, args, size, interrupt_at, Output::Away)
}

/// The same with a choice for standard output.
#[track_caller]
fn with_output(
    folder: &Path,
    args: &str,
    [columns, lines]: [u16; 2],
    interrupt_at: Option<&str>,
    output: Output,
) -> Shown {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).expect("there are pseudo terminals");
    let before = tcgetattr(&pty.slave).unwrap();
    let mut command = softcell(folder, args);
    command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(pty.slave.try_clone().unwrap());
    if output == Output::Shown {
        command.stdout(pty.slave.try_clone().unwrap());
    }
    let mut child = command.spawn().expect("the program starts");
    // The command has the terminal open as well.
    drop(command);
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let mut interrupt_at = interrupt_at.map(str::to_owned);
    let mut terminal = File::from(pty.master);
    let reader = std::thread::spawn(move || {
        let (mut written, mut bytes) = (Vec::new(), [0; 4096]);
        // When nobody has the other end any more, Linux says so with an error.
        while let Ok(n @ 1..) = terminal.read(&mut bytes) {
            written.extend_from_slice(&bytes[..n]);
            let said = |words: &mut String| String::from_utf8_lossy(&written).contains(words.as_str());
            if interrupt_at.take_if(said).is_some() {
                kill(pid, Signal::SIGINT).unwrap();
            }
        }
        written
    });
    let code = child.wait().unwrap().code();
    let after = tcgetattr(&pty.slave).unwrap();
    drop(pty.slave);
    let written = reader.join().unwrap();
    assert_eq!(before, after, "{args}");
    let [rows, columns] = [lines, columns].map(|n| n.try_into().expect("a terminal has a size"));
    let mut screen = vt100::Parser::new(rows, columns, 0);
    screen.process(&written);
    let (screen, written) = (screen.screen(), String::from_utf8_lossy(&written).into_owned());
    // No mode is switched on at any time: the cursor stays visible, the screen is the ordinary one.
    assert!(!written.contains("\x1b[?"), "{args}: {written}");
    let texts: Vec<String> = screen.rows(0, columns.get()).collect();
    let broken =
        (0..rows.get()).filter(|&row| screen.row_wrapped(row)).map(|row| texts[usize::from(row)].clone());
    Shown { code, screen: screen.contents(), broken: broken.collect(), written }
}

#[test]
fn curves_and_cells_are_drawn_below_the_lines_and_change_nothing() {
    if !has_terminals() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let plain = succeed(here, &format!("{SEARCH} --epochs 10 --out plain"));
    let drawn = on_terminal(here, &format!("{SEARCH} --epochs 10 --tui --out drawn"), [100, 200], None);
    assert_eq!(drawn.code, Some(0), "{}", drawn.screen);
    let now_and_then = ["entropy in nats", "normal cell", "accuracy in %", "epoch 10", "\x1b[0m("];
    for words in now_and_then {
        assert!(drawn.written.contains(words), "no {words:?} in {}", drawn.written);
        assert!(!drawn.screen.contains(words), "{words:?} is left in\n{}", drawn.screen);
    }
    // Every line is there as well, those of epochs up to their times; long ones end between words.
    let seen = drawn.screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(plain.err.lines().filter(|line| line.contains("  valid loss ")).count(), 10);
    for line in plain.err.lines().filter(|line| !line.contains("run folder") && !line.contains("done in")) {
        let words = &line[..line.find("  lr ").unwrap_or(line.len())];
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(seen.contains(&words), "no {words:?} in\n{}", drawn.screen);
    }
    let genotype = |run: &str| std::fs::read_to_string(here.join(run).join("genotype.txt")).unwrap();
    assert_eq!(genotype("plain"), genotype("drawn"));
}

#[test]
fn ctrl_c_is_heard_and_leaves_its_words_alone() {
    if ignores_signals() || !has_terminals() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    for (out, flags) in [("bars", ""), ("panel", "--tui")] {
        let args = format!("{SEARCH} --epochs 1000 {flags} --out {out}");
        let shown = on_terminal(here.path(), &args, [100, 200], Some("search   2/1000"));
        assert_eq!(shown.code, Some(130), "{}", shown.screen);
        for words in ["finishing this step and saving", "stopped in epoch ", &format!("--out {out} --resume")]
        {
            assert!(shown.screen.contains(words), "no {words:?} in\n{}", shown.screen);
        }
        for words in ["in all ", "entropy in nats", "normal cell"] {
            assert!(!shown.screen.contains(words), "{words:?} is left in\n{}", shown.screen);
        }
    }
}

#[test]
fn without_room_there_are_bars() {
    if !has_terminals() {
        return;
    }
    let here = tempfile::tempdir().unwrap();
    let drawn = on_terminal(here.path(), &format!("{SEARCH} --epochs 10 --tui --out r"), [59, 200], None);
    let why = "--tui needs a terminal of 60 columns and 16 lines; this one has 59 and 200: here are bars";
    let seen = drawn.screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(seen.contains(why), "{}", drawn.screen);
    let written = drawn.written;
    assert!(written.contains("in all ") && !written.contains("entropy in nats"), "{written}");
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let without = |text: &str| text.lines().filter(|line| !line.contains("--tui")).count();
    let plain = succeed(here, &format!("fit {TINY} --out plain"));
    let asked = succeed(here, &format!("fit {TINY} --out asked --tui"));
    assert!(
        asked.err.contains("--tui needs a terminal on standard error: here are plain lines"),
        "{asked:?}"
    );
    assert_eq!(without(&plain.err), without(&asked.err), "{asked:?}");
    assert!(!asked.err.contains('\x1b'), "{asked:?}");
    crate::support::assert_same(&here.join("plain"), &here.join("asked"));
}

#[test]
fn nothing_wraps_in_the_middle_of_a_word() {
    if !has_terminals() {
        return;
    }
    for columns in [80, 200] {
        let here = tempfile::tempdir().unwrap();
        let here = here.path();
        let show = |args: &str| {
            let shown = with_output(here, args, [columns, 400], None, Output::Shown);
            assert_eq!(shown.code, Some(0), "{args}: {}", shown.screen);
            assert!(shown.broken.is_empty(), "{columns}, {args}: {:?} in\n{}", shown.broken, shown.screen);
            shown
        };
        let fit = show(&format!("fit {TINY} --out a-run-with-a-name"));
        for words in ["warning: The alphas have not converged", "test accuracy", "search   1/2  loss"] {
            assert!(fit.screen.contains(words), "no {words:?} in\n{}", fit.screen);
        }
        // An epoch of a search takes three lines at most.
        let lines: Vec<&str> = fit.screen.lines().collect();
        let first = lines.iter().position(|line| line.starts_with("search   1/2")).unwrap();
        let second = lines.iter().position(|line| line.starts_with("search   2/2")).unwrap();
        assert!(second - first <= 3, "{}", fit.screen);
        show("fit --out a-run-with-a-name --resume");
        show("evaluate --run a-run-with-a-name");
        show("data inspect digits");
        show(
            &format!("search {} -v --out b", SEARCH.trim_start_matches("search "))
                .replace("-v", "--epochs 3 -v"),
        );
        for flags in ["", "--sort name", "--sort accuracy"] {
            let runs = show(&format!("runs . {flags}")).screen;
            let at = |name: &str| runs.lines().position(|line| line.starts_with(name)).unwrap();
            assert_eq!(at("b ") < at("a-run"), flags.is_empty(), "{runs}");
        }
        assert_bars_are_whole(&fit.written);
    }
}

/// Whether what is drawn beside the bars is whole words.
fn assert_bars_are_whole(written: &str) {
    let bars: Vec<&str> = written.split(['\r', '\n']).filter(|line| line.contains("search 1/2 ")).collect();
    assert!(!bars.is_empty(), "{written}");
    for bar in bars {
        // Bars are drawn after the cursor was moved.
        let bar = bar.split('\u{1b}').find(|piece| piece.contains("search 1/2 ")).unwrap().trim_end();
        let numbers = bar.rfind('/').map_or(0, |n| if bar.ends_with("/s") { 0 } else { n });
        for part in bar[numbers..].split("  ").filter(|part| part.contains("loss") || part.contains("acc")) {
            let whole = (part.starts_with("loss ") && part.len() >= 11)
                || (part.starts_with("accuracy ") && part.ends_with(" %"));
            assert!(whole, "{part:?} in {bar:?}");
        }
        let last = bar.rsplit("  ").next().unwrap();
        assert!(last.ends_with(|c: char| c.is_ascii_digit() || c == '%' || c == 's' || c == 'g'), "{bar:?}");
    }
}
