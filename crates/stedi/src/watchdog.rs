//! Stops commands on signals, on too much memory, and on time-outs.
//!
//! A command runs on a thread of its own. The main thread only watches: it
//! waits for the command's end, receives signals, and measures memory. So it
//! can stop a query that computes or plans without a pause, or that allocates
//! memory which no pool counts.
//!
//! | event | action |
//! |---|---|
//! | a signal | The command is asked to stop. It has [`NOTICE_TIME`] to notice ([`NOTICE_TIME_OF_TABLES`] if it may hold a lake), then [`CLEANUP_TIME`]; after that the process exits. |
//! | a second signal | The process exits. |
//! | more memory than `--memory` plus an allowance | as for a signal, but with exit code 1 and a hint |
//! | a statement's time-out | likewise |
//! | nobody reads a query's rows any more | as for a signal, with exit code 0 |
//!
//! A process that exits this way leaves a lake as a killed process does: the lock is
//! released (by the kernel, or on an object store when its heartbeat stops), nothing is
//! half visible, and the next lock holder cleans up.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::Interrupt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::errors;
use crate::failure::{Ending, Failure};
use crate::output::{complain, grouped};

/// Stack of the command's thread, for code that recurses: the parser, the
/// planner, and dropping what they built. The system allocates only the part
/// that is used.
const STACK_BYTES: usize = 512 << 20;

/// The stack if the system refuses [`STACK_BYTES`].
const STACK_BYTES_MIN: usize = 16 << 20;

/// How long a command that was asked to stop may compute without noticing.
const NOTICE_TIME: Duration = Duration::from_millis(500);

/// The same for a command that holds a lake, whose exit leaves work to the next
/// lock holder.
const NOTICE_TIME_OF_TABLES: Duration = Duration::from_millis(800);

/// How long a command that has noticed may clean up, or finish a publication.
/// It waits 0.3 s for its tasks and removes their files, which takes longer on
/// a busy machine or a distant store.
const CLEANUP_TIME: Duration = Duration::from_secs(5);

/// The longest time to notice for a command that holds a lake and gets no core
/// on a busy machine.
const NOTICE_TIME_MAX: Duration = Duration::from_secs(4);

/// How often memory is measured where it is scarce, or where a command was asked to stop.
const MEASURE_INTERVAL: Duration = Duration::from_millis(5);

/// How often it is measured at least. A command that waits for hours, such as `watch`, shall
/// cost nothing.
const MEASURE_INTERVAL_MAX: Duration = Duration::from_millis(50);

/// How many bytes all cores can allocate and fill in a millisecond.
const FILLED_BYTES_OF_MS: u64 = 8 << 20;

/// Memory that a command may use beyond `--memory`: for the runtime, buffers of
/// files and batches, plans, and what the pool does not count.
const ALLOWANCE_BYTES: u64 = 400 << 20;

/// The same for a command that builds or reads whole tables: it keeps hashes of
/// all rows, facts about all people and devices, and segments of landing files.
const ALLOWANCE_OF_TABLES_BYTES: u64 = 2 << 30;

/// The same for each core, which has batches of its own.
const ALLOWANCE_OF_CORE_BYTES: u64 = 16 << 20;

/// How long a process that exits may take to say why, and a server to note what goes on.
const LAST_WORDS_TIME: Duration = Duration::from_millis(300);

/// How far a command that was asked to stop may exceed the ceiling.
const OVERSHOOT_BYTES: u64 = 128 << 20;

/// The limits of a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// `--memory`.
    pub(crate) memory_bytes: usize,
    /// Whether the command may hold the lock of a lake, and reads or builds whole tables:
    /// every command but `sql`.
    pub(crate) may_hold_lake: bool,
}

/// Why a command is asked to stop.
#[derive(Debug, Clone)]
enum Reason {
    /// Ctrl-C, which in the shell stops only the statement.
    Interrupt,
    /// SIGTERM, or a terminal that was closed.
    Terminate,
    Memory {
        used: u64,
        allowed: usize,
    },
    Timeout(Duration),
    /// Nobody reads the output any more.
    Unread,
}

impl Reason {
    fn is_signal(&self) -> bool {
        matches!(self, Reason::Interrupt | Reason::Terminate)
    }

