//! The API that the fleet's figures come from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::http_exchange::{HttpExchange, HttpResponse, secrets};
use super::links::check_links;
use super::step::DiagnosisStep;
use super::url_target::{UrlSettings, UrlTarget};
use crate::config::{Config, ConfigSource, EffectiveConfig, TlsConfig, settings};
use crate::fleet::PrometheusReporter;
use crate::model::slo::Objectives;
use crate::model::units::format_duration;
use crate::net::is_a_web_page;

/// The time limit of the first answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// The time limit of each answer after it.
const FOLLOW_UP_TIMEOUT: Duration = Duration::from_secs(2);

const URL_PATH: &str = "slo.prometheus.url";
const QUERY_PATH: &str = "/api/v1/query";

const AUTH: &str = "auth";
const API: &str = "api";
const METRICS: &str = "metrics";
const RETENTION: &str = "retention";

/// Returns the API that the configuration names.
pub(super) fn target(effective: &Arc<EffectiveConfig>) -> Option<UrlTarget> {
    let prometheus = &effective.config.slo.prometheus;
    let endpoint = prometheus.url.clone()?;
    let tls = TlsConfig {
        ca: prometheus.ca.clone(),
        ..TlsConfig::default()
    };
    let mut settings = UrlSettings {
        endpoint: URL_PATH.into(),
        tls: "slo.prometheus".into(),
        noun: "server",
        usual_port: 9090,
        path: String::new(),
        is_grpc: false,
    };
    let target = UrlTarget::new(effective, endpoint.clone(), tls.clone(), settings.clone());
    target.path().clone_into(&mut settings.path);
    Some(UrlTarget::new(effective, endpoint, tls, settings))
}

/// Checks the links, the credentials, and that it answers for this service.
pub(super) fn steps(target: &UrlTarget, deadline: Instant) -> Vec<DiagnosisStep> {
    let names = [AUTH, API, METRICS, RETENTION];
    check_links(target, deadline, &names, |_, steps| {
        let reporter =
            PrometheusReporter::with_config(target.endpoint.clone(), &target.effective.config);
        let headers = match reporter.request_headers() {
            Ok(headers) => headers,
            Err(error) => {
                let fix = "correct the token in slo.prometheus.token";
                steps.push(DiagnosisStep::fail(AUTH, error, fix));
                return None;
            }
        };
        let exchange = HttpExchange {
            target,
            secrets: secrets(&headers, target),
            headers,
            deadline,
        };
        PrometheusChain { exchange }.check(steps)
    })
}

struct PrometheusChain<'a> {
    exchange: HttpExchange<'a>,
}

