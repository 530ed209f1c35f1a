//! Reads the health format `application/health+json` (draft-inadarei-api-health-check) of any
//! version that there was: what a dependency says of itself.
//!
//! Only `status` is required. The parts stand in `checks`, in early versions in `details`, each as
//! one object or as a list of them; whatever else there is, and however it is spelt, is left alone.

use serde_json::Value;

use crate::model::snapshot::health::HealthStatus;

/// The health that a dependency reports of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DependencyHealth {
    pub(super) status: HealthStatus,
    /// The parts whose status is not `pass`.
    pub(super) unhealthy: Vec<String>,
}

/// Parses a health document; `None` where it is none.
pub(super) fn parse(body: &[u8]) -> Option<DependencyHealth> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let status = parse_status(&document)?;
    let mut unhealthy = Vec::new();
    for parts in ["checks", "details"]
        .iter()
        .filter_map(|key| document.get(key)?.as_object())
    {
        for (name, part) in parts {
            let list = part
                .as_array()
                // The draft has lists, early versions had one object.
                .map_or(std::slice::from_ref(part), Vec::as_slice);
            let healthy =
                // A part without a status, which the draft allows, is no reason to worry.
                |part: &Value| parse_status(part).is_none_or(|status| status == HealthStatus::Pass);
            if !list.iter().all(healthy) {
                unhealthy.push(name.clone());
            }
        }
    }
    Some(DependencyHealth { status, unhealthy })
}

/// Parses the draft's words and those that it allows beside them, in any case.
fn parse_status(object: &Value) -> Option<HealthStatus> {
    match object
        .get("status")?
        .as_str()?
        .to_ascii_lowercase()
        .as_str()
    {
        "pass" | "ok" | "up" => Some(HealthStatus::Pass),
        "warn" => Some(HealthStatus::Warn),
        "fail" | "error" | "down" => Some(HealthStatus::Fail),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Documents in the shapes of the versions, written for this test after what is known of them:
    /// not copies of the drafts' own examples.
    fn documents() -> Vec<(&'static str, Value)> {
        let early = json!({
            "status": "pass", "version": "1", "releaseID": "1.2.2", "notes": [""], "output": "",
            "serviceID": "5f1c", "description": "health of billing",
            "details": {
                "store:responseTime": {
                    "type": "datastore", "metricValue": 250, "metricUnit": "ms", "status": "pass",
                    "time": "2018-01-17T03:36:48Z", "output": ""
                },
                "store:connections": {"type": "datastore", "metricValue": 75, "status": "warn"}
            },
            "links": [{"rel": "about", "uri": "http://api.example.com/about"}]
        });
        let lists = json!({
            "status": "pass", "version": "1", "releaseID": "1.2.2", "notes": [""], "output": "",
            "serviceID": "5f1c", "description": "health of billing",
            "details": {
                "store:responseTime": [{
                    "componentId": "1", "componentType": "datastore", "observedValue": 250,
                    "observedUnit": "ms", "status": "pass", "time": "2018-01-17T03:36:48Z"
                }],
                "store:connections": [{"componentId": "1", "observedValue": 75, "status": "warn"}],
                "uptime": [{"componentType": "system", "observedValue": 1209600.245, "observedUnit": "s"}]
            },
            "links": {"about": "http://api.example.com/about"}
        });
        let mut checks = lists.clone();
        let members = checks.as_object_mut().unwrap();
        let details = members.remove("details").unwrap();
        members.insert("checks".into(), details);
        let mut latest = checks.clone();
        let members = latest.as_object_mut().unwrap();
        for (old, new) in [("releaseID", "releaseId"), ("serviceID", "serviceId")] {
            let value = members.remove(old).unwrap();
            members.insert(new.into(), value);
        }
        let connections = &mut latest["checks"]["store:connections"][0];
        connections["affectedEndpoints"] = json!(["/users/{userId}"]);
        connections["links"] = json!({"self": "http://api.example.com/store/1/health"});
        vec![
            ("00", early.clone()),
            ("01", early),
            ("02", lists),
            ("03", checks.clone()),
            ("04", checks),
            ("05", latest.clone()),
            ("06", latest),
        ]
    }

    #[test]
    fn documents_in_the_shape_of_every_version_are_parsed() {
        for (version, document) in documents() {
            let reported = parse(document.to_string().as_bytes()).unwrap();
            assert_eq!(reported.status, HealthStatus::Pass, "{version}");
            assert_eq!(reported.unhealthy, ["store:connections"], "{version}");
        }
    }

    #[test]
    fn every_word_for_a_status_is_parsed() {
        for (words, status) in [
            (["pass", "ok", "UP"], HealthStatus::Pass),
            (["warn", "WARN", "Warn"], HealthStatus::Warn),
            (["fail", "error", "DOWN"], HealthStatus::Fail),
        ] {
            for word in words {
                let reported = parse(json!({"status": word}).to_string().as_bytes()).unwrap();
                assert_eq!(reported.status, status, "{word}");
            }
        }
    }

    #[test]
    fn what_is_no_health_document_is_none() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"status":7}"#,
            r#"{"status":"fine"}"#,
            "{\"status\"",
        ] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn parts_of_any_shape_do_not_spoil_the_status() {
        for parts in [
            json!([]),
            json!("x"),
            json!({"a": 1, "b": [1, null], "c": {"status": []}}),
        ] {
            let body = json!({"status": "warn", "checks": parts}).to_string();
            assert_eq!(
                parse(body.as_bytes()).unwrap().status,
                HealthStatus::Warn,
                "{body}"
            );
        }
    }
}
