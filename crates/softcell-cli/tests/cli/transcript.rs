//! What was typed and what was said, compared with `snapshots/`; CONTRIBUTING.md says how to bring them up to date.
//!
//! A line of standard error has `! ` in front, a code other than 0 stands below what was said. What differs from run
//! to run or from machine to machine is replaced by [`RULES`].

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use crate::support::{Said, softcell};

/// What is replaced, and by what. In a paragraph where something was, columns are parted by two blanks whatever their
/// width.
const RULES: [(&str, &str); 10] = [
    // Lines of epochs: losses, accuracies and speeds.
    (r"(?m)^(! )?(search|train) +([0-9]+/[0-9]+)  .*$", "$1$2 $3 [progress]"),
    // The time that something took or would take: 0.1 s, 12 min 3 s, 5832 images/s.
    (r"\b[0-9.]+ (ms|s|min|h|d)\b( [0-9]+ (s|min|h)\b)*", "[time]"),
    // Memory that is there or would be taken. Sizes of maps are exact.
    (r"\bat most (about )?[0-9.]+ [kMGT]?B\b", "at most $1[size]"),
    (r"\b[0-9.]+ [MGT]B are available", "[size] are available"),
    // Shares that were learned, and intervals of them; round ones are settings.
    (r"\b([0-9]+\.[0-9]+ to )?[0-9]+\.[0-9]+ %", "[share]"),
    // Deviations: 7.6e-8. Learning rates have no fraction.
    (r"\b[0-9]\.[0-9]+e-[0-9]+\b", "[deviation]"),
    (r"\bsoftcell [0-9]+\.[0-9]+\.[0-9]+\b", "softcell [version]"),
    // Speeds.
    (r"\b[0-9.]+ (a second|GFLOP/s|GFLOP a step)", "[speed]"),
    // Of files that name the version.
    (r"(?m)\b[0-9,]+ bytes$", "[bytes]"),
    (r"\bof epoch [0-9]+, the best\b", "of epoch [n], the best"),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    RULES.iter().map(|&(rule, by)| (Regex::new(rule).expect("the rules are expressions"), by)).collect()
});

/// Commands in a folder and what they said.
pub struct Transcript<'a> {
    here: &'a Path,
    text: String,
}

impl<'a> Transcript<'a> {
    pub fn new(here: &'a Path) -> Self {
        Transcript { here, text: String::new() }
    }

    /// Runs the program, which has to succeed.
    #[track_caller]
    pub fn succeed(&mut self, args: &str) -> Said {
        let said = self.run(args, &[]);
        assert_eq!(said.code, Some(0), "{args}: {said:?}");
        said
    }

    /// Runs the program, which has to fail with this code and an error.
    #[track_caller]
    pub fn fail(&mut self, args: &str, code: i32) {
        self.fail_at(args, &[], code);
    }

    /// The same with more words, which are not divided at blanks.
    #[track_caller]
    pub fn fail_at(&mut self, args: &str, more: &[&str], code: i32) {
        let said = self.run(args, more);
        assert_eq!(said.code, Some(code), "{args} {more:?}: {said:?}");
        assert!(said.err.starts_with("error: ") || said.err.contains("\nerror: "), "{args}: {}", said.err);
    }

    /// Runs the program, whatever comes of it.
    pub fn run(&mut self, args: &str, more: &[&str]) -> Said {
        let mut command = softcell(self.here, args);
        command.args(more);
        for name in ["COLUMNS", "LINES", "CLICOLOR_FORCE", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        let said: Said = command.output().expect("the program starts").into();
        self.tell(args, more, &said);
        said
    }

    /// Words of the test's own between the commands.
    pub fn remark(&mut self, words: &str) {
        writeln!(self.text, "# {words}").expect("texts have room");
    }

    fn tell(&mut self, args: &str, more: &[&str], said: &Said) {
        let text = &mut self.text;
        text.push_str(["$ softcell", args].join(" ").trim_end());
        for word in more {
            let quote =
                if word.contains(|c: char| c.is_whitespace() || "'\"()[]*|".contains(c)) { "\"" } else { "" };
            write!(text, " {quote}{word}{quote}").expect("texts have room");
        }
        text.push('\n');
        text.push_str(&said.out);
        for line in said.err.lines() {
            text.push_str(format!("! {line}").trim_end());
            text.push('\n');
        }
        if let Some(code) = said.code.filter(|&code| code != 0) {
            writeln!(text, "[exit code {code}]").expect("texts have room");
        }
        text.push('\n');
    }

    /// Compares with the snapshot of this name.
    #[track_caller]
    pub fn check(self, name: &str) {
        let text = without_places(&self.text, self.here);
        let text: String = redacted(&text).lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("snapshots");
        // Windows has other paths and other words for the errors of the system.
        if cfg!(unix) {
            settings.bind(|| insta::assert_snapshot!(name, text));
        }
    }
}

/// The text without where the test ran and where the tree is.
fn without_places(text: &str, here: &Path) -> String {
    let real = here.canonicalize().expect("the folder is there");
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = text.to_owned();
    for (place, name) in [(real.as_path(), "[here]"), (here, "[here]"), (tree, "[tree]")] {
        text = text.replace(&place.display().to_string(), name);
    }
    text
}

/// The text with all rules applied to it.
fn redacted(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let replaced = COMPILED.iter().fold(Cow::Borrowed(paragraph), |text, (rule, by)| {
            match rule.replace_all(&text, *by) {
                Cow::Borrowed(_) => text,
                Cow::Owned(new) => Cow::Owned(new),
            }
        });
        match replaced {
            Cow::Borrowed(paragraph) => paragraph.to_owned(),
            Cow::Owned(paragraph) => paragraph.split('\n').map(narrow).collect::<Vec<_>>().join("\n"),
        }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The line with two blanks between columns; those at its beginning stay.
fn narrow(line: &str) -> String {
    let text = line.trim_start_matches(['!', ' ']);
    let mut narrow = line[..line.len() - text.len()].to_owned();
    let mut blanks = 0;
    for c in text.chars() {
        blanks = if c == ' ' { blanks + 1 } else { 0 };
        if blanks <= 2 {
            narrow.push(c);
        }
    }
    narrow
}

#[test]
fn rules_replace_what_varies_and_nothing_else() {
    for (text, expected) in [
        ("search   1/2  loss 2.3  lr 0.02  1962 images/s", "search 1/2 [progress]"),
        ("! train  10/10  loss 2.3", "! train 10/10 [progress]"),
        ("time        126 ms a step, 1 min 3 s in all", "time  [time] a step, [time] in all"),
        ("such as 90s, 45m or 1h30m; 12 steps", "such as 90s, 45m or 1h30m; 12 steps"),
        ("at most about 31 MB, 2 GB are available", "at most about [size], [size] are available"),
        ("1.77 MB of maps at most, 1048576 bytes or less", "1.77 MB of maps at most, 1048576 bytes or less"),
        ("20.00 % (10.5 to 34.8 %) on 40", "[share] ([share]) on 40"),
        ("by at most 7.6e-8, not 3e-4", "by at most [deviation], not 3e-4"),
        ("softcell 0.1.0", "softcell [version]"),
        ("m.onnx: onnx, 11,470 bytes\n", "m.onnx: onnx, [bytes]\n"),
        ("of epoch 9, the best", "of epoch [n], the best"),
        ("a      b\n\nc     d\n!   0.1 s    e", "a      b\n\nc  d\n!   [time]  e"),
    ] {
        assert_eq!(redacted(text), expected);
    }
}
