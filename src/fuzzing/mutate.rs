//! Mutations of inputs: of bytes, of lines and parts, of numbers, and of JSON as a tree.
//!
//! Why by structure too? A flipped bit in a JSON document is nearly always a syntax error, which tests
//! the parser of JSON and nothing of ours.

use serde_json::{Map, Value};

use super::input::SEPARATOR;
use super::rng::Rng;

/// The most bytes of an input.
const MAX_BYTES: usize = 16 << 10;
/// The most mutations between two runs.
const MAX_STACKED: usize = 6;

/// Texts at which code of any kind stumbles: other scripts, marks of direction, white space of other kinds,
/// separators, escapes, markup.
const TEXTS: [&str; 40] = [
    "",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "ß",
    "İ",
    "é",
    "e\u{301}",
    "日本",
    "😀",
    "\u{200b}",
    "\u{200f}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "\u{fffd}",
    "\u{10ffff}",
    "\"",
    "'",
    "\\",
    "\\n",
    "`",
    "<",
    ">",
    "&",
    "</script>",
    "]]>",
    "${x}",
    "{{x}}",
    "%00",
    "%0a",
    "../",
    "@",
    ";",
    ",",
];
/// Numbers at the ends of types, and texts that look like numbers.
const NUMBERS: [&str; 36] = [
    "0",
    "-0",
    "1",
    "-1",
    "00",
    "01",
    "9",
    "10",
    "59",
    "60",
    "99.9",
    "100",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "65536",
    "2147483648",
    "4294967295",
    "4294967296",
    "9007199254740991",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e9",
    "1e308",
    "1e999",
    "1e-999",
    "0.1",
    "NaN",
    "inf",
    "0x10",
];

/// The words that a target's format has.
#[derive(Debug, Default)]
pub(super) struct Dictionary(Vec<Vec<u8>>);

impl Dictionary {
    /// Parses a dictionary in the form of libFuzzer and AFL: `"word"` or `name="word"` a line, with `\"`, `\\`
    /// and `\xNN`; comments after `#`.
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let quoted = lines.filter_map(|line| line.split_once('"')?.1.strip_suffix('"'));
        Self(quoted.map(unescape).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn word(&self, rng: &mut Rng) -> Vec<u8> {
        let texts = if rng.one_in(2) {
            &TEXTS[..]
        } else {
            &NUMBERS[..]
        };
        match self.0.get(rng.below(self.0.len() * 3 / 2)) {
            Some(word) => word.clone(),
            None => rng
                .pick(texts)
                .map_or(Vec::new(), |text| text.as_bytes().to_vec()),
        }
    }

    fn text(&self, rng: &mut Rng) -> String {
        String::from_utf8_lossy(&self.word(rng)).into_owned()
    }
}

fn unescape(word: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), word.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = |digits: &[u8]| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
        rest = match (first, after) {
            (b'\\', [b'x', high, low, after @ ..]) => {
                bytes.extend(hex(&[*high, *low]));
                after
            }
            (b'\\', [escaped, after @ ..]) => {
                bytes.push(*escaped);
                after
            }
            _ => {
                bytes.push(*first);
                after
            }
        };
    }
    bytes
}

/// Makes an input out of those that are there.
pub(super) fn mutate(pool: &[Vec<u8>], dictionary: &Dictionary, rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.pick(pool).cloned().unwrap_or_default();
    for _ in 0..=rng.below(MAX_STACKED) {
        input = match rng.below(8) {
            0..=2 => mutate_json(&input, pool, dictionary, rng)
                .unwrap_or_else(|| mutate_bytes(input, dictionary, rng)),
            3 | 4 => mutate_pieces(&input, pool, dictionary, rng),
            5 => splice(&input, pool, rng),
            _ => mutate_bytes(input, dictionary, rng),
        };
        input.truncate(MAX_BYTES);
    }
    input
}

fn mutate_bytes(mut input: Vec<u8>, dictionary: &Dictionary, rng: &mut Rng) -> Vec<u8> {
    let at = rng.below(input.len());
    let range = rng.range(input.len());
    match rng.below(9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.byte();
            }
        }
        2 => drop(input.drain(range)),
        3 => {
            let repeated = input[range].repeat(1 + rng.below(8));
            input.splice(at..at, repeated);
        }
        4 => {
            let inserted: Vec<_> = (0..=rng.below(8)).map(|_| rng.byte()).collect();
            input.splice(at..at, inserted);
        }
        5 => {
            let number = digits_after(&input, at).unwrap_or(range);
            let other = rng.pick(&NUMBERS).map_or("", |number| number);
            input.splice(number, other.bytes());
        }
        6 => input.truncate(at),
        7 => drop(input.splice(range, dictionary.word(rng))),
        _ => {
            // Longer than what limits allow, rarely, because it is slow.
            let times = if rng.one_in(16) { 5_000 } else { 1 };
            input.splice(at..at, dictionary.word(rng).repeat(times));
        }
    }
    input
}

