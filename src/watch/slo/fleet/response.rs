//! The response of the API: an instant vector or a matrix.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::slo::promql::ServiceLabels;
use crate::net::one_line;

/// The most warnings of a response that are told. A server that has more says the same of each block.
const MAX_WARNINGS: usize = 20;

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
pub(crate) struct MatrixSeries {
    pub(crate) metric: BTreeMap<String, String>,
    pub(crate) values: Vec<(f64, String)>,
}

/// The labels that tell values apart; a label that is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValueLabels {
    pub(crate) objective: String,
    pub(crate) service: ServiceLabels,
    pub(crate) result: String,
}

/// Values by their labels; several where the API didn't add them up.
pub(crate) type ValuesByLabels = BTreeMap<ValueLabels, Vec<f64>>;

impl ValueLabels {
    pub(crate) fn from_metric(metric: &BTreeMap<String, String>) -> Self {
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
pub(crate) fn parse_vector(body: &[u8]) -> Result<(ValuesByLabels, Vec<String>), String> {
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
pub(crate) fn parse_matrix(body: &[u8]) -> Result<(Vec<MatrixSeries>, Vec<String>), String> {
    parse_result(body, "matrix")
}

/// Parses a response whose result is of this kind.
fn parse_result<T: DeserializeOwned>(
    body: &[u8],
    kind: &str,
) -> Result<(Vec<T>, Vec<String>), String> {
    let body: ResponseBody = serde_json::from_slice(body)
        .map_err(|error| one_line(&format!("not a response of Prometheus's API: {error}")))?;
    let data = match body.data {
        Some(data) if body.status == "success" => data,
        _ => return Err(one_line(&format!("{}: {}", body.status, body.error))),
    };
    if data.result_type != kind {
        let found = one_line(&data.result_type);
        return Err(format!("a {found} instead of a {kind}"));
    }
    let elements = serde_json::from_value(data.result);
    let elements = elements.map_err(|error| one_line(&format!("not a {kind}: {error}")))?;
    let warnings = body.warnings.iter().take(MAX_WARNINGS);
    Ok((elements, warnings.map(|text| one_line(text)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_server_are_told_in_one_short_line() {
        let long = "x".repeat(5_000);
        for body in [
            format!(r#"{{"status":"error","error":"line 1\nline 2 \u001b[2J {long}"}}"#),
            format!(r#"{{"status":"success","data":{{"resultType":"{long}\n","result":[]}}}}"#),
            format!(r#"{{"status":"{long}"}}"#),
            format!(r#"{{"status":"success","data":"{long}\n"}}"#),
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":["{long}\n"]}}}}"#
            ),
        ] {
            let error = parse_vector(body.as_bytes()).unwrap_err();
            assert!(
                error.len() < 300 && !error.contains(char::is_control),
                "{error:?}"
            );
        }
        let warnings = vec![format!("partial\n{long}"); 1_000];
        let data = serde_json::json!({"resultType": "vector", "result": []});
        let body = serde_json::json!({"status": "success", "data": data, "warnings": warnings});
        let (_, warnings) = parse_vector(body.to_string().as_bytes()).unwrap();
        assert_eq!(warnings.len(), MAX_WARNINGS);
        assert!(
            warnings
                .iter()
                .all(|text| text.len() <= 200 && !text.contains('\n'))
        );
    }
}
