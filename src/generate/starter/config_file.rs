//! The commented config file. Its comments are the documentation of the settings, so that they can't drift.
//!
//! Settings that have a good default stand in comments: each line of them is valid as soon as its `//` is removed,
//! because something that is set follows it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::StarterInput;
use crate::config::{Role, SettingSpec, settings};

/// The name of the config file; editors take comments for granted in a file that ends so.
pub const CONFIG_FILE_NAME: &str = "vantage-obs.jsonc";

/// The width of a line of comment.
const WIDTH: usize = 100;

/// The comment of an alert.
const LEVELS: &str = "The thresholds of an alert's levels; null turns a level off.";

/// A section, with its settings: those in comments first.
struct Section {
    name: &'static str,
    examples: Vec<(&'static str, Value)>,
    set: Vec<(&'static str, Value)>,
}

/// Returns the text of the file.
pub(super) fn text(input: &StarterInput, slo: Option<&Path>) -> String {
    let settings = settings();
    let mut out = String::from(HEAD);
    let sections = sections(input, slo);
    let last = sections.len() - 1;
    for (index, section) in sections.iter().enumerate() {
        // The last one is set, so that a comma may stand after each other one.
        section.write(&settings, index == last, &mut out);
    }
    out.push_str("}\n");
    out
}

const HEAD: &str = "\
// The configuration of a service that records with vantage-obs. VANTAGE_OBS_CONFIG names this file, or the code does:
// Config::default().file(\"vantage-obs.jsonc\"). Everything has a default but the name and the roles; what stands in
// comments shows other settings, each valid without its slashes. `vantage-obs config check vantage-obs.jsonc` tells
// every fault, and the value of every setting with its source. Variables (VANTAGE_OBS_*) overrule this file.
{
";

fn sections(input: &StarterInput, slo: Option<&Path>) -> Vec<Section> {
    let section =
        |name, examples: &[(&'static str, Value)], set: &[(&'static str, Value)]| Section {
            name,
            examples: examples.to_vec(),
            set: set.to_vec(),
        };
    let secret = |name: &str| json!({ "env": name });
    let roles: Vec<_> = input.roles.iter().map(|role| role.as_str()).collect();
    let listen = ("listen", json!(format!("0.0.0.0:{}", super::PORTS[1])));
    let (listen_example, listen_set) = match input.serves_requests() {
        // Its own server carries the routes.
        true => (vec![listen], vec![]),
        false => (vec![], vec![listen]),
    };
    let mut sections = vec![
        section(
            "service",
            &[
                ("version", json!("1.0.0")),
                ("environment", json!("production")),
                ("team", json!("platform")),
            ],
            &[("name", json!(input.name)), ("roles", json!(roles))],
        ),
        section("http", &listen_example, &listen_set),
        section("otlp", &[("endpoint", json!("http://127.0.0.1:4317"))], &[]),
        section("traces", &[("sample_ratio", json!(0.1))], &[]),
        section(
            "health",
            &[
                ("interval", json!("10s")),
                ("details_token", secret("HEALTH_DETAILS_TOKEN")),
            ],
            &[],
        ),
        section(
            "heartbeat",
            &[
                ("interval", json!("30s")),
                ("token", secret("HEARTBEAT_TOKEN")),
            ],
            &[],
        ),
        section(
            "alerts",
            &[(
                "api_error_ratio",
                json!({"warning": 0.02, "high": 0.05, "critical": 0.1}),
            )],
            &[],
        ),
        section(
            "links",
            &[
                ("grafana", json!("http://127.0.0.1:3000")),
                ("runbooks", json!("https://wiki.example/runbooks")),
            ],
            &[],
        ),
    ];
    if input
        .roles
        .iter()
        .any(|role| matches!(role, Role::Api | Role::Web))
    {
        sections.push(section(
            "status",
            &[
                ("title", json!("Status of the shop")),
                ("token", secret("STATUS_TOKEN")),
            ],
            &[],
        ));
    }
    sections.extend(slo.map(|folder| {
        section(
            "slo",
            &[],
            &[("directory", json!(folder.display().to_string()))],
        )
    }));
    sections.push(section(
        "logs",
        &[("format", json!("json"))],
        &[("level", json!("info"))],
    ));
    sections.retain(|section| !section.examples.is_empty() || !section.set.is_empty());
    sections
}

impl Section {
    fn write(&self, settings: &[SettingSpec], is_last: bool, out: &mut String) {
        let comma = if is_last { "" } else { "," };
        // Without a setting of its own, the section is a comment too.
        let mark = if self.set.is_empty() { "// " } else { "" };
        let _ = writeln!(out, "  {mark}\"{}\": {{", self.name);
        let last_example = self.examples.len();
        for (index, (key, value)) in self.examples.iter().enumerate() {
            self.write_comment(settings, key, out);
            let ends = self.set.is_empty() && index + 1 == last_example;
            let comma = if ends { "" } else { "," };
            let _ = writeln!(out, "    // \"{key}\": {value}{comma}");
        }
        for (index, (key, value)) in self.set.iter().enumerate() {
            self.write_comment(settings, key, out);
            let comma = if index + 1 == self.set.len() { "" } else { "," };
            let _ = writeln!(out, "    \"{key}\": {value}{comma}");
        }
        let _ = writeln!(out, "  {mark}}}{comma}");
    }

    /// Writes the documentation of a setting above it.
    fn write_comment(&self, settings: &[SettingSpec], key: &str, out: &mut String) {
        let path = format!("{}.{key}", self.name);
        let setting = settings.iter().find(|setting| setting.path == path);
        // A threshold is no single setting, but one of each level.
        let text = setting.map_or(LEVELS, |setting| &setting.description);
        let mut line = String::new();
        for word in text.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
                let _ = writeln!(out, "    // {line}");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            let _ = writeln!(out, "    // {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment};

    const ROLES: [Role; 4] = [Role::Api, Role::Worker, Role::Scheduler, Role::Web];

    fn effective(text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let secrets = ["HEALTH_DETAILS_TOKEN", "HEARTBEAT_TOKEN", "STATUS_TOKEN"];
        let environment = Environment::from_iter(secrets.map(|name| (name, "0123456789abcdef")));
        let resolved = Config::default().file(file.path()).resolve(&environment);
        resolved
            .unwrap_or_else(|error| panic!("{error}\n{text}"))
            .config
    }

    #[test]
    fn the_file_is_valid_for_each_role_and_sets_the_service() {
        for role in ROLES {
            let input = StarterInput::new("shop", vec![role]);
            let config = effective(&text(&input, Some(Path::new("slo"))));
            assert_eq!(
                (&*config.service.name, &*config.service.roles),
                ("shop", &[role][..])
            );
            let listens = config.http.listen.map(|address| address.port());
            let serves = matches!(role, Role::Api | Role::Web);
            assert_eq!(listens, (!serves).then_some(9464), "{role:?}");
            effective(&text(&input, None));
        }
    }

    /// Removes the slashes of the lines that hold a setting.
    fn uncommented(text: &str) -> String {
        let is_setting = |line: &str| line.starts_with('"') || line.starts_with('}');
        let lines = text
            .lines()
            .map(|line| match line.trim_start().strip_prefix("// ") {
                Some(setting) if is_setting(setting) => setting,
                _ => line,
            });
        lines.flat_map(|line| [line, "\n"]).collect::<String>()
    }

    #[test]
    fn each_setting_in_comments_is_valid_without_its_slashes() {
        let input = StarterInput::new("shop", ROLES.to_vec());
        let config = effective(&uncommented(&text(&input, Some(Path::new("slo")))));
        assert_eq!(config.service.team.as_deref(), Some("platform"));
        assert_eq!(config.links.grafana, "http://127.0.0.1:3000");
        assert!(config.status.token.is_some() && config.otlp.endpoint.is_some());
    }

    #[test]
    fn every_setting_is_explained() {
        let text = text(
            &StarterInput::new("shop", ROLES.to_vec()),
            Some(Path::new("slo")),
        );
        let lines: Vec<_> = text.lines().collect();
        for pair in lines.windows(2) {
            let setting = pair[1].trim_start().trim_start_matches("// ");
            if pair[1].starts_with("    ") && setting.starts_with('"') && setting.contains("\": ") {
                let above = pair[0].trim_start();
                assert!(
                    above.starts_with("// ") && above.ends_with('.'),
                    "{}",
                    pair[1]
                );
            }
        }
    }
}
