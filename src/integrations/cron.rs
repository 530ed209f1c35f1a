//! Jobs of tokio-cron-scheduler, with their due times.
