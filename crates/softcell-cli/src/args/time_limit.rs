//! The time that a run may take.

use softcell::experiment::TimeLimit;

use super::duration;

/// Reads `none`, or a time as [`duration::parse`] does.
///
/// # Errors
/// Any other text.
pub fn parse(text: &str) -> Result<TimeLimit, String> {
    if text.trim() == "none" {
        return Ok(TimeLimit::Unlimited);
    }
    duration::parse(text).map(TimeLimit::Within).map_err(|error| format!("{error}, or none"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_or_none() {
        assert_eq!(parse("none"), Ok(TimeLimit::Unlimited));
        assert_eq!(parse("90s"), Ok(TimeLimit::Within(Duration::from_secs(90))));
        assert!(parse("never").unwrap_err().ends_with(", or none"));
        assert_eq!(TimeLimit::default().time(), Some(TimeLimit::USUAL));
    }
}
