//! The layout around each page.

use super::style::{STANDALONE_POLICY, STYLE};
#[cfg(feature = "axum")]
use crate::serve::link_base::LinkBase;

/// The refresh interval of a page, in seconds.
/// By the document itself and not by a script; a reader can turn it off, because a refresh
/// interrupts who has the page read aloud.
#[cfg(feature = "axum")]
const REFRESH_SECONDS: u32 = 60;

/// The layout around a page's own content.
#[derive(Debug)]
pub(super) struct PageLayout {
    /// The title of the document.
    pub(super) title: String,
    /// The name of the service.
    pub(super) brand: String,
    /// The path prefix of links to other pages; empty where there is none.
    pub(super) prefix: String,
    /// Links to other pages, below the prefix.
    pub(super) links: Vec<NavLink>,
    /// Refresh interval in seconds; `None` without automatic refresh.
    pub(super) refresh_seconds: Option<u32>,
    /// True if the page refreshes itself; `None` if a reader can't choose.
    pub(super) auto_refresh: Option<bool>,
    /// The content security policy, if no header carries it.
    pub(super) policy: Option<&'static str>,
    /// The colour of its icon, URL-encoded.
    pub(super) icon: &'static str,
    /// True if there is a feed of incidents.
    pub(super) feed: bool,
    /// The number of this page among those of its list, from 1 on.
    pub(super) page: usize,
    /// The number of pages of its list.
    #[cfg(feature = "axum")]
    pub(super) page_count: usize,
}

/// A navigation link to another page.
#[derive(Debug)]
pub(super) struct NavLink {
    pub(super) href: &'static str,
    pub(super) text: &'static str,
    pub(super) current: bool,
}

impl PageLayout {
    /// Returns the layout of a standalone file.
    pub(super) const fn standalone(title: String, brand: String) -> Self {
        Self {
            title,
            brand,
            prefix: String::new(),
            links: Vec::new(),
            refresh_seconds: None,
            auto_refresh: None,
            policy: Some(STANDALONE_POLICY),
            icon: icon_color("none"),
            feed: false,
            page: 1,
            #[cfg(feature = "axum")]
            page_count: 1,
        }
    }

    /// Returns the layout of a served page, which refreshes itself if the reader wants that.
    #[cfg(feature = "axum")]
    pub(super) fn served(
        title: String,
        brand: String,
        base: &LinkBase,
        auto_refresh: bool,
    ) -> Self {
        Self {
            prefix: base.prefix().to_owned(),
            refresh_seconds: auto_refresh.then_some(REFRESH_SECONDS),
            auto_refresh: Some(auto_refresh),
            policy: None,
            ..Self::standalone(title, brand)
        }
    }

    /// Returns the link to the page with what is newer; `None` on the first page.
    #[cfg(feature = "axum")]
    pub(super) fn newer(&self) -> Option<String> {
        (self.page > 1).then(|| self.query(self.page - 1, self.auto_refresh))
    }

    /// Returns the link to the page with what is older; `None` on the last page.
    #[cfg(feature = "axum")]
    pub(super) fn older(&self) -> Option<String> {
        (self.page < self.page_count).then(|| self.query(self.page + 1, self.auto_refresh))
    }

    /// Returns the link to this page with the other choice of a refresh.
    pub(super) fn other_refresh(&self) -> String {
        self.query(self.page, self.auto_refresh.map(|refresh| !refresh))
    }

    /// Returns the query of a page.
    fn query(&self, page: usize, auto_refresh: Option<bool>) -> String {
        let refresh = (auto_refresh == Some(false)).then(|| "refresh=off".to_owned());
        let page = (page > 1).then(|| format!("page={page}"));
        let parameters: Vec<_> = refresh.into_iter().chain(page).collect();
        format!("?{}", parameters.join("&"))
    }

    #[expect(clippy::unused_self, reason = "a template can't name a constant")]
    pub(super) const fn style(&self) -> &'static str {
        STYLE
    }
}

/// Returns the colour of a tone on any background, URL-encoded.
pub(super) const fn icon_color(tone: &str) -> &'static str {
    match tone.as_bytes() {
        b"ok" => "%23218a56",
        b"deg" => "%23b98300",
        b"part" => "%23d9651f",
        b"major" => "%23d0342c",
        b"maint" => "%233b7ddd",
        _ => "%237a8591",
    }
}
