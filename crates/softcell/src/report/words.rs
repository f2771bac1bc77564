//! Numbers and commands as a reader wants them.

use crate::shown::escaped;

/// `12.3 s`, `1m20s`, `2h05m`, `3d04h`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{}m{:02}s", whole / 60, whole % 60),
        3600..86_400 => format!("{}h{:02}m", whole / 3600, whole % 3600 / 60),
        _ => format!("{}d{:02}h", whole / 86_400, whole % 86_400 / 3600),
    }
}

/// `98.06 %`, of a fraction.
pub fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

/// `98.1 %`, of a fraction.
pub fn rough_percent(fraction: f64) -> String {
    format!("{:.1} %", fraction * 100.0)
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 epoch`, `2 epochs`.
pub fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Bytes as `900 B`, `12.30 kB`, `4.56 MB` or `7.89 GB`, of 10³, 10⁶ and 10⁹ bytes.
pub fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) => format!("{:.2} {name}", bytes as f64 / unit as f64),
    }
}

/// An argument as a shell takes it.
pub fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:,=@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if escaped(argument) == argument {
        return format!("'{}'", argument.replace('\'', r"'\''"));
    }
    // What a terminal would act on, as bash and zsh read it.
    let mut text = String::from("$'");
    for c in argument.chars() {
        let one = c.to_string();
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            _ if escaped(&one) == one.as_str() => text.push(c),
            _ => one.bytes().for_each(|byte| text.push_str(&format!("\\x{byte:02x}"))),
        }
    }
    text + "'"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_words() {
        let times =
            [(0.04, "0.0 s"), (59.4, "59.4 s"), (59.96, "1m00s"), (3599.9, "1h00m"), (90_000.0, "1d01h")];
        for (seconds, text) in times {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(percent(0.98059), "98.06 %");
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 999, 1000, 1_769_472, 2_000_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.00 kB", "1.77 MB", "2.00 GB"]);
    }

    #[test]
    fn shells_get_back_what_was_meant() {
        assert_eq!(quoted("runs/digits-1"), "runs/digits-1");
        assert_eq!(quoted("my run"), "'my run'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a\n\u{1b}'b"), r"$'a\x0a\x1b\'b'");
    }
}
