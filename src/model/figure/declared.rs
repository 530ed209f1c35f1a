//! The checks of [`figures!`](crate::figures) while it is compiled: the rules of a declaration, for its literals.

use super::rules::{self, MAX_LABELS};

/// Returns the help text of a doc comment: its first paragraph, on one line; `None` where there is none.
#[must_use]
pub fn help(doc: &str) -> Option<String> {
    let words: Vec<_> = first_paragraph(doc).split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Checks the help text of a doc comment.
pub const fn check_help(doc: &str) {
    let text = first_paragraph(doc).as_bytes();
    let (mut length, mut gap, mut i) = (0, false, 0);
    while i < text.len() {
        if text[i].is_ascii_whitespace() {
            gap = length > 0;
        } else {
            assert!(
                !text[i].is_ascii_control(),
                "the first paragraph of a figure's documentation is its help text: printable text"
            );
            length += 1 + gap as usize;
            gap = false;
        }
        i += 1;
    }
    assert!(
        length <= rules::MAX_DESCRIPTION_BYTES,
        "the first paragraph of a figure's documentation is its help text: at most 255 bytes"
    );
}

/// Checks a name.
pub const fn check_name(name: &str) {
    if let Some(rule) = rules::broken_own_name_rule(name) {
        panic!("{}", rule);
    }
}

/// Checks the keys of all labels.
pub const fn check_labels(keys: &[&str]) {
    assert!(keys.len() <= MAX_LABELS, "a figure has at most 5 labels");
    let mut i = 0;
    while i < keys.len() {
        if let Some(rule) = rules::broken_label_rule(keys[i]) {
            panic!("{}", rule);
        }
        i += 1;
    }
}

/// Checks the limit of a label.
pub const fn check_limit(limit: usize) {
    assert!(
        limit >= 1 && limit <= rules::MAX_LIMIT,
        "the limit of a label's values: 1 to metrics.cardinality_limit"
    );
}

/// Checks the listed values of a label.
pub const fn check_values(values: &[&str]) {
    let count = values.len();
    assert!(
        count >= 1 && count <= rules::MAX_LISTED,
        "the values of a label: 1 to 50 of them"
    );
    let mut i = 0;
    while i < count {
        let mut before = 0;
        while before < i {
            assert!(
                !rules::is_same(values[before], values[i]),
                "the values of a label: different texts"
            );
            before += 1;
        }
        if !rules::is_listable(values[i]) {
            panic!("{}", rules::LISTABLE);
        }
        i += 1;
    }
}

/// Checks the unit of a figure of this kind.
pub const fn check_unit(kind: &str, unit: &str) {
    let fine = match unit.as_bytes() {
        b"s" | b"By" => true,
        // Its name in Prometheus ends in `_ratio`.
        b"1" => rules::is_same(kind, "gauge"),
        _ => rules::is_count(unit),
    };
    if !fine {
        panic!("{}", rules::UNITS);
    }
}

/// Checks the multiple of a drop alert of a figure of this kind.
pub const fn check_drop_alert(kind: &str, multiple: f64) {
    assert!(
        rules::is_same(kind, "counter"),
        "drop_alert: only of a counter"
    );
    assert!(
        multiple > 0.0 && multiple < 1.0,
        "drop_alert: more than 0 and less than 1"
    );
}

/// Checks the multiple of a spike alert of a figure of this kind.
pub const fn check_spike_alert(kind: &str, multiple: f64) {
    assert!(
        rules::is_same(kind, "counter"),
        "spike_alert: only of a counter"
    );
    assert!(
        multiple > 1.0 && multiple <= 1_000.0,
        "spike_alert: more than 1 and at most 1000"
    );
}

/// Returns the lines up to the first blank one after text.
const fn first_paragraph(doc: &str) -> &str {
    let bytes = doc.as_bytes();
    let (mut has_text, mut is_blank, mut i) = (false, true, 0);
    while i < bytes.len() {
        if bytes[i] == b'\n' {
            if is_blank && has_text {
                break;
            }
            is_blank = true;
        } else if !bytes[i].is_ascii_whitespace() {
            (has_text, is_blank) = (true, false);
        }
        i += 1;
    }
    // `i` is the end, or the place of a byte that is a character of its own.
    doc.split_at(i).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_text_is_the_first_paragraph_on_one_line() {
        assert_eq!(help(""), None);
        assert_eq!(help(" \n\n"), None);
        assert_eq!(
            help(" Orders that were paid.\n").unwrap(),
            "Orders that were paid."
        );
        let doc = "\n Orders\tthat\n  were paid – all.\n \n More.\n";
        assert_eq!(help(doc).unwrap(), "Orders that were paid – all.");
    }

    #[test]
    fn a_help_text_has_255_bytes_without_what_is_between_its_lines() {
        let line = "a".repeat(127);
        check_help(&format!(" {line}\n   {line}\n\n{}", "b".repeat(400)));
        let longer = format!("{line}a\n{line}");
        assert!(std::panic::catch_unwind(|| check_help(&longer)).is_err());
    }

    #[test]
    fn what_the_macro_refuses_is_what_the_configuration_refuses() {
        use super::super::Figure;
        let is_fine = |figure: Figure| figure.faults().is_empty();
        let passes = |check: &dyn Fn()| {
            let check = std::panic::AssertUnwindSafe(check);
            std::panic::catch_unwind(check).is_ok()
        };
        for name in [
            "shop.orders",
            "Shop",
            "",
            "vantage.x",
            "shop.orders_total",
            "shop.wait_seconds",
        ] {
            assert_eq!(
                passes(&|| check_name(name)),
                is_fine(Figure::counter(name)),
                "{name}"
            );
        }
        for unit in [
            "s", "By", "1", "{order}", "{}", "order", "{a|b}", "{a b}", "{a}b}",
        ] {
            for (kind, figure) in [
                ("counter", Figure::counter("shop.a")),
                ("gauge", Figure::gauge("shop.a")),
            ] {
                assert_eq!(
                    passes(&|| check_unit(kind, unit)),
                    is_fine(figure.unit(unit)),
                    "{unit} {kind}"
                );
            }
        }
        for key in [
            "tenant",
            "Tenant",
            "r#type",
            "le",
            "job",
            "otel_x",
            "exported_x",
            "_a",
            "a_1",
        ] {
            assert_eq!(
                passes(&|| check_labels(&[key])),
                is_fine(Figure::counter("shop.a").label(key, 1)),
                "{key}"
            );
        }
        for values in [&["a", "b"][..], &["a", "a"], &[""], &["a|b"], &["a\n"], &[]] {
            let figure = Figure::counter("shop.a").label_values("x", values.iter().copied());
            assert_eq!(
                passes(&|| check_values(values)),
                is_fine(figure),
                "{values:?}"
            );
        }
        for limit in [0, 1, 100_000, 100_001] {
            assert_eq!(
                passes(&|| check_limit(limit)),
                is_fine(Figure::counter("shop.a").label("x", limit))
            );
        }
        for multiple in [-0.5, 0.0, 0.5, 1.0, 1.5, 1_000.0, 1_001.0] {
            for (kind, figure) in [
                ("counter", Figure::counter("shop.a")),
                ("gauge", Figure::gauge("shop.a")),
            ] {
                let (drop, spike) = (
                    figure.clone().drop_alert(multiple),
                    figure.spike_alert(multiple),
                );
                assert_eq!(
                    passes(&|| check_drop_alert(kind, multiple)),
                    is_fine(drop),
                    "{kind} {multiple}"
                );
                assert_eq!(
                    passes(&|| check_spike_alert(kind, multiple)),
                    is_fine(spike),
                    "{kind} {multiple}"
                );
            }
        }
    }
}
