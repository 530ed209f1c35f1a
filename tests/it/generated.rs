//! Generated files: committed as generated, reproducible, and as configured.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::json;
use vantage_obs::alerts::{self, AlertSignal, AlertThreshold, Severity};
use vantage_obs::figure::{Figure, Figures};
use vantage_obs::generate::{
    FileStatus, GenerateInput, GeneratedFile, TimeScale, plan, platform_config,
};
use vantage_obs::slo::Objectives;
use vantage_obs::units::Ratio;
use vantage_obs::{Config, Role};

const RULES: &str = "prometheus/rules/vantage-alerts.yml";
const RECORDING: &str = "prometheus/rules/vantage-recording.yml";

pub(crate) fn generate_input(config: Config) -> GenerateInput {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("slo");
    GenerateInput::new(config, Objectives::load(folder).unwrap())
}

fn text(input: &GenerateInput, path: &str) -> String {
    let files = plan(input);
    let file = files.iter().find(|file| file.path == path);
    file.unwrap_or_else(|| panic!("no {path}")).text.clone()
}

#[test]
fn committed_files_match_the_generated_ones() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let differs = |file: &GeneratedFile| {
        let existing = fs::read_to_string(root.join(&file.path)).ok();
        file.compare(existing.as_deref()) != FileStatus::Same
    };
    let files = plan(&generate_input(platform_config()));
    let different: Vec<_> = files
        .iter()
        .filter(|file| differs(file))
        .map(|file| &file.path)
        .collect();
    let how = "cargo run --features cli -- generate --out .";
    assert!(different.is_empty(), "run `{how}`: {different:?}");
}

#[test]
fn plan_is_reproducible_and_has_no_path_twice() {
    let files = plan(&generate_input(platform_config()));
    assert_eq!(files, plan(&generate_input(platform_config())));
    let paths: BTreeSet<_> = files.iter().map(|file| &file.path).collect();
    assert_eq!(paths.len(), files.len());
    assert!(files.iter().all(|file| file.text.ends_with('\n')));
}

/// The configuration of a shop with figures of its own.
fn shop() -> Config {
    Config::new("shop-api", Role::Api)
        .figure(
            Figure::counter("shop.orders")
                .description("Orders that were paid")
                .label("tenant", 200)
                .panel()
                .drop_alert(0.5),
        )
        .figure(Figure::gauge("shop.open_carts").panel())
}

fn plan_of(config: Config) -> Vec<GeneratedFile> {
    plan(&GenerateInput::new(config, Objectives::default()))
}

#[test]
fn a_shop_has_its_figures_and_no_posts() {
    let files = plan_of(shop());
    let paths: BTreeSet<_> = files.iter().map(|file| &*file.path).collect();
    for path in [
        "grafana/dashboards/service-figures.json",
        "runbooks/shop-orders-drop.md",
        "runbooks/figures.md",
    ] {
        assert!(paths.contains(path), "{path}");
    }
    let shipped = [
        "posts_published",
        "PostsPublished",
        "business-metrics",
        "AiGenerations",
        "Revenue",
    ];
    for file in &files {
        for word in shipped {
            assert!(!file.text.contains(word), "{}: {word}", file.path);
        }
        assert!(!file.path.contains("business"), "{}", file.path);
    }
    let text = |path| &files.iter().find(|file| file.path == path).unwrap().text;
    let drop = rule(text(RULES), "ShopOrdersDrop", "warning").unwrap();
    assert!(
        drop.contains("(vantage:figure_shop_orders:ratio3h < 0.5)"),
        "{drop}"
    );
    assert!(drop.contains("/d/service-figures?"), "{drop}");
    assert!(text("runbooks/README.md").contains("- [ShopOrdersDrop](shop-orders-drop.md): "));
    assert!(text("runbooks/incident-response.md").contains("/d/service-figures)"));
}

#[test]
fn without_figures_and_business_no_page_dashboard_or_rule_is_about_either() {
    for file in plan_of(Config::new("shop-api", Role::Api)) {
        for word in [
            "service-figures",
            "vantage:figure",
            "business-metrics",
            "(figures.md)",
        ] {
            assert!(!file.text.contains(word), "{}: {word}", file.path);
        }
    }
}

