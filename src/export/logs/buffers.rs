//! What a line is put together in: memory that each thread keeps, so that a line allocates nothing.

use std::cell::RefCell;

use super::members::Members;

/// The memory that a thread keeps of each buffer between two lines.
const KEPT: usize = 4 << 10;

/// The parts of a line.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    pub(super) line: Vec<u8>,
    /// The inside of the message's text.
    pub(super) message: Option<Vec<u8>>,
    pub(super) fields: Members,
    /// The enclosing spans, innermost first, and where each ends.
    pub(super) spans: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// Whether something was cut or left out.
    pub(super) cut: bool,
    spare: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Works with the thread's buffers; with fresh ones where a value that is being written logs itself,
/// and where the thread is about to end.
pub(super) fn with_buffers(work: impl Fn(&mut Buffers)) {
    let kept = BUFFERS.try_with(|buffers| match buffers.try_borrow_mut() {
        Ok(mut buffers) => {
            // A line that ended in a panic left its parts behind.
            buffers.clear();
            work(&mut buffers);
            buffers.clear();
        }
        Err(_) => work(&mut Buffers::default()),
    });
    if kept.is_err() {
        work(&mut Buffers::default());
    }
}

impl Buffers {
    /// The empty buffer of a message; the last message holds.
    pub(super) fn new_message(&mut self) -> &mut Vec<u8> {
        let spare = std::mem::take(&mut self.spare);
        let message = self.message.get_or_insert(spare);
        message.clear();
        message
    }

    fn clear(&mut self) {
        if let Some(message) = self.message.take() {
            self.spare = message;
        }
        for buffer in [&mut self.line, &mut self.spare, &mut self.spans] {
            buffer.clear();
            buffer.shrink_to(KEPT);
        }
        self.fields.clear(KEPT);
        self.ends.clear();
        self.cut = false;
    }
}
