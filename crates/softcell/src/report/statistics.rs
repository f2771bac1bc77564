//! How sure an accuracy is.

use super::words::rough_percent;

/// Quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share of which `right` out of `images` were counted (Wilson 1927):
/// (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). Of no images, from 0 to 1.
pub fn wilson(right: u64, images: u64) -> [f64; 2] {
    if images == 0 {
        return [0.0, 1.0];
    }
    let n = images as f64;
    let share = (right.min(images)) as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    // With all wrong or all right an end is exactly 0 or 1; rounding may miss it.
    let low = if right == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if right >= images { 1.0 } else { (centre + half).min(1.0) };
    [low, high]
}

/// `37.5 to 67.1 %`: the interval of [`wilson`] in words.
pub fn interval(right: u64, images: u64) -> String {
    in_words(wilson(right, images))
}

/// An interval of shares in words.
pub(super) fn in_words([low, high]: [f64; 2]) -> String {
    format!("{:.1} to {}", low * 100.0, rough_percent(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        // 81 of 263: Newcombe (1998), table I, method 3.
        let [low, high] = wilson(81, 263);
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        // 0 of 20 and 1 of 29, the same table.
        let [low, high] = wilson(0, 20);
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
        let [low, high] = wilson(1, 29);
        assert!((low - 0.0061).abs() < 5e-5 && (high - 0.1718).abs() < 5e-5, "{low} {high}");
    }

    #[test]
    fn the_ends_stay_shares() {
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
        let [low, high] = wilson(10, 10);
        assert!(low > 0.7 && high == 1.0);
        let [none, few] = wilson(0, 10);
        assert!(none == 0.0 && (few - (1.0 - low)).abs() < 1e-12);
    }
}