/// The first run of digits at or after a place.
fn digits_after(input: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let start = at + input[at..].iter().position(u8::is_ascii_digit)?;
    let length = input[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    Some(start..start + length.count())
}

/// The first half of one input and the second of another.
fn splice(input: &[u8], pool: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let other = rng.pick(pool).map_or(&[][..], Vec::as_slice);
    let (end, start) = (rng.below(input.len() + 1), rng.below(other.len() + 1));
    [&input[..end], &other[start..]].concat()
}

/// Moves, repeats, removes and exchanges lines, or whatever else is between separators.
fn mutate_pieces(
    input: &[u8],
    pool: &[Vec<u8>],
    dictionary: &Dictionary,
    rng: &mut Rng,
) -> Vec<u8> {
    let separators = [SEPARATOR, b'\n', b',', b';', b' ', b'&', b'/', b'.', b'='];
    let present: Vec<_> = separators
        .iter()
        .filter(|byte| input.contains(byte))
        .collect();
    let separator = **rng.pick(&present).unwrap_or(&&b'\n');
    let mut pieces: Vec<Vec<u8>> = split(input, separator);
    let (at, other) = (rng.below(pieces.len()), rng.below(pieces.len()));
    match rng.below(6) {
        0 => drop(pieces.remove(at)),
        1 => pieces.insert(other, pieces[at].clone()),
        2 => pieces.swap(at, other),
        3 => {
            let donor = rng.pick(pool).map_or(&[][..], Vec::as_slice);
            let donated = split(donor, separator);
            pieces.insert(at, donated[rng.below(donated.len())].clone());
        }
        4 => pieces[at] = dictionary.word(rng),
        _ => pieces[at] = mutate_bytes(std::mem::take(&mut pieces[at]), dictionary, rng),
    }
    pieces.join(&separator)
}

/// At least one piece.
fn split(input: &[u8], separator: u8) -> Vec<Vec<u8>> {
    input
        .split(|byte| *byte == separator)
        .map(<[u8]>::to_vec)
        .collect()
}

/// Changes one node of a JSON document; `None` for what is none.
fn mutate_json(
    input: &[u8],
    pool: &[Vec<u8>],
    dictionary: &Dictionary,
    rng: &mut Rng,
) -> Option<Vec<u8>> {
    let mut root: Value = serde_json::from_slice(input).ok()?;
    let donor = rng
        .pick(pool)
        .and_then(|other| serde_json::from_slice(other).ok());
    let donated = donor.map(|mut donor| node(&mut donor, rng).clone());
    change(node(&mut root, rng), donated, dictionary, rng);
    // A key that stands twice is what no tree can hold.
    let text = root.to_string();
    Some(match rng.below(12) {
        0 => repeat_member(&text, rng),
        _ => text.into_bytes(),
    })
}

/// A node, deeper ones as likely as others.
fn node<'a>(root: &'a mut Value, rng: &mut Rng) -> &'a mut Value {
    let is_end = match &*root {
        Value::Object(members) => members.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    if is_end || rng.one_in(4) {
        return root;
    }
    match root {
        Value::Object(members) => {
            let at = rng.below(members.len());
            match members.values_mut().nth(at) {
                Some(member) => node(member, rng),
                None => unreachable!("the place is below the length"),
            }
        }
        Value::Array(items) => {
            let at = rng.below(items.len());
            node(&mut items[at], rng)
        }
        leaf => leaf,
    }
}

fn change(node: &mut Value, donated: Option<Value>, dictionary: &Dictionary, rng: &mut Rng) {
    match (rng.below(7), &mut *node) {
        (0, Value::Object(members)) => {
            let key = nth_key(members, rng);
            members.remove(&key);
        }
        (1, Value::Object(members)) => {
            let value = members.remove(&nth_key(members, rng)).unwrap_or_default();
            members.insert(dictionary.text(rng), value);
        }
        (2, Value::Object(members)) => {
            let value = donated.unwrap_or_else(|| leaf(dictionary, rng));
            members.insert(dictionary.text(rng), value);
        }
        (0, Value::Array(items)) => drop(items.pop()),
        (1 | 2, Value::Array(items)) => {
            let item = donated.or_else(|| items.first().cloned());
            let item = item.unwrap_or_else(|| leaf(dictionary, rng));
            items.extend(vec![item; 1 + rng.below(3)]);
        }
        (0..=2, Value::String(text)) => {
            let bytes = mutate_bytes(std::mem::take(text).into_bytes(), dictionary, rng);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        (3, _) => *node = donated.unwrap_or_default(),
        (4, _) => {
            for _ in 0..=rng.below(4) {
                *node = Value::Array(vec![node.take()]);
            }
        }
        _ => *node = leaf(dictionary, rng),
    }
}

fn nth_key(members: &Map<String, Value>, rng: &mut Rng) -> String {
    members
        .keys()
        .nth(rng.below(members.len()))
        .cloned()
        .unwrap_or_default()
}

fn leaf(dictionary: &Dictionary, rng: &mut Rng) -> Value {
    match rng.below(6) {
        0 => Value::Null,
        1 => Value::Bool(rng.one_in(2)),
        2 | 3 => rng
            .pick(&NUMBERS)
            .and_then(|number| serde_json::from_str(number).ok())
            .unwrap_or_default(),
        _ => Value::String(dictionary.text(rng)),
    }
}

/// Writes a member of some object in the text a second time.
fn repeat_member(text: &str, rng: &mut Rng) -> Vec<u8> {
    let starts: Vec<_> = text.match_indices('{').map(|(at, _)| at + 1).collect();
    let Some(start) = rng.pick(&starts) else {
        return text.as_bytes().to_vec();
    };
    let member = text[*start..].split([',', '}']).next().unwrap_or_default();
    format!("{}{member},{}", &text[..*start], &text[*start..]).into_bytes()
}
