//! Says what memory will be needed soon, so that it is on its way when it is.
//!
//! What a packet touches of a browser is known one browser ahead, and what the next packet to the same browser will
//! write is known a packet ahead; by the time it comes to that, both may have left the caches.

/// Fetches the cache line in which `value` begins. Does nothing where the processor's way to say so is not known here.
#[inline(always)]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    safe_arch::prefetch_t0(value);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