    /// How the program ends.
    fn outcome(&self) -> Result<Ending> {
        match self {
            Reason::Interrupt | Reason::Terminate => Ok(Ending::Interrupted),
            Reason::Unread => Ok(Ending::Done),
            Reason::Memory { used, allowed } => Err(Failure::failed(
                format!(
                    "stopped: the command used {} MB of memory; --memory allows {} MB and a fixed allowance",
                    grouped(used >> 20),
                    grouped((*allowed as u64) >> 20)
                ),
                "allow more with --memory, or select fewer or shorter values at a time",
            )),
            Reason::Timeout(after) => Err(Failure::failed(
                format!(
                    "stopped: the statement took longer than {} s",
                    after.as_secs_f64()
                ),
                "select less, or allow more time with --timeout",
            )),
        }
    }
}

/// State that commands and the watchdog share.
struct Shared {
    /// The interrupt that the command listens to.
    listener: Weak<Interrupt>,
    /// Why the last command was asked to stop.
    reason: Option<Reason>,
    /// When the statement's time-out is, and how long it was.
    deadline: Option<(Instant, Duration)>,
    /// Whether the command is useless once nobody reads its output.
    wants_reader: bool,
    /// Whether Ctrl-C belongs to another program that has the terminal.
    ignores_interrupts: bool,
    /// What a server does with what goes on, before the process exits.
    last_words: Option<Arc<LastWords>>,
}

/// Is given the outcome of what goes on, as the audit log has it.
type LastWords = dyn Fn(&'static str) + Send + Sync;

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    listener: Weak::new(),
    reason: None,
    deadline: None,
    wants_reader: false,
    ignores_interrupts: false,
    last_words: None,
});

fn shared<T>(of: impl FnOnce(&mut Shared) -> T) -> T {
    of(&mut SHARED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The interrupt of a command, valid until it is dropped. A command that has
/// none is not asked to stop: the process exits at once.
pub(crate) fn interrupt() -> Arc<Interrupt> {
    let interrupt = Arc::new(Interrupt::default());
    shared(|shared| shared.listener = Arc::downgrade(&interrupt));
    interrupt
}

/// Keeps what a server does with what goes on before the process exits. It must not wait for
/// the command.
pub(crate) fn before_exit(words: impl Fn(&'static str) + Send + Sync + 'static) {
    shared(|shared| shared.last_words = Some(Arc::new(words)));
}

/// Does what was kept for the end.
pub(crate) fn say_last_words() {
    let (words, reason) = shared(|shared| (shared.last_words.take(), shared.reason.clone()));
    if let Some(words) = words {
        words(match reason {
            Some(Reason::Memory { .. }) => "limit",
            _ => "cancelled",
        });
    }
}

/// Stops the command when nobody reads its output any more.
pub(crate) fn end_when_unread() {
    shared(|shared| shared.wants_reader = true);
}

/// Sets a statement's time-out, until the returned guard is dropped.
pub(crate) fn deadline(after: Option<Duration>) -> Deadline {
    let end = after.and_then(|after| Some((Instant::now().checked_add(after)?, after)));
    shared(|shared| shared.deadline = end);
    Deadline
}

/// See [`deadline`].
pub(crate) struct Deadline;

impl Drop for Deadline {
    fn drop(&mut self) {
        shared(|shared| shared.deadline = None);
    }
}

/// Takes the reason why a statement was stopped, if it was no signal. For the
/// shell, which goes on.
pub(crate) fn reason() -> Option<anyhow::Error> {
    let reason = shared(|shared| shared.reason.take())?;
    reason.outcome().err()
}

/// Does `work` while another program, such as a pager, has the terminal. Ctrl-C
/// is for that program.
pub(crate) fn ignoring_interrupts<T>(work: impl FnOnce() -> T) -> T {
    shared(|shared| shared.ignores_interrupts = true);
    let done = work();
    shared(|shared| shared.ignores_interrupts = false);
    done
}

/// Does `work` that would install a handler for Ctrl-C, and restores the
/// watchdog's. The line editor installs one although it reads the key itself.
pub(crate) fn preserving_interrupt_handler<T>(work: impl FnOnce() -> T) -> T {
    #[allow(unsafe_code, reason = "only C can ask the system")]
    // SAFETY: a C structure of zeros is a valid value.
    let mut kept: libc::sigaction = unsafe { std::mem::zeroed() };
    #[allow(unsafe_code, reason = "only C can ask the system")]
    // SAFETY: writes the current handler to the given place.
    let is_kept = unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), &raw mut kept) } == 0;
    let done = work();
    if is_kept {
        #[allow(unsafe_code, reason = "only C can ask the system")]
        // SAFETY: restores the previous handler; nothing else is changed.
        unsafe {
            libc::sigaction(libc::SIGINT, &raw const kept, std::ptr::null_mut());
        }
    }
    done
}

