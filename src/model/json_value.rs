//! Descriptions of JSON values, for messages.

use serde_json::Value;

/// Returns the name of the JSON type, with its article.
pub(crate) fn json_type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Formats a scalar as it stands in JSON, on one line. Arrays and objects are only called what they are: they may
/// be long, and a secret may have got in there.
pub(crate) fn format_scalar(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => json_type_name(value).into(),
        // JSON leaves some control characters as they are, which a terminal executes.
        scalar => scalar.to_string().replace(char::is_control, "\u{fffd}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_one_line_of_printable_text() {
        let formatted = |text: &str| format_scalar(&Value::from(text));
        assert_eq!(formatted("a\nb"), r#""a\nb""#);
        assert_eq!(formatted("\u{85}\u{7f}ß"), "\"\u{fffd}\u{fffd}ß\"");
    }
}
