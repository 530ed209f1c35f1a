//! The kernel's word for a stream that takes more.

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Returns whether standard error takes a short line without blocking.
pub(super) fn is_ready() -> bool {
    const NOW: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let stderr = std::io::stderr();
    let mut streams = [PollFd::new(&stderr, PollFlags::OUT)];
    matches!(poll(&mut streams, Some(&NOW)), Ok(1)) && streams[0].revents().contains(PollFlags::OUT)
}
