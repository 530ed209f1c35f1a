//! The masking of credentials in text of a server, which may repeat what it was sent.

/// Replaces the secrets, and each word of them, by `***`.
pub(super) fn mask_secrets<'a>(mut text: String, secrets: impl Iterator<Item = &'a str>) -> String {
    for secret in secrets {
        // Shorter parts would mask half of the message, and hide no secret worth the name.
        let parts = secret.split([' ', ':']).filter(|part| part.len() > 3);
        for part in std::iter::once(secret).chain(parts) {
            if !matches!(part, "Bearer" | "Basic" | "") {
                text = text.replace(part, "***");
            }
        }
    }
    text
}
