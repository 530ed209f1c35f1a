//! The output of log lines: a bounded queue, and a thread that writes it, a whole line at a time.
//!
//! Why a thread? A reader that stalls, such as the full pipe of a log collector, would otherwise stop each
//! thread that logs, and with them the whole service. So it costs lines, which are counted, and nothing else.
//!
//! Why does the thread rest between two batches? Waking it costs more than a line: a service that logs
//! steadily pays for it once in [`REST`] and not with each line.
//!
//! | state of the thread | means |
//! |---|---|
//! | unstarted | no line yet |
//! | refused | the system had no thread; tried again after a second |
//! | idle | waits without a time limit; the next line wakes it |
//! | busy | writes, or rests; the next line needs no wake |
//!
//! Locks: the queue's is held for copying a line; the stream's only by the thread that writes,
//! without the queue's.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crate::background::supervisor::LOG_THREAD;
use crate::background::{Supervisor, ThreadStatus, thread};
use crate::config::{LogOutput, LogsConfig};
use crate::record::sync::lock;

/// The maximum size of the lines that wait, in bytes: some thousand lines, a second or two of a busy service.
///
/// Bytes and not lines, because a line has up to 64 KiB.
const MAX_QUEUED_BYTES: usize = 1 << 20;
/// The size of waiting lines that ends the thread's rest.
///
/// A quarter, so that the thread starts while there is room for what comes until it runs.
const WAKE_BYTES: usize = MAX_QUEUED_BYTES / 4;
/// The size above which an empty buffer is given back.
///
/// A burst must not keep a mebibyte for ever.
const MAX_SPARE_BYTES: usize = 64 << 10;
/// The time that lines gather before they are written.
const REST: Duration = Duration::from_millis(5);
/// The time after which a thread that could not be started is tried again.
///
/// Asking the system for a thread at each line would make logging slow exactly when it is short of
/// threads.
const RESTART_AFTER: Duration = Duration::from_secs(1);

/// The output of log lines. A cheap clone; all clones are the same.
///
/// Lines are queued, at most 1 MiB of them, and written by a thread of the output's own within
/// milliseconds, so that logging never waits for a reader. Lines that find the queue full are counted as
/// lost. A process that ends by `abort`, or by `exit` without [`flush`](Self::flush), loses the lines of its
/// last milliseconds at most; `Telemetry::shutdown` flushes.
#[derive(Clone)]
pub struct LogWriter(Arc<Outlet>);

/// The outputs of a process: one, and those of subscribers that a service makes itself. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct LogWriters {
    writers: Arc<Mutex<Vec<LogWriter>>>,
    /// Lists the threads of the outputs.
    supervisor: Supervisor,
}

impl LogWriters {
    pub(crate) fn new(supervisor: Supervisor) -> Self {
        Self {
            writers: Arc::default(),
            supervisor,
        }
    }

    pub(crate) fn add(&self, writer: LogWriter) {
        let mut writers = lock(&self.writers);
        if !writers.iter().any(|known| Arc::ptr_eq(&known.0, &writer.0)) {
            self.supervisor.adopt(&writer.0.shared.status);
            writers.push(writer);
        }
    }

    /// Returns the number of lines that all of them lost.
    pub(crate) fn lost_lines(&self) -> u64 {
        lock(&self.writers).iter().map(LogWriter::lost_lines).sum()
    }

    /// Waits until all queued lines are written, for at most `timeout`; blocks.
    pub(crate) fn flush(&self, timeout: Duration) {
        // Out of the lock, which a scrape takes too.
        let writers = lock(&self.writers).clone();
        let start = Instant::now();
        for writer in writers {
            // The process ends without the lines that a stalled reader leaves: their count could not be scraped.
            let _ = writer.flush(timeout.saturating_sub(start.elapsed()));
        }
    }
}

/// The end of the queue that lines go into; closes it when the last clone is dropped.
struct Outlet {
    shared: Arc<Shared>,
    terminal: bool,
}

struct Shared {
    queue: Mutex<LineQueue>,
    /// Wakes the thread: lines after none, a flush, the end.
    wake: Condvar,
    /// Wakes those who flush: a batch is written.
    batch_written: Condvar,
    /// Only the thread locks it; the lock is what makes it shareable.
    stream: Mutex<LineStream>,
    /// Relaxed: a count for the metrics, on which nothing else depends.
    lost_lines: AtomicU64,
    /// The state of the thread.
    status: ThreadStatus,
    start_thread: StartThread,
}

