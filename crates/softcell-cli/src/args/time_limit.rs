//! The time that a run may take.

use std::time::Duration;

use super::duration;

/// Where nobody says otherwise, `fit` stays within this time.
pub const USUAL: Duration = Duration::from_secs(3600);

/// The time that a whole run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeLimit {
    /// Nobody said; see [`USUAL`].
    #[default]
    Usual,
    /// Any.
    Unlimited,
    /// This, which settings are chosen for.
    Within(Duration),
}

impl TimeLimit {
    /// The time, if there is one.
    pub fn time(self) -> Option<Duration> {
        match self {
            TimeLimit::Usual => Some(USUAL),
            TimeLimit::Unlimited => None,
            TimeLimit::Within(time) => Some(time),
        }
    }
}

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
    use super::*;

    #[test]
    fn a_time_or_none() {
        assert_eq!(parse("none"), Ok(TimeLimit::Unlimited));
        assert_eq!(parse("90s"), Ok(TimeLimit::Within(Duration::from_secs(90))));
        assert!(parse("never").unwrap_err().ends_with(", or none"));
        assert_eq!(TimeLimit::default().time(), Some(USUAL));
    }
}