/// Runs `work` on a thread of its own, within `limits`, and returns the exit
/// code.
pub(crate) fn run(
    limits: Limits,
    work: impl FnOnce() -> Result<Ending> + Clone + Send + 'static,
) -> ExitCode {
    let (done, outcome) = oneshot::channel();
    let done = Arc::new(Mutex::new(Some(done)));
    let begin = |stack: usize| {
        let (work, done) = (work.clone(), Arc::clone(&done));
        let thread = thread::Builder::new().stack_size(stack);
        thread.spawn(move || {
            let outcome = work();
            if let Some(done) = done.lock().unwrap_or_else(PoisonError::into_inner).take() {
                let _ = done.send(outcome);
            }
        })
    };
    let begun = begin(STACK_BYTES).or_else(|_| begin(STACK_BYTES_MIN));
    drop(done);
    let outcome = match begun {
        Ok(thread) => match watch(limits, outcome) {
            Some(outcome) => outcome,
            // The panic hook has reported the place.
            None => {
                let _ = thread.join();
                engine::remove_spill_folder();
                return ExitCode::from(Ending::Failed.code());
            }
        },
        Err(error) => Err(Failure::failed(
            format!("cannot start a thread: {error}"),
            "allow more memory or processes (ulimit -v, ulimit -u)",
        )),
    };
    // If the watchdog stopped the command, its reason is the outcome.
    let asked = shared(|shared| shared.reason.take());
    let outcome = match (asked, outcome) {
        (Some(reason), Ok(Ending::Interrupted) | Err(_)) => reason.outcome(),
        (_, outcome) => outcome,
    };
    let code = errors::exit(outcome);
    engine::remove_spill_folder();
    code
}

/// Waits for the command's end; `None` if it panicked.
fn watch(limits: Limits, outcome: oneshot::Receiver<Result<Ending>>) -> Option<Result<Ending>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        // Without a runtime no signal is received, and the default handlers
        // end the process.
        return outcome.blocking_recv().ok();
    };
    runtime.block_on(async move {
        let mut outcome = outcome;
        let mut signals = signals();
        let mut watch = Watch::new(limits);
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome.ok(),
                Some(reason) = signals.recv() => watch.end_for(reason),
                () = tokio::time::sleep(watch.interval()) => watch.check(),
            }
        }
    })
}

fn signals() -> mpsc::Receiver<Reason> {
    let (heard, signals) = mpsc::channel(8);
    let kinds = [
        (SignalKind::interrupt(), Reason::Interrupt),
        (SignalKind::terminate(), Reason::Terminate),
        (SignalKind::hangup(), Reason::Terminate),
    ];
    for (kind, reason) in kinds {
        let Ok(mut kind) = signal(kind) else { continue };
        let heard = heard.clone();
        tokio::spawn(async move {
            while kind.recv().await.is_some() {
                let _ = heard.try_send(reason.clone());
            }
        });
    }
    signals
}

/// A command that was asked to stop.
struct Asked {
    at: Instant,
    reason: Reason,
    listener: Arc<Interrupt>,
    /// The CPU time of the process until then.
    computed: Duration,
    /// When the command had ended.
    ended: Option<Instant>,
}

/// The CPU time of this process on all cores.
fn computed() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The fields follow the program's name, which may hold anything.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

struct Watch {
    limits: Limits,
    ceiling: u64,
    page: u64,
    asked: Option<Asked>,
    /// Since when memory has been above the ceiling while nobody listens.
    above: Option<Instant>,
    /// Memory at the last measurement.
    used: u64,
    /// When the output was last found to be read.
    read_at: Instant,
}

impl Watch {
    fn new(limits: Limits) -> Self {
        let allowance = match limits.may_hold_lake {
            true => ALLOWANCE_OF_TABLES_BYTES,
            false => ALLOWANCE_BYTES,
        };
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self {
            limits,
            ceiling: (limits.memory_bytes as u64)
                .saturating_add(allowance)
                .saturating_add(cores.saturating_mul(ALLOWANCE_OF_CORE_BYTES)),
            page: page_bytes(),
            asked: None,
            above: None,
            used: 0,
            read_at: Instant::now(),
        }
    }

    /// When memory is measured again: before it can have reached the ceiling.
    fn interval(&self) -> Duration {
        if self.asked.is_some() {
            return MEASURE_INTERVAL;
        }
        let free = self.ceiling.saturating_sub(self.used);
        Duration::from_millis(free / FILLED_BYTES_OF_MS)
            .clamp(MEASURE_INTERVAL, MEASURE_INTERVAL_MAX)
    }

