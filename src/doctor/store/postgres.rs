//! A store in PostgreSQL: its hosts, the connection as the service makes it, and the rights of its user.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::postgres_url::{EncryptionMode, PostgresUrl};
use crate::config::{EffectiveConfig, Secret};
use crate::doctor::fix::SettingFixes;
use crate::doctor::links::{Peer, add_untried};
use crate::doctor::mask::mask_secrets;
use crate::doctor::step::{DiagnosisStep, StepVerdict};
use crate::store::postgres_client::{
    PostgresAddress, PostgresError, PostgresHost, SchemaInspection, ServerInspection, inspect,
};

/// The time limit of the session, of which each statement is answered in milliseconds.
const SESSION_TIMEOUT: Duration = Duration::from_secs(5);

const URL: &str = "store.url";

const TLS: &str = "tls";
const AUTH: &str = "auth";
const DATABASE: &str = "database";
const SCHEMA: &str = "schema";

pub(super) fn steps(effective: &Arc<EffectiveConfig>, deadline: Instant) -> Vec<DiagnosisStep> {
    let mut steps = Vec::new();
    let Some(url) = effective.config.store.url.as_ref() else {
        return steps;
    };
    // The configuration has judged the URL; the certificates that it names are read here first.
    let address = match PostgresAddress::parse(url) {
        Ok(address) => address,
        Err(error) => {
            let fix = format!("correct {}", SettingFixes(effective).name(URL));
            return vec![DiagnosisStep::fail("url", error.with_causes(), fix)];
        }
    };
    let parsed = PostgresUrl::parse(url);
    let check = PostgresCheck {
        address,
        mode: parsed.map(|url| url.encryption.mode).unwrap_or_default(),
        url,
        settings: SettingFixes(effective),
        deadline,
    };
    if check.run(&mut steps).is_none() {
        add_untried(&mut steps, &["name", "tcp", TLS, AUTH, DATABASE, SCHEMA]);
    }
    steps
}

struct PostgresCheck<'a> {
    address: PostgresAddress,
    mode: EncryptionMode,
    url: &'a Secret,
    settings: SettingFixes<'a>,
    deadline: Instant,
}

