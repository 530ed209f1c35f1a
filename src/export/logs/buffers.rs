//! The buffers of a line: memory that each thread keeps, so that a line allocates nothing.

use std::cell::RefCell;

use super::field_buffer::FieldBuffer;

/// The memory that a thread keeps of each buffer between two lines.
///
/// Longer than nearly all lines. A single huge one must not leave its memory with every thread that
/// ever logged.
const RETAINED_CAPACITY: usize = 4 << 10;

/// The parts of a line.
#[derive(Debug, Default)]
pub(super) struct LineBuffers {
    pub(super) line: Vec<u8>,
    /// The inside of the message's text.
    pub(super) message: Option<Vec<u8>>,
    pub(super) fields: FieldBuffer,
    /// The enclosing spans, innermost first, and where each ends.
    pub(super) spans: Vec<u8>,
    /// Offsets into `spans`, so that they can be written in the opposite order.
    pub(super) ends: Vec<usize>,
    /// Some part was cut or left out.
    pub(super) truncated: bool,
    /// The memory of the last message, kept while the line has none.
    spare_message: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<LineBuffers> = RefCell::default();
}

/// Works with the thread's buffers; with fresh ones where a value that is being written logs itself,
/// and where the thread is about to end.
pub(super) fn with_buffers(work: impl Fn(&mut LineBuffers)) {
    let available = BUFFERS.try_with(|buffers| match buffers.try_borrow_mut() {
        Ok(mut buffers) => {
            // A line that ended in a panic left its parts behind.
            buffers.clear();
            work(&mut buffers);
            buffers.clear();
        }
        // Borrowed: the value that is being written logs itself. Its line must not be written into
        // the middle of the other.
        Err(_) => work(&mut LineBuffers::default()),
    });
    // The thread's own storage is gone already: destructors of other thread-locals may log.
    if available.is_err() {
        work(&mut LineBuffers::default());
    }
}

impl LineBuffers {
    /// The empty buffer of a message; the last message holds.
    pub(super) fn new_message(&mut self) -> &mut Vec<u8> {
        let spare_message = std::mem::take(&mut self.spare_message);
        let message = self.message.get_or_insert(spare_message);
        message.clear();
        message
    }

    fn clear(&mut self) {
        if let Some(message) = self.message.take() {
            self.spare_message = message;
        }
        for buffer in [&mut self.line, &mut self.spare_message, &mut self.spans] {
            buffer.clear();
            buffer.shrink_to(RETAINED_CAPACITY);
        }
        self.fields.clear(RETAINED_CAPACITY);
        self.ends.clear();
        self.truncated = false;
    }
}
