//! What is drawn on a terminal.
#![cfg(unix)]

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};
use nix::sys::termios::tcgetattr;

use crate::support::{TINY, fail, softcell, succeed};

/// A search of a few seconds.
const SEARCH: &str = "search --images-per-class 20 --init-channels 4 --layers 2 --epochs 10 --batch-size 16";

/// All that the program writes to standard error, a terminal of this size, which has to be left as it was.
#[track_caller]
fn on_terminal(folder: &Path, args: &str, [columns, lines]: [u16; 2]) -> String {
    let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).expect("there are pseudo terminals");
    let before = tcgetattr(&pty.slave).unwrap();
    let mut command = softcell(folder, args);
    command.env_remove("NO_COLOR").env("TERM", "xterm-256color");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(pty.slave.try_clone().unwrap());
    let mut child = command.spawn().expect("the program starts");
    // The parent's copy of the terminal's end.
    drop(command);
    let mut terminal = File::from(pty.master);
    let reader = std::thread::spawn(move || {
        let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
        // When nobody has the other end any more, Linux says so with an error.
        while let Ok(n @ 1..) = terminal.read(&mut bytes) {
            text.extend_from_slice(&bytes[..n]);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let status = child.wait().unwrap();
    let after = tcgetattr(&pty.slave).unwrap();
    drop(pty.slave);
    let text = reader.join().unwrap();
    assert!(status.success(), "{args}: {status}: {text}");
    assert_eq!(before, after, "{args}");
    // No mode is switched on: the cursor stays visible, the screen is the ordinary one.
    assert!(!text.contains("\x1b[?"), "{args}: {text}");
    text
}

#[test]
fn curves_and_cells_are_drawn_below_the_lines_and_change_nothing() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let plain = succeed(here, &format!("{SEARCH} --out plain"));
    let drawn = on_terminal(here, &format!("{SEARCH} --tui --out drawn"), [100, 30]);
    for words in
        ["entropy in nats", "normal cell", "accuracy in %", "epoch 10", "\x1b[33mavg_pool_3x3\x1b[0m("]
    {
        assert!(drawn.contains(words), "no {words:?} in {drawn}");
    }
    // Every line of an epoch is there as well, up to its times.
    let epochs: Vec<&str> = plain.err.lines().filter(|line| line.contains("  valid loss ")).collect();
    assert_eq!(epochs.len(), 10);
    for line in epochs {
        let words = &line[..line.find("  lr ").unwrap()];
        assert!(drawn.contains(words), "no {words:?} in {drawn}");
    }
    let genotype = |run: &str| std::fs::read_to_string(here.join(run).join("genotype.txt")).unwrap();
    assert_eq!(genotype("plain"), genotype("drawn"));
}

#[test]
fn without_room_there_are_bars() {
    let here = tempfile::tempdir().unwrap();
    let drawn = on_terminal(here.path(), &format!("{SEARCH} --tui --out r"), [59, 30]);
    assert!(
        drawn.contains("a terminal of 60 columns and 16 lines; this one has 59 and 30: here are bars"),
        "{drawn}"
    );
    assert!(drawn.contains("in all ") && !drawn.contains("entropy in nats"), "{drawn}");
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
fn no_curves_for_those_who_want_silence_or_json() {
    let here = tempfile::tempdir().unwrap();
    for flags in ["-q", "--log-format json"] {
        fail(here.path(), &format!("fit --tui {flags}"), 2, &["--tui", "cannot be used with"]);
    }
}
