//! A build without PostgreSQL, whose configuration refuses it as a store.

use std::time::Instant;

use crate::config::EffectiveConfig;
use crate::doctor::step::DiagnosisStep;

pub(super) const fn steps(_: &EffectiveConfig, _: Instant) -> Vec<DiagnosisStep> {
    Vec::new()
}