#[test]
fn alerts_of_figures_have_names_and_series_that_nothing_else_has() {
    // The first is the name of one that the crate ships; the others differ in a dot or in the unit alone.
    let config = platform_config()
        .figure(Figure::counter("posts.published").drop_alert(0.5))
        .figure(Figure::counter("a.b1").drop_alert(0.5))
        .figure(Figure::counter("a.b.1").drop_alert(0.5))
        .figure(Figure::counter("a_b.1.size").unit("By").spike_alert(2.0))
        .figure(Figure::counter("a.b_1.size").unit("s").spike_alert(2.0));
    let files = plan_of(config);
    let text = |path| &files.iter().find(|file| file.path == path).unwrap().text;
    for name in [
        "PostsPublishedDrop",
        "PostsPublishedFigureDrop",
        "AB1Drop",
        "AB1FigureDrop",
        "AB1SizeSpike",
        "AB1SizeFigureSpike",
    ] {
        let alert = format!("- alert: \"{name}\"\n");
        assert_eq!(text(RULES).matches(&alert).count(), 1, "{name}");
    }
    let recorded = text(RECORDING).matches(":ratio3h\"\n").count();
    let names: BTreeSet<_> = text(RECORDING)
        .lines()
        .filter(|line| line.contains("record:") && line.contains(":ratio3h"))
        .collect();
    assert_eq!((recorded, names.len()), (8, 8));
    let paths: BTreeSet<_> = files.iter().map(|file| &file.path).collect();
    assert_eq!(paths.len(), files.len());
}

/// Returns the rule of an alert of this name and severity.
fn rule(text: &str, name: &str, severity: &str) -> Option<String> {
    let rules = text.split("      - alert: ").skip(1);
    let mut wanted = rules.filter(|rule| {
        rule.starts_with(&format!("\"{name}\""))
            && rule.contains(&format!("severity: \"{severity}\""))
    });
    wanted.next().map(str::to_owned)
}

#[test]
fn every_level_of_every_alert_is_a_rule_with_all_that_a_reader_needs() {
    let input = generate_input(platform_config());
    let text = text(&input, RULES);
    for spec in alerts::all() {
        let severities: Vec<_> = match spec.signal {
            AlertSignal::Watchdog => vec!["none"],
            AlertSignal::ErrorBudget => vec!["warning", "critical"],
            signal => {
                let levels = input.config.alerts.levels(signal);
                levels.map(|(severity, _)| severity.as_str()).collect()
            }
        };
        assert!(!severities.is_empty(), "{}", spec.name);
        for severity in severities {
            let rule = rule(&text, spec.name, severity)
                .unwrap_or_else(|| panic!("{} {severity}", spec.name));
            for key in [
                "expr",
                "team",
                "summary",
                "description",
                "dashboard_url",
                "runbook_url",
            ] {
                assert!(
                    rule.contains(&format!("  {key}: \"")),
                    "{key} of {}",
                    spec.name
                );
            }
            assert!(
                rule.contains(&format!("runbooks/{}.md", spec.runbook())),
                "{}",
                spec.name
            );
            assert!(
                !rule.contains("{threshold}") && !rule.contains("{long}"),
                "{}",
                spec.name
            );
        }
    }
}

#[test]
fn both_burn_rates_of_every_objective_are_rules() {
    let input = generate_input(platform_config());
    let text = text(&input, RULES);
    for objective in &input.objectives {
        let label = format!("objective: \"{}\"", objective.id());
        assert_eq!(text.matches(&label).count(), 2, "{}", objective.id());
    }
}

#[test]
fn the_workbook_policy_has_four_pairs_for_each_objective() {
    let mut config = platform_config();
    config.slo.policy = vantage_obs::config::SloPolicy::SreWorkbook;
    let input = generate_input(config);
    let alerts = text(&input, RULES);
    for window in ["1h", "6h", "1d", "3d"] {
        let label = format!("long_window: \"{window}\"");
        assert_eq!(alerts.matches(&label).count(), 6, "{window}");
    }
    // 14.4 times a permitted share of 0.1 %.
    assert!(text(&input, RECORDING).contains("> 0.0144)"));
}

#[test]
fn pair_that_can_never_fire_has_no_rule() {
    let file = r#"{"api": {"latency": {"target": 85, "threshold": 2000, "window": "30d"}}}"#;
    let objectives = Objectives::parse(&[("api.json", file)]).unwrap();
    let text = text(&GenerateInput::new(platform_config(), objectives), RULES);
    // At 10 times the permitted 15 % more than everything would have to be bad.
    assert!(rule(&text, "ErrorBudgetBurn", "critical").is_none());
    assert!(rule(&text, "ErrorBudgetBurn", "warning").is_some());
}

