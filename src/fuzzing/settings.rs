//! The configuration: its file, its variables, and the texts in them that have a grammar of their own.

use std::cell::OnceCell;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::input::{parts, texts};
use super::{fingerprint, magnitude};
use crate::config::postgres_url::PostgresUrl;
use crate::config::{
    Config, ConfigError, EffectiveConfig, Endpoint, Environment, LogLevels, Role, Secret, settings,
};

/// A secret that no output may hold. Its `!` keeps it from being a name that may be shown.
const CANARY: &str = "c4n4ry!0f!4!s3cr3t";
/// The word that stands for the secret in an input.
const PLACE: &str = "SECRET";

/// A folder of this thread for files that targets write.
pub(super) fn scratch() -> PathBuf {
    thread_local! {
        static FOLDER: OnceCell<PathBuf> = const { OnceCell::new() };
    }
    FOLDER.with(|folder| {
        let made = folder.get_or_init(|| {
            let name = format!(
                "vantage-obs-fuzz-{}-{:?}",
                std::process::id(),
                std::thread::current().id()
            );
            let name = name.replace(['(', ')'], "");
            let memory = PathBuf::from("/dev/shm");
            let parent = if memory.is_dir() {
                memory
            } else {
                std::env::temp_dir()
            };
            parent.join(name)
        });
        let made_again = fs::create_dir_all(made);
        made_again.unwrap_or_else(|error| panic!("{}: {error}", made.display()));
        made.clone()
    })
}

pub(super) fn config_file(data: &[u8]) -> u64 {
    let file = scratch().join("config.json");
    fs::write(&file, data).unwrap_or_else(|error| panic!("{error}"));
    // References to secrets are followed; what they lead to is shown nowhere.
    let environment = Environment::from_iter([("SECRET", CANARY), ("HOME", "/")]);
    let outcome = Config::default().file(&file).resolve(&environment);
    let _ = fs::remove_file(&file);
    assert_masked(&outcome);
    match outcome {
        Ok(effective) => {
            assert_stable(&effective);
            fingerprint((true, effective.warnings().len(), magnitude(data.len())))
        }
        Err(error) => {
            assert!(!error.faults().is_empty());
            let text = error.to_string();
            assert!(
                text.len() <= 8_192 + 512 * data.len(),
                "{} bytes of {}",
                text.len(),
                data.len()
            );
            let mut allowed: Vec<_> = error.faults().iter().map(|fault| &fault.allowed).collect();
            allowed.dedup();
            fingerprint((false, magnitude(error.faults().len()), allowed))
        }
    }
}

/// No part of an outcome shows the canary.
#[track_caller]
fn assert_masked(outcome: &Result<EffectiveConfig, ConfigError>) {
    let text = match outcome {
        Ok(effective) => {
            let values: Vec<_> = effective.values().collect();
            format!("{effective:?} {values:?} {:?}", effective.warnings())
        }
        Err(error) => format!("{error} {error:?} {:?}", error.faults()),
    };
    assert!(!text.contains(CANARY), "{text}");
}

/// What a configuration shows of itself is a configuration that shows the same, where it has no secrets.
#[track_caller]
fn assert_stable(effective: &EffectiveConfig) {
    let shown = serde_json::to_string(&effective.config);
    let shown = shown.unwrap_or_else(|error| panic!("{error}"));
    if shown.contains("***") || shown.contains(CANARY) {
        return;
    }
    let file = scratch().join("again.json");
    fs::write(&file, &shown).unwrap_or_else(|error| panic!("{error}"));
    let again = Config::default().file(&file).resolve(&Environment::empty());
    let again = again.unwrap_or_else(|error| panic!("{error} in {shown}"));
    let shown_again = serde_json::to_string(&again.config);
    assert_eq!(shown_again.ok(), Some(shown));
}

