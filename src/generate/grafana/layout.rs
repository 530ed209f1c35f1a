//! Positions follow from sizes and order: two panels written by hand at the same place would hide
//! one another, without an error.

use serde_json::{Value, json};

/// The columns of a dashboard.
pub(super) const WIDTH: u32 = 24;

/// The next free grid position of a dashboard: from left to right, then below the highest panel.
#[derive(Debug, Default)]
pub(super) struct GridCursor {
    x: u32,
    y: u32,
    /// Height of the current line.
    line_height: u32,
}

impl GridCursor {
    /// Returns the position of a panel of this size.
    pub(super) fn place_panel(&mut self, width: u32, height: u32) -> Value {
        let width = width.min(WIDTH);
        if self.x + width > WIDTH {
            self.next_line();
        }
        let place = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.x += width;
        self.line_height = self.line_height.max(height);
        place
    }

    /// Returns the position of a row's title, on a line of its own.
    pub(super) fn place_row(&mut self) -> Value {
        self.next_line();
        let place = self.place_panel(WIDTH, 1);
        self.next_line();
        place
    }

    fn next_line(&mut self) {
        (self.x, self.y) = (0, self.y + self.line_height);
        self.line_height = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_high_as_its_highest_panel() {
        let mut cursor = GridCursor::default();
        let mut at = |width, height| {
            let place = cursor.place_panel(width, height);
            (place["x"].as_u64().unwrap(), place["y"].as_u64().unwrap())
        };
        assert_eq!(at(8, 4), (0, 0));
        assert_eq!(at(16, 9), (8, 0));
        assert_eq!(at(1, 1), (0, 9));
        assert_eq!(at(40, 1), (0, 10));
        assert_eq!(
            cursor.place_row(),
            json!({"x": 0, "y": 11, "w": 24, "h": 1})
        );
        assert_eq!(cursor.place_panel(1, 1)["y"], 12);
    }
}
