//! The value of `--store`.

use vantage_obs::config::{self, Config, Secret, StoreKind};

use crate::output::CliError;

/// A store.
#[derive(Clone, Debug)]
pub(crate) enum StoreArg {
    /// The configuration's.
    Configured,
    Given(Box<config::StoreConfig>),
}

impl StoreArg {
    /// Returns the configuration of the store.
    pub(crate) fn config<'a>(
        &'a self,
        config: Option<&'a Config>,
    ) -> Result<&'a config::StoreConfig, CliError> {
        let store = match self {
            Self::Given(store) => Some(&**store),
            Self::Configured => config.map(|config| &config.store),
        };
        let message = "--store without a value needs a configuration, and none is given";
        store.ok_or_else(|| CliError::Usage(message.into()))
    }
}

/// Parses the address of a store; empty for the configuration's.
pub(crate) fn parse_store_arg(text: &str) -> Result<StoreArg, String> {
    let mut store = config::StoreConfig::default();
    if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
        (store.kind, store.path) = (StoreKind::File, Some(path.into()));
    } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        (store.kind, store.url) = (StoreKind::Postgres, Some(Secret::new(text)));
    } else if text.is_empty() {
        return Ok(StoreArg::Configured);
    } else {
        return Err("allowed: file:PATH, or postgres://USER:PASSWORD@HOST/NAME".into());
    }
    Ok(StoreArg::Given(Box::new(store)))
}
