//! The program kept under control from outside of its work.
//!
//! A command runs on a thread of its own. The main thread does no work; it
//! waits for the command's end, hears signals, and looks at memory. So a query
//! that computes or plans without a pause, or that takes memory which no pool
//! counts, is ended all the same.
//!
//! | what happens | what follows |
//! |---|---|
//! | a signal | the command is asked to end; what has not heard it after [`UNHEARD`] is cut off |
//! | a second signal | it is cut off |
//! | more memory than `--memory` and an allowance | as a signal, but with code 1 and a hint |
//! | a statement's time is over | likewise |
//! | nobody reads a query's rows any more | as a signal, with code 0 |
//!
//! What is cut off leaves a lake as a killed program does: the kernel gives the
//! lock back, nothing is half visible, and the next holder clears up.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use engine::Interrupt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use crate::errors;
use crate::failure::{Ending, Failure};
use crate::output::complain;

/// For what recurses: the parser, the planner, and dropping what they made.
/// Memory is taken for the part of it that is used alone.
const STACK: usize = 512 << 20;

/// Likewise where the system does not give as much.
const STACK_MIN: usize = 16 << 20;

/// How long a command that was asked to end may compute without hearing it.
const UNHEARD: Duration = Duration::from_millis(500);

/// Likewise of one that holds a lake: cut off, it leaves work to the next.
const UNHEARD_OF_TABLES: Duration = Duration::from_millis(800);

/// How long one that has heard it may tidy up, or finish a publication. Tasks
/// are given 0.3 s to end, and their files taken away; on a busy machine, or a
/// store far away, that takes longer.
const TIDYING: Duration = Duration::from_secs(5);

/// How long one that holds a lake, and is given no core by a busy machine, has
/// at last.
const AT_LAST: Duration = Duration::from_secs(4);

/// How often memory is looked at: an allocation of gigabytes takes a quarter of
/// a second to be filled.
const LOOK: Duration = Duration::from_millis(5);

/// What a command may take beyond `--memory`: the runtime, buffers of files and
/// batches, plans, and what the pool does not count.
const ALLOWANCE: u64 = 400 << 20;

/// Likewise of one that builds or reads whole tables: hashes of all rows, what
/// is known of all people and devices, segments of landing files.
const ALLOWANCE_OF_TABLES: u64 = 2 << 30;

/// Likewise for each core: every one of them has batches under way.
const ALLOWANCE_OF_CORE: u64 = 16 << 20;

/// How far above the ceiling a command that was asked to end may come.
const OVERSHOOT: u64 = 128 << 20;

/// What a command is allowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// `--memory`.
    pub(crate) memory_bytes: usize,
    /// Whether it builds or reads whole tables.
    pub(crate) is_of_tables: bool,
}

/// Why a command is asked to end.
#[derive(Debug, Clone)]
enum Reason {
    /// Ctrl-C, which in a shell is for the statement alone.
    Interrupt,
    /// A polite request to end, or a terminal that was closed.
    Terminate,
    Memory {
        used: u64,
        allowed: usize,
    },
    Timeout(Duration),
    /// Nobody reads its output.
    Unread,
}

impl Reason {
    fn is_signal(&self) -> bool {
        matches!(self, Reason::Interrupt | Reason::Terminate)
    }

    /// How the program ends for it.
    fn outcome(&self) -> Result<Ending> {
        match self {
            Reason::Interrupt | Reason::Terminate => Ok(Ending::Interrupted),
            Reason::Unread => Ok(Ending::Done),
            Reason::Memory { used, allowed } => Err(Failure::failed(
                format!(
                    "stopped: it took {} MB of memory, where --memory allows {} MB and some for the program itself",
                    used >> 20,
                    allowed >> 20
                ),
                "give more with --memory, or ask for fewer or shorter values at a time",
            )),
            Reason::Timeout(after) => Err(Failure::failed(
                format!(
                    "stopped: the statement took longer than {} s",
                    after.as_secs_f64()
                ),
                "ask for less, or give more time with --timeout",
            )),
        }
    }
}

/// What commands tell the watchdog, and it them.
struct Shared {
    /// What the command listens to.
    listener: Weak<Interrupt>,
    /// Why the last one was asked to end.
    reason: Option<Reason>,
    /// When the statement's time is over, and how much it was.
    deadline: Option<(Instant, Duration)>,
    /// Whether the command is of use to a reader of its output alone.
    wants_reader: bool,
    /// Whether Ctrl-C belongs to another program that has the terminal.
    leaves_interrupts: bool,
}

