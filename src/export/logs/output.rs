//! Where lines go: whole lines only, whatever the other end does.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{LogOutput, Logs};

/// Where log lines are written. A cheap clone; all clones are the same.
#[derive(Clone)]
pub struct Output(Arc<Inner>);

struct Inner {
    stream: Mutex<Stream>,
    lost: AtomicU64,
    terminal: bool,
}

/// A writer, and the end of a line that it took only the beginning of.
struct Stream {
    writer: Box<dyn Write + Send>,
    rest: Vec<u8>,
}

thread_local! {
    /// A writer that logs would wait for itself.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

impl Output {
    /// The process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self::new(Box::new(stdout), terminal)
    }

    /// The process's standard error.
    #[must_use]
    pub fn stderr() -> Self {
        let stderr = io::stderr();
        let terminal = stderr.is_terminal();
        Self::new(Box::new(stderr), terminal)
    }

    /// Where the configuration says.
    pub(crate) fn of(settings: &Logs) -> Option<Self> {
        match settings.output {
            LogOutput::Stdout => Some(Self::stdout()),
            LogOutput::Stderr => Some(Self::stderr()),
            LogOutput::None => None,
        }
    }

    /// Another writer, which is given a whole line at a time.
    #[must_use]
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self::new(Box::new(writer), false)
    }

    fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        let rest = Vec::new();
        Self(Arc::new(Inner {
            stream: Mutex::new(Stream { writer, rest }),
            lost: AtomicU64::new(0),
            terminal,
        }))
    }

    /// The number of lines that could not be written.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.0.terminal
    }

    /// Whether colours would be seen and are not unwanted, see <https://no-color.org>.
    pub(super) fn has_colour(&self) -> bool {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.0.terminal && !unwanted
    }

    /// Writes a line, which ends with its line feed, or counts it as lost.
    pub(super) fn write(&self, line: &[u8]) {
        let written = !WRITING.replace(true) && {
            let written = catch_unwind(AssertUnwindSafe(|| self.stream(|stream| stream.put(line))));
            WRITING.set(false);
            matches!(written, Ok(Ok(())))
        };
        if !written {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn stream<R>(&self, action: impl FnOnce(&mut Stream) -> R) -> R {
        action(&mut self.0.stream.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Stream {
    /// Writes a line, after what is left of the one before. A line that was begun counts as written:
    /// its end follows as soon as the writer takes something again.
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        let (taken, outcome) = write_all(&mut self.writer, &rest);
        if let Err(error) = outcome {
            self.rest = rest[taken..].to_vec();
            return Err(error);
        }
        match write_all(&mut self.writer, line) {
            (_, Ok(())) => Ok(()),
            (0, Err(error)) => Err(error),
            (taken, Err(_)) => {
                self.rest = line[taken..].to_vec();
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

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes at a time, each time if there is an entry; 0 fails.
    #[derive(Clone, Default)]
    struct Moody(Arc<Mutex<(Vec<usize>, Vec<u8>)>>);

    impl Write for Moody {
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

    #[test]
    fn a_line_that_was_begun_is_ended_before_the_next_one() {
        let writer = Moody::default();
        // From the end: 3 bytes and a failure, again, then everything.
        writer.0.lock().unwrap().0 = vec![0, 1, 0, 3];
        let output = Output::to(writer.clone());
        for line in ["first\n", "second\n", "third\n"] {
            output.write(line.as_bytes());
        }
        let written = String::from_utf8(writer.0.lock().unwrap().1.clone()).unwrap();
        assert_eq!(written, "first\nthird\n");
        assert_eq!(output.lost(), 1);
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }

    struct Panicking;

    impl Write for Panicking {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            panic!("no writer")
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_fails_or_panics_costs_its_lines_only() {
        for output in [Output::to(Broken), Output::to(Panicking)] {
            for _ in 0..3 {
                output.write(b"line\n");
            }
            assert_eq!(output.lost(), 3);
        }
    }

    struct Chatty(Arc<Mutex<Option<Output>>>);

    impl Write for Chatty {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let output = self.0.lock().unwrap().clone();
            output.unwrap().write(b"about itself\n");
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_writer_that_logs_does_not_wait_for_itself() {
        let slot = Arc::new(Mutex::new(None));
        let output = Output::to(Chatty(Arc::clone(&slot)));
        *slot.lock().unwrap() = Some(output.clone());
        output.write(b"line\n");
        assert_eq!(output.lost(), 1);
    }
}