#[test]
fn custom_objective_has_rules_too() {
    let file = r#"{"checkout": {"latency": {"metric": "http.server.request.duration",
        "where": {"http.route": "/api/v1/checkout"}, "good": {"at_most": 500, "unit": "ms"},
        "target": 99, "window": "7d"}}}"#;
    let objectives = Objectives::parse(&[("checkout.json", file)]).unwrap();
    let input = GenerateInput::new(platform_config(), objectives);
    let alert = "vantage:slo_raised:rate1h_5m{objective=\\\"checkout.latency\\\"}";
    assert!(text(&input, RULES).contains(alert));
    let recording = text(&input, RECORDING);
    assert!(recording.contains("ratio1h{objective=\\\"checkout.latency\\\"} > 0.1)"));
    assert!(recording.contains("vantage:slo_events:increase7d"));
    // There is nothing to judge together.
    assert!(!recording.contains("vantage:slo_slices"));
}

#[test]
fn a_configured_threshold_is_in_the_expression_and_in_the_texts() {
    let mut config = platform_config();
    let three = Some(AlertThreshold::Ratio("0.03".parse::<Ratio>().unwrap()));
    config
        .alerts
        .set(AlertSignal::ApiErrorRatio, Severity::Warning, three);
    config
        .alerts
        .set(AlertSignal::ApiErrorRatio, Severity::High, None);
    config.service.team = Some("payments".into());
    config.links.grafana = "https://g.example/".into();
    config.links.runbooks = "https://wiki.example/runbooks".into();
    let text = text(&generate_input(config), RULES);
    let warning = rule(&text, "ApiErrorRatioHigh", "warning").unwrap();
    assert!(
        warning.contains("> 0.03)") && warning.contains("the limit is 3%"),
        "{warning}"
    );
    assert!(warning.contains("team: \"payments\""), "{warning}");
    assert!(
        warning.contains("\"https://g.example/d/api-performance?"),
        "{warning}"
    );
    assert!(
        warning.contains("\"https://wiki.example/runbooks/api-error-ratio-high.md\""),
        "{warning}"
    );
    assert!(rule(&text, "ApiErrorRatioHigh", "high").is_none());
}

#[test]
fn a_state_that_lasts_is_held_for_its_threshold() {
    let mut config = platform_config();
    let two = Some(AlertThreshold::Time(std::time::Duration::from_secs(120)));
    config
        .alerts
        .set(AlertSignal::DatabaseUnreachable, Severity::Critical, two);
    let text = text(&generate_input(config), RULES);
    let rule = rule(&text, "DatabaseUnreachable", "critical").unwrap();
    assert!(
        rule.contains("for: 2m\n") && rule.contains("for 2m."),
        "{rule}"
    );
}

#[test]
fn test_time_scale_shortens_windows_and_keeps_thresholds() {
    let fast = generate_input(platform_config()).with_time_scale(TimeScale::Test);
    let text = text(&fast, RULES);
    let errors = rule(&text, "ApiErrorRatioHigh", "high").unwrap();
    assert!(
        errors.contains("for: 2s\n") && errors.contains("> 0.05)"),
        "{errors}"
    );
    let recording = self::text(&fast, "prometheus/rules/vantage-recording.yml");
    assert!(recording.contains("vantage_api_requests_total{") && recording.contains("}[5s]"));
    assert!(!recording.contains("[5m]"));
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_no_regular_file_is_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join(RULES);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    let mkfifo = std::process::Command::new("mkfifo").arg(&place).status();
    assert!(mkfifo.unwrap().success());
    for arguments in [&["--check"][..], &[]] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
        let command = command.args(["generate", "--out"]).arg(folder.path());
        let output = command.args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("not a regular file"), "{text}");
    }
}

