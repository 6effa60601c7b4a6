//! Tests that take long. They run where `STEDI_TEST_LONG` is set, as CI does: together
//! about a quarter of an hour of two cores.

/// Whether long tests run.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os("STEDI_TEST_LONG").is_some()
}

/// `much` where `STEDI_TEST_LONG` is `all`, which takes half an hour more; otherwise `less`.
pub(crate) fn much_or(much: u64, less: u64) -> u64 {
    match std::env::var("STEDI_TEST_LONG").is_ok_and(|asked| asked == "all") {
        true => much,
        false => less,
    }
}

/// Whether long tests are left out, which is told.
pub(crate) fn is_left_out() -> bool {
    let is_left_out = !is_asked_for();
    if is_left_out {
        eprintln!("skipped: takes long; STEDI_TEST_LONG=1 runs it");
    }
    is_left_out
}
