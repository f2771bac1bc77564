//! Words for error messages: the nearest known name, a short piece of what was found.

/// Longest word that is compared with known names, in characters.
const LONGEST_WORD: usize = 64;

/// The known name that reads most like `word`, ignoring case; the first of several equally near. `None` where more than
/// half of the letters would have to change: no name is meant then.
pub(super) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: String = word.chars().take(LONGEST_WORD).flat_map(char::to_lowercase).collect();
    let letters = word.chars().count();
    let mut best = None;
    for name in names {
        let distance = strsim::levenshtein(&word, &name.to_lowercase());
        let near = 2 * distance <= letters.max(name.chars().count());
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
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
