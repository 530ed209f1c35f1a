//! Impact, diagnosis, mitigation and escalation of each alert.
//!
//! A `match` without a wildcard, so that an alert without advice doesn't compile.

use crate::model::alerts::AlertSignal;

/// The parts of an alert's runbook that its declaration lacks.
#[derive(Debug)]
pub(super) struct Advice {
    /// The effect on users.
    pub(super) impact: &'static str,
    /// Diagnosis steps, in order.
    pub(super) diagnosis: &'static [&'static str],
    /// Mitigations, the quickest and safest first.
    pub(super) mitigation: &'static [&'static str],
    /// The condition for escalation.
    pub(super) escalation: &'static str,
}

impl Advice {
    pub(super) const fn for_signal(signal: AlertSignal) -> Advice {
        match signal {
            AlertSignal::ApiErrorRatio => Advice {
                impact: "Users and other services get errors. Clients that retry make it worse.",
                diagnosis: &[
                    "Did it begin with a release? Compare its mark in the panel with the first errors.",
                    "Is it one route or all? One points at its code or at what only it calls, all at the database or the process.",
                    "Which `error_type`? `panic` is a bug, `timeout` something that doesn't answer, `503` a pool or a check.",
                    "Open an exemplar's trace and find the span that failed first.",
                ],
                mitigation: &[
                    "Roll the release back.",
                    "Switch off the feature behind the one failing route.",
                    "If the database is the cause, go on with [database issues](database-issues.md).",
                ],
                escalation: "At the critical level the API counts as down: call the second person at once, and tell the public.",
            },
            AlertSignal::ApiLatency => Advice {
                impact: "Pages load slowly; mobile clients time out and retry.",
                diagnosis: &[
                    "One slow route, or all?",
                    "Are database calls slow too? Then the database is the cause, otherwise look at processors and memory.",
                    "Does the pool have callers that wait?",
                    "Does an outgoing call take the time? An exemplar's trace shows it.",
                ],
                mitigation: &[
                    "Add instances if processors are at their limit.",
                    "Roll back what made a query slower or more frequent.",
                    "Lower the time-out of the outgoing call that doesn't answer.",
                ],
                escalation: "If it goes on for 30 minutes at the high level, call whoever owns the slow route.",
            },
            AlertSignal::MemoryUsage => Advice {
                impact: "None yet. At the limit the kernel kills the process: its requests break off, its jobs are lost.",
                diagnosis: &[
                    "Does it grow steadily since the start (a leak), or with the load?",
                    "Is it one instance or all of a release?",
                    "Did a batch, an import or a large upload begin?",
                ],
                mitigation: &[
                    "Restart the instance in order (SIGTERM): it drains and says goodbye.",
                    "Raise the limit if the load has grown for good.",
                    "Roll back the release with which the growth began.",
                ],
                escalation: "A leak that comes back after a restart goes to the owner of the service the same day.",
            },
            AlertSignal::CpuUsage => Advice {
                impact: "Latency grows first, then health checks are late.",
                diagnosis: &[
                    "Has the load grown, or the cost of each request? Compare the busiest routes with last week.",
                    "Is the limit of the control group lower than meant?",
                    "Is one process alone at it: a loop?",
                ],
                mitigation: &[
                    "Add instances.",
                    "Raise the limit.",
                    "Restart the one process that loops, after a profile was taken.",
                ],
                escalation: "If more instances do not help, call the owner of the busiest route.",
            },
            AlertSignal::DiskFree => Advice {
                impact: "When it is full, stores, logs and the database stop. A database may need hours to come back.",
                diagnosis: &[
                    "Which folder has grown? `du -xh --max-depth 2 MOUNTPOINT | sort -h | tail`.",
                    "Does a deleted file still hold space? `lsof +L1`.",
                    "Is it the database's own disk? Then look for old replication slots and for write-ahead logs that nobody takes.",
                ],
                mitigation: &[
                    "Delete rotated logs and old releases.",
                    "Enlarge the volume.",
                    "Never delete anything below a database's data directory.",
                ],
                escalation: "Below half of this threshold, or on the database's disk: call the database's owner now.",
            },
            AlertSignal::DiskFullIn => Advice {
                impact: "None yet: this is the warning that leaves time.",
                diagnosis: &[
                    "Is the growth new, or has it always been so?",
                    "Which folder grows? Ask `du` twice, an hour apart.",
                    "Does a database grow with it? See [DatabaseGrowthHigh](database-growth-high.md).",
                ],
                mitigation: &[
                    "Rotate and expire what is kept for longer than anybody reads it.",
                    "Enlarge the volume in working hours, before it is urgent.",
                ],
                escalation: "If it will be full before the next working day, treat it as [DiskSpaceLow](disk-space-low.md).",
            },
            AlertSignal::WorkerOffline => Advice {
                impact: "The jobs that it ran are lost and have to run again; the others take over its share.",
                diagnosis: &[
                    "`GET /api/v1/workers/{worker_id}/heartbeat` says when it was last seen and what it was doing.",
                    "Was it stopped without a goodbye: killed, out of memory, its host gone?",
                    "Does it run, and only its beats get lost? Its own `/metrics` and log lines tell.",
                    "Is it one, or many at once? Many have a host, a network or the receiver in common.",
                ],
                mitigation: &[
                    "Start it again; a new boot under the same id is recognised.",
                    "Run the lost jobs again if the queue does not do so by itself.",
                    "Retired for good? A goodbye (SIGTERM) takes it off; without one it is forgotten after `heartbeat.expire_after`.",
                ],
                escalation: "If it dies again within an hour, call the owner of the job kind that it ran.",
            },
            AlertSignal::WorkersOffline => Advice {
                impact: "Queues grow, and everything in them is late.",
                diagnosis: &[
                    "`GET /api/v1/workers/health?state=offline` lists them: what do they have in common?",
                    "Do beats arrive at all? If not, the receiver or the network is at fault, not the workers.",
                ],
                mitigation: &[
                    "Restart the host or the release that they share.",
                    "Add workers elsewhere.",
                ],
                escalation: "Call the platform's second person: it is more than a worker.",
            },
            AlertSignal::QueueDepth => Advice {
                impact: "Everything in this queue is late, also what is small and urgent.",
                diagnosis: &[
                    "Does more come in, or is less done? Compare jobs done now with an hour ago.",
                    "Are workers online, and do they get on? `stalled` ones beat and do nothing.",
                    "Do jobs fail and come back again and again?",
                ],
                mitigation: &[
                    "Add workers, if the database can take them.",
                    "Stop whoever puts in more than was agreed.",
                    "Set one poisonous job aside rather than drop the queue.",
                ],
                escalation: "At the high level, or if it still grows 30 minutes after workers were added.",
            },
            AlertSignal::JobFailureRatio => Advice {
                impact: "Posts are not published, generations not made: what people asked for does not happen.",
                diagnosis: &[
                    "Which kind fails, and with which reason?",
                    "Did it begin with a release of the workers?",
                    "Is it an external service? The reason and the job's span say which.",
                ],
                mitigation: &[
                    "Roll the workers back.",
                    "Pause the one kind that fails, so that the others get on.",
                    "Run the failed jobs again once the cause is gone.",
                ],
                escalation: "If a kind fails wholly, call its owner.",
            },
            AlertSignal::OldestJobAge => Advice {
                impact: "Somebody waits for something that was promised for a time that is past.",
                diagnosis: &[
                    "Is the queue deep (then see [QueueDepthHigh](queue-depth-high.md)), or is it this one job?",
                    "Does any worker take this kind of job?",
                    "Is a worker stalled with a job of the same kind?",
                ],
                mitigation: &[
                    "Restart the stalled worker: what it ran is taken up again.",
                    "Start workers for the kind that nobody takes.",
                ],
                escalation: "When the job is an hour late, tell whoever owns its kind, so that they can tell the customer.",
            },
            AlertSignal::ExecutionLag => Advice {
                impact: "Scheduled posts and reports come late.",
                diagnosis: &[
                    "One schedule, or all? All: the scheduler has no time or no processor.",
                    "Do runs overlap: does one take longer than its interval?",
                    "Is the clock of its host right?",
                ],
                mitigation: &[
                    "Give the long run an interval of its own length.",
                    "Restart the scheduler in order.",
                    "Raise its limits.",
                ],
                escalation: "If it goes on for an hour, call the scheduler's owner.",
            },
            AlertSignal::SchedulerSuccessRatio => Advice {
                impact: "What is scheduled does not happen, silently for those who scheduled it.",
                diagnosis: &[
                    "Which schedule fails, and for what reason?",
                    "Did it begin with a release, or with a change of the schedule?",
                    "Is what it calls up: the queue, the database, an external service?",
                ],
                mitigation: &[
                    "Switch the failing schedule off, and run it by hand once it works.",
                    "Roll the scheduler back.",
                ],
                escalation: "Tell the owner of the failing schedule; at half of the threshold call them.",
            },
            AlertSignal::SchedulerOffline => Advice {
                impact: "Nothing is scheduled from the moment of its last beat on.",
                diagnosis: &[
                    "Does its process run? Its last log lines say how it ended.",
                    "Does it run, and only its beats get lost?",
                    "Is a second one meant to take over, and does it?",
                ],
                mitigation: &[
                    "Start it again.",
                    "Run what was missed by hand: `vantage.scheduler.missed_runs` counts it.",
                ],
                escalation: "If it does not stay up for ten minutes, call its owner.",
            },
            AlertSignal::PoolUsage => Advice {
                impact: "At the last connection every further request waits, and then fails.",
                diagnosis: &[
                    "Are database calls slow? Slow calls hold connections.",
                    "Is a connection held across an outgoing call or a wait? The span of the transaction is longer than its queries.",
                    "Has the number of instances or workers grown?",
                ],
                mitigation: &[
                    "End what blocks: find it in `pg_stat_activity`, cancel it with `pg_cancel_backend`.",
                    "Raise the pool's maximum only if the server has connections left: count instances times maximum.",
                    "Take workers off: they can wait, users can't.",
                ],
                escalation: "If callers already wait, call the database's owner.",
            },
            AlertSignal::SlowQueryShare => Advice {
                impact: "Requests and jobs that need these tables are slow for everybody.",
                diagnosis: &[
                    "Which table and operation?",
                    "`EXPLAIN (ANALYZE, BUFFERS)` of it: is an index missing or no longer used?",
                    "Does something hold a lock, or does a backup or a vacuum run?",
                ],
                mitigation: &[
                    "Cancel the one query that holds up the others.",
                    "Create the missing index with `CONCURRENTLY`.",
                    "Roll back the release that brought the query.",
                ],
                escalation: "Call the database's owner if the cause is not one query.",
            },
            AlertSignal::DatabaseGrowth => Advice {
                impact: "None yet: backups and queries get slower, then the disk fills.",
                diagnosis: &[
                    "Which table grows?",
                    "Is it rows, or dead rows that nobody vacuums (`n_dead_tup` of `pg_stat_user_tables`)?",
                    "Was an import meant, or does a loop write?",
                ],
                mitigation: &[
                    "Stop the writer.",
                    "End the old transaction that keeps vacuum from its work.",
                    "Archive by partition instead of deleting row by row.",
                ],
                escalation: "If the disk will not last until the next working day, call the database's owner.",
            },
            AlertSignal::DatabaseUnreachable => Advice {
                impact: "Whatever reads or writes data fails: the API answers 5xx, workers get nothing done.",
                diagnosis: &[
                    "Does nobody reach it, or only one service? One: its address, its credentials, its network.",
                    "Does the server run, and has its disk space?",
                    "Does it refuse for lack of connections? Its log says `too many clients`.",
                    "`vantage-obs doctor --config FILE` tries name, TCP, TLS and login in turn, and says what to mend.",
                ],
                mitigation: &[
                    "Start the server, or let the replica take over.",
                    "Put back the credentials or the network rule that was changed.",
                    "Take workers off until the API has connections.",
                ],
                escalation: "Call the database's owner at once, and tell the public.",
            },
            AlertSignal::PostsPublished => Advice {
                impact: "Customers' posts do not appear, or customers stay away.",
                diagnosis: &[
                    "Do jobs of publishing fail or wait?",
                    "Do requests that create posts fail?",
                    "Does an external network refuse our posts?",
                    "A holiday? The median of three weeks does not know it.",
                ],
                mitigation: &[
                    "Mend what fails; publish what was held up once it works.",
                    "Nothing fails: tell the owner of the product in the morning.",
                ],
                escalation: "If nothing is published at all, treat it as an incident.",
            },
            AlertSignal::AiGenerations => Advice {
                impact: "Every generation costs money, and the provider's limit is everybody's.",
                diagnosis: &[
                    "Which service makes them, and is it a loop or a retry without end?",
                    "Is it one organization? The log lines of generations name it.",
                    "A campaign or a launch that somebody knew of?",
                ],
                mitigation: &[
                    "Stop the loop.",
                    "Lower the limit of the one organization.",
                    "Known and wanted: raise `alerts.ai_generations` for as long as it lasts.",
                ],
                escalation: "Tell whoever pays the provider if it goes on for an hour.",
            },
            AlertSignal::Revenue => Advice {
                impact: "Too little: payments fail. Too much: somebody is charged twice.",
                diagnosis: &[
                    "Do requests of the payment routes fail?",
                    "Does the payment provider say that it has trouble?",
                    "Compare charges with orders in the books: is each there once?",
                    "One currency or all? One points at its provider, all at our code.",
                ],
                mitigation: &[
                    "Roll back the last change of payments.",
                    "Charged twice: stop charging first, refund after.",
                ],
                escalation: "Call the owner of payments in either direction.",
            },
            AlertSignal::ErrorBudget => Advice {
                impact: "Users get worse than was promised; at this pace the budget of the whole window is spent early.",
                diagnosis: &[
                    "Which objective, and how much of its budget is left?",
                    "What are its bad events? Requests: [ApiErrorRatioHigh](api-error-ratio-high.md) or [ApiLatencyHigh](api-latency-high.md). Jobs: [worker issues](worker-issues.md). Slices: was nothing ready, or did more than a tenth of the requests fail?",
                    "Does it still burn? Look at the short window.",
                ],
                mitigation: &[
                    "Follow the page of the cause.",
                    "Overspent: stop risky releases until old errors have left the window; the report says when (`recovers_at`).",
                ],
                escalation: "Critical: at once, somebody must stop it. Warning: in working hours, before the budget is spent.",
            },
            AlertSignal::ServiceAbsent => Advice {
                impact: "The service is down, or nobody would notice if it were.",
                diagnosis: &[
                    "Does it run? Ask its `/api/v1/health` past Prometheus.",
                    "Has its name, port or path changed, so that discovery no longer finds it? See Prometheus's page of targets.",
                ],
                mitigation: &[
                    "Start it.",
                    "Mend the scrape configuration.",
                    "Retired for good: the alert ends by itself a day after its last scrape.",
                ],
                escalation: "If it is down, the service's own team.",
            },
            AlertSignal::WorkersAbsent => Advice {
                impact: "No job is done, or nobody would notice.",
                diagnosis: &[
                    "Do workers run at all?",
                    "Do their beats reach the API: address, token, network?",
                    "Is an API or web process scraped that knows of them?",
                ],
                mitigation: &[
                    "Start them.",
                    "Mend `heartbeat.sink` and its token; `vantage-obs doctor` tries it.",
                    "A platform without workers: `\"workers_absent\": null` in `alerts`.",
                ],
                escalation: "If no worker runs and none can be started, call their owner.",
            },
            AlertSignal::SchedulersAbsent => Advice {
                impact: "Nothing is scheduled, or nobody would notice.",
                diagnosis: &[
                    "Does the scheduler run?",
                    "Do its beats reach whoever is scraped?",
                ],
                mitigation: &[
                    "Start it.",
                    "Mend `heartbeat.sink` and its token.",
                    "A platform without one: `\"schedulers_absent\": null` in `alerts`.",
                ],
                escalation: "If it does not stay up, call its owner.",
            },
            AlertSignal::DatabaseAbsent => Advice {
                impact: "Whether the database answers is not known: its alerts are silent.",
                diagnosis: &[
                    "Does the service that watched it run?",
                    "Was its check or its watch removed by a release?",
                ],
                mitigation: &[
                    "Ask the database by hand, so that you know.",
                    "Start the service, or put the watch back.",
                ],
                escalation: "If the database does not answer either, go on with [DatabaseUnreachable](database-unreachable.md).",
            },
            AlertSignal::QueuesAbsent => Advice {
                impact: "A queue may grow without anybody being told.",
                diagnosis: &[
                    "Does the process that watched it run?",
                    "Was the queue renamed or removed?",
                ],
                mitigation: &[
                    "Start the process.",
                    "Renamed on purpose: the alert ends by itself a day after the last report.",
                ],
                escalation: "Nobody, unless jobs are late.",
            },
            AlertSignal::ObjectivesAbsent => Advice {
                impact: "The budget of this objective is not watched: it can be spent unnoticed.",
                diagnosis: &[
                    "Does the service that counts it run, with the role that it needs?",
                    "Was its file in `slo/` removed or renamed? `vantage-obs slo validate` reads what is there.",
                ],
                mitigation: &[
                    "Put the file or the service back.",
                    "Removed on purpose: `vantage-obs generate` takes its alerts out.",
                ],
                escalation: "The owner of the objective, in working hours.",
            },
            AlertSignal::TargetDown => Advice {
                impact: "The instance is down, or what it does is not known.",
                diagnosis: &[
                    "Ask its `/metrics` from the host of Prometheus: refused, a time-out, or an answer?",
                    "A 503 says in its body which part is missing.",
                    "Is it one instance, or all on one host?",
                ],
                mitigation: &["Restart it.", "Let the network between them pass."],
                escalation: "If others of the same service go down too.",
            },
            AlertSignal::NotReady => Advice {
                impact: "It gets no requests; the others carry its share.",
                diagnosis: &[
                    "`GET /api/v1/health/ready?verbose` and `/api/v1/health/detailed` name the check that fails, and its code.",
                    "Is it starting, or on its way out?",
                    "Is the failing dependency shared? Then others follow soon.",
                ],
                mitigation: &[
                    "Mend the dependency that the check names.",
                    "Restart the instance if only it fails.",
                ],
                escalation: "When fewer than half of the instances are ready.",
            },
            AlertSignal::ExportFailures => Advice {
                impact: "Traces and logs of the next incident will be missing. Requests are not touched.",
                diagnosis: &[
                    "Which `error_type`? `queue_full`: more than the receiver takes; `connection`: not there; 4xx: refused.",
                    "`vantage-obs doctor --config FILE` sends one span and says what to mend.",
                    "Does the collector run, and has it memory left?",
                ],
                mitigation: &[
                    "Restart or enlarge the collector.",
                    "Lower `traces.sample_ratio` for as long as it takes.",
                ],
                escalation: "The owner of the collector, in working hours, unless an incident goes on.",
            },
            AlertSignal::ScrapeIncomplete => Advice {
                impact: "Panels and alerts that need the missing part are silent.",
                diagnosis: &[
                    "Which part: `vantage`, a `meter` of the service's own, or its `registry`?",
                    "The log names what was left out, once for each cause.",
                ],
                mitigation: &[
                    "Mend the callback or the name that the log tells of.",
                    "Roll back the release that brought it.",
                ],
                escalation: "The owner of the service, in working hours.",
            },
            AlertSignal::SeriesOverflow => Advice {
                impact: "Sums stay right; the newest label values are not told apart.",
                diagnosis: &[
                    "Which instrument, and which of its labels has so many values?",
                    "Does a label hold an id, a path or a text of a user?",
                ],
                mitigation: &[
                    "Make the label a kind or a template instead of an id.",
                    "Raise `metrics.cardinality_limit` if the values are few and real.",
                ],
                escalation: "The owner of the service, in working hours.",
            },
            AlertSignal::StoreDelay => Advice {
                impact: "Beats, incidents and slices of this time are lost if the process ends now.",
                diagnosis: &[
                    "Do commits fail, or only take long?",
                    "Is it the PostgreSQL of the store ([DatabaseUnreachable](database-unreachable.md)), or a full disk?",
                    "Is it one process or all?",
                ],
                mitigation: &[
                    "Give the store its database or its disk back: what waits is written then.",
                    "Do not restart the process before that: it would lose what waits.",
                ],
                escalation: "If it waits for more than ten minutes, the store's owner.",
            },
            AlertSignal::Watchdog => Advice {
                impact: "While it is silent, no alert reaches anybody.",
                diagnosis: &[
                    "Does Prometheus run, and does its page of rules show errors?",
                    "Does Alertmanager run, and do its notifications fail?",
                    "Does the way out of the network work?",
                ],
                mitigation: &[
                    "Restart what is down.",
                    "Until then, somebody looks at the dashboards and at `/status`.",
                ],
                escalation: "Tell everybody who is on call that they will not be called.",
            },
        }
    }
}