/// Starts the thread of an output, or returns the system's refusal.
type StartThread = fn(&str, Box<dyn FnOnce() + Send>) -> io::Result<()>;

#[derive(Default)]
struct LineQueue {
    /// Whole lines, each with its line feed.
    lines: Vec<u8>,
    /// The number of bytes that were ever queued.
    /// A flush waits for the number that it finds.
    queued: u64,
    /// The number of them that were written or lost since.
    written: u64,
    thread: ThreadState,
    /// The number of flushes that wait.
    /// The thread does not rest while there is one.
    flushes: usize,
    /// The last handle is gone: the thread writes what is left and ends.
    closed: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum ThreadState {
    #[default]
    Unstarted,
    /// It could not be started.
    Refused(Instant),
    /// It waits to be woken: nothing is left to write.
    Idle,
    /// It writes, or rests and will look again.
    Busy,
}

/// A writer, and the end of a line that it took only the beginning of.
struct LineStream {
    writer: Box<dyn Write + Send>,
    unwritten: Vec<u8>,
}

thread_local! {
    /// A writer that logs would feed itself for ever.
    // Set on the writing thread alone: what a writer logs there is counted as lost.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

impl LogWriter {
    /// Creates a writer to the process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::standard(io::stdout())
    }

    /// Creates a writer to the process's standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::standard(io::stderr())
    }

    /// Returns the output of the configuration.
    pub(crate) fn from_config(settings: &LogsConfig) -> Option<Self> {
        match settings.output {
            LogOutput::Stdout => Some(Self::stdout()),
            LogOutput::Stderr => Some(Self::stderr()),
            LogOutput::None => None,
        }
    }

    /// Creates an output from another writer, which is given a whole line at a time, by a thread of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::logs::LogWriter;
    ///
    /// let output = LogWriter::from_writer(std::io::sink());
    /// assert!(output.flush(Duration::from_secs(1)));
    /// assert_eq!(output.lost_lines(), 0);
    /// ```
    #[must_use]
    pub fn from_writer(writer: impl Write + Send + 'static) -> Self {
        Self::new(Box::new(writer), false)
    }

    fn standard(stream: impl Write + IsTerminal + Send + 'static) -> Self {
        let terminal = stream.is_terminal();
        Self::new(Box::new(stream), terminal)
    }

    fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        Self::with_start(writer, terminal, thread::spawn)
    }

    fn with_start(
        writer: Box<dyn Write + Send>,
        terminal: bool,
        start_thread: StartThread,
    ) -> Self {
        let unwritten = Vec::new();
        let shared = Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            batch_written: Condvar::new(),
            stream: Mutex::new(LineStream { writer, unwritten }),
            lost_lines: AtomicU64::new(0),
            status: ThreadStatus::new(LOG_THREAD),
            start_thread,
        };
        Self(Arc::new(Outlet {
            shared: Arc::new(shared),
            terminal,
        }))
    }

    /// Returns the number of lines that were not written: the queue was full, or the writer failed.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.0.shared.lost_lines.load(Ordering::Relaxed)
    }

    /// Waits until all queued lines are written, for at most `timeout`; blocks. Returns `false` where lines
    /// are left, which are written as soon as the reader takes them.
    #[must_use = "lines may be left"]
    pub fn flush(&self, timeout: Duration) -> bool {
        // The writer's own thread would wait for itself.
        !WRITING.get() && self.0.shared.flush(timeout)
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.0.terminal
    }

    /// Returns `true` if colours would be seen and are not unwanted, see <https://no-color.org>.
    pub(super) fn has_colour(&self) -> bool {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.0.terminal && !unwanted
    }

    /// Queues a line, which ends with its line feed, or counts it as lost.
    pub(in crate::export) fn write(&self, line: &[u8]) {
        if WRITING.get() || !self.0.shared.enqueue(line) {
            self.0.shared.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// Adds a line to the queue; returns `false` where it is full.
    fn enqueue(self: &Arc<Self>, line: &[u8]) -> bool {
        let mut queue = lock(&self.queue);
        // Before the queue is looked at: a full one needs its thread most.
        if let Err(error) = self.ensure_thread(&mut queue) {
            drop(queue);
            self.status.record_refusal(&error);
            queue = lock(&self.queue);
        }
        let before = queue.lines.len();
        // A line is queued as a whole or not at all.
        if before + line.len() > MAX_QUEUED_BYTES {
            return false;
        }
        queue.lines.extend_from_slice(line);
        queue.queued += line.len() as u64;
        let fills_up = before <= WAKE_BYTES && queue.lines.len() > WAKE_BYTES;
        if queue.thread == ThreadState::Idle || fills_up {
            if queue.thread == ThreadState::Idle {
                queue.thread = ThreadState::Busy;
            }
            // Released before the wake, so that the woken thread doesn't run into the lock.
            drop(queue);
            self.wake.notify_one();
        }
        true
    }

    /// Starts the thread, where there is none yet and none was refused just now.
    ///
    /// A refusal is the caller's to record, without the lock: that writes to standard error, which may block.
    fn ensure_thread(self: &Arc<Self>, queue: &mut LineQueue) -> io::Result<()> {
        match queue.thread {
            ThreadState::Busy | ThreadState::Idle => Ok(()),
            ThreadState::Refused(at) if at.elapsed() < RESTART_AFTER => Ok(()),
            ThreadState::Unstarted | ThreadState::Refused(_) => {
                let shared = Arc::clone(self);
                // Started here and not by the supervisor, because the next line is what a refused thread
                // is wanted for, and an output may have none.
                let started = (self.start_thread)(LOG_THREAD, Box::new(move || shared.run()));
                queue.thread = match started {
                    Ok(()) => ThreadState::Busy,
                    Err(_) => ThreadState::Refused(Instant::now()),
                };
                started
            }
        }
    }

    /// Writes lines until the output is closed and nothing is left, also after a panic.
    fn run(&self) {
        // Each change of the queue is complete; what is lost is the batch that was written.
        while let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.write_lines())) {
            std::thread::sleep(self.status.record_panic(&*payload));
        }
    }

    fn write_lines(&self) {
        WRITING.set(true);
        let mut batch = Vec::new();
        while self.next_batch(&mut batch) {
            for line in batch.split_inclusive(|byte| *byte == b'\n') {
                // A writer is foreign code; its panic costs one line.
                let write = AssertUnwindSafe(|| lock(&self.stream).write_line(line));
                if !matches!(catch_unwind(write), Ok(Ok(()))) {
                    self.lost_lines.fetch_add(1, Ordering::Relaxed);
                }
            }
            lock(&self.queue).written += batch.len() as u64;
            self.batch_written.notify_all();
            batch.clear();
            batch.shrink_to(MAX_SPARE_BYTES);
            self.status.record_round();
            self.rest();
        }
    }

    /// Waits for lines and takes all of them; returns `false` at the end.
    fn next_batch(&self, batch: &mut Vec<u8>) -> bool {
        let mut queue = lock(&self.queue);
        while queue.lines.is_empty() {
            queue.thread = ThreadState::Idle;
            if queue.closed {
                return false;
            }
            queue = ignore_poison(self.wake.wait(queue));
        }
        queue.thread = ThreadState::Busy;
        // Two buffers take turns: the lock is held for a swap, and neither is allocated anew.
        std::mem::swap(&mut queue.lines, batch);
        true
    }

    /// Lets lines gather, unless a flush waits for them or they fill the queue.
    fn rest(&self) {
        let queue = lock(&self.queue);
        let gathering = |queue: &mut LineQueue| {
            queue.flushes == 0 && !queue.closed && queue.lines.len() <= WAKE_BYTES
        };
        // Woken early by a flush, by the end, or by a quarter of the queue.
        let _ = self.wake.wait_timeout_while(queue, REST, gathering);
    }

    /// Waits for the lines that are queued now; those of others that follow are not waited for.
    fn flush(self: &Arc<Self>, timeout: Duration) -> bool {
        let mut queue = lock(&self.queue);
        // Fixed now: a service that logs all the time must not keep a flush waiting for ever.
        let target = queue.queued;
        if queue.written >= target {
            return true;
        }
        if let Err(error) = self.ensure_thread(&mut queue) {
            drop(queue);
            self.status.record_refusal(&error);
            queue = lock(&self.queue);
        }
        queue.flushes += 1;
        self.wake.notify_all();
        let is_pending = |queue: &mut LineQueue| queue.written < target;
        let waited = self
            .batch_written
            .wait_timeout_while(queue, timeout, is_pending);
        let (mut queue, _) = ignore_poison(waited);
        queue.flushes -= 1;
        queue.written >= target
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.wake.notify_all();
    }
}

