//! The routes that write or tell private things, and who may use them.

use super::secret::Secret;
use super::{Config, HealthDetails};

impl Config {
    /// Returns who may beat, write incidents and read details of health over HTTP, in one line.
    ///
    /// ```
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.heartbeat.open = true;
    /// let access = config.access();
    /// assert!(access.starts_with("heartbeats: open to everybody; "), "{access}");
    /// ```
    #[must_use]
    pub fn access(&self) -> String {
        let by_token = |token: &Option<Secret>, setting: &str| match token {
            Some(_) => format!("with {setting}"),
            None => format!("closed without {setting}"),
        };
        let heartbeats = match self.heartbeat.open {
            true => "open to everybody".to_owned(),
            false => by_token(&self.heartbeat.token, "heartbeat.token"),
        };
        let incidents = by_token(&self.status.token, "status.token");
        let details = match self.health.details {
            HealthDetails::Token => by_token(&self.health.details_token, "health.details_token"),
            HealthDetails::OpenCodes => "codes open to everybody".to_owned(),
        };
        format!("heartbeats: {heartbeats}; incidents: {incidents}; health details: {details}")
    }

    /// Returns a warning where one secret opens what two are there for, or everything is open.
    pub(super) fn access_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.heartbeat.open {
            let warning =
                "heartbeat.open: everybody who reaches the routes may beat, without a token";
            warnings.push(warning.to_owned());
        }
        let [beats, incidents] = [&self.heartbeat.token, &self.status.token];
        let expose = |token: &Option<Secret>| Some(token.as_ref()?.expose()?.to_owned());
        if let Some(beats) = expose(beats)
            && expose(incidents).is_some_and(|incidents| incidents == beats)
        {
            let warning =
                "status.token is heartbeat.token: every host that beats may write incidents";
            warnings.push(warning.to_owned());
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use crate::Config;
    use crate::config::{Environment, Role, Secret};

    #[test]
    fn what_is_open_is_said_and_closed_is_the_default() {
        let mut config = Config::new("test", Role::Api);
        assert_eq!(
            config.access(),
            "heartbeats: closed without heartbeat.token; incidents: closed without status.token; \
             health details: closed without health.details_token"
        );
        config.heartbeat.token = Some(Secret::new("a"));
        config.status.token = Some(Secret::new("b"));
        let access = config.access();
        assert!(
            access.starts_with("heartbeats: with heartbeat.token; incidents: with status.token; ")
        );
        assert!(
            config
                .resolve(&Environment::empty())
                .unwrap()
                .warnings()
                .is_empty()
        );
    }

    #[test]
    fn open_beats_and_a_token_for_two_purposes_are_warned_of() {
        let mut config = Config::new("test", Role::Api);
        config.heartbeat.open = true;
        config.heartbeat.token = Some(Secret::new("same"));
        config.status.token = Some(Secret::from_env("T"));
        let environment = Environment::from_iter([("T", "same")]);
        let effective = config.resolve(&environment).unwrap();
        let [open, same] = effective.warnings() else {
            panic!("{:?}", effective.warnings())
        };
        assert!(open.starts_with("heartbeat.open: everybody"), "{open}");
        assert!(
            same.starts_with("status.token is heartbeat.token"),
            "{same}"
        );
    }
}
