//! Vectors of channels: one body per kernel, compiled for every instruction set and chosen when it runs.
//!
//! Maps are stored in blocks of [`Vector::LANES`] channels, so a vector is the same pixel in neighbouring
//! channels and every lane does the same work: there are no remainders to treat.

use std::marker::PhantomData;
use std::sync::OnceLock;

/// The instruction sets that bodies are compiled for, narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Isa {
    /// What the target guarantees (on aarch64 that is NEON with fused multiply-add).
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512F (and the two above).
    Avx512,
}

/// The environment variable that narrows the choice.
const VARIABLE: &str = "SOFTCELL_ISA";

fn named(name: &str) -> Option<Isa> {
    match name {
        "avx512" => Some(Isa::Avx512),
        "avx2" => Some(Isa::Avx2),
        "portable" => Some(Isa::Portable),
        _ => None,
    }
}

/// The name of the instruction set that kernels run with here: `avx512`, `avx2` or `portable`.
pub fn isa_name() -> &'static str {
    match isa() {
        Isa::Portable => "portable",
        Isa::Avx2 => "avx2",
        Isa::Avx512 => "avx512",
    }
}

/// The value of `SOFTCELL_ISA`, if it names no instruction set (`avx512`, `avx2`, `portable`); it is then
/// ignored.
pub fn unknown_isa() -> Option<String> {
    let name = std::env::var_os(VARIABLE)?.to_string_lossy().into_owned();
    named(&name).is_none().then_some(name)
}

/// The widest instruction set of this CPU, or the narrower one named by the environment variable
/// `SOFTCELL_ISA` (`avx512`, `avx2` or `portable`).
pub(crate) fn isa() -> Isa {
    static ISA: OnceLock<Isa> = OnceLock::new();
    *ISA.get_or_init(|| {
        let limit = std::env::var(VARIABLE).ok().and_then(|name| named(&name));
        detected().min(limit.unwrap_or(Isa::Avx512))
    })
}