/// Runs the command; what it says is standard output and error together.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    let output = command.args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn what_code_declares_reaches_every_command_through_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let declared: Figures = [
        Figure::counter("shop.orders")
            .unit("{order}")
            .label_values("payment", ["card", "invoice"])
            .panel()
            .drop_alert(0.5),
        Figure::gauge("shop.open_carts").panel(),
        Figure::histogram("shop.wait").unit("s").buckets([0.1, 1.0]),
    ]
    .into_iter()
    .collect();
    let text = serde_json::to_string_pretty(&declared).unwrap();
    fs::write(place("figures.json"), &text).unwrap();
    fs::write(place("whole.json"), format!("{{\"figures\": {text}}}")).unwrap();
    let change = r#"{"service": {"name": "shop", "roles": ["worker"]}, "figures": {"shop.orders": {"drop_alert": 0.3}},
        "alerts": {"revenue": {"warning": [0.4, 3]}}}"#;
    fs::write(place("change.json"), change).unwrap();
    let objective = r#"{"shop": {"orders": {"metric": "shop.orders", "good": {"payment": "card"}, "target": 99,
        "window": "30d"}}}"#;
    fs::create_dir(place("slo")).unwrap();
    fs::write(place("slo/shop.json"), objective).unwrap();
    let (figures, whole, change) = (
        place("figures.json"),
        place("whole.json"),
        place("change.json"),
    );
    let slo = place("slo");
    for given in [
        &["--figures", &figures][..],
        &["--figures", &whole],
        &[
            "--figures",
            &figures,
            "--figures",
            &whole,
            "--config",
            &change,
        ],
    ] {
        let with = |start: &[&str]| run(&[start, given].concat());
        let (status, catalog) = with(&["catalog"]);
        assert_eq!(status, Some(0), "{catalog}");
        for name in [
            "`shop_orders_total`",
            "`shop_open_carts`",
            "`shop_wait_seconds`",
        ] {
            assert!(catalog.contains(name), "{name}");
        }
        for command in ["validate", "budget"] {
            let (status, text) = with(&["slo", command, &slo]);
            assert_eq!(status, Some(0), "{text}");
        }
        let empty = format!("file:{}", place("none.redb"));
        let (status, text) = with(&["slo", "report", &slo, "--store", &empty]);
        assert_eq!(status, Some(3));
        assert!(!text.contains("unknown metric"), "{text}");
        let out = place(&format!("out{}", given.len()));
        let (status, told) = with(&["generate", "--out", &out]);
        assert_eq!(status, Some(0), "{told}");
        let rules = fs::read_to_string(Path::new(&out).join(RULES)).unwrap();
        let changed = given.contains(&"--config");
        let multiple = if changed { "0.3" } else { "0.5" };
        let expected = format!("(vantage:figure_shop_orders:ratio3h < {multiple})");
        let drop = rule(&rules, "ShopOrdersDrop", "warning").unwrap();
        assert!(drop.contains(&expected), "{drop}");
        assert!(!rules.contains("PostsPublished"), "a shop has none");
        let unread = "warning: alerts.revenue.warning (file ";
        assert_eq!(told.contains(unread), changed, "{told}");
    }
    // Without the declaration it is skipped, and told.
    let out = place("skipped");
    for arguments in [
        &["generate", "--out", &out, "--config", &change][..],
        &["catalog", "--config", &change],
        &["config", "check", &change],
        &["doctor", "--config", &change],
    ] {
        let (status, text) = run(arguments);
        assert_eq!(status, Some(0), "{text}");
        assert!(
            text.contains("figures.shop.orders is skipped: its kind is not set here"),
            "{text}"
        );
    }
    // An objective that names it needs the declaration.
    let named = place("named.json");
    let config =
        json!({"figures": {"shop.orders": {"drop_alert": 0.3}}, "slo": {"directory": &slo}});
    fs::write(&named, config.to_string()).unwrap();
    let (status, text) = run(&["doctor", "--config", &named]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("to commands by --figures FILE"), "{text}");
    for command in [
        &["doctor", "--config", &named][..],
        &["config", "check", &named],
    ] {
        let (status, text) = run(&[command, &["--figures", &figures]].concat());
        assert_eq!(status, Some(0), "{text}");
        assert!(!text.contains("is skipped"), "{text}");
    }
    let (_, text) = run(&["config", "check", &named, "--figures", &figures]);
    let is_shown = |path: &str, value: &str| {
        let mut lines = text
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.any(|line| line.starts_with(&[path, value]))
    };
    assert!(is_shown("figures.shop.orders.drop_alert", "0.3"), "{text}");
    assert!(is_shown("figures.shop.orders.panel", "true"), "{text}");
    let fault = place("fault.json");
    fs::write(
        &fault,
        r#"{"shop.orders": {"kind": "counter", "unit": "x"}}"#,
    )
    .unwrap();
    let (status, text) = run(&["catalog", "--figures", &fault]);
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("shop.orders"), "{text}");
    let (status, _) = run(&["generate", "--out", &out, "--figures", &place("none.json")]);
    assert_eq!(status, Some(3));
}

