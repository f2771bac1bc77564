//! Values as Python writes them.

use std::fmt::Write;

/// A string literal. What is neither a letter, a digit nor printable ASCII is escaped: line ends, and characters that
/// would show the source as something that it is not.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::from('"');
    for c in text.chars() {
        let code = u32::from(c);
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            ' '..='~' => literal.push(c),
            _ if c.is_alphanumeric() => literal.push(c),
            _ if code <= 0xff => write!(literal, "\\x{code:02x}").expect("a string takes all"),
            _ if code <= 0xffff => write!(literal, "\\u{code:04x}").expect("a string takes all"),
            _ => write!(literal, "\\U{code:08x}").expect("a string takes all"),
        }
    }
    literal.push('"');
    literal
}

/// A list of numbers, each with as many digits as tell it from others in f32.
pub(super) fn list(numbers: &[f32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number:?}")).collect();
    format!("[{}]", numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(string("cat"), "\"cat\"");
        assert_eq!(string("a\"b\\c'd"), "\"a\\\"b\\\\c'd\"");
        assert_eq!(string("two\nlines\t\u{7f}\u{a0}"), "\"two\\x0alines\\x09\\x7f\\xa0\"");
        assert_eq!(string("Käse 猫"), "\"Käse 猫\"");
        assert_eq!(string("\u{202e}\u{2028}\u{1f600}"), "\"\\u202e\\u2028\\U0001f600\"");
    }

    #[test]
    fn numbers_keep_their_bits() {
        assert_eq!(list(&[0.1, 1.0, 1e-10]), "[0.1, 1.0, 1e-10]");
    }
}
