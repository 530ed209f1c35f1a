//! The response of the API: an instant vector or a matrix.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::slo::promql::ServiceLabels;

#[derive(Debug, Deserialize)]
struct ResponseBody {
    status: String,
    /// Beside `status` "error".
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

/// The labels that tell values apart; a label that is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ValueLabels {
    pub(super) objective: String,
    pub(super) service: ServiceLabels,
    pub(super) result: String,
}

/// Values by their labels; several where the API didn't add them up.
pub(super) type ValuesByLabels = BTreeMap<ValueLabels, Vec<f64>>;

impl ValueLabels {
    pub(super) fn from_metric(metric: &BTreeMap<String, String>) -> Self {
        let label = |name| metric.get(name).cloned().unwrap_or_default();
        Self {
            objective: label("objective"),
            service: ServiceLabels {
                environment: label("environment"),
                job: label("job"),
            },
            result: label("result"),
        }
    }
}

/// Returns the values and the warnings of the API.
pub(super) fn parse_vector(body: &[u8]) -> Result<(ValuesByLabels, Vec<String>), String> {
    let (elements, warnings) = parse_result::<VectorElement>(body, "vector")?;
    let mut values = ValuesByLabels::new();
    for element in elements {
        // What is no number is as impossible as NaN.
        let value = element.value.1.parse().unwrap_or(f64::NAN);
        let labels = ValueLabels::from_metric(&element.metric);
        values.entry(labels).or_default().push(value);
    }
    Ok((values, warnings))
}

/// Returns the series of a range and the warnings of the API.
pub(super) fn parse_matrix(body: &[u8]) -> Result<(Vec<MatrixSeries>, Vec<String>), String> {
    parse_result(body, "matrix")
}

/// Parses a response whose result is of this kind.
fn parse_result<T: DeserializeOwned>(
    body: &[u8],
    kind: &str,
) -> Result<(Vec<T>, Vec<String>), String> {
    let body: ResponseBody = serde_json::from_slice(body)
        .map_err(|error| format!("not a response of Prometheus's API: {error}"))?;
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
