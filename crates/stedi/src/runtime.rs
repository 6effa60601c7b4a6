//! The runtime that a command computes on.

use anyhow::Result;

use crate::watchdog::interrupt;

/// For expressions that are nested as deeply as a statement may be.
const STACK: usize = 32 << 20;

/// A runtime with a thread per core. What still computes when a command has
/// ended, such as a join that hears nothing, is not waited for.
pub(crate) fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()?;
    Ok(Runtime(Some(runtime)))
}

/// See [`runtime`].
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    pub(crate) fn block_on<F: Future>(&self, work: F) -> F::Output {
        match &self.0 {
            Some(runtime) => runtime.block_on(work),
            None => unreachable!("the runtime is given up when it is dropped"),
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Waits for somebody who wants the program to stop.
pub(crate) async fn stopped() {
    interrupt().requested().await;
}
