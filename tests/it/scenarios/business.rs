//! In steps of 15 minutes: 12 are the 3 hours that are compared, 96 a day, 672 a week.
//!
//! Three weeks are long to evaluate, so that many scenarios run at once, each in an environment of
//! its own.

use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{ExpectedAlert, Scenario, alert_texts, counter_values, scenario};

const WEEK: u64 = 672;
/// 22 days: three weeks and a day.
const DAYS_22: u64 = 22 * 96;
/// Half a day after them.
const END: u64 = DAYS_22 + 48;

fn series(metric: &str, environment: &str, labels: &str) -> String {
    series_of(metric, environment, "a", labels)
}

fn series_of(metric: &str, environment: &str, instance: &str, labels: &str) -> String {
    format!(
        "{metric}{{environment=\"{environment}\", job=\"vantage-api\", instance=\"{instance}:80\"{labels}}}"
    )
}

fn ready(environment: &str) -> String {
    series("vantage_health_ready", environment, "")
}

fn posts(environment: &str) -> String {
    series("vantage_business_posts_published_total", environment, "")
}

fn generations(environment: &str) -> String {
    let kind = ", generation_kind=\"caption\"";
    series("vantage_business_ai_generations_total", environment, kind)
}

fn revenue(environment: &str, currency: &str) -> String {
    let currency = format!(", currency=\"{currency}\"");
    series("vantage_business_revenue_total", environment, &currency)
}

fn fewer(environment: &str, value: &str) -> ExpectedAlert {
    let texts = alert_texts(
        "Fewer than 50% of the usual number of posts are being published",
        format!(
            "In the last 3 hours, {value} of the posts that are usual at this time of the week \
             (the median of three weeks) were published; below 50% something is wrong."
        ),
    );
    ExpectedAlert::new(Severity::Warning, &[("environment", environment)], texts)
}

fn more(environment: &str, value: &str) -> ExpectedAlert {
    let texts = alert_texts(
        "More than 200% of the usual number of AI generations are being made",
        format!(
            "In the last 3 hours, {value} of the AI generations that are usual at this time of the \
             week (the median of three weeks) were made; above 200% something is wrong."
        ),
    );
    ExpectedAlert::new(Severity::Warning, &[("environment", environment)], texts)
}

fn unusual(environment: &str, currency: &str, value: &str) -> ExpectedAlert {
    let labels = [("environment", environment), ("currency", currency)];
    let texts = alert_texts(
        format!("Revenue in {currency} is outside 50% to 200% of what is usual"),
        format!(
            "In the last 3 hours, revenue in {currency} was {value} of what is usual at this time \
             of the week (the median of three weeks); the usual range is 50% to 200%."
        ),
    );
    ExpectedAlert::new(Severity::Warning, &labels, texts)
}

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        unlike_before(),
        as_before(),
        deployed(),
        deployed_and_broken(),
    ]
}

/// Posts: 180 in 3 hours are usual; k steps after the change there are 180 - 10 k, fewer than 90 from
/// k = 10 on, and 70 a step later, when `for` is over. Nothing after a restart is nothing, even where
/// there is no series of it any more: of the last 3 hours 2 steps of 15 are left after 2 1/2 hours and
/// 1 after 2 3/4, to each of which `increase` adds half a step; then there is nothing.
///
/// Generations: 180 + 30 k is more than 360 from k = 7 on, and 420 a step later.
///
/// Revenue: 12000 - 1000 k is below 6000 from k = 7 on, and so long is 12000 + 2000 k above 24000.
fn unlike_before() -> Scenario {
    let (drop, spike, revenues) = (
        AlertSignal::PostsPublished,
        AlertSignal::AiGenerations,
        AlertSignal::Revenue,
    );
    let always = format!("1+0x{END}");
    scenario(
        "fewer posts, none after a restart, more AI generations, no revenue and thrice as much",
    )
    .series(&ready("fewer"), always.clone())
    .series(&posts("fewer"), counter_values(&[(15, DAYS_22), (5, 48)]))
    .series(&ready("none"), always)
    .series(&posts("none"), format!("0+15x{DAYS_22} stale"))
    .series(
        &generations("more"),
        counter_values(&[(15, DAYS_22), (45, 48)]),
    )
    .series(&ready("more"), format!("1+0x{END}"))
    .series(&ready("shop"), format!("1+0x{END}"))
    .series(
        &revenue("shop", "EUR"),
        counter_values(&[(1000, DAYS_22), (0, 48)]),
    )
    .series(
        &revenue("shop", "USD"),
        counter_values(&[(1000, DAYS_22), (3000, 48)]),
    )
    .quiet(drop, &["22d", "22d1h30m"])
    .fires(
        drop,
        "22d6h",
        [fewer("fewer", "33.33%"), fewer("none", "0%")],
    )
    .quiet(spike, &["22d", "22d1h45m"])
    .fires(spike, "22d2h", [more("more", "233.3%")])
    .quiet(revenues, &["22d", "22d1h45m"])
    .fires(
        revenues,
        "22d2h",
        [
            unusual("shop", "EUR", "33.33%"),
            unusual("shop", "USD", "233.3%"),
        ],
    )
    .fires(drop, "22d2h30m", [fewer("none", "20.83%")])
    .fires(
        drop,
        "22d2h45m",
        [fewer("fewer", "38.89%"), fewer("none", "12.5%")],
    )
}

