//! The fields of an event or a span, written down when they are met.

use super::escape::{Quoting, text};
use super::format::Form;
use super::value::Value;

/// The most bytes that a name has.
const NAME: usize = 256;

/// The most bytes that stand around a value: separator, quotes and colon or equals sign.
const AROUND: usize = 6;

/// The memory for a few short fields, so that most spans are written down into one piece of it.
const FIRST: usize = 64;

/// How much of its fields a line or span may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) each: usize,
    pub(super) total: usize,
}

/// Fields as text, each name once.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// Each member after a comma or space.
    text: Vec<u8>,
    /// The members' names and where each begins.
    starts: Vec<(&'static str, usize)>,
    /// Whether something was cut or left out.
    pub(super) cut: bool,
}

impl Members {
    /// Adds a field; one with the same name gives way. One that doesn't fit is left out, or cut.
    pub(super) fn put(&mut self, form: Form, room: Room, name: &'static str, value: Value<'_>) {
        self.remove(name);
        let start = self.text.len();
        let value_room = room
            .total
            .saturating_sub(start + NAME.min(6 * name.len()) + AROUND);
        if value_room == 0 {
            self.cut = true;
            return;
        }
        self.text.reserve(FIRST);
        self.starts.push((name, start));
        self.cut |= self.name(form, name);
        let cut = value.write(&mut self.text, room.each.min(value_room), form);
        self.cut |= cut;
    }

    fn name(&mut self, form: Form, name: &str) -> bool {
        if form == Form::Json {
            self.text.extend(b",\"");
            let cut = text(&mut self.text, NAME, Quoting::Json, name);
            self.text.extend(b"\":");
            cut
        } else {
            self.text.push(b' ');
            let cut = text(&mut self.text, NAME, Quoting::Bare, name);
            self.text.push(b'=');
            cut
        }
    }

    /// Takes over what was recorded later.
    pub(super) fn absorb(&mut self, later: &Self, room: Room) {
        for (index, (name, start)) in later.starts.iter().enumerate() {
            let end = later.end(index);
            self.remove(name);
            if self.text.len() + end - start <= room.total {
                self.starts.push((name, self.text.len()));
                self.text.extend_from_slice(&later.text[*start..end]);
            } else {
                self.cut = true;
            }
        }
        self.cut |= later.cut;
    }

    fn remove(&mut self, name: &str) {
        let Some(index) = self.starts.iter().position(|(known, _)| *known == name) else {
            return;
        };
        let (start, end) = (self.starts[index].1, self.end(index));
        self.text.drain(start..end);
        self.starts.remove(index);
        for (_, later) in &mut self.starts[index..] {
            *later -= end - start;
        }
    }

    fn end(&self, index: usize) -> usize {
        let next = self.starts.get(index + 1);
        next.map_or(self.text.len(), |(_, start)| *start)
    }

    /// The members with what separates them, but nothing in front of the first.
    pub(super) fn text(&self) -> &[u8] {
        self.text.get(1..).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Begins anew, with little memory.
    pub(super) fn clear(&mut self, capacity: usize) {
        self.text.clear();
        self.text.shrink_to(capacity);
        self.starts.clear();
        self.cut = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room {
        each: 100,
        total: 1000,
    };

    fn of(fields: &[(&'static str, u64)]) -> Members {
        let mut members = Members::default();
        for (name, value) in fields {
            members.put(Form::Json, ROOM, name, Value::U64(*value));
        }
        members
    }

    fn text(members: &Members) -> &str {
        std::str::from_utf8(members.text()).unwrap()
    }

    #[test]
    fn a_name_stands_once_with_its_last_value() {
        let members = of(&[("a", 1), ("b", 20), ("a", 300), ("c", 4), ("b", 5)]);
        assert_eq!(text(&members), r#""a":300,"c":4,"b":5"#);
    }

    #[test]
    fn what_is_recorded_later_takes_the_place_of_the_earlier() {
        let mut members = of(&[("a", 1), ("b", 2), ("c", 3)]);
        members.absorb(&of(&[("b", 9), ("d", 8)]), ROOM);
        members.absorb(&of(&[("a", 7)]), ROOM);
        assert_eq!(text(&members), r#""c":3,"b":9,"d":8,"a":7"#);
    }

    #[test]
    fn what_does_not_fit_is_cut_or_left_out_and_says_so() {
        let (long, room) = (
            "x".repeat(90),
            Room {
                each: 50,
                total: 120,
            },
        );
        let mut members = Members::default();
        members.put(Form::Json, room, "a", Value::Text("fits"));
        assert!(!members.cut);
        for name in ["b", "c", "d"] {
            members.put(Form::Json, room, name, Value::Text(&long));
        }
        assert!(members.cut);
        assert!(members.text().len() < room.total);
        let json = format!("{{{}}}", text(&members));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["b"].as_str().unwrap().len(), 50);
        let mut more = of(&[]);
        more.absorb(
            &members,
            Room {
                each: 50,
                total: 20,
            },
        );
        assert!(more.cut);
        assert_eq!(text(&more), r#""a":"fits""#);
    }
}
