//! What a beat changes, and which beats change nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::beat::{Beat, BeatId, Condition, Progress, Role};
use crate::store::WorkerRow;

/// What became of a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// It is the newest; the row is to be kept.
    Accepted(WorkerRow),
    /// It is the first of another boot; the row is to be kept.
    Restarted(WorkerRow),
    /// It came before. It says nothing new, and above all not that the worker is alive.
    Duplicate,
    /// A later one came before it.
    OutOfOrder,
    /// It was sent by a boot that another one has followed.
    Superseded,
    /// There are as many workers as can be kept.
    Full,
}

/// A worker that was only heard of.
pub(super) fn registered(id: &BeatId, role: Role, now: Timestamp) -> WorkerRow {
    WorkerRow {
        id: id.clone(),
        role,
        boot_id: None,
        previous_boot_id: None,
        sequence: 0,
        registered_at: now,
        last_seen: None,
        progressed_at: None,
        interval: Beat::DEFAULT_INTERVAL,
        condition: Condition::Running,
        version: None,
        progress: Progress::default(),
        restarts: 0,
        clock_skew_ms: None,
        lost: false,
    }
}

/// Puts a beat into the row, unless it is an old one.
///
/// Why is an old one no sign of life? Because it tells of a moment before the present one, and a
/// network that delivers late must not keep a dead worker alive.
pub(super) fn take(
    known: &mut Option<WorkerRow>,
    id: &BeatId,
    beat: &Beat,
    now: Timestamp,
    offline_after: Duration,
) -> Receipt {
    let row = known.get_or_insert_with(|| registered(id, beat.role, now));
    let Some(boot_id) = row.boot_id.clone() else {
        *row = updated(row, beat, now);
        return Receipt::Accepted(row.clone());
    };
    if boot_id == beat.boot_id {
        return follow(row, beat, now);
    }
    let straggler = row.previous_boot_id.as_ref() == Some(&beat.boot_id);
    if straggler && is_alive(row, now, offline_after) {
        return Receipt::Superseded;
    }
    let (restarts, previous) = (row.restarts.saturating_add(1), boot_id);
    *row = updated(&registered_as(row), beat, now);
    row.restarts = restarts;
    row.previous_boot_id = Some(previous);
    Receipt::Restarted(row.clone())
}

/// The next beat of the same boot, or an old one.
fn follow(row: &mut WorkerRow, beat: &Beat, now: Timestamp) -> Receipt {
    if beat.sequence == row.sequence {
        return Receipt::Duplicate;
    }
    if beat.sequence < row.sequence {
        return Receipt::OutOfOrder;
    }
    *row = updated(row, beat, now);
    Receipt::Accepted(row.clone())
}

/// Two processes of one id beat in turns: the later one holds while it lives.
fn is_alive(row: &WorkerRow, now: Timestamp, offline_after: Duration) -> bool {
    let offline = row
        .last_seen
        .is_none_or(|seen| now >= super::super::life::after(seen, offline_after));
    row.condition != Condition::Stopped && !offline
}

/// What stays when another boot begins.
fn registered_as(row: &WorkerRow) -> WorkerRow {
    WorkerRow {
        registered_at: row.registered_at,
        last_seen: row.last_seen,
        ..registered(&row.id, row.role, row.registered_at)
    }
}

fn updated(row: &WorkerRow, beat: &Beat, now: Timestamp) -> WorkerRow {
    // The receiver's clock may have been set back; what was seen stays seen.
    let seen = row.last_seen.map_or(now, |seen| seen.max(now));
    let same_boot = row.boot_id.as_ref() == Some(&beat.boot_id);
    let progressed = !same_boot || has_progressed(&row.progress, &beat.progress);
    WorkerRow {
        id: row.id.clone(),
        role: beat.role,
        boot_id: Some(Arc::clone(&beat.boot_id)),
        previous_boot_id: row.previous_boot_id.clone(),
        sequence: beat.sequence,
        registered_at: row.registered_at,
        last_seen: Some(seen),
        progressed_at: if progressed {
            Some(seen)
        } else {
            row.progressed_at
        },
        interval: beat.interval,
        condition: beat.condition,
        version: beat.version.clone(),
        progress: beat.progress,
        restarts: row.restarts,
        clock_skew_ms: beat.sent_at.map(|sent| skew(now, sent)),
        lost: false,
    }
}

/// Whether work was done, or began to be there after there was none.
fn has_progressed(before: &Progress, now: &Progress) -> bool {
    before.processed_total != now.processed_total
        || before.last_progress_at != now.last_progress_at
        || !before.has_work()
}

fn skew(now: Timestamp, sent: Timestamp) -> i64 {
    now.as_millisecond().saturating_sub(sent.as_millisecond())
}