static SHARED: Mutex<Shared> = Mutex::new(Shared {
    listener: Weak::new(),
    reason: None,
    deadline: None,
    wants_reader: false,
    leaves_interrupts: false,
});

fn shared<T>(of: impl FnOnce(&mut Shared) -> T) -> T {
    of(&mut SHARED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What is asked to end once the program shall, until it is dropped. A command
/// that listens to nothing is cut off at once.
pub(crate) fn interrupt() -> Arc<Interrupt> {
    let interrupt = Arc::new(Interrupt::default());
    shared(|shared| shared.listener = Arc::downgrade(&interrupt));
    interrupt
}

/// Ends the command when nobody reads its output any more.
pub(crate) fn end_when_unread() {
    shared(|shared| shared.wants_reader = true);
}

/// Gives a statement so long, until what is given is dropped.
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

/// Why what was asked to end was, other than by a signal: told once. For a
/// command that goes on.
pub(crate) fn reason() -> Option<anyhow::Error> {
    let reason = shared(|shared| shared.reason.take())?;
    reason.outcome().err()
}

/// Does `work` while another program has the terminal, such as a pager: Ctrl-C
/// is for that program.
pub(crate) fn leaving_interrupts<T>(work: impl FnOnce() -> T) -> T {
    shared(|shared| shared.leaves_interrupts = true);
    let done = work();
    shared(|shared| shared.leaves_interrupts = false);
    done
}

/// Does what would take Ctrl-C for itself, as an editor of lines does although
/// it reads the key, and leaves the signal to the watchdog.
pub(crate) fn keeping_interrupts<T>(work: impl FnOnce() -> T) -> T {
    #[allow(unsafe_code, reason = "the system is asked through C alone")]
    // SAFETY: of C's structure nought everywhere is a value.
    let mut kept: libc::sigaction = unsafe { std::mem::zeroed() };
    #[allow(unsafe_code, reason = "the system is asked through C alone")]
    // SAFETY: writes what handles the signal now to the place given.
    let is_kept = unsafe { libc::sigaction(libc::SIGINT, std::ptr::null(), &raw mut kept) } == 0;
    let done = work();
    if is_kept {
        #[allow(unsafe_code, reason = "the system is asked through C alone")]
        // SAFETY: what handled the signal before handles it again; nothing
        // else is changed.
        unsafe {
            libc::sigaction(libc::SIGINT, &raw const kept, std::ptr::null_mut());
        }
    }
    done
}

/// Runs `work` on a thread of its own, within `limits`, and gives the exit code.
pub(crate) fn over(
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
    let begun = begin(STACK).or_else(|_| begin(STACK_MIN));
    drop(done);
    let outcome = match begun {
        Ok(thread) => match watch(limits, outcome) {
            Some(outcome) => outcome,
            // A panic has told its place.
            None => {
                let _ = thread.join();
                engine::remove_spill_folder();
                return ExitCode::from(Ending::Failed.code());
            }
        },
        Err(error) => Err(Failure::failed(
            format!("the system gives no thread: {error}"),
            "allow more memory or processes (ulimit -v, ulimit -u)",
        )),
    };
    // An end that was asked for is told by who asked.
    let asked = shared(|shared| shared.reason.take());
    let outcome = match (asked, outcome) {
        (Some(reason), Ok(Ending::Interrupted) | Err(_)) => reason.outcome(),
        (_, outcome) => outcome,
    };
    let code = errors::exit(outcome);
    engine::remove_spill_folder();
    code
}

/// Waits for the command's end; `None` where it panicked.
fn watch(limits: Limits, outcome: oneshot::Receiver<Result<Ending>>) -> Option<Result<Ending>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        // Without one there are no signals to hear, and the default ends all.
        return outcome.blocking_recv().ok();
    };
    runtime.block_on(async move {
        let mut outcome = outcome;
        let mut signals = signals();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut watch = Watch::new(limits);
        loop {
            tokio::select! {
                biased;
                outcome = &mut outcome => return outcome.ok(),
                Some(reason) = signals.recv() => watch.end_for(reason),
                _ = looks.tick() => watch.look(),
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

/// A command that was asked to end.
struct Asked {
    at: Instant,
    reason: Reason,
    listener: Arc<Interrupt>,
    /// What the program had computed until then.
    computed: Duration,
    /// When what listened had come to its end.
    ended: Option<Instant>,
}

/// The time that this process was given on all cores.
fn computed() -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the program's name, which may hold anything.
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
    /// Since when memory is above the ceiling and nobody listens.
    above: Option<Instant>,
    looks: u64,
}

impl Watch {
    fn new(limits: Limits) -> Self {
        let allowance = match limits.is_of_tables {
            true => ALLOWANCE_OF_TABLES,
            false => ALLOWANCE,
        };
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        Self {
            limits,
            ceiling: (limits.memory_bytes as u64)
                .saturating_add(allowance)
                .saturating_add(cores.saturating_mul(ALLOWANCE_OF_CORE)),
            page: page_bytes(),
            asked: None,
            above: None,
            looks: 0,
        }
    }

    /// Asks the command to end, or ends the program where nobody listens.
    fn end_for(&mut self, reason: Reason) {
        if matches!(reason, Reason::Interrupt) && shared(|shared| shared.leaves_interrupts) {
            return;
        }
        if self.asked.is_some() {
            if reason.is_signal() {
                cut_off(&reason);
            }
            return;
        }
        let listener = shared(|shared| {
            let listener = shared.listener.upgrade()?;
            shared.reason = (!reason.is_signal()).then(|| reason.clone());
            Some(listener)
        });
        let Some(listener) = listener else {
            cut_off(&reason);
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

    fn look(&mut self) {
        self.looks += 1;
        let used = memory_bytes(self.page).unwrap_or(0);
        let is_beyond = used > self.ceiling.saturating_add(OVERSHOOT);
        if let Some(asked) = &mut self.asked {
            let (since, grace) = if Arc::strong_count(&asked.listener) == 1 {
                // What is left is to say so, and to wait for the next statement.
                let ended = *asked.ended.get_or_insert_with(Instant::now);
                if !matches!(asked.reason, Reason::Terminate) {
                    self.asked = None;
                    return;
                }
                (ended, UNHEARD)
            } else if asked.listener.is_heard() {
                (asked.at, TIDYING)
            } else if self.limits.is_of_tables {
                (asked.at, UNHEARD_OF_TABLES)
            } else {
                (asked.at, UNHEARD)
            };
            // What did not hear because it was given no core leaves less to the
            // next holder of the lake if it is given a little longer.
            let elapsed = since.elapsed();
            let has_computed = || {
                !self.limits.is_of_tables
                    || elapsed > AT_LAST
                    || computed().saturating_sub(asked.computed) > grace / 2
            };
            if is_beyond || (elapsed > grace && has_computed()) {
                cut_off(&asked.reason);
            }
            return;
        }
        if used > self.ceiling {
            let allowed = self.limits.memory_bytes;
            let reason = Reason::Memory { used, allowed };
            // What a statement took that was just ended is on its way back.
            let listens = shared(|shared| shared.listener.strong_count() > 0);
            let above = *self.above.get_or_insert_with(Instant::now);
            if listens || is_beyond || above.elapsed() > UNHEARD {
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
        if wants_reader && self.looks.is_multiple_of(10) && !is_output_read() {
            self.end_for(Reason::Unread);
        }
    }
}

/// Ends the program whatever it computes. Nothing that could wait for the
/// command is done: what it holds it may hold for long.
fn cut_off(reason: &Reason) -> ! {
    let outcome = reason.outcome();
    let code = match &outcome {
        Ok(ending) => ending.code(),
        Err(_) => Ending::Failed.code(),
    };
    let (told, is_told) = std::sync::mpsc::channel();
    let _ = thread::Builder::new().spawn(move || {
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
    let _ = is_told.recv_timeout(Duration::from_millis(100));
    #[allow(
        unsafe_code,
        reason = "an end without a word to threads that still compute is C's alone"
    )]
    // SAFETY: does not return, and runs nothing of this program.
    unsafe {
        libc::_exit(code.into())
    }
}

/// Memory that this process alone holds: pages of the program's own file are
/// not among it.
fn memory_bytes(page: u64) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().skip(1).map(str::parse::<u64>);
    let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
    Some(resident.saturating_sub(shared) * page)
}

fn page_bytes() -> u64 {
    #[allow(unsafe_code, reason = "the system is asked through C alone")]
    // SAFETY: reads a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

/// Whether somebody can still read what is written to standard output. Told of
/// a pipe alone.
fn is_output_read() -> bool {
    let mut output = libc::pollfd {
        fd: libc::STDOUT_FILENO,
        events: 0,
        revents: 0,
    };
    #[allow(unsafe_code, reason = "the system is asked through C alone")]
    // SAFETY: one descriptor, as is said; nothing is waited for.
    let ready = unsafe { libc::poll(&raw mut output, 1, 0) };
    ready <= 0 || output.revents & libc::POLLERR == 0
}
