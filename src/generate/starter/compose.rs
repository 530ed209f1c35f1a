//! The compose file: Prometheus, Alertmanager, Grafana and Jaeger, each in a pinned version.
//!
//! Every port is on loopback only. Grafana has no account at all and lets everybody edit who reaches it, so that
//! no password stands here, and none is a default.

/// Returns the text of the file. A text and not [`Yaml`](crate::generate::yaml::Yaml): its comments belong to
/// lines in the middle.
pub(super) fn text() -> String {
    TEXT.into()
}

const TEXT: &str = include_str!("compose.yaml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_on_loopback_and_every_image_is_pinned() {
        let values = |key: &'static str| {
            let lines = TEXT.lines().map(str::trim);
            lines.filter_map(move |line| line.strip_prefix(key))
        };
        let ports: Vec<_> = values("- \"127.0.0.1:").collect();
        assert_eq!(ports.len(), 5, "{ports:?}");
        assert_eq!(TEXT.matches("ports:").count(), 4);
        let images: Vec<_> = values("image: ").collect();
        assert_eq!(images.len(), 4);
        for image in images {
            let version = image.rsplit(':').next().unwrap();
            assert!(
                version.trim_start_matches('v').matches('.').count() == 2,
                "{image}"
            );
        }
        assert_eq!(TEXT.matches("healthcheck:").count(), 4);
    }
}
