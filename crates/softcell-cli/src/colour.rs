//! Colours of what people read: few, and only on a stream that shows them.
//!
//! A text gets its colours once it is laid out, so that nothing in a name can bring its own and widths stay those of the
//! text. JSON and data for programs have none.

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::args::ColorArg;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const FIGURE: Style = Style::new().bold();

/// What begins the lines of a result in which a figure stands out.
const FIGURES: [&str; 3] = ["test accuracy ", "balanced ", "network "];
/// What begins a line of a result that warns.
const WARNS: &str = "warning ";

/// What a text on standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing out of the ordinary.
    Plain,
    /// Something that should be looked at.
    Warning,
    /// Why something could not be done.
    Error,
}

/// Whether a stream shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    On,
    Off,
}

/// Sets where there are colours. With `auto` that is a terminal, unless `NO_COLOR`, `CLICOLOR=0` or `TERM=dumb` says
/// otherwise, and everywhere by `CLICOLOR_FORCE`.
pub fn choose(choice: ColorArg) {
    match choice {
        ColorArg::Auto => ColorChoice::Auto,
        ColorArg::Always => ColorChoice::Always,
        ColorArg::Never => ColorChoice::Never,
    }
    .write_global();
    // The bars' own crate would decide by itself.
    console::set_colors_enabled(of_stdout() == Colours::On);
    console::set_colors_enabled_stderr(of_stderr() == Colours::On);
}

/// Those of standard output.
pub fn of_stdout() -> Colours {
    shown(AutoStream::choice(&std::io::stdout()))
}

/// Those of standard error.
pub fn of_stderr() -> Colours {
    shown(AutoStream::choice(&std::io::stderr()))
}

fn shown(choice: ColorChoice) -> Colours {
    if choice == ColorChoice::Never { Colours::Off } else { Colours::On }
}

/// A text that is laid out, with its first word marked where it warns or says why something failed; all of its first
/// line where that has no such word.
pub fn toned(text: String, tone: Tone, colours: Colours) -> String {
    let (word, style) = match tone {
        _ if colours == Colours::Off => return text,
        Tone::Plain => return text,
        Tone::Warning => ("warning:", WARNING),
        Tone::Error => ("error:", ERROR),
    };
    let marked = match text.starts_with(word) {
        true => word.len(),
        false => text.find('\n').unwrap_or(text.len()),
    };
    let (marked, rest) = text.split_at(marked);
    format!("{style}{marked}{style:#}{rest}")
}

/// A result that is laid out: in the lines of its first paragraph, the figure behind the name of the line in bold, or the
/// word that warns marked. What stands below, such as names of classes, is left as it is.
pub fn result(text: String, colours: Colours) -> String {
    if colours == Colours::Off {
        return text;
    }
    let begin = text.len() - text.trim_start_matches('\n').len();
    let end = text[begin..].find("\n\n").map_or(text.len(), |at| begin + at);
    let lines: Vec<String> = text[begin..end].split('\n').map(figured).collect();
    format!("{}{}{}", &text[..begin], lines.join("\n"), &text[end..])
}

/// A line with its figure marked: the first word behind the name, with the sign of a percentage or a unit of time.
fn figured(line: &str) -> String {
    if let Some(rest) = line.strip_prefix(WARNS) {
        let word = WARNS.trim_end();
        return format!("{WARNING}{word}{WARNING:#} {rest}");
    }
    let Some(name) = FIGURES.iter().find(|name| line.starts_with(**name)) else { return line.to_owned() };
    let text = line[name.len()..].trim_start();
    let head = &line[..line.len() - text.len()];
    let word = text.find(' ').unwrap_or(text.len());
    let figure = match text[word..].starts_with(" %") {
        true => word + " %".len(),
        false => word,
    };
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return line.to_owned();
    }
    let (figure, rest) = text.split_at(figure);
    format!("{head}{FIGURE}{figure}{FIGURE:#}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_warns_is_marked() {
        let on = |text: &str, tone| toned(text.to_owned(), tone, Colours::On);
        assert_eq!(
            on("error: no\n  because: x\n", Tone::Error),
            "\x1b[1m\x1b[31merror:\x1b[0m no\n  because: x\n"
        );
        assert_eq!(on("warning: a", Tone::Warning), "\x1b[1m\x1b[33mwarning:\x1b[0m a");
        assert_eq!(on("collapsed\n  so", Tone::Warning), "\x1b[1m\x1b[33mcollapsed\x1b[0m\n  so");
        assert_eq!(on("warning: a", Tone::Plain), "warning: a");
        assert_eq!(toned("error: no".to_owned(), Tone::Error, Colours::Off), "error: no");
    }

    #[test]
    fn figures_of_a_result_are_marked_and_nothing_below() {
        let text = "\ntest accuracy  98.89 % (97.2 to 99.6 %) on 359\nwarning        class a\nnetwork        128,842 \
                    parameters\n\nclass  images\nwarning  3\nbalanced 7 %\n";
        let expected = "\ntest accuracy  \x1b[1m98.89 %\x1b[0m (97.2 to 99.6 %) on 359\n\
                        \x1b[1m\x1b[33mwarning\x1b[0m        class a\nnetwork        \x1b[1m128,842\x1b[0m \
                        parameters\n\nclass  images\nwarning  3\nbalanced 7 %\n";
        assert_eq!(result(text.to_owned(), Colours::On), expected);
        assert_eq!(result(text.to_owned(), Colours::Off), text);
        assert_eq!(figured("time          search 1 s"), "time          search 1 s");
    }
}
