//! The flag that says whether there are colours.

use clap::ValueEnum;

/// Where there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal, unless NO_COLOR is set; everywhere with CLICOLOR_FORCE
    #[default]
    Auto,
    /// Everywhere, but not in JSON
    Always,
    /// Nowhere
    Never,
}

impl ColorArg {
    /// What the words of a command line say, before they are read: help and errors of the reading have colours too.
    pub fn of_words(words: impl IntoIterator<Item = String>) -> ColorArg {
        let mut words = words.into_iter().take_while(|word| word != "--");
        let mut choice = ColorArg::Auto;
        while let Some(word) = words.next() {
            let said = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned),
                None => None,
            };
            if let Some(said) = said.and_then(|said| ColorArg::from_str(&said, false).ok()) {
                choice = said;
            }
        }
        choice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_is_known_before_the_line_is_read() {
        let of = |line: &str| ColorArg::of_words(line.split(' ').map(str::to_owned));
        assert_eq!(of("softcell fit"), ColorArg::Auto);
        assert_eq!(of("softcell --color never fit --epoch"), ColorArg::Never);
        assert_eq!(of("softcell fit --color=always"), ColorArg::Always);
        assert_eq!(of("softcell predict --run r -- --color always"), ColorArg::Auto);
        assert_eq!(of("softcell fit --color pink"), ColorArg::Auto);
        assert_eq!(of("softcell fit --color"), ColorArg::Auto);
    }
}
