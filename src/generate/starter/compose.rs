//! The compose file: Prometheus, Alertmanager, Grafana and Jaeger, each in a pinned version.
//!
//! Every port is on loopback only. Grafana has no account at all and lets everybody edit who reaches it, so that
//! no password stands here, and none is a default.

/// The project in the text, for which that of the service stands.
const PROJECT: &str = "name: vantage-obs\n";

/// Returns the text of the file for a service of this name. A text and not [`Yaml`](crate::generate::yaml::Yaml): its comments belong to
/// lines in the middle.
pub(super) fn text(service: &str) -> String {
    TEXT.replace(PROJECT, &format!("name: {}\n", project(service)))
}

/// Returns the name of the project. Two services of one project would stop each other's containers, and so would
/// the service's own compose file, whose project is mostly named after it.
fn project(service: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '_') => c,
        _ => '-',
    };
    let name: String = service.chars().map(plain).collect();
    match name.trim_matches(['-', '_']) {
        "" => "vantage-obs".into(),
        name => format!("{name}-observability"),
    }
}

const TEXT: &str = include_str!("compose.yaml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_is_the_services_own_and_has_a_name_that_compose_takes() {
        for (service, expected) in [
            ("shop-api", "shop-api-observability"),
            ("Shop API", "shop-api-observability"),
            ("_shop.v2_", "shop-v2-observability"),
            ("Läden", "l-den-observability"),
            ("…", "vantage-obs"),
        ] {
            let text = text(service);
            let names: Vec<_> = text
                .lines()
                .filter_map(|line| line.strip_prefix("name: "))
                .collect();
            assert_eq!(names, [expected], "{service}");
        }
    }

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
