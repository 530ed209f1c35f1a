use std::collections::VecDeque;

/// JSON texts in the order in which they came, up to a number and a size; the oldest make room.
#[derive(Debug)]
pub(super) struct Ring {
    items: VecDeque<String>,
    bytes: usize,
    max_items: usize,
    max_bytes: usize,
}

impl Ring {
    pub(super) const fn new((max_items, max_bytes): (usize, usize)) -> Self {
        Self {
            items: VecDeque::new(),
            bytes: 0,
            max_items,
            max_bytes,
        }
    }

    /// Adds a text. One that is empty, or larger than all may be together, is left out.
    pub(super) fn push(&mut self, item: String) {
        if item.is_empty() || item.len() > self.max_bytes {
            return;
        }
        self.bytes += item.len();
        self.items.push_back(item);
        while self.items.len() > self.max_items || self.bytes > self.max_bytes {
            let oldest = self.items.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.len());
        }
    }

    /// Returns all with commas between them.
    pub(super) fn join(&self) -> String {
        let mut joined = String::with_capacity(self.bytes + self.items.len());
        for item in &self.items {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(item);
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_by_number_and_by_size() {
        let mut ring = Ring::new((3, 10));
        for item in ["1", "2", "3", "4"] {
            ring.push(item.into());
        }
        assert_eq!(ring.join(), "2,3,4");
        ring.push("12345678".into());
        assert_eq!((&*ring.join(), ring.bytes), ("3,4,12345678", 10));
        ring.push("1234567890".into());
        assert_eq!(ring.join(), "1234567890");
        ring.push("12345678901".into());
        ring.push(String::new());
        assert_eq!(ring.join(), "1234567890");
    }
}
