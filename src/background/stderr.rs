//! Lines to standard error, for failures of what writes the log.
//!
//! Written by the thread that notices, which may be the service's: so only where the stream takes a line
//! at once. A pipe that is full loses the line, and the metric still tells.

#[cfg(target_os = "linux")]
#[path = "stderr/linux.rs"]
mod ready;
#[cfg(not(target_os = "linux"))]
#[path = "stderr/unsupported.rs"]
mod ready;

use std::io::Write as _;

/// The longest line, in bytes: a pipe that is ready takes so much without blocking, see `PIPE_BUF`.
const MAX_LINE_BYTES: usize = 4096;

/// Writes a line if that needs no waiting.
pub(super) fn write_line(text: &str) {
    let line = format_line(text);
    if ready::is_ready() {
        // There is nowhere left to tell of an error.
        let _ = std::io::stderr().write_all(&line);
    }
}

/// Returns one line of a bounded length.
fn format_line(text: &str) -> Vec<u8> {
    let mut line = format!("vantage_obs: {text}").into_bytes();
    line.iter_mut()
        .filter(|byte| **byte == b'\n' || **byte == b'\r')
        .for_each(|byte| *byte = b' ');
    line.truncate(MAX_LINE_BYTES - 1);
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_of_bounded_length() {
        assert_eq!(format_line("a\r\nb"), b"vantage_obs: a  b\n");
        let long = format_line(&"x".repeat(10_000));
        assert_eq!((long.len(), long.last()), (MAX_LINE_BYTES, Some(&b'\n')));
    }
}
