use crate::model::catalog::api::METHODS;

/// In the order of the label's declaration; the position is what is kept.
const SCHEMES: [&str; 2] = ["http", "https"];

/// The bounded labels of a request's head: its method and scheme.
///
/// Two bytes instead of two texts: it travels with every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MethodScheme {
    /// A position in [`METHODS`].
    method: u8,
    /// A position in [`SCHEMES`].
    scheme: u8,
}

impl MethodScheme {
    /// The number of combinations.
    pub(super) const COUNT: usize = METHODS.len() * SCHEMES.len();

    pub(crate) fn from_request<B>(request: &http::Request<B>) -> Self {
        // HTTP/1 requests have no scheme in their URI: without TLS in this process they are what
        // they look like, `http`.
        let https = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        Self {
            method: position(request.method()),
            scheme: u8::from(https),
        }
    }

    /// Returns one of the known methods, or `_OTHER`.
    pub(crate) const fn method(self) -> &'static str {
        METHODS[self.method as usize]
    }

    pub(crate) const fn scheme(self) -> &'static str {
        SCHEMES[self.scheme as usize]
    }

    /// Below [`COUNT`](Self::COUNT).
    pub(super) const fn index(self) -> u8 {
        self.method * SCHEMES.len() as u8 + self.scheme
    }
}

fn position(method: &http::Method) -> u8 {
    let known = METHODS.iter().position(|known| *known == method.as_str());
    // The last one is `_OTHER`.
    // Methods are case-sensitive (RFC 9110, section 9.1): `get` is another one, and so unknown.
    known.unwrap_or(METHODS.len() - 1) as u8
}
