use crate::model::catalog::api::METHODS;

const SCHEMES: [&str; 2] = ["http", "https"];

/// The bounded labels of a request's head: its method and scheme.
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
    known.unwrap_or(METHODS.len() - 1) as u8
}
