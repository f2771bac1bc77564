//! Numbers with a point as whole numbers of eight bits.

/// The least and the largest value that a map had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// At most 0.
    pub least: f32,
    /// At least 0.
    pub most: f32,
}

impl Range {
    /// Of nothing yet. Zero is always in it: it is what borders are filled with.
    pub const NOTHING: Range = Range { least: 0.0, most: 0.0 };

    /// This and more values.
    pub fn with(self, values: &[f32]) -> Range {
        values.iter().fold(self, |Range { least, most }, &value| Range {
            least: least.min(value),
            most: most.max(value),
        })
    }
}

/// `value ≈ scale · (level − zero)`, level and zero from 0 to 255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// From one level to the next.
    pub scale: f32,
    /// The level that stands for 0, exactly.
    pub zero: u8,
}

impl Scale {
    /// All 256 levels over a range. A range of nothing gets a scale, too: zeros are levels of any.
    pub fn over(range: Range) -> Scale {
        let width = f64::from(range.most) - f64::from(range.least);
        if width <= 0.0 {
            return Scale { scale: 1.0, zero: 0 };
        }
        // The scale that is written, or zero would be another level than the one that follows from it.
        let scale = ((width / 255.0) as f32).max(f32::MIN_POSITIVE);
        let zero = (-f64::from(range.least) / f64::from(scale)).round().clamp(0.0, 255.0) as u8;
        Scale { scale, zero }
    }
}

/// A convolution's weight in whole numbers, each channel of the result with a scale of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Filters {
    /// `round(weight / scale)`, −127 to 127.
    pub levels: Vec<i8>,
    /// Of each channel: its largest weight is level 127.
    pub scales: Vec<f32>,
}

impl Filters {
    /// Of a weight `[channels, …]`.
    pub fn of(weight: &[f32], channels: usize) -> Filters {
        let length = weight.len() / channels.max(1);
        let scales: Vec<f32> = weight
            .chunks(length)
            .map(|filter| {
                let largest = filter.iter().fold(0f32, |largest, w| largest.max(w.abs()));
                // A channel of nothing but zeros.
                if largest > 0.0 { (largest / 127.0).max(f32::MIN_POSITIVE) } else { 1.0 }
            })
            .collect();
        let levels = weight
            .chunks(length)
            .zip(&scales)
            .flat_map(|(filter, scale)| {
                filter.iter().map(move |w| (w / scale).round_ties_even().clamp(-127.0, 127.0) as i8)
            })
            .collect();
        Filters { levels, scales }
    }

    /// The bias in steps of the sums that it is added to: of each channel, those of weight times those of the input.
    /// Answers levels and scales.
    pub fn bias(&self, bias: &[f32], input: Scale) -> (Vec<i32>, Vec<f32>) {
        let scales: Vec<f32> = self.scales.iter().map(|scale| scale * input.scale).collect();
        let level = |(&bias, &scale): (&f32, &f32)| {
            // What is out of range stays at its end: `as` saturates.
            if scale > 0.0 { (f64::from(bias) / f64::from(scale)).round_ties_even() as i32 } else { 0 }
        };
        (bias.iter().zip(&scales).map(level).collect(), scales)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_a_level_and_the_ends_of_the_range_are_within_half_a_step() {
        for (least, most) in [(0.0, 6.3), (-1.7, 0.0), (-0.4, 9.1), (-3.0, 3.0), (-1e-30, 1e-30)] {
            let Scale { scale, zero } = Scale::over(Range { least, most });
            let level = |value: f32| (value / scale).round() + f32::from(zero);
            for end in [least, most] {
                assert!((-1.0..=256.0).contains(&level(end)), "{least} {most}: {}", level(end));
                let nearest = (level(end).clamp(0.0, 255.0) - f32::from(zero)) * scale;
                assert!((nearest - end).abs() <= 0.51 * scale, "{least} {most}: {nearest}");
            }
        }
        assert_eq!(Scale::over(Range::NOTHING), Scale { scale: 1.0, zero: 0 });
        assert_eq!(Scale::over(Range::NOTHING.with(&[1.0, -0.5, 2.0])).zero, 51);
    }

    #[test]
    fn each_channel_has_its_own_steps() {
        let filters = Filters::of(&[1.27, -0.5, 0.01, 0.0, 0.0, 0.0, -254.0, 1.0, 3.0], 3);
        assert_eq!(filters.levels, [127, -50, 1, 0, 0, 0, -127, 0, 2]);
        let expected = [0.01, 1.0, 2.0];
        for (found, expected) in filters.scales.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6);
        }
        let (levels, scales) = filters.bias(&[0.1, -4.0, 1e30], Scale { scale: 0.5, zero: 7 });
        assert_eq!(levels, [20, -8, i32::MAX]);
        assert_eq!(scales[1..], [0.5, 1.0]);
    }
}
