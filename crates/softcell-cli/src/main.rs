//! `softcell`: search a network for images, train it, use it.

mod answers;
mod args;
mod colour;
mod commands;
mod defaults;
mod flags;
mod genotypes;
mod input;
mod interrupt;
mod machine;
mod memory;
mod mistakes;
mod opening;
mod output;
mod progress;
mod ranks;
mod remedies;
mod session;
mod settings;
mod short;
mod terminal;
mod workers;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;
use softcell::program::shown;

use args::{Cli, ColorArg, Command, LogFormat};
use colour::Tone;
use output::Form;
use progress::say_error;

/// Exit code of a command line that cannot be meant, as clap has it.
const USAGE: u8 = 2;

#[global_allocator]
static ALLOCATOR: softcell_kernels::Watched = softcell_kernels::Watched;

fn main() -> ExitCode {
    colour::choose(ColorArg::of_words(std::env::args_os().map(|word| word.to_string_lossy().into_owned())));
    match Question::of(&std::env::args_os().skip(1).collect::<Vec<_>>()) {
        Some(Question::Version(form)) => return ended(commands::about::version(form)),
        Some(Question::Devices(form)) => return ended(commands::about::devices(form)),
        None => {}
    }
    let cli = parse();
    let format = cli.log_format();
    memory::prepare(|text| say_error(format, text, Vec::new()));
    if !matches!(cli.command, Command::Parts(_)) {
        interrupt::listen();
    }
    let outcome = memory::guarded(|| match ranks::join(&cli.command)? {
        ranks::Role::Ask => answer(cli.command),
        ranks::Role::Done(code) => Ok(code),
    });
    let code = match outcome {
        Ok(code) => code,
        Err(error) if reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<clap::Error>() => {
            let text = shown::escaped_lines(&error.to_string()).into_owned();
            let text = colour::toned(text, Tone::Error, colour::of_stderr());
            let _ = std::io::stderr().write_all(text.as_bytes());
            ExitCode::from(USAGE)
        }
        Err(error) => {
            // Where nobody reads the errors there is nothing left to tell.
            let _ = std::io::stderr().write_all(explain(format, &error).as_bytes());
            ExitCode::FAILURE
        }
    };
    ranks::leave();
    code
}

fn answer(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Fit(args) => commands::fit::run(&args),
        Command::Select(args) => commands::select::run(&args),
        Command::Parts(args) => workers::run(&args),
        Command::Search(args) => commands::search::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Runs(args) => commands::runs::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Genotype(args) => commands::genotype::run(&args),
        Command::Data(args) => commands::data::run(&args),
        Command::Methods(args) => commands::methods::run(&args),
        Command::Replay(args) => commands::replay::run(&args),
        Command::Bench(command) => commands::bench::run(&command),
        Command::Completions { shell } => commands::shell::completions(shell),
        Command::Man { out } => commands::shell::man(&out),
    }
}

/// What is asked about the program itself, which no command has to be named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// `--version --verbose` or `--version --json`.
    Version(Form),
    /// `--device list`, beside whatever else.
    Devices(Form),
}

impl Question {
    fn of(words: &[OsString]) -> Option<Question> {
        let words: Vec<&OsString> = words.iter().take_while(|word| *word != "--").collect();
        let has = |names: &[&str]| words.iter().any(|word| names.iter().any(|name| *word == name));
        let form = Form::of(has(&["--json"]));
        let list = words.windows(2).any(|pair| pair[0] == "--device" && pair[1] == "list");
        if list || has(&["--device=list"]) {
            return Some(Question::Devices(form));
        }
        let version = has(&["--version", "-V"]) && has(&["--verbose", "-v", "--json"]);
        (words.len() == 2 && version).then_some(Question::Version(form))
    }
}

fn ended(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if reader_is_gone(&error) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The command line; where it cannot be meant, that is said and the program ends.
fn parse() -> Cli {
    let error = match Cli::try_parse() {
        Ok(cli) => return cli,
        Err(error) => error,
    };
    // Of the same words without what would act on a terminal the same is to be said.
    let mut words = std::env::args_os().map(|word| shown::said(&word.to_string_lossy()).into_owned());
    match std::env::args_os().any(|word| word.to_str().is_none_or(|text| shown::said(text) != text)) {
        false => error.exit(),
        true => Cli::try_parse_from(&mut words).err().unwrap_or(error).exit(),
    }
}

/// Whether the error is that standard output was closed, as by `| head`.
fn reader_is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}

/// The error and its causes, each that says something new, with nothing in them that acts on a terminal.
fn explain(format: LogFormat, error: &anyhow::Error) -> String {
    let words = |error: &(dyn std::error::Error + 'static)| match error.downcast_ref::<softcell::Error>() {
        Some(softcell::Error::Setting { name, found, expected }) if name == "device" => {
            let expected = format!("{expected}; `softcell --device list` says what each is");
            softcell::Error::setting("--device", found, expected).worded(&remedies::words)
        }
        Some(softcell::Error::Setting { name, found, expected }) => {
            let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
            let name = flags::typed(name, words).unwrap_or_else(|| name.clone());
            softcell::Error::setting(name, found, expected.clone()).worded(&remedies::words)
        }
        Some(error) => error.worded(&remedies::words),
        None => shown::said(&error.to_string()).into_owned(),
    };
    let text = words(error.as_ref());
    let mut said = text.clone();
    let mut causes = Vec::new();
    for cause in error.chain().skip(1) {
        let cause = words(cause);
        if !said.contains(&cause) {
            causes.push(cause.clone());
            said = cause;
        }
    }
    say_error(format, &text, causes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no such file").context("cannot read a: no such file").context("no run");
        assert_eq!(
            explain(LogFormat::Text, &error),
            "error: no run\n  because: cannot read a: no such file\n"
        );
    }

    #[test]
    fn errors_do_not_act_on_a_terminal() {
        let error = anyhow::anyhow!("cause\nerror: none").context("cannot read a\u{1b}[2J\nb");
        assert_eq!(
            explain(LogFormat::Text, &error),
            "error: cannot read a\\u{1b}[2J\\nb\n  because: cause\\nerror: none\n"
        );
        let error = anyhow::Error::from(softcell::config::read_toml("= 1", "x").unwrap_err()).context("no");
        assert!(explain(LogFormat::Text, &error).ends_with("\n  = 1\n  ^\n"));
    }

    #[test]
    fn questions_about_the_program_need_no_command() {
        let of = |line: &str| Question::of(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of("--version -v"), Some(Question::Version(Form::Text)));
        assert_eq!(of("--json -V"), Some(Question::Version(Form::Json)));
        assert_eq!(of("--version"), None);
        assert_eq!(of("fit --version -v"), None);
        assert_eq!(of("--device list"), Some(Question::Devices(Form::Text)));
        assert_eq!(of("evaluate --device=list --json"), Some(Question::Devices(Form::Json)));
        assert_eq!(of("fit --device cpu list"), None);
        assert_eq!(of("predict --run r -- --device list"), None);
    }

    #[test]
    fn only_a_closed_output_is_silent() {
        let error = |kind| anyhow::Error::from(std::io::Error::from(kind));
        assert!(reader_is_gone(&error(ErrorKind::BrokenPipe)));
        assert!(!reader_is_gone(&error(ErrorKind::NotFound)));
    }
}
