//! The reader as its callers see it: texts in; objectives, faults and warnings out.

use std::fs;
use std::time::Duration;

use super::*;
use crate::model::units::Percent;

mod custom;

const API: &str = include_str!("../../../slo/api.json");
const WORKERS: &str = include_str!("../../../slo/workers.json");

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

fn faults(files: &[(&str, &str)]) -> Vec<SloFault> {
    Objectives::parse(files).unwrap_err().faults().to_vec()
}

/// The only fault of an `api.json` with this text.
fn fault(text: &str) -> SloFault {
    let mut faults = faults(&[("api.json", text)]);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.remove(0)
}

/// The only fault of a latency objective with these fields.
fn latency_fault(fields: &str) -> SloFault {
    fault(&format!(r#"{{"api":{{"latency":{{{fields}}}}}}}"#))
}

fn one(service: &str, name: &str, fields: &str) -> Objective {
    let text = format!(r#"{{"{service}":{{"{name}":{{{fields}}}}}}}"#);
    let objectives = Objectives::parse(&[("slo.json", &text)]).unwrap();
    objectives.iter().next().unwrap().clone()
}

fn messages(objective: &Objective) -> Vec<&str> {
    objective
        .warnings()
        .iter()
        .map(|warning| warning.message.as_str())
        .collect()
}

mod good {
    use super::*;

    #[test]
    fn the_platforms_own_files_are_read_in_order_and_without_a_warning() {
        let objectives =
            Objectives::parse(&[("api.json", API), ("workers.json", WORKERS)]).unwrap();
        let ids: Vec<_> = objectives.iter().map(Objective::id).collect();
        let expected = [
            "api.availability",
            "api.latency",
            "api.error_rate",
            "workers.availability",
            "workers.processing_time",
            "workers.queue_lag",
        ];
        assert_eq!(ids, expected);
        assert_eq!(objectives.warnings().count(), 0);
    }

    #[test]
    fn a_threshold_has_the_unit_of_its_kind() {
        let objectives =
            Objectives::parse(&[("api.json", API), ("workers.json", WORKERS)]).unwrap();
        let threshold = |id| objectives.get(id).unwrap().threshold();
        let five_minutes = Some(ObjectiveThreshold::Duration(Duration::from_secs(300)));
        assert_eq!(threshold("api.availability"), None);
        assert_eq!(
            threshold("api.latency"),
            Some(ObjectiveThreshold::Duration(Duration::from_secs(2)))
        );
        assert_eq!(
            threshold("api.error_rate"),
            Some(ObjectiveThreshold::Percent(percent("0.5")))
        );
        assert_eq!(threshold("workers.processing_time"), five_minutes);
        assert_eq!(threshold("workers.queue_lag"), five_minutes);
    }

    #[test]
    fn availability_counts_timeslices_and_everything_else_occurrences() {
        let objectives =
            Objectives::parse(&[("api.json", API), ("workers.json", WORKERS)]).unwrap();
        for objective in &objectives {
            let expected = match objective.kind() {
                ObjectiveKind::Availability => BudgetingMethod::Timeslices,
                _ => BudgetingMethod::Occurrences,
            };
            assert_eq!(objective.method(), expected, "{}", objective.id());
        }
    }

    #[test]
    fn unit_and_method_can_be_explicit() {
        let fields =
            r#""target":95,"threshold":1.5,"unit":"s","method":"occurrences","window":"7d""#;
        let objective = one("api", "latency", fields);
        assert_eq!(
            objective.threshold(),
            Some(ObjectiveThreshold::Duration(Duration::from_millis(1_500)))
        );
        let counted = one(
            "api",
            "availability",
            r#""target":99.9,"method":"occurrences","window":"7d""#,
        );
        assert_eq!(counted.method(), BudgetingMethod::Occurrences);
        let fields = r#""target":99.9,"threshold":0.10,"unit":"percent","window":"7d""#;
        let threshold = one("api", "error_rate", fields).threshold();
        assert_eq!(threshold, Some(ObjectiveThreshold::Percent(percent("0.1"))));
    }

    #[test]
    fn one_service_may_be_spread_over_files() {
        let availability = r#"{"api":{"availability":{"target":99,"window":"30d"}}}"#;
        let latency = r#"{"api":{"latency":{"target":99,"threshold":5,"window":"30d"}}}"#;
        let objectives =
            Objectives::parse(&[("b.json", latency), ("a.json", availability)]).unwrap();
        let ids: Vec<_> = objectives.iter().map(Objective::id).collect();
        assert_eq!(ids, ["api.latency", "api.availability"]);
    }

    #[test]
    fn a_window_may_be_one_of_the_calendar() {
        let fields = r#""target":99,"window":{"calendar":"month","time_zone":"Europe/Berlin"}"#;
        let window = one("api", "availability", fields).window().clone();
        assert_eq!(window.to_string(), "month in Europe/Berlin");
        let fields = r#""target":99,"window":{"calendar":"quarter"}"#;
        let window = one("api", "availability", fields).window().clone();
        assert_eq!(window.to_string(), "quarter in UTC");
    }

    #[test]
    fn no_objective_is_no_fault() {
        assert!(Objectives::parse(&[]).unwrap().is_empty());
        assert!(
            Objectives::parse(&[("api.json", r#"{"api":{}}"#)])
                .unwrap()
                .is_empty()
        );
    }
}

mod refused {
    use super::*;

    #[test]
    fn bad_json_is_refused_with_line_and_column() {
        let fault = fault("{\n  \"api\": {,}\n}");
        assert_eq!(
            fault.problem,
            SloProblem::Syntax {
                line: 2,
                column: 11
            }
        );
        assert_eq!(
            fault.to_string(),
            "api.json: $: not JSON at line 2 column 11: key must be a string; \
             allowed: one JSON object"
        );
    }

    #[test]
    fn a_second_document_in_a_file_is_refused() {
        assert!(matches!(
            fault("{} {}").problem,
            SloProblem::Syntax { line: 1, .. }
        ));
    }

    #[test]
    fn a_wrong_type_is_refused_at_every_level() {
        let paths = [
            ("[]", "$"),
            (r#"{"api":null}"#, "$.api"),
            (r#"{"api":{"availability":99.9}}"#, "$.api.availability"),
            (
                r#"{"api":{"availability":{"target":"99.9","window":"30d"}}}"#,
                "$.api.availability.target",
            ),
            (
                r#"{"api":{"availability":{"target":99.9,"window":30}}}"#,
                "$.api.availability.window",
            ),
        ];
        for (text, path) in paths {
            let fault = fault(text);
            assert_eq!(
                (fault.problem, fault.path.as_str()),
                (SloProblem::WrongType, path)
            );
        }
    }

    #[test]
    fn an_unknown_service_is_refused_with_the_nearest() {
        let fault = fault(r#"{"worker":{}}"#);
        assert_eq!(
            fault.to_string(),
            "api.json: $.worker: unknown service: worker; \
             allowed: api, workers; did you mean workers?"
        );
        assert_eq!(fault.problem, SloProblem::UnknownService);
    }

    #[test]
    fn an_objective_of_another_service_is_refused() {
        let fault = fault(r#"{"api":{"queue_lag":{}}}"#);
        assert_eq!(fault.problem, SloProblem::UnknownObjective);
        let allowed = "availability, latency, error_rate; any other needs a \"metric\"";
        assert_eq!(fault.allowed, allowed);
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        let fault =
            latency_fault(r#""target":95,"threshold":9,"window":"30d","metod":"occurrences""#);
        assert_eq!(fault.problem, SloProblem::UnknownKey);
        assert_eq!(fault.path, "$.api.latency.metod");
        assert!(fault.allowed.ends_with("did you mean method?"), "{fault}");
    }

    #[test]
    fn an_availability_takes_no_threshold() {
        let fault = fault(r#"{"api":{"availability":{"target":99,"threshold":1,"window":"1d"}}}"#);
        assert_eq!(fault.problem, SloProblem::UnknownKey);
        assert_eq!(fault.allowed, "target, window, method, description");
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let fault = latency_fault(r#""target":95,"target":99,"threshold":9,"window":"30d""#);
        assert_eq!(fault.problem, SloProblem::DuplicateKey);
        assert_eq!(fault.value.as_deref(), Some("99"));
    }

    #[test]
    fn an_objective_in_two_files_is_refused_once() {
        let faults = faults(&[("api.json", API), ("copy.json", API)]);
        assert_eq!(faults.len(), 3);
        assert_eq!(
            faults[0].to_string(),
            "copy.json: $.api.availability: objective declared twice: api.availability; \
             allowed: one declaration; the other one is in api.json"
        );
        assert!(
            faults
                .iter()
                .all(|fault| fault.problem == SloProblem::DuplicateObjective)
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |fields| {
            let fault = latency_fault(fields);
            assert_eq!((fault.problem, fault.value), (SloProblem::Missing, None));
            fault.path
        };
        assert_eq!(
            missing(r#""threshold":9,"window":"30d""#),
            "$.api.latency.target"
        );
        assert_eq!(
            missing(r#""target":95,"window":"30d""#),
            "$.api.latency.threshold"
        );
        assert_eq!(
            missing(r#""target":95,"threshold":9"#),
            "$.api.latency.window"
        );
    }

    #[test]
    fn a_target_of_100_or_more_or_of_0_or_less_is_refused() {
        for target in [
            "100",
            "100.000000000001",
            "0",
            "-1",
            "1e300",
            "99.9999999999999",
        ] {
            let fault = latency_fault(&format!(
                r#""target":{target},"threshold":9,"window":"30d""#
            ));
            assert_eq!(fault.problem, SloProblem::OutOfRange);
            assert_eq!(fault.value.as_deref(), Some(target));
        }
    }

    #[test]
    fn a_threshold_that_is_no_time_is_refused() {
        for threshold in ["-1", "0", "0.0000001", "1e30"] {
            let fields = format!(r#""target":95,"threshold":{threshold},"window":"30d""#);
            assert_eq!(
                latency_fault(&fields).problem,
                SloProblem::OutOfRange,
                "{threshold}"
            );
        }
    }

    #[test]
    fn a_window_of_zero_is_refused() {
        let fault = latency_fault(r#""target":95,"threshold":9,"window":"0d""#);
        assert_eq!(
            fault.to_string(),
            "api.json: $.api.latency.window: not a window: \"0d\"; \
             allowed: a whole number above 0 followed by m, h, d or w, such as \"30d\", \
             or {\"calendar\": \"month\", \"time_zone\": \"Europe/Berlin\"}"
        );
        assert_eq!(fault.problem, SloProblem::InvalidWindow);
    }

    #[test]
    fn every_fault_of_a_calendar_window_is_named_at_once() {
        let window = r#"{"calendar":"moth","time_zone":"Europe/Berln","zone":1}"#;
        let text = format!(r#"{{"api":{{"availability":{{"target":99,"window":{window}}}}}}}"#);
        let found = faults(&[("api.json", &text)]);
        let found: Vec<_> = found
            .iter()
            .map(|fault| (fault.path.as_str(), fault.problem))
            .collect();
        let path = "$.api.availability.window";
        assert_eq!(
            found,
            [
                (format!("{path}.zone").as_str(), SloProblem::UnknownKey),
                (
                    format!("{path}.calendar").as_str(),
                    SloProblem::UnknownPeriod
                ),
                (
                    format!("{path}.time_zone").as_str(),
                    SloProblem::UnknownTimeZone
                ),
            ]
        );
    }

    #[test]
    fn a_unit_of_another_kind_is_refused() {
        let fault = latency_fault(r#""target":95,"threshold":9,"unit":"percent","window":"30d""#);
        assert_eq!(
            (fault.problem, fault.allowed.as_str()),
            (SloProblem::UnknownUnit, "ms, s")
        );
    }

    #[test]
    fn an_unknown_method_is_refused() {
        let fault = latency_fault(r#""target":95,"threshold":9,"window":"30d","method":"ratio""#);
        assert_eq!(fault.problem, SloProblem::UnknownMethod);
        assert_eq!(fault.allowed, "occurrences");
    }

    #[test]
    fn a_method_by_which_nothing_is_counted_is_refused() {
        for (service, name, method, allowed) in [
            ("api", "latency", "timeslices", "occurrences"),
            ("api", "error_rate", "timeslices", "occurrences"),
            ("workers", "availability", "occurrences", "timeslices"),
            ("workers", "queue_lag", "timeslices", "occurrences"),
        ] {
            let threshold = match name {
                "availability" => "",
                _ => r#""threshold":1,"#,
            };
            let text = format!(
                r#"{{"{service}":{{"{name}":{{"target":99,{threshold}"method":"{method}","window":"7d"}}}}}}"#
            );
            let fault = fault(&text);
            assert_eq!(fault.problem, SloProblem::UncountedMethod, "{fault}");
            assert_eq!(fault.allowed, allowed, "{fault}");
        }
    }

    #[test]
    fn an_error_rate_that_contradicts_its_target_is_refused() {
        let fault = fault(r#"{"api":{"error_rate":{"target":99.5,"threshold":5,"window":"30d"}}}"#);
        assert_eq!(fault.problem, SloProblem::ThresholdContradictsTarget);
        assert_eq!(fault.allowed, "0.5, in percent, which is 100 - target");
    }

    #[test]
    fn every_fault_of_every_file_is_reported_at_once() {
        let wrong = r#"{"api":{"latency":{"target":100,"threshold":-1,"unit":"h","window":"","x":1},
                               "eror_rate":{}}, "web":{}}"#;
        let found = faults(&[("a.json", wrong), ("b.json", "{"), ("c.json", API)]);
        let problems: Vec<_> = found.iter().map(|fault| fault.problem).collect();
        assert_eq!(
            problems,
            [
                SloProblem::UnknownKey,
                SloProblem::OutOfRange,
                SloProblem::UnknownUnit,
                SloProblem::OutOfRange,
                SloProblem::InvalidWindow,
                SloProblem::UnknownObjective,
                SloProblem::UnknownService,
                SloProblem::Syntax { line: 1, column: 1 },
                SloProblem::DuplicateObjective,
            ]
        );
    }

    #[test]
    fn the_error_lists_every_fault_on_its_own_line() {
        let error = Objectives::parse(&[("a.json", "{"), ("b.json", "")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("the SLO files have 2 faults\n  a.json: $: not JSON"),
            "{text}"
        );
        assert_eq!(text.lines().count(), 3);
    }
}

mod suspicious {
    use super::*;
    use crate::model::slo::policy::BurnRatePolicy;

    #[test]
    fn a_target_below_1_is_a_warning() {
        let objective = one("api", "availability", r#""target":0.999,"window":"30d""#);
        assert!(messages(&objective)[0].starts_with("0.999 means 0.999 %"));
        assert_eq!(objective.warnings()[0].path, "$.api.availability.target");
    }

    #[test]
    fn a_target_of_90_never_burns_more_than_10x() {
        assert!(unreachable("90", &BurnRatePolicy::platform())[0].contains("can't exceed 10x"));
        let barely = unreachable("90.000000000001", &BurnRatePolicy::platform());
        assert!(barely.is_empty(), "{barely:?}");
    }

    #[test]
    fn what_can_never_fire_depends_on_the_policy() {
        let never = unreachable("93", &BurnRatePolicy::sre_workbook());
        assert!(
            never[0].ends_with("the critical alert at more than 14.4x never fires"),
            "{never:?}"
        );
    }

    fn unreachable(target: &str, policy: &BurnRatePolicy) -> Vec<String> {
        let text = format!(r#"{{"api":{{"availability":{{"target":{target},"window":"30d"}}}}}}"#);
        let objectives = Objectives::parse(&[("api.json", &text)]).unwrap();
        let warnings = objectives.unreachable_alerts(policy);
        warnings.map(|warning| warning.message).collect()
    }

    #[test]
    fn a_target_of_50_never_warns_either() {
        let expected = "with a target of 50 the burn rate can't exceed 2x, so the critical alert at \
                        more than 10x and the warning alert at more than 2x never fire";
        assert_eq!(unreachable("50", &BurnRatePolicy::platform()), [expected]);
    }

    #[test]
    fn a_quantity_that_contradicts_the_declaration_is_a_warning() {
        let fields = r#""target":95,"threshold":2000,"window":"30d",
                        "description":"99% of requests under 3s over 7 days""#;
        let expected = ["\"99%\"", "\"3s\"", "\"7 days\""];
        let objective = one("api", "latency", fields);
        let found = messages(&objective);
        assert_eq!(found.len(), expected.len());
        for (message, number) in found.iter().zip(expected) {
            assert_eq!(
                *message,
                format!("{number} agrees with neither target, threshold nor window")
            );
        }
    }

    #[test]
    fn a_description_may_use_other_units_and_the_bad_share() {
        let fields = r#""target":95,"threshold":2000,"window":"28d",
                        "description":"at most 5% over 2,000 ms (2 seconds) in 4 weeks, p95, no 5xx""#;
        let objective = one("api", "latency", fields);
        // "2,000 ms" is read as no number at all rather than as 2 or as 0.
        assert!(
            messages(&objective).is_empty(),
            "{:?}",
            messages(&objective)
        );
    }

    #[test]
    fn minutes_in_the_description_of_an_availability_say_nothing_about_its_window() {
        let fields = r#""target":99,"window":"30d","description":"in slices of 1 minute""#;
        assert!(messages(&one("api", "availability", fields)).is_empty());
    }
}

mod directories {
    use super::*;

    #[test]
    fn a_directory_is_read_in_the_order_of_names_without_hidden_and_other_files() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        write("workers.json", WORKERS);
        write("api.json", API);
        write(".api.json", API);
        write("api.json~", API);
        write("README.md", "no JSON");
        let objectives = Objectives::load(directory.path()).unwrap();
        assert_eq!(objectives.len(), 6);
        assert_eq!(objectives.iter().next().unwrap().id(), "api.availability");
    }

    #[test]
    fn a_missing_directory_is_refused() {
        let error = Objectives::load("/nowhere/slo").unwrap_err();
        assert_eq!(error.faults()[0].problem, SloProblem::Unreadable);
        assert_eq!(error.faults()[0].file, "/nowhere/slo");
    }

    #[test]
    fn a_directory_without_files_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let error = Objectives::load(directory.path()).unwrap_err();
        assert_eq!(error.faults()[0].problem, SloProblem::NoFile);
    }

    #[test]
    fn a_directory_of_too_much_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for number in 0..=1_000 {
            fs::write(directory.path().join(format!("{number}.json")), "[]").unwrap();
        }
        let error = Objectives::load(directory.path()).unwrap_err();
        let [fault] = error.faults() else {
            panic!("{error}")
        };
        assert_eq!(fault.problem, SloProblem::TooMuch);
        assert_eq!(fault.allowed, "at most 1000 *.json files");
        fs::remove_file(directory.path().join("0.json")).unwrap();
        let error = Objectives::load(directory.path()).unwrap_err();
        assert_eq!(error.faults().len(), 1_000, "a thousand are read");
        let text = error.to_string();
        assert!(text.ends_with("\n  and 980 more"), "{text}");
        assert_eq!(text.lines().count(), 22);

        let directory = tempfile::tempdir().unwrap();
        let large = format!("{{}}{}", " ".repeat((4 << 20) - 2));
        for name in ["a", "b", "c", "d", "e"] {
            fs::write(directory.path().join(format!("{name}.json")), &large).unwrap();
        }
        let error = Objectives::load(directory.path()).unwrap_err();
        let [fault] = error.faults() else {
            panic!("{error}")
        };
        assert_eq!(fault.problem, SloProblem::TooMuch);
        assert!(fault.file.ends_with("e.json"));
    }

    #[test]
    fn an_unreadable_file_does_not_hide_the_faults_of_the_others() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.json"), [0xff]).unwrap();
        fs::write(directory.path().join("b.json"), "[]").unwrap();
        let error = Objectives::load(directory.path()).unwrap_err();
        let problems: Vec<_> = error.faults().iter().map(|fault| fault.problem).collect();
        assert_eq!(problems, [SloProblem::Unreadable, SloProblem::WrongType]);
    }
}