impl PrometheusChain<'_> {
    fn check(&self, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        let response = match self.get(&query_path("vector(1)"), ANSWER_TIMEOUT) {
            Ok(response) => response,
            Err(error) => {
                steps.push(self.exchange.silence_step(API, &error));
                return None;
            }
        };
        if is_refusal(&response) {
            steps.push(self.refusal_step(&response));
            return None;
        }
        if !is_result(&response) {
            steps.push(self.foreign_step(&response));
            return None;
        }
        let sent = match self.exchange.secrets.is_empty() {
            true => "no credentials are sent, and none are missed",
            false => "the credentials are accepted",
        };
        steps.push(DiagnosisStep::ok(AUTH, sent));
        let finding = format!("{QUERY_PATH} answers as Prometheus's");
        steps.push(DiagnosisStep::ok(API, finding));
        steps.push(self.metrics_step());
        steps.push(self.retention_step());
        Some(())
    }

    fn get(&self, path: &str, limit: Duration) -> Result<HttpResponse, String> {
        self.exchange.send(Method::GET, path, "", limit)
    }

    fn refusal_step(&self, response: &HttpResponse) -> DiagnosisStep {
        let target = self.exchange.target;
        let finding = self.exchange.describe(response);
        // Mimir, Cortex and Thanos's receivers ask for the tenant by the same status.
        let is_about_tenant = finding.to_ascii_lowercase().contains("org id");
        let config = &target.effective.config.slo.prometheus;
        let fix = match (is_about_tenant, &config.token, target.endpoint.user()) {
            (true, ..) => tenant_fix(target),
            (_, Some(_), _) => format!(
                "correct {TOKEN_PATH} ({}): the server takes another token",
                target.effective.source(TOKEN_PATH)
            ),
            (_, None, Some(_)) => format!("correct the user and password in {URL_PATH}"),
            (_, None, None) => target.suggest(TOKEN_PATH, "TOKEN"),
        };
        DiagnosisStep::fail(AUTH, finding, fix)
    }

    fn foreign_step(&self, response: &HttpResponse) -> DiagnosisStep {
        let target = self.exchange.target;
        let finding = format!(
            "{QUERY_PATH} is not answered as Prometheus's: {}",
            self.exchange.describe(response)
        );
        let fix = self.exchange.general_fix(response, QUERY_PATH);
        let fix = fix.unwrap_or_else(|| {
            let root = target.origin_with(None, None);
            match target.settings.path.trim_matches('/') {
                "" => format!(
                    "set {URL_PATH} to the base of a Prometheus API, to which {QUERY_PATH} is appended: \
                     Mimir has it below /prometheus, VictoriaMetrics's cluster below /select/0/prometheus"
                ),
                _ => format!(
                    "{}, unless the server's manual has a path: {QUERY_PATH} is appended to it",
                    target.suggest(URL_PATH, &root)
                ),
            }
        });
        DiagnosisStep::fail(API, finding, fix)
    }

    /// Checks that it knows the service, by the metric that every scrape of one has.
    fn metrics_step(&self) -> DiagnosisStep {
        let effective = &self.exchange.target.effective;
        let service = &effective.config.service.name;
        if effective.source("service.name") == ConfigSource::Default {
            let finding =
                "the service's name is not set here, and --name gives none: not looked for";
            return DiagnosisStep::skipped(METRICS, finding);
        }
        let label = promql_text(service);
        let query =
            format!("count(target_info{{service_name={label}}} or target_info{{job={label}}})");
        let response = match self.get(&query_path(&query), FOLLOW_UP_TIMEOUT) {
            Ok(response) => response,
            Err(error) => return self.exchange.silence_step(METRICS, &error),
        };
        match first_value(&response) {
            Some(count) if count != "0" => {
                let finding = format!("holds {service}, from {count} of its processes");
                DiagnosisStep::ok(METRICS, finding)
            }
            _ if !is_result(&response) => {
                let finding = self.exchange.describe(&response);
                let fix = "look at the log of the server: it refuses the query for target_info";
                DiagnosisStep::fail(METRICS, finding, fix)
            }
            _ => {
                let path = effective.config.scrape_path();
                let finding = format!("holds nothing of {service} at the moment");
                let fix = format!(
                    "start the service, and let the server scrape its {path}: \
                     `vantage-obs generate` writes prometheus/prometheus.example.yml"
                );
                DiagnosisStep::warn(METRICS, finding).with_fix(fix)
            }
        }
    }

    /// Compares the time that samples are kept with the longest window. Only Prometheus itself tells it.
    fn retention_step(&self) -> DiagnosisStep {
        const NOT_TOLD: &str = "not told by the server";
        let config = &self.exchange.target.effective.config;
        let Some((objective, window)) = longest_window(config) else {
            return DiagnosisStep::skipped(RETENTION, "no objectives: nothing asks for the past");
        };
        let told = self.get("/api/v1/status/runtimeinfo", FOLLOW_UP_TIMEOUT);
        let told = told.ok().and_then(|response| {
            let body: Value = serde_json::from_slice(&response.body).ok()?;
            body["data"]["storageRetention"].as_str().map(str::to_owned)
        });
        let Some(told) = told else {
            return DiagnosisStep::skipped(RETENTION, NOT_TOLD);
        };
        let told = self.exchange.mask(told);
        let Some(kept) = parse_retention(&told) else {
            return DiagnosisStep::skipped(RETENTION, format!("{NOT_TOLD} ({told})"));
        };
        let window_text = format_duration(window);
        if kept < window {
            let finding = format!(
                "keeps {told}, and the window of {objective} is {window_text}: the rest of it counts as not seen"
            );
            let fix = "start Prometheus with --storage.tsdb.retention.time=60d, unless it is one of several \
                       behind a longer store";
            return DiagnosisStep::warn(RETENTION, finding).with_fix(fix);
        }
        let finding = format!("keeps {told}; the longest window is {window_text}, of {objective}");
        DiagnosisStep::ok(RETENTION, finding)
    }
}

