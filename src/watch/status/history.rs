//! What is known of the past: spans, incidents and maintenance, read from the store again and again,
//! because other processes write there too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use jiff::Timestamp;

use crate::model::status::timeline::Piece;
use crate::model::status::{ComponentState, StatusId};
use crate::store::{Asked, BulletinRow, Keeper, SpanRow, StoreError};

/// How far back it goes: 90 days, each of which may begin a day earlier by some clock.
const PAST: Duration = Duration::from_secs(92 * 86_400);
/// How often what others wrote is read, where others can.
const OFTEN: Duration = Duration::from_secs(5);
/// How often it is read where nobody else writes.
const SELDOM: Duration = Duration::from_secs(60);
/// What was written in so long before the last read is read again: a writer may have waited.
const OVERLAP: Duration = Duration::from_secs(10 * 60);
/// How often everything is read, for what was written after a longer wait.
const WHOLE: Duration = Duration::from_secs(60 * 60);

/// What is known of the past.
#[derive(Debug)]
pub(super) struct History {
    keeper: Keeper,
    bulletins: BTreeMap<StatusId, BulletinRow>,
    spans: HashMap<Arc<str>, HashMap<(i64, ComponentState), End>>,
    asked_bulletins: Asked<Vec<BulletinRow>>,
    asked_spans: Asked<Vec<SpanRow>>,
    /// When everything was read last, of either.
    whole: [Option<Instant>; 2],
    /// Which of both have been read since the last failure.
    read: [bool; 2],
    away_since: Option<Timestamp>,
}

/// Until when a span was seen to go on.
#[derive(Clone, Copy, Debug)]
struct End {
    second: i64,
    /// Whether this process saw it.
    ours: bool,
}

impl History {
    pub(super) fn new(keeper: Keeper) -> Self {
        Self {
            keeper,
            bulletins: BTreeMap::new(),
            spans: HashMap::new(),
            asked_bulletins: Asked::default(),
            asked_spans: Asked::default(),
            whole: [None; 2],
            read: [false; 2],
            away_since: None,
        }
    }

    /// Takes up what the store has told, and asks it again; whether anything is new.
    pub(super) fn read(&mut self, now: Instant, wall: Timestamp) -> bool {
        let every = if self.keeper.is_shared() {
            OFTEN
        } else {
            SELDOM
        };
        let keeper = self.keeper.clone();
        let since = since(self.whole[0], now, wall);
        let bulletins = self
            .asked_bulletins
            .ask(now, every, || keeper.bulletins(since));
        let from = since_of_spans(self.whole[1], now, wall);
        let spans = self.asked_spans.ask(now, every, || keeper.spans(from));
        let mut news = false;
        if let Some(rows) = self.taken(0, bulletins, now, wall) {
            news |= rows
                .into_iter()
                .fold(false, |news, row| self.learn(row) | news);
        }
        if let Some(rows) = self.taken(1, spans, now, wall) {
            news |= rows
                .into_iter()
                .fold(false, |news, row| self.see(&row, false) | news);
        }
        news
    }

    /// The rows of an answer. A failure is remembered until both questions are answered again.
    fn taken<T>(
        &mut self,
        which: usize,
        answer: Option<Result<Vec<T>, StoreError>>,
        now: Instant,
        wall: Timestamp,
    ) -> Option<Vec<T>> {
        let answer = answer?;
        self.read[which] = answer.is_ok();
        if answer.is_err() {
            self.whole[which] = None;
            self.away_since.get_or_insert(wall);
        } else if self.read == [true; 2] {
            self.away_since = None;
        }
        let rows = answer.ok()?;
        if is_due(self.whole[which], now) {
            self.whole[which] = Some(now);
        }
        Some(rows)
    }

    /// Asks at the next occasion.
    pub(super) const fn hurry(&mut self) {
        self.asked_bulletins.hurry();
    }

    /// Whether incidents have been read once.
    pub(super) const fn is_ready(&self) -> bool {
        self.read[0]
    }

    pub(super) const fn away_since(&self) -> Option<Timestamp> {
        self.away_since
    }

    /// Takes in an incident or maintenance, unless it is known.
    pub(super) fn learn(&mut self, row: BulletinRow) -> bool {
        let known = self.bulletins.get(&row.id);
        if known.is_some_and(|known| known.version >= row.version) {
            return false;
        }
        self.bulletins.insert(row.id, row);
        true
    }

    /// Takes in a span, which may be `ours`; whether it is news.
    pub(super) fn see(&mut self, row: &SpanRow, ours: bool) -> bool {
        let of = self.spans.entry(Arc::clone(&row.component)).or_default();
        let end = of.entry((row.start, row.state)).or_insert(End {
            second: i64::MIN,
            ours,
        });
        let news = row.end > end.second;
        end.second = end.second.max(row.end);
        end.ours |= ours;
        news
    }

    pub(super) fn bulletins(&self) -> impl Iterator<Item = &BulletinRow> {
        self.bulletins.values()
    }

    /// The spans of a component up to and with a second. What this process sees goes on, and so does
    /// what another one saw less than `linger` seconds ago.
    pub(super) fn pieces(
        &self,
        key: &str,
        second: i64,
        linger: i64,
        own: Option<(i64, ComponentState)>,
    ) -> Vec<Piece> {
        let spans = self.spans.get(key).into_iter().flatten();
        let shared = self.keeper.is_shared();
        let pieces = spans.map(|((start, state), end)| {
            let silent = second.saturating_sub(end.second);
            let goes_on = match own {
                Some(own) if own == (*start, *state) => true,
                _ => shared && !end.ours && silent <= linger,
            };
            Piece {
                state: *state,
                start: *start,
                end: if goes_on { second + 1 } else { end.second },
            }
        });
        pieces.collect()
    }

    /// Forgets what is too old to be shown.
    pub(super) fn trim(&mut self, wall: Timestamp) {
        let before = back(wall, PAST);
        self.bulletins.retain(|_, row| row.matters_after(before));
        for spans in self.spans.values_mut() {
            spans.retain(|_, end| end.second >= before.as_second());
        }
    }
}

fn is_due(whole: Option<Instant>, now: Instant) -> bool {
    whole.is_none_or(|last| now.saturating_duration_since(last) >= WHOLE)
}

fn since(whole: Option<Instant>, now: Instant, wall: Timestamp) -> Timestamp {
    back(wall, if is_due(whole, now) { PAST } else { OVERLAP })
}

fn since_of_spans(whole: Option<Instant>, now: Instant, wall: Timestamp) -> i64 {
    since(whole, now, wall).as_second()
}

fn back(wall: Timestamp, by: Duration) -> Timestamp {
    wall.checked_sub(by).unwrap_or(Timestamp::MIN)
}