/// Returns the guard of a lock that a panic may have poisoned: each change of the queue is complete.
fn ignore_poison<T>(result: Result<T, std::sync::PoisonError<T>>) -> T {
    result.unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl LineStream {
    /// Writes a line, after what is left of the one before. A line that was begun counts as written:
    /// its end follows as soon as the writer takes something again.
    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let (taken, outcome) = write_all(&mut self.writer, &unwritten);
        if let Err(error) = outcome {
            self.unwritten = unwritten[taken..].to_vec();
            return Err(error);
        }
        match write_all(&mut self.writer, line) {
            (_, Ok(())) => Ok(()),
            // Nothing of it was taken: lost as a whole, and counted.
            (0, Err(error)) => Err(error),
            (taken, Err(_)) => {
                self.unwritten = line[taken..].to_vec();
                Ok(())
            }
        }
    }
}

/// Like the standard library's, but says how much was taken before it failed.
fn write_all(writer: &mut dyn Write, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut taken = 0;
    while taken < bytes.len() {
        match writer.write(&bytes[taken..]) {
            // A writer that takes nothing and reports no error would be asked for ever.
            Ok(0) => return (taken, Err(ErrorKind::WriteZero.into())),
            Ok(more) => taken += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (taken, Err(error)),
        }
    }
    match writer.flush() {
        // What the writer holds back in a buffer of its own goes with the next line.
        Err(error) if error.kind() != ErrorKind::WouldBlock => (taken, Err(error)),
        _ => (taken, Ok(())),
    }
}

