//! The commented config file. Its comments are the documentation of the settings, so that they can't drift.
//!
//! Settings that have a good default stand in comments: each line of them is valid as soon as its `//` is removed,
//! because something that is set follows it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::StarterInput;
use crate::config::{Config, Role, SettingSpec, settings};
use crate::model::alerts::AlertSignal;

/// The name of the config file; editors take comments for granted in a file that ends so.
pub const CONFIG_FILE_NAME: &str = "vantage-obs.jsonc";

/// The width of a line of comment.
const WIDTH: usize = 100;

/// The comment of an alert.
const LEVELS: &str = "The thresholds of an alert's levels; null turns a level off.";

/// Follows the comment of the name and of the roles.
const IDENTITY: &str = "The code sets it by `Config::new`, and this file would overrule that: one file for all processes \
                        leaves it out.";

/// The alerts on the absence of a role, which fire also where there never was one.
const ABSENCES: [(Role, AlertSignal, &str); 2] = [
    (
        Role::Worker,
        AlertSignal::WorkersAbsent,
        "Off, because no worker is started with this file: the alert would fire for ever. Take this line out as soon \
         as there is one.",
    ),
    (
        Role::Scheduler,
        AlertSignal::SchedulersAbsent,
        "Off, because no scheduler is started with this file: the alert would fire for ever. Take this line out as \
         soon as there is one.",
    ),
];

/// Returns the alerts on the absence of these roles that a configuration turns off.
pub(super) fn missed_absences(roles: &[Role], config: &Config) -> Vec<AlertSignal> {
    let of_roles = ABSENCES.iter().filter(|(role, ..)| roles.contains(role));
    let signals = of_roles.map(|(_, signal, _)| *signal);
    signals
        .filter(|signal| config.alerts.levels(*signal).next().is_none())
        .collect()
}

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
    let _ = write!(out, "{}", head_example(input));
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
// The configuration of a service that records with vantage-obs. VANTAGE_OBS_CONFIG names this file, or the code does.
// Everything has a default but the name and the roles, which the code sets; what stands in comments shows other
// settings, each valid without its slashes. Variables (VANTAGE_OBS_*) overrule this file. Every fault, and the value of
// every setting with its source, are told by:
";

/// Returns the call that checks the file, and its beginning.
fn head_example(input: &StarterInput) -> String {
    format!("//   {}\n{{\n", input.check_command(CONFIG_FILE_NAME))
}

fn sections(input: &StarterInput, slo: Option<&Path>) -> Vec<Section> {
    let section =
        |name, examples: &[(&'static str, Value)], set: &[(&'static str, Value)]| Section {
            name,
            examples: examples.to_vec(),
            set: set.to_vec(),
        };
    let secret = |name: &str| json!({ "env": name });
    let roles: Vec<_> = input.roles.iter().map(|role| role.as_str()).collect();
    let absences = ABSENCES
        .iter()
        .filter(|(role, ..)| !input.roles.contains(role));
    let absences: Vec<_> = absences
        .map(|(_, signal, _)| (signal.key(), Value::Null))
        .collect();
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
                ("name", json!(input.name)),
                ("roles", json!(roles)),
                ("version", json!("1.0.0")),
                ("environment", json!("production")),
                ("team", json!("platform")),
            ],
            &[],
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
            &absences,
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

    /// Returns the documentation of a setting.
    fn comment(&self, settings: &[SettingSpec], key: &str) -> String {
        let path = format!("{}.{key}", self.name);
        let setting = settings.iter().find(|setting| setting.path == path);
        let mut absences = ABSENCES.iter();
        match setting.map(|setting| &setting.description) {
            Some(description) if matches!(&*path, "service.name" | "service.roles") => {
                format!("{description} {IDENTITY}")
            }
            Some(description) => description.clone(),
            // A threshold is no single setting, but one of each level.
            None => match absences.find(|(_, signal, _)| signal.key() == key) {
                Some((.., off)) => (*off).into(),
                None => LEVELS.into(),
            },
        }
    }

    /// Writes the documentation of a setting above it.
    fn write_comment(&self, settings: &[SettingSpec], key: &str, out: &mut String) {
        let text = self.comment(settings, key);
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

    fn effective(text: &str, role: Role) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let secrets = ["HEALTH_DETAILS_TOKEN", "HEARTBEAT_TOKEN", "STATUS_TOKEN"];
        let environment = Environment::from_iter(secrets.map(|name| (name, "0123456789abcdef")));
        let code = Config::new("shop", role).file(file.path());
        let resolved = code.resolve(&environment);
        let effective = resolved.unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(effective.warnings(), [""; 0], "{text}");
        effective.config
    }

    #[test]
    fn the_file_is_valid_for_each_role_and_leaves_the_service_to_the_code() {
        for role in ROLES {
            let input = StarterInput::new("shop", vec![role]);
            let written = text(&input, Some(Path::new("slo")));
            let config = effective(&written, role);
            // Another process with the same file is itself.
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &written).unwrap();
            let other = Config::new("other", Role::Web).file(file.path());
            let other = other.resolve(&Environment::empty()).unwrap();
            assert_eq!(other.config.service.name, "other");
            assert_eq!(other.config.service.roles, [Role::Web]);
            let listens = config.http.listen.map(|address| address.port());
            let serves = matches!(role, Role::Api | Role::Web);
            assert_eq!(listens, (!serves).then_some(9464), "{role:?}");
            effective(&text(&input, None), role);
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
        let text = text(&input, Some(Path::new("slo")));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), uncommented(&text)).unwrap();
        let secrets = ["HEALTH_DETAILS_TOKEN", "HEARTBEAT_TOKEN", "STATUS_TOKEN"];
        let environment = Environment::from_iter(secrets.map(|name| (name, "0123456789abcdef")));
        let code = Config::default().file(file.path());
        let config = code.resolve(&environment).unwrap().config;
        assert_eq!(config.service.name, "shop");
        assert_eq!(config.service.roles, ROLES);
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
