//! The body of a gRPC-Web response: messages, and after them the trailers, each after five bytes that
//! tell its kind and length. The text form is base64, encoded in pieces.

use bytes::Buf;

use crate::record::instruments::GrpcStatus;

const PREFIX_BYTES: usize = 5;
/// The bit of the first byte that stands for trailers.
const TRAILERS: u8 = 0x80;
/// The most bytes of trailers that are kept; the status stands before the message, by custom.
const MAX_TRAILERS_BYTES: usize = 8 << 10;

/// A reader of bodies in pieces, which keeps nothing of the messages.
#[derive(Debug)]
pub(crate) struct WebFrames {
    base64: Option<Base64>,
    prefix: [u8; PREFIX_BYTES],
    prefix_filled: usize,
    /// Bytes of the present frame that are still to come.
    remaining: u32,
    trailers: Vec<u8>,
}

/// The trailers of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WebTrailers {
    Status(GrpcStatus),
    /// They are compressed, or the body is not what it says.
    Unreadable,
}

/// A decoder of base64 in pieces, of which each may end with padding.
#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    digits: u8,
}

impl WebFrames {
    pub(crate) const fn binary() -> Self {
        Self {
            base64: None,
            prefix: [0; PREFIX_BYTES],
            prefix_filled: 0,
            remaining: 0,
            trailers: Vec::new(),
        }
    }

    pub(crate) fn text() -> Self {
        Self {
            base64: Some(Base64::default()),
            ..Self::binary()
        }
    }

    /// Reads the next piece of a body; returns its trailers when they are complete.
    pub(crate) fn read<D: Buf>(&mut self, data: &D) -> Option<WebTrailers> {
        let bytes = data.chunk();
        if bytes.len() < data.remaining() {
            return Some(WebTrailers::Unreadable);
        }
        let Some(mut base64) = self.base64.take() else {
            return self.read_bytes(bytes);
        };
        for byte in bytes {
            let Some((decoded, length)) = base64.push(*byte) else {
                return Some(WebTrailers::Unreadable);
            };
            if let Some(trailers) = self.read_bytes(&decoded[..length]) {
                return Some(trailers);
            }
        }
        self.base64 = Some(base64);
        None
    }

    fn read_bytes(&mut self, mut bytes: &[u8]) -> Option<WebTrailers> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.prefix_filled < PREFIX_BYTES {
                self.prefix[self.prefix_filled] = *first;
                self.prefix_filled += 1;
                bytes = rest;
                if self.prefix_filled == PREFIX_BYTES {
                    let [_, length @ ..] = self.prefix;
                    self.remaining = u32::from_be_bytes(length);
                }
            } else {
                let length = bytes.len().min(self.remaining as usize);
                let (content, rest) = bytes.split_at(length);
                bytes = rest;
                self.remaining -= length as u32;
                if self.prefix[0] & TRAILERS != 0 {
                    let room = MAX_TRAILERS_BYTES - self.trailers.len();
                    self.trailers.extend(&content[..length.min(room)]);
                }
            }
            if self.prefix_filled == PREFIX_BYTES && self.remaining == 0 {
                if self.prefix[0] & TRAILERS != 0 {
                    return Some(self.read_trailers());
                }
                self.prefix_filled = 0;
            }
        }
        None
    }

    fn read_trailers(&self) -> WebTrailers {
        // The other bit stands for compression.
        if self.prefix[0] != TRAILERS {
            return WebTrailers::Unreadable;
        }
        let status = self.trailers.split(|byte| *byte == b'\n').find_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            name.eq_ignore_ascii_case(b"grpc-status")
                .then(|| value.trim_ascii())
        });
        WebTrailers::Status(GrpcStatus::from_header(status.unwrap_or_default()))
    }
}

impl Base64 {
    /// Takes a digit; returns the bytes that it completes, or `None` for what is no digit.
    fn push(&mut self, digit: u8) -> Option<([u8; 3], usize)> {
        if digit != b'=' {
            self.bits = (self.bits << 6) | u32::from(digit_value(digit)?);
            self.digits += 1;
        }
        let [_, bytes @ ..] = (self.bits << (6 * (4 - u32::from(self.digits)))).to_be_bytes();
        let length = match (self.digits, digit) {
            (4, _) => 3,
            (3, b'=') => 2,
            (2, b'=') => 1,
            // The second of two padding characters, or digits that are too few.
            (0, _) | (1..=3, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/') => {
                return Some(([0; 3], 0));
            }
            _ => return None,
        };
        *self = Self::default();
        Some((bytes, length))
    }
}

fn digit_value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut frame = vec![kind];
        frame.extend((content.len() as u32).to_be_bytes());
        frame.extend(content);
        frame
    }

    fn body(trailers: &str) -> Vec<u8> {
        let messages = [frame(0, b"a message with \x80 in it"), frame(0, b"")];
        [messages.concat(), frame(0x80, trailers.as_bytes())].concat()
    }

    fn read_in_pieces(mut frames: WebFrames, body: &[u8], size: usize) -> Option<WebTrailers> {
        body.chunks(size).find_map(|piece| frames.read(&piece))
    }

    #[test]
    fn a_status_is_found_however_the_body_is_cut() {
        for (trailers, expected) in [
            ("grpc-status:13\r\n", GrpcStatus::INTERNAL),
            ("grpc-status: 0\r\ngrpc-message:\r\n", GrpcStatus::OK),
            (
                "grpc-message: grpc-status:13\r\nGrpc-Status: 16\r\n",
                GrpcStatus::UNAUTHENTICATED,
            ),
            ("grpc-message:lost\n", GrpcStatus::UNKNOWN),
            ("", GrpcStatus::UNKNOWN),
        ] {
            let body = body(trailers);
            for size in 1..=body.len() {
                let found = read_in_pieces(WebFrames::binary(), &body, size);
                assert_eq!(found, Some(WebTrailers::Status(expected)), "{trailers:?}");
            }
            let cut = read_in_pieces(WebFrames::binary(), &body[..body.len() - 1], 7);
            assert_eq!(cut, None, "{trailers:?}");
        }
    }

    #[test]
    fn text_is_decoded_in_pieces_of_their_own_padding() {
        // A message of one and one of two bytes, each encoded by itself as the trailers are.
        for message in ["AAAAAAFh", "AAAAAAJhYg=="] {
            let text = format!("{message}gAAAABBncnBjLXN0YXR1czoxNA0K");
            for size in 1..=text.len() {
                let found = read_in_pieces(WebFrames::text(), text.as_bytes(), size);
                let expected = WebTrailers::Status(GrpcStatus::UNAVAILABLE);
                assert_eq!(found, Some(expected), "{size} of {text}");
            }
        }
        for broken in ["AAA*", "A===", "=\u{e4}"] {
            let found = read_in_pieces(WebFrames::text(), broken.as_bytes(), 2);
            assert_eq!(found, Some(WebTrailers::Unreadable), "{broken}");
        }
    }

    #[test]
    fn compressed_trailers_are_unreadable_and_long_ones_are_cut() {
        let compressed = frame(0x81, b"grpc-status:13");
        let found = read_in_pieces(WebFrames::binary(), &compressed, 4);
        assert_eq!(found, Some(WebTrailers::Unreadable));
        let long = body(&format!("grpc-status:13\r\nx:{}", "y".repeat(100_000)));
        let found = read_in_pieces(WebFrames::binary(), &long, 999);
        let expected = WebTrailers::Status(GrpcStatus::INTERNAL);
        assert_eq!(found, Some(expected));
    }
}
