//! Words for error messages: the nearest known name, a short piece of what was found.

/// A kind of cell in words: `normal cell`, and `cell` for the only one.
pub fn cell_title(name: &str) -> String {
    if name == "cell" { name.to_owned() } else { format!("{name} cell") }
}

/// Longest word that is compared with known names, in characters.
const LONGEST_WORD: usize = 64;

/// How like a name must be to what was typed to be meant: half of the letters.
pub(crate) const ALIKE: f64 = 0.5;

/// How much `word` reads like `name`, ignoring case, from 0 to 1: the share of letters that stay where the fewest are
/// changed, put in, left out or swapped with their neighbours.
pub(crate) fn likeness(word: &str, name: &str) -> f64 {
    let word: String = word.chars().take(LONGEST_WORD).flat_map(char::to_lowercase).collect();
    strsim::normalized_damerau_levenshtein(&word, &name.to_lowercase())
}

/// The name that reads most like `word`; the first of several equally near. `None` where no name is [`ALIKE`].
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    first_best(names, |name| likeness(word, name)).filter(|name| likeness(word, name) >= ALIKE)
}

/// The first item with the highest score.
pub(crate) fn first_best<T>(items: impl IntoIterator<Item = T>, score: impl Fn(&T) -> f64) -> Option<T> {
    let mut best: Option<(f64, T)> = None;
    for item in items {
        let score = score(&item);
        if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
            best = Some((score, item));
        }
    }
    best.map(|(_, item)| item)
}

/// `did you mean `skip_connect`?`, or that no name is near.
pub(super) fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(word, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "no known name is like it".to_owned(),
    }
}

/// The start of `text`: control characters as blanks, cut after `longest` characters.
pub(super) fn shorten(text: &str, longest: usize) -> String {
    let mut start: String =
        text.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(longest).is_some() {
        start.push('…');
    }
    start
}

/// [`shorten`] in back quotes.
pub(super) fn excerpt(text: &str, longest: usize) -> String {
    format!("`{}`", shorten(text, longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_ignores_case_and_keeps_the_first_of_equals() {
        assert_eq!(nearest("DARTS_v3", ["NASNet", "DARTS_V1", "DARTS_V2"]), Some("DARTS_V1"));
        assert_eq!(nearest("nasnt", ["DARTS_V1", "NASNet"]), Some("NASNet"));
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("darst_v2", ["DARTS_V1", "DARTS_V2"]), Some("DARTS_V2"));
        assert_eq!(nearest("sep_conv_33", ["none", "sep_conv_5x5", "sep_conv_3x3"]), Some("sep_conv_3x3"));
        assert_eq!(nearest("bogus_op", ["none", "skip_connect", "max_pool_3x3"]), None);
        assert_eq!(did_you_mean("bogus_op", ["none"]), "no known name is like it");
    }

    #[test]
    fn excerpt_cuts_by_characters() {
        assert_eq!(excerpt("äöü", 3), "`äöü`");
        assert_eq!(excerpt("äöüß", 3), "`äöü…`");
        assert_eq!(excerpt("a\nb", 9), "`a b`");
    }
}
