//! The style sheet, and the content security policy that allows nothing else.
//!
//! The policy names the style sheet by its hash, so that no other one is applied, even if markup
//! were smuggled into a text. A test keeps the hash equal to the sheet.

/// The content of each page's `style` element.
pub(super) const STYLE: &str = include_str!("../../../templates/style.css");

/// The content security policy of a page. Allowed are its own style sheet, named by its
/// hash, and the picture in its own address line. No script, no frame, no form, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = concat!(
    "default-src 'none'; style-src 'sha256-",
    include_str!("../../../templates/style.sha256"),
    "'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
);

/// The same for a standalone file, whose policy cannot restrict framing.
pub(super) const STANDALONE_POLICY: &str = concat!(
    "default-src 'none'; style-src 'sha256-",
    include_str!("../../../templates/style.sha256"),
    "'; img-src data:; base-uri 'none'; form-action 'none'"
);

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// After a change of the style, `templates/style.sha256` is what this test says.
    #[test]
    fn the_policy_names_the_hash_of_the_style() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        assert!(
            CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{hash}'")),
            "{hash}"
        );
        assert!(
            STANDALONE_POLICY.contains(&format!("'sha256-{hash}'")),
            "{hash}"
        );
    }
}
