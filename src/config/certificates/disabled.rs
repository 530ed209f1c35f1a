//! A build without encryption, in which no connection reads certificates.

use std::path::Path;

#[expect(clippy::unnecessary_wraps, reason = "as its sibling with encryption")]
pub(super) const fn check_authority(_: &Path) -> Result<(), String> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "as its sibling with encryption")]
pub(super) const fn check_client(_: Option<&Path>, _: Option<&Path>) -> Result<(), String> {
    Ok(())
}
