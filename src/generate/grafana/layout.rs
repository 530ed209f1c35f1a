use serde_json::{Value, json};

/// Columns of a dashboard.
pub(super) const WIDTH: u32 = 24;

/// The next free place of a dashboard: from left to right, then below what is highest.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    x: u32,
    y: u32,
    /// Of the line that is being filled.
    height: u32,
}

impl Cursor {
    /// A place of this size.
    pub(super) fn place(&mut self, width: u32, height: u32) -> Value {
        let width = width.min(WIDTH);
        if self.x + width > WIDTH {
            self.next_line();
        }
        let place = json!({"x": self.x, "y": self.y, "w": width, "h": height});
        self.x += width;
        self.height = self.height.max(height);
        place
    }

    /// A line of its own for a row's title.
    pub(super) fn row(&mut self) -> Value {
        self.next_line();
        let place = self.place(WIDTH, 1);
        self.next_line();
        place
    }

    fn next_line(&mut self) {
        (self.x, self.y) = (0, self.y + self.height);
        self.height = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_high_as_its_highest_panel() {
        let mut cursor = Cursor::default();
        let mut at = |width, height| {
            let place = cursor.place(width, height);
            (place["x"].as_u64().unwrap(), place["y"].as_u64().unwrap())
        };
        assert_eq!(at(8, 4), (0, 0));
        assert_eq!(at(16, 9), (8, 0));
        assert_eq!(at(1, 1), (0, 9));
        assert_eq!(at(40, 1), (0, 10));
        assert_eq!(cursor.row(), json!({"x": 0, "y": 11, "w": 24, "h": 1}));
        assert_eq!(cursor.place(1, 1)["y"], 12);
    }
}
