//! The memory allocator.
//!
//! Batches are allocated on one thread and freed on another, often megabytes at a time.
//! jemalloc gives freed memory back whichever thread freed it. Of mimalloc, line 3 ended a
//! run with SIGSEGV once among some ten thousand, and line 2 held twice the memory for a
//! record of 40 MB.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How jemalloc keeps memory.
///
/// Landing segments and Parquet buffers are megabytes each and follow each other closely, so
/// freed memory is kept for a short while: the kernel would zero it before its next use.
/// Every thread may use any of few arenas, so that each keeps little.
#[allow(
    unsafe_code,
    reason = "jemalloc reads its options from a symbol of this name"
)]
// SAFETY: no other symbol has the name, and jemalloc expects a text that ends in a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static OPTIONS: &[u8; 62] = b"narenas:4,dirty_decay_ms:50,muzzy_decay_ms:0,tcache_max:32768\0";

/// Prepares how memory is mapped.
pub(crate) fn prepare() {
    // The kernel zeroes and holds a whole huge page on its first touch, which
    // cost a third of the memory and saved no time.
    #[cfg(target_os = "linux")]
    #[allow(unsafe_code, reason = "only C can ask the system")]
    // SAFETY: changes how memory is mapped from now on, and no existing mapping.
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}
