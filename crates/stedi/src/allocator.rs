//! The memory allocator.
//!
//! Batches are allocated on one thread and freed on another all the time, which
//! mimalloc is made for.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`, which its Rust binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Milliseconds that freed memory is kept before the system gets it back.
const KEPT_MS: std::ffi::c_long = 50;

/// Landing segments and Parquet buffers are megabytes each and follow each
/// other closely. Given back after the default 10 ms, each was zeroed by the
/// kernel before its next use: a fifth of a run's CPU time. Kept for half a
/// second, they were a sixth of its memory, for a thirtieth less of its time.
pub(crate) fn prepare() {
    // A huge page is zeroed and held whole for whatever first touches it, which
    // cost a third of the memory and no less time.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code, reason = "the system is asked through C alone")]
    // SAFETY: changes how this process's memory is mapped from now on, nothing
    // of what is mapped.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }

    #[allow(
        unsafe_code,
        reason = "an option of the allocator can be set through C alone"
    )]
    // SAFETY: sets a number that mimalloc reads when it frees memory. Called
    // before any other thread exists.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_MS);
    }
}