const TOKEN_PATH: &str = "slo.prometheus.token";

fn tenant_fix(target: &UrlTarget) -> String {
    const HEADERS_PATH: &str = "slo.prometheus.headers";
    const NAME: &str = "X-Scope-OrgID";
    match settings()
        .iter()
        .any(|setting| setting.path == HEADERS_PATH)
    {
        true => target.suggest(&format!("{HEADERS_PATH}.{NAME}"), "TENANT"),
        false => format!("put a proxy before the server that adds the header {NAME}"),
    }
}

fn query_path(query: &str) -> String {
    let query = utf8_percent_encode(query, NON_ALPHANUMERIC);
    format!("{QUERY_PATH}?query={query}")
}

/// Returns a text as a string of PromQL.
fn promql_text(text: &str) -> String {
    format!("{:?}", text.replace(char::is_control, "."))
}

fn is_refusal(response: &HttpResponse) -> bool {
    matches!(
        response.status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
    )
}

/// Returns true for the result of a query; a page, or JSON of something else, is none.
fn is_result(response: &HttpResponse) -> bool {
    let is_page = is_a_web_page(&response.headers);
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let body = body.filter(|_| response.status.is_success() && !is_page);
    body.is_some_and(|body| body["status"] == "success" && body["data"]["result"].is_array())
}

/// Returns the value of the first element of an instant vector.
fn first_value(response: &HttpResponse) -> Option<String> {
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    let value = body["data"]["result"][0]["value"][1].as_str()?;
    let is_count = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_count.then(|| value.to_owned())
}

fn longest_window(config: &Config) -> Option<(String, Duration)> {
    let objectives = Objectives::load_with(&config.slo.directory, &config.figures).ok()?;
    let windows = objectives.iter().map(|objective| {
        let window = objective.window().duration();
        (objective.id().to_owned(), window)
    });
    windows.max_by_key(|(_, window)| *window)
}

/// Parses a time of Prometheus such as `15d`, `2w` or `30d or 512GiB`.
fn parse_retention(text: &str) -> Option<Duration> {
    let text = text.split(" or ").next()?;
    let (mut seconds, mut number) = (0_u64, String::new());
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let unit = match letter {
            'y' => 365 * 86_400,
            'w' => 7 * 86_400,
            'd' => 86_400,
            'h' => 3_600,
            'm' if letters.peek() != Some(&'s') => 60,
            's' => 1,
            _ => return None,
        };
        let count: u64 = std::mem::take(&mut number).parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    (number.is_empty() && seconds > 0).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_read_as_prometheus_writes_it() {
        let days = |text| parse_retention(text).map(|kept| kept.as_secs() / 86_400);
        for (text, expected) in [
            ("15d", Some(15)),
            ("8w4d", Some(60)),
            ("1y", Some(365)),
            ("60d or 512GiB", Some(60)),
            ("36h", Some(1)),
            // By size alone: nothing is known of the time.
            ("512GiB", None),
            ("0s", None),
            ("100ms", None),
            ("", None),
            ("99999999999999999999d", None),
            ("9999999999999999y", None),
        ] {
            assert_eq!(days(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_quoted_for_a_query() {
        assert_eq!(promql_text(r#"a"} or x{b=""#), r#""a\"} or x{b=\"""#);
        assert_eq!(promql_text("a\nb"), r#""a.b""#);
    }
}
