//! The response of the API: an instant vector or a matrix.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Deserialize)]
struct ResponseBody {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<ResponseData>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResponseData {
    result_type: String,
    #[serde(default)]
    result: serde_json::Value,
}

/// One series at one moment.
#[derive(Debug, Deserialize)]
struct VectorElement {
    metric: BTreeMap<String, String>,
    value: (serde_json::Number, String),
}

/// One series over a range: seconds since 1970, and the value as text.
#[derive(Debug, Deserialize)]
pub(super) struct MatrixSeries {
    pub(super) metric: BTreeMap<String, String>,
    pub(super) values: Vec<(f64, String)>,
}

/// Values by objective, or by job where that is queried, and result; several where the API didn't add
/// them up.
pub(super) type ValuesByLabels = BTreeMap<(String, String), Vec<f64>>;

/// Returns the values and the warnings of the API.
pub(super) fn parse_vector(body: &[u8]) -> Result<(ValuesByLabels, Vec<String>), String> {
    let (elements, warnings) = parse_result::<VectorElement>(body, "vector")?;
    let mut values = ValuesByLabels::new();
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

/// Returns the series of a range and the warnings of the API.
pub(super) fn parse_matrix(body: &[u8]) -> Result<(Vec<MatrixSeries>, Vec<String>), String> {
    parse_result(body, "matrix")
}

fn parse_result<T: DeserializeOwned>(
    body: &[u8],
    kind: &str,
) -> Result<(Vec<T>, Vec<String>), String> {
    let body: ResponseBody = serde_json::from_slice(body)
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