pub(super) fn environment(data: &[u8]) -> u64 {
    static SECRET: OnceLock<Vec<&'static str>> = OnceLock::new();
    let secret = SECRET.get_or_init(|| {
        let secret = settings().into_iter().filter(|setting| setting.secret);
        secret.flat_map(|setting| setting.variables).collect()
    });
    let text = String::from_utf8_lossy(data);
    let variables = text.split('\n').filter_map(|line| line.split_once('='));
    let variables =
        variables.filter(|(name, _)| !name.contains("CONFIG") && !name.contains("DIRECTORY"));
    let variables: Vec<(String, String)> = variables
        .map(|(name, value)| {
            let value = match secret.contains(&name) {
                true => value.replace(PLACE, CANARY),
                false => value.to_owned(),
            };
            (name.to_owned(), value)
        })
        .collect();
    let resolve = |variables: &[(String, String)]| {
        let environment: Environment = variables.iter().cloned().collect();
        Config::new("fuzz", Role::Api).resolve(&environment)
    };
    let outcome = resolve(&variables);
    assert_masked(&outcome);
    // The standard environment is shared with others: nothing in it stops a service.
    let is_shared = |(name, _): &(String, String)| !name.starts_with("VANTAGE_OBS");
    let shared: Vec<_> = variables
        .iter()
        .filter(|variable| is_shared(variable))
        .cloned()
        .collect();
    let alone = resolve(&shared);
    assert_masked(&alone);
    let alone = alone.unwrap_or_else(|error| panic!("{error} in {shared:?}"));
    match outcome {
        Ok(effective) => fingerprint((true, effective.warnings().len(), alone.warnings().len())),
        Err(error) => {
            let first = error
                .faults()
                .first()
                .map(|fault| fault.location.to_string());
            fingerprint((false, error.faults().len(), first, alone.warnings().len()))
        }
    }
}

pub(super) fn log_levels(data: &[u8]) -> u64 {
    let [text] = texts(data);
    match text.parse::<LogLevels>() {
        Ok(levels) => {
            let shown = levels.to_string();
            let again: LogLevels = shown
                .parse()
                .unwrap_or_else(|error| panic!("{error}: {shown:?}"));
            assert_eq!(again.to_string(), shown, "of {text:?}");
            assert!(shown.len() <= 64 + 2 * text.len());
            fingerprint((true, shown.matches(',').count()))
        }
        Err(error) => {
            assert!(error.to_string().len() <= 1_024 + 12 * text.len());
            fingerprint(false)
        }
    }
}

pub(super) fn postgres_url(data: &[u8]) -> u64 {
    let [user, rest] = texts(data);
    let (user, rest) = (user.replace(PLACE, CANARY), rest.replace(PLACE, CANARY));
    let url = format!("postgres://u:{user}{CANARY}@{rest}");
    let parsed = PostgresUrl::parse(&Secret::new(url));
    let whole = PostgresUrl::parse(&Secret::new(format!("{user}{CANARY}{rest}")));
    for parsed in [&parsed, &whole] {
        let shown = match parsed {
            Ok(url) => format!("{url:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(!shown.contains(CANARY), "{shown}");
        assert!(
            shown.len() <= 1_024 + 64 * data.len(),
            "{} bytes of {}",
            shown.len(),
            data.len()
        );
    }
    match parsed {
        Ok(url) => {
            let is_plain = user.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if is_plain && !rest.contains("password") && !rest.contains('@') {
                let password = format!("{user}{CANARY}");
                assert_eq!(
                    url.client.get_password(),
                    Some(password.as_bytes()),
                    "{rest}"
                );
            }
            let files = url.files().count();
            fingerprint((
                true,
                format!("{:?}", url.encryption.mode),
                files,
                whole.is_ok(),
            ))
        }
        Err(error) => fingerprint((false, error.problem.len(), error.allowed.len())),
    }
}

pub(super) fn endpoint(data: &[u8]) -> u64 {
    let mut way = Vec::new();
    let [user, rest] = texts(data);
    for url in [
        format!("http://{user}{CANARY}@{rest}"),
        format!("{user}:{CANARY}@{rest}"),
    ] {
        way.push(match url.parse::<Endpoint>() {
            Ok(endpoint) => {
                let shown = format!("{endpoint} {endpoint:?} {}", serde_json::json!(endpoint));
                assert!(!shown.contains(CANARY), "{shown}");
                assert_eq!(endpoint.expose(), url);
                let bare = endpoint.without_user();
                // An unescaped slash in a password ends it, and what follows is the path.
                let authority = url.split_once("://").map_or("", |(_, rest)| rest);
                let authority = authority.split('/').next().unwrap_or_default();
                assert!(
                    !authority.contains(CANARY) || !bare.contains(CANARY),
                    "{bare}"
                );
                let again = bare.parse::<Endpoint>();
                let again = again.unwrap_or_else(|error| panic!("{error} of {url}"));
                let place = |endpoint: &Endpoint| (endpoint.host().to_owned(), endpoint.port());
                assert_eq!(place(&again), place(&endpoint));
                assert!(again.user().is_none(), "{bare}");
                1 + u64::from(endpoint.user().is_some())
            }
            Err(error) => {
                let shown = format!("{error} {error:?}");
                assert!(!shown.contains(CANARY), "{shown}");
                assert!(shown.len() <= 1_024 + 24 * data.len());
                0
            }
        });
    }
    fingerprint((way, parts(data).count()))
}
