//! One body, compiled for the baseline of the target and for wider vectors, chosen when it runs.

/// Whether the CPU has the vector instructions that the wide variants are compiled for.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_wide_vectors() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// Defines a function that runs `body::<FMA>` in the best variant for this CPU.
///
/// The body is an `#[inline(always)]` function with a constant parameter that says whether a fused
/// multiply-add is a single instruction, to be passed on to [`multiply_add`].
macro_rules! multiversion {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?)
     $(-> $result:ty)? = $body:ident) => {
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments)]
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn wide($($argument: $type),*) $(-> $result)? {
                    $body::<true>($($argument),*)
                }
                if $crate::support::simd::has_wide_vectors() {
                    // SAFETY: `wide` is an ordinary function but for the instructions it may use, and the
                    // CPU was just found to have these.
                    return unsafe { wide($($argument),*) };
                }
            }
            $body::<{ cfg!(target_arch = "aarch64") }>($($argument),*)
        }
    };
}
pub(crate) use multiversion;

/// `a · b + c`, in one instruction if the target has it (`FMA`), else in two.
#[inline(always)]
pub(crate) fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `N` values from `start` on.
///
/// # Safety
///
/// `start + N` must not exceed the length of `values`.
#[inline(always)]
pub(crate) unsafe fn array_at<const N: usize>(values: &[f32], start: usize) -> &[f32; N] {
    debug_assert!(start + N <= values.len());
    // SAFETY: the caller promises that these N values are inside of the slice; an array of f32 has the
    // alignment of f32.
    unsafe { &*values.as_ptr().add(start).cast::<[f32; N]>() }
}

/// Partial sums that make one sum: the vector unit adds them up side by side.
pub(crate) const LANES: usize = 8;

/// The sum of all lanes, by halves.
///
/// Not to be inlined into a loop that fills the lanes: the compiler would then take that apart, too.
#[inline(never)]
pub(crate) fn add_lanes(lanes: [f32; LANES]) -> f32 {
    let four: [f32; 4] = std::array::from_fn(|lane| lanes[lane] + lanes[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
