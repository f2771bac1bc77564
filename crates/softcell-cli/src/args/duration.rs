//! A length of time as people write it.

use std::time::Duration;

/// Shortest and longest that makes sense.
const RANGE: (f64, f64) = (1.0, 365.0 * 86_400.0);

/// Reads `90s`, `45m`, `1h30m`, `2d`; a number without a unit is in seconds.
///
/// # Errors
/// Any other text, and less than a second or more than a year.
pub fn parse(text: &str) -> Result<Duration, String> {
    let expected = || "expected a time such as 90s, 45m, 1h30m or 2d, at least 1s".to_owned();
    let mut seconds = 0.0;
    let mut rest = text.trim();
    let mut last_unit = f64::INFINITY;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..end].parse().map_err(|_| expected())?;
        let mut after = rest[end..].chars();
        let unit = match after.next() {
            None | Some('s') => 1.0,
            Some('m') => 60.0,
            Some('h') => 3600.0,
            Some('d') => 86_400.0,
            Some(_) => return Err(expected()),
        };
        // 30m1h is more likely a slip than a time.
        if unit >= last_unit {
            return Err(expected());
        }
        (seconds, last_unit, rest) = (seconds + number * unit, unit, after.as_str());
    }
    if (RANGE.0..=RANGE.1).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("90", 90.0),
            ("90s", 90.0),
            ("45m", 2700.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("2d1s", 172_801.0),
        ] {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "m", "0", "0.5s", "-3m", "3 m", "5x", "30m1h", "1m1m", "1e3", "999999d", "3ms"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
