//! What the API answers: an instant vector, or samples of a while.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Deserialize)]
struct Body {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<Data>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    #[serde(default)]
    result: serde_json::Value,
}

/// One series at one moment.
#[derive(Debug, Deserialize)]
struct Element {
    metric: BTreeMap<String, String>,
    value: (serde_json::Number, String),
}

/// One series over a while: seconds since 1970, and the value as text.
#[derive(Debug, Deserialize)]
pub(super) struct Range {
    pub(super) metric: BTreeMap<String, String>,
    pub(super) values: Vec<(f64, String)>,
}

/// Values by objective, or job where that is asked for, and result; several where the API didn't add
/// them up.
pub(super) type Values = BTreeMap<(String, String), Vec<f64>>;

/// The values, and what the API warned of.
pub(super) fn parse(body: &[u8]) -> Result<(Values, Vec<String>), String> {
    let (elements, warnings) = result::<Element>(body, "vector")?;
    let mut values = Values::new();
    for mut element in elements {
        let mut label = |name| element.metric.remove(name).unwrap_or_default();
        let named = match label("objective") {
            none if none.is_empty() => label("job"),
            objective => objective,
        };
        let key = (named, label("result"));
        // What is no number is as impossible as NaN.
        let value = element.value.1.parse().unwrap_or(f64::NAN);
        values.entry(key).or_default().push(value);
    }
    Ok((values, warnings))
}

/// The series of a range, and what the API warned of.
pub(super) fn parse_ranges(body: &[u8]) -> Result<(Vec<Range>, Vec<String>), String> {
    result(body, "matrix")
}

fn result<T: DeserializeOwned>(body: &[u8], kind: &str) -> Result<(Vec<T>, Vec<String>), String> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| format!("not an answer of Prometheus's API: {error}"))?;
    let data = match body.data {
        Some(data) if body.status == "success" => data,
        _ => return Err(format!("{}: {}", body.status, body.error)),
    };
    if data.result_type != kind {
        return Err(format!("a {} instead of a {kind}", data.result_type));
    }
    let elements = serde_json::from_value(data.result);
    let elements = elements.map_err(|error| format!("not a {kind}: {error}"))?;
    Ok((elements, body.warnings))
}
