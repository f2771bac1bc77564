//! Where there are colours, and where there are none.

use std::path::Path;

use crate::support::{Said, TINY, softcell, succeed};

const RED: &str = "\x1b[1m\x1b[31merror:\x1b[0m ";
const YELLOW: &str = "\x1b[1m\x1b[33mwarning";

/// Runs the program with these variables of the environment and no other that decides about colours.
fn run(here: &Path, args: &str, variables: &[&str]) -> Said {
    let mut command = softcell(here, args);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().map(|name| (name, "1")));
    command.output().expect("the program starts").into()
}

#[test]
fn errors_are_coloured_where_it_is_asked_for() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    for (args, variables, coloured) in [
        ("evaluate --run gone", &[][..], false),
        ("evaluate --run gone --color always", &[], true),
        ("--color=always evaluate --run gone", &["NO_COLOR"], true),
        ("evaluate --run gone", &["CLICOLOR_FORCE"], true),
        ("evaluate --run gone", &["CLICOLOR_FORCE", "NO_COLOR"], false),
        ("evaluate --run gone --color never", &["CLICOLOR_FORCE"], false),
        // What is said of the command line itself, by whoever reads it.
        ("fit --resume --color always", &[], true),
        ("fit --resume", &[], false),
    ] {
        let said = run(here, args, variables);
        assert_eq!(said.err.starts_with(RED), coloured, "{args} {variables:?}: {said:?}");
        assert_eq!(said.err.contains('\x1b'), coloured, "{args} {variables:?}: {said:?}");
    }
    for (color, coloured) in [("always", true), ("never", false)] {
        let said = run(here, &format!("fit --epoch 3 --color {color}"), &[]);
        assert_eq!(said.err.contains("\x1b["), coloured, "{said:?}");
        let said = run(here, &format!("fit --help --color {color}"), &[]);
        assert_eq!(said.out.contains("\x1b["), coloured, "{said:?}");
    }
}

#[test]
fn results_and_warnings_stand_out_and_machines_get_plain_text() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path();
    let plain = succeed(here, &format!("fit {TINY} --out r"));
    assert!(!plain.out.contains('\x1b') && !plain.err.contains('\x1b'), "{plain:?}");
    let shown = succeed(here, "fit --resume --out r --color always");
    assert!(shown.err.contains(YELLOW), "{shown:?}");
    assert!(shown.out.contains("test accuracy  \x1b[1m"), "{shown:?}");
    let without =
        |text: &str| text.replace("\x1b[1m\x1b[33m", "").replace("\x1b[1m", "").replace("\x1b[0m", "");
    let accuracy = |text: &str| text.lines().find(|line| line.contains("test accuracy")).map(str::to_owned);
    assert_eq!(accuracy(&without(&shown.out)), accuracy(&plain.out));
    assert!(!without(&shown.out).contains('\x1b') && !without(&shown.err).contains('\x1b'), "{shown:?}");

    let logged = succeed(here, "fit --resume --out r --color always --log-format json");
    assert!(!logged.err.contains('\x1b') && !logged.err.contains("\\u001b"), "{logged:?}");
    let json = succeed(here, "evaluate --run r --json --color always");
    assert!(!json.out.contains('\x1b'), "{json:?}");
    let runs = succeed(here, "runs . --json --color always");
    assert!(!runs.out.contains('\x1b'), "{runs:?}");
}
