//! What stands around each page.

use super::style::{POLICY_OF_A_FILE, STYLE};

/// How often a page loads itself anew, in seconds.
#[cfg(feature = "axum")]
const REFRESH: u32 = 60;

/// What stands around a page's own content.
#[derive(Debug)]
pub(super) struct Frame {
    /// The title of the document.
    pub(super) title: String,
    /// Whose page it is.
    pub(super) brand: String,
    /// The pages beside it.
    pub(super) links: Vec<Link>,
    /// After how many seconds it loads itself anew.
    pub(super) refresh: Option<u32>,
    /// Whether it does, where a reader may choose.
    pub(super) refreshing: Option<bool>,
    /// The policy, where no header brings it.
    pub(super) policy: Option<&'static str>,
    /// The colour of its icon, as a URL has it.
    pub(super) icon: &'static str,
    /// Whether there is a feed of incidents.
    pub(super) feed: bool,
}

/// A link to a page beside this one.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) href: &'static str,
    pub(super) text: &'static str,
    pub(super) current: bool,
}

impl Frame {
    /// Around a page that is a file of its own.
    pub(super) const fn of_a_file(title: String, brand: String) -> Self {
        Self {
            title,
            brand,
            links: Vec::new(),
            refresh: None,
            refreshing: None,
            policy: Some(POLICY_OF_A_FILE),
            icon: super::frame::icon("none"),
            feed: false,
        }
    }

    /// Around a page that is served, and loads itself anew where the reader wants that.
    #[cfg(feature = "axum")]
    pub(super) fn served(title: String, brand: String, refreshing: bool) -> Self {
        Self {
            refresh: refreshing.then_some(REFRESH),
            refreshing: Some(refreshing),
            policy: None,
            ..Self::of_a_file(title, brand)
        }
    }

    #[expect(clippy::unused_self, reason = "a template can't name a constant")]
    pub(super) const fn style(&self) -> &'static str {
        STYLE
    }
}

/// The colour of a tone on any background, as a URL has it.
pub(super) const fn icon(tone: &str) -> &'static str {
    match tone.as_bytes() {
        b"ok" => "%23218a56",
        b"deg" => "%23b98300",
        b"part" => "%23d9651f",
        b"major" => "%23d0342c",
        b"maint" => "%233b7ddd",
        _ => "%237a8591",
    }
}
