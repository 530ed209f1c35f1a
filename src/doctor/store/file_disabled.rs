//! A build without stores in files, whose configuration refuses them.

use crate::config::EffectiveConfig;
use crate::doctor::step::DiagnosisStep;

pub(super) const fn steps(_: &EffectiveConfig) -> Vec<DiagnosisStep> {
    Vec::new()
}
