//! The output of log lines: whole lines only, whatever the other end does.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::config::{LogOutput, LogsConfig};
use crate::record::sync::lock;

/// The output of log lines. A cheap clone; all clones are the same.
#[derive(Clone)]
pub struct LogWriter(Arc<Inner>);

struct Inner {
    stream: Mutex<LineStream>,
    lost_lines: AtomicU64,
    terminal: bool,
}

/// A writer, and the end of a line that it took only the beginning of.
struct LineStream {
    writer: Box<dyn Write + Send>,
    unwritten: Vec<u8>,
}

thread_local! {
    /// A writer that logs would wait for itself.
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

impl LogWriter {
    /// The process's standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::standard(io::stdout())
    }

    /// The process's standard error.
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

    /// Another writer, which is given a whole line at a time.
    #[must_use]
    pub fn from_writer(writer: impl Write + Send + 'static) -> Self {
        Self::new(Box::new(writer), false)
    }

    fn standard(stream: impl Write + IsTerminal + Send + 'static) -> Self {
        let terminal = stream.is_terminal();
        Self::new(Box::new(stream), terminal)
    }

    fn new(writer: Box<dyn Write + Send>, terminal: bool) -> Self {
        let unwritten = Vec::new();
        Self(Arc::new(Inner {
            stream: Mutex::new(LineStream { writer, unwritten }),
            lost_lines: AtomicU64::new(0),
            terminal,
        }))
    }

    /// The number of lines that could not be written.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.0.lost_lines.load(Ordering::Relaxed)
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.0.terminal
    }

    /// Returns `true` if colours would be seen and are not unwanted, see <https://no-color.org>.
    pub(super) fn has_colour(&self) -> bool {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        self.0.terminal && !unwanted
    }

    /// Writes a line, which ends with its line feed, or counts it as lost.
    pub(super) fn write(&self, line: &[u8]) {
        let written = !WRITING.replace(true) && {
            let written = catch_unwind(AssertUnwindSafe(|| lock(&self.0.stream).write_line(line)));
            WRITING.set(false);
            matches!(written, Ok(Ok(())))
        };
        if !written {
            self.0.lost_lines.fetch_add(1, Ordering::Relaxed);
        }
    }
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
    use super::*;

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

    #[test]
    fn a_line_that_was_begun_is_ended_before_the_next_one() {
        let writer = ScriptedWriter::default();
        // From the end: 3 bytes and a failure, again, then everything.
        writer.0.lock().unwrap().0 = vec![0, 1, 0, 3];
        let output = LogWriter::from_writer(writer.clone());
        for line in ["first\n", "second\n", "third\n"] {
            output.write(line.as_bytes());
        }
        let written = String::from_utf8(writer.0.lock().unwrap().1.clone()).unwrap();
        assert_eq!(written, "first\nthird\n");
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
            assert_eq!(output.lost_lines(), 3);
        }
    }

    struct LoggingWriter(Arc<Mutex<Option<LogWriter>>>);

    impl Write for LoggingWriter {
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
        let output = LogWriter::from_writer(LoggingWriter(Arc::clone(&slot)));
        *slot.lock().unwrap() = Some(output.clone());
        output.write(b"line\n");
        assert_eq!(output.lost_lines(), 1);
    }
}