    /// Asks the command to stop. Exits if nobody listens.
    fn end_for(&mut self, reason: Reason) {
        if matches!(reason, Reason::Interrupt) && shared(|shared| shared.ignores_interrupts) {
            return;
        }
        if self.asked.is_some() {
            if reason.is_signal() {
                exit_now(&reason);
            }
            return;
        }
        let listener = shared(|shared| {
            let listener = shared.listener.upgrade()?;
            shared.reason = (!reason.is_signal()).then(|| reason.clone());
            Some(listener)
        });
        let Some(listener) = listener else {
            exit_now(&reason);
        };
        listener.request();
        self.asked = Some(Asked {
            at: Instant::now(),
            reason,
            listener,
            computed: computed(),
            ended: None,
        });
    }

    fn check(&mut self) {
        let used = memory_bytes(self.page).unwrap_or(0);
        self.used = used;
        let is_beyond = used > self.ceiling.saturating_add(OVERSHOOT_BYTES);
        if let Some(asked) = &mut self.asked {
            let (since, grace) = if Arc::strong_count(&asked.listener) == 1 {
                // The command has ended; in the shell the next statement follows.
                let ended = *asked.ended.get_or_insert_with(Instant::now);
                if !matches!(asked.reason, Reason::Terminate) {
                    self.asked = None;
                    return;
                }
                (ended, NOTICE_TIME)
            } else if asked.listener.is_heard() {
                (asked.at, CLEANUP_TIME)
            } else if self.limits.may_hold_lake {
                (asked.at, NOTICE_TIME_OF_TABLES)
            } else {
                (asked.at, NOTICE_TIME)
            };
            // A command that did not notice because it got no core leaves less
            // work to the next lock holder if it gets a little more time.
            let elapsed = since.elapsed();
            let has_computed = || {
                !self.limits.may_hold_lake
                    || elapsed > NOTICE_TIME_MAX
                    || computed().saturating_sub(asked.computed) > grace / 2
            };
            if is_beyond || (elapsed > grace && has_computed()) {
                exit_now(&asked.reason);
            }
            return;
        }
        if used > self.ceiling {
            let allowed = self.limits.memory_bytes;
            let reason = Reason::Memory { used, allowed };
            // Memory of a statement that has just ended is still being freed.
            let listens = shared(|shared| shared.listener.strong_count() > 0);
            let above = *self.above.get_or_insert_with(Instant::now);
            if listens || is_beyond || above.elapsed() > NOTICE_TIME {
                self.end_for(reason);
            }
            return;
        }
        self.above = None;
        let (deadline, wants_reader) = shared(|shared| (shared.deadline, shared.wants_reader));
        if let Some((end, after)) = deadline
            && Instant::now() >= end
        {
            return self.end_for(Reason::Timeout(after));
        }
        if wants_reader && self.read_at.elapsed() >= MEASURE_INTERVAL_MAX {
            self.read_at = Instant::now();
            if !is_output_read() {
                self.end_for(Reason::Unread);
            }
        }
    }
}

/// Exits at once, whatever the command is doing. Does nothing that could wait for the
/// command, which may hold locks for long.
fn exit_now(reason: &Reason) -> ! {
    let outcome = reason.outcome();
    let code = match &outcome {
        Ok(ending) => ending.code(),
        Err(_) => Ending::Failed.code(),
    };
    shared(|shared| shared.reason = Some(reason.clone()));
    let (told, is_told) = std::sync::mpsc::channel();
    let _ = thread::Builder::new().spawn(move || {
        say_last_words();
        match outcome {
            Err(error) => {
                errors::report(&error);
            }
            Ok(Ending::Interrupted) => complain("interrupted"),
            Ok(_) => {}
        }
        let _ = told.send(());
    });
    engine::remove_spill_folder();
    let _ = is_told.recv_timeout(LAST_WORDS_TIME);
    #[allow(
        unsafe_code,
        reason = "only C can exit without waiting for threads that still compute"
    )]
    // SAFETY: does not return, and runs no code of this program.
    unsafe {
        libc::_exit(code.into())
    }
}

/// Memory that only this process holds, without the pages of its executable.
fn memory_bytes(page: u64) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * page)
}

fn page_bytes() -> u64 {
    #[allow(unsafe_code, reason = "only C can ask the system")]
    // SAFETY: reads a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

/// Whether somebody can still read standard output. False only for a pipe whose
/// reader is gone.
fn is_output_read() -> bool {
    let mut output = libc::pollfd {
        fd: libc::STDOUT_FILENO,
        events: 0,
        revents: 0,
    };
    #[allow(unsafe_code, reason = "only C can ask the system")]
    // SAFETY: passes one descriptor, and does not wait.
    let ready = unsafe { libc::poll(&raw mut output, 1, 0) };
    ready <= 0 || output.revents & libc::POLLERR == 0
}