/// What is quiet, new, restarted, or was different in one of three weeks.
fn as_before() -> Scenario {
    let moments = ["21d12h", "22d", "22d3h", "22d6h", "22d12h"];
    let environments = ["quiet", "new", "restarted", "holidays", "twice"];
    let mut told = scenario(
        "hardly anything, nothing before two weeks ago, a restart, a week of holidays, exactly twice as much",
    );
    for environment in environments {
        told = told.series(&ready(environment), format!("1+0x{END}"));
    }
    told
        // 12 posts and generations and 600 minor units in 3 hours.
        .series(&posts("quiet"), counter_values(&[(1, DAYS_22), (0, 48)]))
        .series(&generations("quiet"), format!("0+0.25x{DAYS_22} 529+1x47"))
        .series(
            &revenue("quiet", "EUR"),
            counter_values(&[(50, DAYS_22), (0, 48)]),
        )
        // Two weeks of history: the platform was there before, and had no such counter.
        .series(
            &posts("new"),
            format!("_x{WEEK} {}", counter_values(&[(15, 2 * WEEK), (0, 96)])),
        )
        .series(
            &revenue("new", "EUR"),
            format!("_x{WEEK} {}", counter_values(&[(1000, 2 * WEEK), (0, 96)])),
        )
        .series(&generations("restarted"), format!("0+15x{DAYS_22} 0+15x47"))
        .series(&posts("restarted"), format!("0+15x{DAYS_22} 0+15x47"))
        .series(
            &revenue("restarted", "EUR"),
            format!("0+1000x{DAYS_22} 0+1000x47"),
        )
        .series(
            &posts("holidays"),
            counter_values(&[(15, WEEK), (90, WEEK), (15, END - 2 * WEEK)]),
        )
        .series(
            &generations("holidays"),
            counter_values(&[(15, WEEK), (1, WEEK), (15, END - 2 * WEEK)]),
        )
        .series(
            &generations("twice"),
            counter_values(&[(15, DAYS_22), (30, 48)]),
        )
        .quiet(AlertSignal::PostsPublished, &moments)
        .quiet(AlertSignal::AiGenerations, &moments)
        .quiet(AlertSignal::Revenue, &moments)
}

/// The moments after a deploy at 22 days.
const AFTER: [&str; 11] = [
    "22d30m", "22d1h", "22d1h30m", "22d2h", "22d2h30m", "22d3h", "22d3h30m", "22d4h", "22d4h30m",
    "22d5h", "22d6h",
];

impl Scenario {
    /// Adds a process: that it is scraped, and its age.
    fn process(self, environment: &str, instance: &str, (ready, age): (&str, &str)) -> Self {
        let named = |metric| series_of(metric, environment, instance, "");
        self.series(&named("vantage_health_ready"), ready)
            .series(&named("process_uptime_seconds"), age)
    }

    /// Adds what a process sells.
    fn sales(self, environment: &str, instance: &str, values: String) -> Self {
        let metric = "vantage_business_revenue_total";
        let labels = ", currency=\"EUR\"";
        self.series(&series_of(metric, environment, instance, labels), values)
    }

    /// Adds eight replicas that sell for 1000 in 2 hours each until 22 days, and then those that follow.
    fn replaced(self, environment: &str) -> Self {
        let old = ("1+0x2112", "0+900x2112");
        let new = ("_x2112 1+0x47", "_x2112 10+900x47");
        (0..8).fold(self, |told, replica| {
            let [before, after] = ["old", "new"].map(|age| format!("{age}-{replica}"));
            told.process(environment, &before, old)
                .process(environment, &after, new)
                .sales(environment, &before, "0+125x2112".into())
        })
    }
}

/// Of eight new replicas each first shows with its first sale of 1000: `increase` alone would see 38 % of what
/// is sold in the 3 hours after the deploy.
///
/// A gap of 2 hours in the scrape of one that has sold for 2 million: `increase` bridges it as long as the 3
/// hours begin before, and after that nothing is compared until they begin behind it. The 1.875 hours of
/// samples at 22d4h are 7 steps, to which `increase` adds half a step.
fn deployed() -> Scenario {
    let mut told = scenario("a deploy, and a gap in the scrape, while as much is sold as ever");
    told = told.replaced("deploy");
    for replica in 0..8 {
        // A sale each 8 steps: the first of the replicas one after the other.
        let steps = (1..7).map(|sales| format!("{}x7", sales * 1000));
        let steps = steps.collect::<Vec<_>>().join(" ");
        let unseen = DAYS_22 + replica;
        let values = format!("_x{unseen} {steps}");
        told = told.sales("deploy", &format!("new-{replica}"), values);
    }
    let gap = ("1+0x2112 _x8 1+0x39", "1000000+900x2112 _x8 2908900+900x39");
    told.process("gap", "a", gap)
        .sales("gap", "a", "0+1000x2112 _x8 2121000+1000x39".into())
        .measures(
            "22d4h",
            "vantage:revenue:increase3h{environment=\"gap\"}",
            &[("{currency=\"EUR\", environment=\"gap\"}", "7500")],
        )
        .quiet(AlertSignal::Revenue, &AFTER)
}

/// Of eight new replicas one sells: 1500 in 3 hours of 12000.
fn deployed_and_broken() -> Scenario {
    scenario("a deploy after which little is sold")
        .replaced("broken")
        .sales("broken", "new-0", "_x2112 1000+125x47".into())
        .fires(
            AlertSignal::Revenue,
            "22d6h",
            [unusual("broken", "EUR", "12.5%")],
        )
}
