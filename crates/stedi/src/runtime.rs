//! The Tokio runtime of a command.

use anyhow::Result;

use crate::watchdog::interrupt;

/// Enough for expressions nested as deeply as a statement may nest them.
const STACK_BYTES: usize = 32 << 20;

/// A runtime with one thread per core. When a command ends, the runtime does not
/// wait for work that still computes, such as a join that never yields.
pub(crate) fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
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

/// Waits until the user asks the program to stop.
pub(crate) async fn stopped() {
    interrupt().requested().await;
}
