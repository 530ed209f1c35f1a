//! The state of the page, which is its address.

/// The most characters of a text in the address.
const MAX_CHARS: usize = 200;

/// The part of the page that is shown, and its subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DevQuery {
    view: DevView,
    /// The id of a trace, which is shown alone; empty where none is asked for.
    pub(super) trace: String,
    /// What names, attributes and messages must contain; in lower case when it is compared.
    pub(super) text: String,
    /// The least severity of lines; empty for all.
    pub(super) level: String,
    /// Failed traces alone.
    pub(super) errors: bool,
    /// Traces too that are one call alone.
    pub(super) polls: bool,
    /// The label of the only process; empty for all.
    pub(super) process: String,
    /// True if the page reloads itself.
    pub(super) refresh: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DevView {
    #[default]
    Overview,
    Traces,
    Lines,
    /// One trace.
    Trace,
}

/// The levels of lines, the least severe first.
pub(super) const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

impl DevQuery {
    /// Reads the parameters of an address; unknown ones are ignored, and of one that is repeated the last counts.
    pub(crate) fn parse<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self {
            refresh: true,
            ..Self::default()
        };
        for (name, value) in parameters {
            let text = || value.trim().chars().take(MAX_CHARS).collect();
            match name {
                "view" => {
                    query.view = match value {
                        "traces" => DevView::Traces,
                        "logs" => DevView::Lines,
                        _ => DevView::Overview,
                    }
                }
                "trace" => query.trace = text(),
                "q" => query.text = text(),
                "level" => {
                    let known = LEVELS.iter().find(|level| **level == value);
                    query.level = known.map_or_else(String::new, ToString::to_string);
                }
                "errors" => query.errors = value == "1",
                "polls" => query.polls = value == "1",
                "process" => query.process = text(),
                "refresh" => query.refresh = value != "off",
                _ => {}
            }
        }
        query
    }

    pub(super) const fn view(&self) -> DevView {
        if self.trace.is_empty() {
            self.view
        } else {
            DevView::Trace
        }
    }

    pub(super) fn is_overview(&self) -> bool {
        self.view() == DevView::Overview
    }

    pub(super) fn is_traces(&self) -> bool {
        self.view() == DevView::Traces
    }

    pub(super) fn is_trace(&self) -> bool {
        self.view() == DevView::Trace
    }

    /// Returns the name of the view in the address.
    pub(super) const fn view_name(&self) -> &'static str {
        match self.view() {
            DevView::Traces => "traces",
            DevView::Lines => "logs",
            DevView::Overview | DevView::Trace => "overview",
        }
    }

    #[expect(clippy::unused_self, reason = "a template can't name a constant")]
    pub(super) const fn levels(&self) -> [&'static str; 5] {
        LEVELS
    }

    pub(super) fn with_view(&self, view: DevView) -> Self {
        Self {
            view,
            trace: String::new(),
            ..self.clone()
        }
    }

    pub(super) fn with_trace(&self, trace: &str) -> Self {
        Self {
            trace: trace.into(),
            ..self.clone()
        }
    }

    pub(super) fn with_text(&self, text: &str) -> Self {
        Self {
            text: text.into(),
            ..self.clone()
        }
    }

    pub(super) fn with_polls(&self, polls: bool) -> Self {
        Self {
            polls,
            ..self.clone()
        }
    }

    pub(super) fn with_refresh(&self, refresh: bool) -> Self {
        Self {
            refresh,
            ..self.clone()
        }
    }

    /// Returns the link to this state, relative to the page itself.
    pub(super) fn link(&self) -> String {
        let mut link = String::from("?");
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                let separator = if link.len() > 1 { "&" } else { "" };
                link.push_str(separator);
                link.push_str(name);
                link.push('=');
                encode(value, &mut link);
            }
        };
        // In the view of a trace, that of its way back.
        match self.view {
            DevView::Traces => add("view", "traces"),
            DevView::Lines => add("view", "logs"),
            DevView::Overview | DevView::Trace => {}
        }
        add("trace", &self.trace);
        add("q", &self.text);
        add("level", &self.level);
        add("errors", if self.errors { "1" } else { "" });
        add("polls", if self.polls { "1" } else { "" });
        add("process", &self.process);
        add("refresh", if self.refresh { "" } else { "off" });
        link
    }

    /// Returns whether a text is among the texts that are looked for.
    pub(super) fn finds<'a>(&self, mut texts: impl Iterator<Item = &'a str>) -> bool {
        let wanted = self.text.to_lowercase();
        wanted.is_empty() || texts.any(|text| text.to_lowercase().contains(&wanted))
    }
}

/// Encodes a value for a query.
fn encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_the_whole_state() {
        let parameters = [
            ("view", "logs"),
            ("q", " a&b=ä "),
            ("level", "warn"),
            ("errors", "1"),
            ("polls", "1"),
            ("process", "shop #2"),
            ("refresh", "off"),
            ("unknown", "x"),
        ];
        let query = DevQuery::parse(parameters);
        let link = query.link();
        assert_eq!(
            link,
            "?view=logs&q=a%26b%3D%C3%A4&level=warn&errors=1&polls=1&process=shop%20%232&refresh=off"
        );
        let trace = query.with_trace("ab");
        assert_eq!(
            (trace.view(), trace.with_view(DevView::Lines)),
            (DevView::Trace, query)
        );
        assert_eq!(
            DevQuery::parse([("level", "loud"), ("view", "x")]).link(),
            "?"
        );
    }

    #[test]
    fn texts_are_bounded() {
        let long = "x".repeat(1_000);
        assert_eq!(DevQuery::parse([("q", &*long)]).text.len(), MAX_CHARS);
    }
}