impl fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWriter")
            .field("lost_lines", &self.lost_lines())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// A writer that takes so many bytes at a time, each time if there is an entry; 0 fails.
    #[derive(Clone, Default)]
    struct ScriptedWriter(Arc<Mutex<(Vec<usize>, Vec<u8>)>>);

    impl Write for ScriptedWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut inner = self.0.lock().unwrap();
            let taken = match inner.0.pop() {
                Some(0) => return Err(ErrorKind::WouldBlock.into()),
                Some(most) => most.min(bytes.len()),
                None => bytes.len(),
            };
            inner.1.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl ScriptedWriter {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().1.clone()).unwrap()
        }
    }

    #[test]
    fn a_line_that_was_begun_is_ended_before_the_next_one() {
        let writer = ScriptedWriter::default();
        // From the end: 3 bytes and a failure, again, then everything.
        writer.0.lock().unwrap().0 = vec![0, 1, 0, 3];
        let output = LogWriter::from_writer(writer.clone());
        for line in ["first\n", "second\n", "third\n"] {
            output.write(line.as_bytes());
        }
        assert!(output.flush(SOON));
        assert_eq!(writer.text(), "first\nthird\n");
        assert_eq!(output.lost_lines(), 1);
    }

    struct FailingWriter;

    impl Write for FailingWriter {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    struct PanickingWriter;

    impl Write for PanickingWriter {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("no writer")
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_fails_or_panics_costs_its_lines_only() {
        for output in [
            LogWriter::from_writer(FailingWriter),
            LogWriter::from_writer(PanickingWriter),
        ] {
            for _ in 0..3 {
                output.write(b"line\n");
            }
            assert!(output.flush(SOON));
            assert_eq!(output.lost_lines(), 3);
        }
    }

    struct LoggingWriter(Arc<Mutex<Option<LogWriter>>>);

    impl Write for LoggingWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let output = self.0.lock().unwrap().clone().unwrap();
            output.write(b"about itself\n");
            assert!(!output.flush(SOON));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_logs_does_not_feed_itself() {
        let slot = Arc::new(Mutex::new(None));
        let output = LogWriter::from_writer(LoggingWriter(Arc::clone(&slot)));
        *slot.lock().unwrap() = Some(output.clone());
        output.write(b"line\n");
        assert!(output.flush(SOON));
        assert_eq!(output.lost_lines(), 1);
        slot.lock().unwrap().take();
    }

    /// A writer that waits for a token for each line, and says when it has one.
    struct GatedWriter {
        gate: Receiver<()>,
        taken: SyncSender<usize>,
    }

    impl Write for GatedWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.gate.recv().map_err(io::Error::other)?;
            let _ = self.taken.send(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_beyond_the_queue_and_never_blocks() {
        let (open, gate) = channel();
        let (taken, lengths) = sync_channel(4096);
        let output = LogWriter::from_writer(GatedWriter { gate, taken });
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        // The thread holds at most one batch, and as much waits.
        let count = 4 * MAX_QUEUED_BYTES / line.len();
        for _ in 0..count {
            output.write(&line);
        }
        let lost = usize::try_from(output.lost_lines()).unwrap();
        assert!(lost >= count / 2, "{lost} of {count}");
        assert!(!output.flush(Duration::from_millis(10)));
        for _ in lost..count {
            open.send(()).unwrap();
        }
        assert!(output.flush(SOON));
        assert_eq!(lengths.try_iter().count(), count - lost);
        assert_eq!(usize::try_from(output.lost_lines()).unwrap(), lost);
    }

    #[test]
    fn what_waits_is_written_after_the_last_clone_is_gone_and_the_thread_ends() {
        let writer = ScriptedWriter::default();
        let output = LogWriter::from_writer(writer.clone());
        for _ in 0..100 {
            output.clone().write(b"line\n");
        }
        drop(output);
        // The thread's own clone goes last.
        let deadline = Instant::now() + SOON;
        while Arc::strong_count(&writer.0) > 1 && Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(Arc::strong_count(&writer.0), 1);
        assert_eq!(writer.text(), "line\n".repeat(100));
    }

    #[test]
    fn a_flush_waits_for_its_own_lines_and_not_for_those_of_others() {
        let output = LogWriter::from_writer(io::sink());
        let busy = std::sync::atomic::AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    output.write(b"of another thread\n");
                }
            });
            let flushed = (0..20).all(|_| {
                output.write(b"line\n");
                output.flush(SOON)
            });
            busy.store(false, Ordering::Relaxed);
            assert!(flushed);
        });
    }

    #[test]
    fn a_burst_while_the_thread_rests_is_no_loss() {
        let output = LogWriter::from_writer(io::sink());
        let line = [&[b'x'; 60_000][..], b"\n"].concat();
        for _ in 0..3 {
            // The thread has just written, and rests.
            output.write(b"line\n");
            assert!(output.flush(SOON));
            for _ in 0..12 {
                output.write(&line);
            }
            std::thread::sleep(Duration::from_millis(2));
            for _ in 0..12 {
                output.write(&line);
            }
            assert!(output.flush(SOON));
        }
        assert_eq!(output.lost_lines(), 0);
    }

    #[test]
    fn the_outputs_of_a_process_count_each_output_once() {
        let writers = LogWriters::new(Supervisor::default());
        let output = LogWriter::from_writer(FailingWriter);
        writers.add(output.clone());
        writers.add(output.clone());
        output.write(b"line\n");
        writers.flush(SOON);
        assert_eq!(writers.lost_lines(), 1);
    }

    #[test]
    fn a_refused_thread_is_told_without_the_lock_of_the_queue() {
        let refuse: StartThread = |_, _| Err(ErrorKind::WouldBlock.into());
        for told_by in [
            |output: &LogWriter| output.write(b"line\n"),
            |output: &LogWriter| {
                lock(&output.0.shared.queue).queued = 1;
                assert!(!output.flush(Duration::ZERO));
            },
        ] {
            let output = LogWriter::with_start(Box::new(io::sink()), false, refuse);
            let supervisor = Supervisor::default();
            supervisor.adopt(&output.0.shared.status);
            let (told, tells) = channel();
            let shared = Arc::clone(&output.0.shared);
            // Called where the refusal is told.
            supervisor.on_change(move || {
                let _ = told.send(shared.queue.try_lock().is_ok());
            });
            told_by(&output);
            assert_eq!(tells.try_iter().collect::<Vec<_>>(), [true]);
        }
    }

    #[test]
    fn a_flush_of_nothing_returns_at_once() {
        let output = LogWriter::from_writer(io::sink());
        assert!(output.flush(Duration::ZERO));
        output.write(b"line\n");
        assert!(output.flush(SOON));
    }
}