#[cfg(target_arch = "x86_64")]
fn detected() -> Isa {
    let avx2 = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    if avx2 && std::arch::is_x86_feature_detected!("avx512f") {
        Isa::Avx512
    } else if avx2 {
        Isa::Avx2
    } else {
        Isa::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> Isa {
    Isa::Portable
}

/// That the CPU has the instructions of a vector, and may use them: [`Cpu::found`] looks.
///
/// Every vector comes from one of these, so that there is none, and nothing can be computed with it, where the CPU
/// does not have its instructions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu<V>(PhantomData<V>);

impl<V: Vector> Cpu<V> {
    /// None where the CPU lacks the instructions or `SOFTCELL_ISA` forbids them.
    pub fn found() -> Option<Self> {
        (isa() >= V::NEEDS).then_some(Self(PhantomData))
    }

    /// The same value in every lane.
    #[inline(always)]
    pub fn splat(self, value: f32) -> V {
        // SAFETY: the CPU has the instructions.
        unsafe { V::splat(value) }
    }

    /// `LANES` values of a slice, from `start` on.
    ///
    /// # Safety
    ///
    /// `start + LANES` must not exceed the length of `values`.
    #[inline(always)]
    pub unsafe fn load_at(self, values: &[f32], start: usize) -> V {
        debug_assert!(start + V::LANES <= values.len(), "{start} + {} > {}", V::LANES, values.len());
        // SAFETY: the CPU has the instructions; the caller promises that these values are inside of the slice.
        unsafe { V::load(values.as_ptr().add(start)) }
    }

    /// One value of a slice in every lane.
    ///
    /// # Safety
    ///
    /// `index` must be below the length of `values`.
    #[inline(always)]
    pub unsafe fn splat_at(self, values: &[f32], index: usize) -> V {
        debug_assert!(index < values.len(), "{index} >= {}", values.len());
        // SAFETY: the CPU has the instructions; the caller promises that the value is inside of the slice.
        unsafe { V::splat(*values.as_ptr().add(index)) }
    }
}

/// Some neighbouring channels of one pixel.
///
/// A vector is proof that the CPU has its instructions: only [`Cpu`] makes one. So what is computed with vectors is
/// safe.
///
/// # Safety
///
/// A CPU of which [`isa`] says that it has `NEEDS` must have the instructions of all methods, and there must be no
/// safe way to a vector.
pub(crate) unsafe trait Vector: Copy {
    /// The narrowest set with the instructions of all methods.
    const NEEDS: Isa;
    /// How many channels.
    const LANES: usize;
    /// How many of these the CPU's registers hold. It decides how large tiles of sums are; 1 where the body
    /// is a mere fallback that should compile fast.
    const REGISTERS: usize;

    /// The same value in every lane.
    ///
    /// # Safety
    /// The CPU must have the instructions.
    unsafe fn splat(value: f32) -> Self;
    /// # Safety
    /// The CPU must have the instructions; `LANES` values from `from` on must be readable.
    unsafe fn load(from: *const f32) -> Self;
    /// # Safety
    /// `LANES` values from `to` on must be writable.
    unsafe fn store(self, to: *mut f32);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once where the CPU can.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The greater of both; `other` if one of them is NaN.
    fn max(self, other: Self) -> Self;
    /// Lane by lane: `yes` where `self > other`, else `no`.
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self;
}

/// Writes `LANES` values of a slice, from `start` on.
///
/// # Safety
///
/// `start + LANES` must not exceed the length of `values`.
#[inline(always)]
pub(crate) unsafe fn store_at<V: Vector>(vector: V, values: &mut [f32], start: usize) {
    debug_assert!(start + V::LANES <= values.len(), "{start} + {} > {}", V::LANES, values.len());
    // SAFETY: the caller promises that these values are inside of the slice.
    unsafe { vector.store(values.as_mut_ptr().add(start)) }
}

/// `L` values that the compiler may or may not put in vector registers.
#[derive(Clone, Copy)]
pub(crate) struct Portable<const L: usize>([f32; L]);

impl<const L: usize> Portable<L> {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

impl<const L: usize> Cpu<Portable<L>> {
    /// Every CPU of the target has these.
    pub fn portable() -> Self {
        Self(PhantomData)
    }
}

// SAFETY: no instruction beyond the target's own.
unsafe impl<const L: usize> Vector for Portable<L> {
    const NEEDS: Isa = Isa::Portable;
    const LANES: usize = L;
    const REGISTERS: usize = if cfg!(target_arch = "aarch64") { 32 * 4 / L } else { 1 };

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; L])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises that the values are readable; the read needs no alignment.
        unsafe { Self(from.cast::<[f32; L]>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises that the values are writable; the write needs no alignment.
        unsafe { to.cast::<[f32; L]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|lane| {
            if cfg!(target_arch = "aarch64") {
                self.0[lane].mul_add(factor.0[lane], term.0[lane])
            } else {
                self.0[lane] * factor.0[lane] + term.0[lane]
            }
        }))
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|lane| if self.0[lane] > other.0[lane] { yes.0[lane] } else { no.0[lane] }))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Isa, Vector};

    /// Eight channels in an AVX2 register.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256);

    /// Sixteen channels in an AVX-512 register.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    /// Twice as many channels, in two registers.
    #[derive(Clone, Copy)]
    pub(crate) struct Pair<V>(V, V);

    // SAFETY: every method needs AVX and FMA, which `Isa::Avx2` stands for.
    unsafe impl Vector for Avx2 {
        const NEEDS: Isa = Isa::Avx2;
        const LANES: usize = 8;
        const REGISTERS: usize = 16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see the impl; the caller promises that the values are readable.
            Self(unsafe { _mm256_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see the impl; the caller promises that the values are writable.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, term.0) })
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0)) })
        }
    }

    // SAFETY: every method needs AVX-512F, which `Isa::Avx512` stands for.
    unsafe impl Vector for Avx512 {
        const NEEDS: Isa = Isa::Avx512;
        const LANES: usize = 16;
        const REGISTERS: usize = 32;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm512_set1_ps(value) })
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see the impl; the caller promises that the values are readable.
            Self(unsafe { _mm512_loadu_ps(from) })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see the impl; the caller promises that the values are writable.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm512_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm512_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe { _mm512_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: see the impl.
            Self(unsafe {
                _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0), no.0, yes.0)
            })
        }
    }

    // SAFETY: what the halves need.
    unsafe impl<V: Vector> Vector for Pair<V> {
        const NEEDS: Isa = V::NEEDS;
        const LANES: usize = 2 * V::LANES;
        const REGISTERS: usize = V::REGISTERS / 2;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller promises the instructions of both halves.
            unsafe { Self(V::splat(value), V::splat(value)) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller promises that the values of both halves are readable.
            unsafe { Self(V::load(from), V::load(from.add(V::LANES))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller promises that the values of both halves are writable.
            unsafe {
                self.0.store(to);
                self.1.store(to.add(V::LANES));
            }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(self.0.add(other.0), self.1.add(other.1))
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            Self(self.0.sub(other.0), self.1.sub(other.1))
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Self(self.0.mul(other.0), self.1.mul(other.1))
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            Self(self.0.mul_add(factor.0, term.0), self.1.mul_add(factor.1, term.1))
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            Self(self.0.max(other.0), self.1.max(other.1))
        }
        #[inline(always)]
        fn if_greater(self, other: Self, yes: Self, no: Self) -> Self {
            Self(self.0.if_greater(other.0, yes.0, no.0), self.1.if_greater(other.1, yes.1, no.1))
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512, Pair};

/// Defines a function that runs a generic body, `body::<V>`, on vectors of `lanes` (8 or 16) channels with the
/// widest instructions that the CPU has.
///
/// The body and everything generic that it calls must be `#[inline(always)]`: only then do they become part of
/// the function that may use these instructions.
macro_rules! vectorised {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments)]
        $visibility fn $name(lanes: usize, $($argument: $type),*) {
            use $crate::support::vector as vector;
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512_16(cpu: vector::Cpu<vector::Avx512>, $($argument: $type),*) {
                    $body(cpu, $($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2_16(cpu: vector::Cpu<vector::Pair<vector::Avx2>>, $($argument: $type),*) {
                    $body(cpu, $($argument),*)
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2_8(cpu: vector::Cpu<vector::Avx2>, $($argument: $type),*) {
                    $body(cpu, $($argument),*)
                }
                if lanes == 16 && let Some(cpu) = vector::Cpu::found() {
                    // SAFETY: these are ordinary functions but for the instructions they may use, and the CPU
                    // was found to have these.
                    return unsafe { avx512_16(cpu, $($argument),*) };
                }
                if lanes == 16 && let Some(cpu) = vector::Cpu::found() {
                    // SAFETY: as above.
                    return unsafe { avx2_16(cpu, $($argument),*) };
                }
                if lanes == 8 && let Some(cpu) = vector::Cpu::found() {
                    // SAFETY: as above.
                    return unsafe { avx2_8(cpu, $($argument),*) };
                }
            }
            match lanes {
                16 => $body(vector::Cpu::<vector::Portable<16>>::portable(), $($argument),*),
                8 => $body(vector::Cpu::<vector::Portable<8>>::portable(), $($argument),*),
                _ => unreachable!("maps have blocks of 8 or 16 channels, not {lanes}"),
            }
        }
    };
}
pub(crate) use vectorised;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_vectors_only_where_their_instructions_are() {
        assert!(Cpu::<Portable<16>>::found().is_some());
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(Cpu::<Avx2>::found().is_some(), isa() >= Isa::Avx2);
            assert_eq!(Cpu::<Pair<Avx2>>::found().is_some(), isa() >= Isa::Avx2);
            assert_eq!(Cpu::<Avx512>::found().is_some(), isa() == Isa::Avx512);
            assert!(isa() <= detected());
        }
    }
}