impl PostgresCheck<'_> {
    fn run(&self, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        self.check_hosts(steps)?;
        match self.inspect() {
            Ok(server) => {
                self.push_connected(&server, steps);
                steps.push(self.database_step(&server));
                steps.push(self.schema_step(&server));
                Some(())
            }
            Err(error) => {
                self.push_failure(&error, steps);
                None
            }
        }
    }

    /// Checks the hosts, of which one must be there.
    fn check_hosts(&self, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        let mut found = Vec::new();
        let mut is_reached = false;
        for host in self.address.hosts() {
            is_reached |= self.check_host(&host, &mut found).is_some();
        }
        if is_reached {
            // The next host stands in for one that is down.
            for step in &mut found {
                if step.verdict == StepVerdict::Fail {
                    step.verdict = StepVerdict::Warn;
                }
            }
        }
        steps.extend(found);
        is_reached.then_some(())
    }

    fn check_host(&self, host: &PostgresHost, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        match host {
            PostgresHost::Tcp(host, port) => {
                let peer = Peer {
                    host,
                    port: *port,
                    setting: &self.settings.name(URL),
                    noun: "server",
                    port_fix: None,
                };
                let addresses = peer.check_name(self.deadline, steps)?;
                peer.check_tcp(&addresses, self.deadline, steps).map(drop)
            }
            #[cfg(unix)]
            PostgresHost::Unix(socket) => {
                let shown = socket.display();
                if socket.exists() {
                    let finding = format!("{shown} is a socket of this machine");
                    steps.push(DiagnosisStep::ok("socket", finding));
                    return Some(());
                }
                let fix = format!(
                    "start the server, or set the host in {} to the folder of its socket",
                    self.settings.name(URL)
                );
                steps.push(DiagnosisStep::fail(
                    "socket",
                    format!("{shown} is not there"),
                    fix,
                ));
                None
            }
        }
    }

    fn inspect(&self) -> Result<ServerInspection, PostgresError> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().map_err(PostgresError::from)?;
        let session = inspect(self.address.clone(), SESSION_TIMEOUT.min(remaining));
        runtime.block_on(session)
    }

    fn push_connected(&self, server: &ServerInspection, steps: &mut Vec<DiagnosisStep>) {
        let mode = self.mode.as_str();
        steps.push(match server.is_encrypted {
            Some(true) => {
                let verified = match self.mode {
                    EncryptionMode::VerifyFull => "the server's certificate and name are verified",
                    EncryptionMode::VerifyCa => "the server's certificate is verified",
                    _ => "whose certificate it is was not asked",
                };
                DiagnosisStep::ok(TLS, format!("encrypted (sslmode={mode}); {verified}"))
            }
            Some(false) => DiagnosisStep::ok(TLS, format!("not encrypted (sslmode={mode})")),
            None => DiagnosisStep::skipped(TLS, format!("not told by the server (sslmode={mode})")),
        });
        let finding = format!("{} is let in, PostgreSQL {}", server.user, server.version);
        steps.push(DiagnosisStep::ok(AUTH, finding));
    }

    fn database_step(&self, server: &ServerInspection) -> DiagnosisStep {
        let database = &server.database;
        if server.is_read_only {
            let finding =
                format!("{database} takes no writes: a standby, or read-only by its settings");
            let fix = format!(
                "name the primary in {}, or several hosts with target_session_attrs=read-write",
                self.settings.name(URL)
            );
            return DiagnosisStep::fail(DATABASE, finding, fix);
        }
        DiagnosisStep::ok(DATABASE, format!("{database} takes writes"))
    }

    fn schema_step(&self, server: &ServerInspection) -> DiagnosisStep {
        let (user, database) = (quoted(&server.user), quoted(&server.database));
        match &server.schema {
            SchemaInspection::Missing if server.may_create => {
                let finding =
                    "vantage_obs is not there yet: the service creates it at its first start";
                DiagnosisStep::ok(SCHEMA, finding)
            }
            SchemaInspection::Missing => {
                let finding = format!("vantage_obs is not there, and {user} may not create it");
                let fix = format!("GRANT CREATE ON DATABASE {database} TO {user}");
                DiagnosisStep::fail(SCHEMA, finding, fix)
            }
            SchemaInspection::Present { missing_rights } if missing_rights.is_empty() => {
                DiagnosisStep::ok(
                    SCHEMA,
                    "vantage_obs is of this release, with all rights on it",
                )
            }
            SchemaInspection::Present { missing_rights } => {
                let rights = missing_rights.join(", ");
                let finding = format!("{user} lacks {rights} on tables of vantage_obs");
                let fix = format!("GRANT {rights} ON ALL TABLES IN SCHEMA vantage_obs TO {user}");
                DiagnosisStep::fail(SCHEMA, finding, fix)
            }
            SchemaInspection::Unusable(error) if error.code() == "not_permitted" => {
                let fix = format!(
                    "GRANT USAGE ON SCHEMA vantage_obs TO {user}; \
                     GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA vantage_obs TO {user}"
                );
                DiagnosisStep::fail(SCHEMA, self.mask(error), fix)
            }
            SchemaInspection::Unusable(error) => {
                let fix = match error.code() {
                    "newer_schema" => "install the release that wrote it, or a later one",
                    _ => {
                        "ALTER SCHEMA vantage_obs RENAME TO vantage_obs_old, and the service begins a new one"
                    }
                };
                DiagnosisStep::fail(SCHEMA, self.mask(error), fix)
            }
        }
    }

    /// Adds the step that the error of a connection belongs to, after those that hold.
    fn push_failure(&self, error: &PostgresError, steps: &mut Vec<DiagnosisStep>) {
        let setting = self.settings.name(URL);
        let text = self.mask(error);
        let says = |part: &str| text.contains(part);
        let (step, fix) = match error.code() {
            "tls_failed" if says("server does not support TLS") => (
                TLS,
                format!(
                    "turn encryption on at the server (ssl = on), or set sslmode=prefer in {setting}"
                ),
            ),
            "tls_failed" => (
                TLS,
                format!(
                    "set sslrootcert in {setting} to the authority that signed the server's certificate, \
                     and the host to a name in the certificate"
                ),
            ),
            "auth_failed" if says("pg_hba.conf") && self.mode == EncryptionMode::Disable => (
                AUTH,
                format!(
                    "set sslmode=require in {setting}, or add a line for plain connections of this host, \
                     user and database to the server's pg_hba.conf, and reload it"
                ),
            ),
            "auth_failed" if says("pg_hba.conf") => (
                AUTH,
                "add a line for this host, user and database to the server's pg_hba.conf, and reload it"
                    .into(),
            ),
            "auth_failed" => (AUTH, self.credentials_fix(&setting)),
            _ if says("password missing") => (
                AUTH,
                format!(
                    "set the password in {setting}: the server asks for one, and the URL has none"
                ),
            ),
            "no_database" => {
                steps.push(DiagnosisStep::ok(AUTH, "the user is let in"));
                let database = self.address.database().or_else(|| self.address.user());
                let database = quoted(database.unwrap_or_default());
                (
                    DATABASE,
                    format!("CREATE DATABASE {database}, or set another one in {setting}"),
                )
            }
            "not_permitted" => (
                DATABASE,
                format!(
                    "GRANT CONNECT ON DATABASE {} TO {}",
                    quoted(self.address.database().unwrap_or_default()),
                    quoted(self.address.user().unwrap_or_default())
                ),
            ),
            "too_many_connections" => (
                AUTH,
                "raise the server's max_connections, or lower store.pool_size".into(),
            ),
            "restarting" => (AUTH, "wait: the server is starting or stopping".into()),
            "closed" | "reset" | "io_error" => (
                AUTH,
                format!("set {setting} to the port of a PostgreSQL: what listens there is another server, or a proxy that breaks off"),
            ),
            "timeout" => (
                AUTH,
                format!("look at the server that {setting} names: it takes the connection and then is silent"),
            ),
            _ => (AUTH, "look at the log of the server".into()),
        };
        steps.push(DiagnosisStep::fail(step, text, fix));
    }

    fn credentials_fix(&self, setting: &str) -> String {
        let user = quoted(self.address.user().unwrap_or_default());
        match self.address.password() {
            Some(_) => format!(
                "correct the user and password in {setting}, special characters percent-encoded; \
                 a new password: ALTER ROLE {user} PASSWORD '…'"
            ),
            None => format!("set the password in {setting}: it has none"),
        }
    }

    /// Returns the error without what the server may have repeated of the password.
    fn mask(&self, error: &PostgresError) -> String {
        let password = self.address.password();
        let password = password.map(String::from_utf8_lossy);
        let secrets = password.as_deref().into_iter().chain(self.url.expose());
        mask_secrets(error.with_causes(), secrets)
    }
}

/// Returns a name as SQL has it, quoted where it must be.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    match starts_plain && name.chars().all(is_plain) {
        true => name.into(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod backends;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_sql_needs_it() {
        for (name, expected) in [
            ("vantage_1", "vantage_1"),
            ("Vantage", r#""Vantage""#),
            ("my-db", r#""my-db""#),
            ("a\"b", r#""a""b""#),
            ("1st", r#""1st""#),
            ("", r#""""#),
        ] {
            assert_eq!(quoted(name), expected);
        }
    }
}
