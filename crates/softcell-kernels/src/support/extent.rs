//! Sizes that indices are checked against.

/// A sum of products, or the largest number where it is more than a number can say: no slice is as long as that.
///
/// The inner loops reach into slices without looking. Before they do, each body asserts with this that its furthest index
/// is inside; then no nearer one can wrap either, with or without checks of overflow.
#[inline(always)]
pub(crate) fn extent<const N: usize, const M: usize>(products: [[usize; M]; N]) -> usize {
    products.iter().fold(0, |sum: usize, factors| {
        sum.saturating_add(factors.iter().fold(1, |product: usize, &factor| product.saturating_mul(factor)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_into_a_number_fits_into_no_slice() {
        assert_eq!(extent([[2, 3], [4, 5]]), 26);
        assert_eq!(extent([[usize::MAX, 2, 0], [1, 1, 7]]), 7);
        // These wrap to 16 and to 3.
        assert_eq!(extent([[usize::MAX / 16 + 2, 16]]), usize::MAX);
        assert_eq!(extent([[usize::MAX, 1], [4, 1]]), usize::MAX);
    }
}
