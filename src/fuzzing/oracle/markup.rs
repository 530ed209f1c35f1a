//! A strict reader of markup, for pages and the feed: tags balance, attributes are quoted, entities are known.

/// The elements of a document in order, as `name attribute attribute` and `/name`.
///
/// # Panics
///
/// When the text is not well formed.
#[track_caller]
pub(in crate::fuzzing) fn elements(text: &str, is_xml: bool) -> Vec<String> {
    let (mut found, mut open, mut rest) = (Vec::new(), Vec::new(), text);
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some(after) = rest
            .strip_prefix("!doctype html>")
            .or_else(|| rest.strip_prefix("!DOCTYPE html>"))
        {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("?xml ") {
            rest = after.split_once("?>").expect_end(rest).1;
        } else if let Some(after) = rest.strip_prefix('/') {
            let (name, after) = after.split_once('>').expect_end(rest);
            let opened: Option<String> = open.pop();
            assert_eq!(opened.as_deref(), Some(name), "the end of another element");
            found.push(format!("/{name}"));
            rest = after;
        } else {
            let (tag, is_closed, after) = read_tag(rest);
            let name = tag.split(' ').next().unwrap_or_default().to_owned();
            found.push(tag);
            rest = after;
            // The content of a style is text of ours, without markup.
            if name == "style" && !is_xml {
                rest = &rest[rest
                    .find("</style>")
                    .unwrap_or_else(|| panic!("a style without an end"))..];
            }
            if !is_closed && (is_xml || !is_void(&name)) {
                open.push(name);
            }
        }
    }
    assert_text(rest);
    assert!(open.is_empty(), "{open:?} never ends");
    found
}

trait ExpectEnd<T> {
    fn expect_end(self, text: &str) -> T;
}

impl<T> ExpectEnd<T> for Option<T> {
    #[track_caller]
    fn expect_end(self, text: &str) -> T {
        self.unwrap_or_else(|| panic!("no end: {:?}", text.chars().take(80).collect::<String>()))
    }
}

fn is_void(name: &str) -> bool {
    ["meta", "link", "br", "hr", "img", "input", "wbr", "col"].contains(&name)
}

/// Reads a tag after its `<`: its name and attributes, whether it is closed, and what follows.
#[track_caller]
fn read_tag(text: &str) -> (String, bool, &str) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-:_".contains(c);
    let end = text.find(|c| !is_name(c)).expect_end(text);
    let (name, mut rest) = text.split_at(end);
    assert!(
        name.starts_with(|c: char| c.is_ascii_alphabetic()),
        "{:?} begins no element",
        &text[..end]
    );
    let mut tag = name.to_owned();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix("/>") {
            return (tag, true, after);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (tag, false, after);
        }
        let end = rest.find(|c| !is_name(c)).expect_end(text);
        let (attribute, after) = rest.split_at(end);
        assert!(!attribute.is_empty(), "{rest:.40} in {tag}");
        tag.push(' ');
        tag.push_str(attribute);
        rest = match after.strip_prefix("=\"") {
            Some(value) => {
                let (value, after) = value.split_once('"').expect_end(text);
                assert!(!value.contains('<'), "{value:?}");
                assert_text(value);
                after
            }
            // A flag such as `open` or `hidden`; an unquoted value would be another attribute.
            None => {
                assert!(!after.starts_with('='), "an unquoted value in {tag}");
                after
            }
        };
    }
}

/// Asserts that every `&` begins an entity, and that no control character is in the text.
#[track_caller]
fn assert_text(text: &str) {
    for part in text.split('&').skip(1) {
        let name = part.split_once(';').expect_end(part).0;
        let is_number = name.strip_prefix('#').is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
        });
        let known = [
            "amp", "lt", "gt", "quot", "apos", "nbsp", "middot", "times", "ndash", "hellip",
        ];
        assert!(is_number || known.contains(&name), "&{name:.40};");
    }
    let forbidden = |c: char| c.is_control() && !"\n\r\t".contains(c);
    assert!(!text.contains(forbidden), "a control character: {text:?}");
}
