//! An instant vector as the API writes it.

use std::collections::BTreeMap;

use serde::Deserialize;

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

/// Values by objective, or job where that is asked for, and result; several where the API didn't add
/// them up.
pub(super) type Values = BTreeMap<(String, String), Vec<f64>>;

/// The values, and what the API warned of.
pub(super) fn parse(body: &[u8]) -> Result<(Values, Vec<String>), String> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| format!("not an answer of Prometheus's API: {error}"))?;
    let data = match body.data {
        Some(data) if body.status == "success" => data,
        _ => return Err(format!("{}: {}", body.status, body.error)),
    };
    if data.result_type != "vector" {
        return Err(format!("a {} instead of a vector", data.result_type));
    }
    let elements: Vec<Element> =
        serde_json::from_value(data.result).map_err(|error| format!("not a vector: {error}"))?;
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
    Ok((values, body.warnings))
}
