//! From CPU seconds to utilisation.

use std::time::Instant;

/// Turns a rising number of CPU seconds into the share of the limit that was used in between.
///
/// Utilisation = Δ CPU seconds / Δ wall seconds / limit, as OpenTelemetry defines
/// `process.cpu.utilization`, but over the cores that the process may use instead of those that
/// the machine has.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    /// CPU seconds and the moment of the last reading.
    last: Option<(f64, Instant)>,
}

impl CpuMeter {
    /// The share of `limit_cores` that was used since the call before.
    ///
    /// 1 is all of it; a short burst above the quota can exceed 1. `None` on the first call, while
    /// no time has passed, and after CPU seconds that fell, which are another process's.
    ///
    /// The limit is an argument because it can change while the process runs.
    pub(crate) fn observe(
        &mut self,
        cpu_seconds: f64,
        limit_cores: f64,
        at: Instant,
    ) -> Option<f64> {
        let (before, since) = self.last.unwrap_or((cpu_seconds, at));
        let wall = at.saturating_duration_since(since).as_secs_f64();
        if self.last.is_some() && wall == 0.0 {
            // The next call measures from the same beginning.
            return None;
        }
        let first = self.last.replace((cpu_seconds, at)).is_none();
        let used = cpu_seconds - before;
        (!first && used >= 0.0 && limit_cores > 0.0).then(|| used / wall / limit_cores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_first_call_has_nothing_to_compare_with() {
        assert_eq!(CpuMeter::default().observe(5.0, 1.0, Instant::now()), None);
    }

    #[test]
    fn utilisation_is_the_share_of_the_limit() {
        let (mut meter, start) = (CpuMeter::default(), Instant::now());
        meter.observe(100.0, 0.5, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(meter.observe(102.5, 0.5, at(10)), Some(0.5));
        assert_eq!(meter.observe(102.5, 0.5, at(20)), Some(0.0));
        assert_eq!(meter.observe(112.5, 4.0, at(30)), Some(0.25));
    }

    #[test]
    fn two_calls_at_the_same_moment_lose_no_time() {
        let (mut meter, start) = (CpuMeter::default(), Instant::now());
        meter.observe(0.0, 1.0, start);
        assert_eq!(meter.observe(1.0, 1.0, start), None);
        assert_eq!(
            meter.observe(2.0, 1.0, start + Duration::from_secs(4)),
            Some(0.5)
        );
    }

    #[test]
    fn cpu_seconds_that_fall_start_anew() {
        let (mut meter, start) = (CpuMeter::default(), Instant::now());
        meter.observe(100.0, 1.0, start);
        assert_eq!(
            meter.observe(1.0, 1.0, start + Duration::from_secs(10)),
            None
        );
        assert_eq!(
            meter.observe(6.0, 1.0, start + Duration::from_secs(20)),
            Some(0.5)
        );
    }
}