#[test]
fn a_service_tells_of_a_figure_that_neither_code_nor_file_declares() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        file.path(),
        r#"{"figures": {"shop.orders": {"drop_alert": 0.3}}}"#,
    )
    .unwrap();
    let resolve = |config: Config| {
        let config = config.file(file.path());
        config.resolve(&vantage_obs::config::Environment::empty())
    };
    let shop = || Config::new("shop-api", Role::Api);
    let error = resolve(shop()).unwrap_err().to_string();
    assert!(error.contains("kind"), "{error}");
    assert!(resolve(shop().figure(Figure::counter("shop.orders"))).is_ok());
}

#[test]
fn a_description_is_shown_as_it_is_written() {
    let orders = Figure::counter("shop.orders")
        .description("Orders of [a|b], *not* `refunds` <br> of x_y_z")
        .label_values("payment", ["by_card_", "in*voice"]);
    let files = plan_of(Config::new("shop-api", Role::Api).figure(orders.panel().drop_alert(0.5)));
    for path in ["runbooks/figures.md", "runbooks/shop-orders-drop.md"] {
        let text = &files.iter().find(|file| file.path == path).unwrap().text;
        let escaped = r"Orders of \[a\|b\], \*not\* \`refunds\` \<br\> of x\_y\_z";
        assert!(text.contains(escaped), "{text}");
        assert!(text.contains(r"(by\_card\_, in\*voice)"), "{text}");
    }
}

/// How much is enough follows from the unit, by what is compared from the label: orders may have a currency,
/// and money none.
#[test]
fn money_is_what_has_a_unit_of_money() {
    let dropped = |unit: Option<&str>, label: &str| {
        let figure = Figure::counter("shop.thing").label(label, 5);
        let figure = match unit {
            Some(unit) => figure.unit(unit),
            None => figure,
        };
        let files = plan_of(Config::new("shop-api", Role::Api).figure(figure.drop_alert(0.5)));
        let text = |end: &str| {
            let file = files.iter().find(|file| file.path.ends_with(end));
            file.unwrap().text.clone()
        };
        let alerts = text("vantage-alerts.yml");
        let condition = alerts.split("vantage:figure_shop_thing:usual3h >= ").nth(1);
        let enough: String = condition
            .unwrap()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let page = text("shop-thing-drop.md");
        let said = format!("where fewer than {enough} are usual");
        assert!(page.contains(&said), "{page}");
        let by_currency = "sum by (currency, environment) (increase(shop_thing_total[3h])";
        let rules = text("vantage-recording.yml");
        (enough, rules.contains(by_currency))
    };
    let enough = |number: &str, by_currency| (number.to_owned(), by_currency);
    assert_eq!(dropped(Some("{order}"), "currency"), enough("20", true));
    assert_eq!(dropped(None, "currency"), enough("20", true));
    assert_eq!(dropped(Some("{cent}"), "shop"), enough("2000", false));
    assert_eq!(dropped(Some("{pence}"), "shop"), enough("2000", false));
    assert_eq!(
        dropped(Some("{minor_unit}"), "currency"),
        enough("2000", true)
    );
    // Not all that begins like a cent is one.
    assert_eq!(dropped(Some("{centre}"), "shop"), enough("20", false));
}

/// Of a figure without an alert days alone are counted.
#[test]
fn what_dashboards_and_pages_read_is_recorded() {
    let config = vantage_obs::generate::platform_config()
        .figure(Figure::counter("shop.parcels").label("kind", 5).panel())
        .figure(
            Figure::counter("shop.orders")
                .label("tenant", 200)
                .drop_alert(0.5),
        )
        .figure(
            Figure::counter("shop.revenue")
                .label("currency", 5)
                .panel()
                .spike_alert(2.0),
        );
    let files = plan_of(config);
    let rules = |end: &str| files.iter().find(|file| file.path.ends_with(end)).unwrap();
    let recorded: BTreeSet<_> = rules("vantage-recording.yml")
        .text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- record: \"")?.strip_suffix('"'))
        .collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut read = BTreeSet::new();
    for file in &files {
        if file.path.starts_with("grafana/dashboards") || file.path.starts_with("runbooks") {
            let names = file.text.split(|c| !is_name(c));
            read.extend(
                names.filter(|name| name.starts_with("vantage:") && name.contains(":first")),
            );
        }
    }
    assert!(read.is_subset(&recorded), "{read:?}");
    for name in [
        "shop_parcels:first1d",
        "shop_orders:first3h_before",
        "shop_revenue:first1d",
    ] {
        assert!(
            read.contains(&*format!("vantage:figure_{name}")),
            "{name}: {read:?}"
        );
    }
    assert!(!recorded.contains("vantage:figure_shop_parcels:first3h"));
}
