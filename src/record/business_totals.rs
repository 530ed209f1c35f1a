//! The books: what a business counts in a day, counted where it happens.
//!
//! Why not from the metrics? Because a scrape loses what happened since the one before when a process
//! ends, and Prometheus forgets after weeks; a day's revenue is asked for after years. So where the
//! store is one that can be asked, each business series has a line in the books too, which costs one
//! more addition, and who keeps the books looks at all of them twice a second.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All lines, or none where nobody keeps books. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books(Option<Arc<Lines>>);

/// In the order in which they were begun.
type Lines = Mutex<Vec<(Heading, Line)>>;

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Heading {
    /// Such as `posts_published`.
    pub(crate) figure: &'static str,
    /// What tells the lines of a figure apart, such as a currency; empty where there is one.
    pub(crate) attribute: Arc<str>,
}

/// Where one series is counted. Free where nobody keeps books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum(Option<Arc<AtomicU64>>);

/// Where a value that is set is held for its day's largest. Free where nobody keeps books.
#[derive(Clone, Default)]
pub(crate) struct Peak(Option<Arc<PeakLine>>);

#[derive(Debug)]
enum Line {
    Sum(Arc<AtomicU64>),
    Peak(Arc<PeakLine>),
}

#[derive(Debug, Default)]
struct PeakLine {
    is_set: AtomicBool,
    now: AtomicU64,
    /// The largest since somebody looked.
    largest: AtomicU64,
}

/// What a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All that was counted since the process started.
    Sum(u64),
    /// The largest value since the look before.
    Peak(u64),
}

impl Books {
    /// Books that somebody keeps.
    pub(crate) fn open() -> Self {
        Self(Some(Arc::default()))
    }

    /// A line that adds up.
    pub(crate) fn sum(&self, figure: &'static str, attribute: &str) -> Sum {
        Sum(self.line(figure, attribute, Line::Sum))
    }

    /// A line that holds the largest.
    pub(crate) fn peak(&self, figure: &'static str) -> Peak {
        Peak(self.line(figure, "", Line::Peak))
    }

    /// What each line shows, in the order in which they were begun.
    pub(crate) fn read(&self) -> Vec<(Heading, Reading)> {
        let Some(lines) = &self.0 else {
            return Vec::new();
        };
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |(heading, line): &(Heading, Line)| Some((heading.clone(), line.read()?));
        lines.iter().filter_map(read).collect()
    }

    fn line<T: Default>(
        &self,
        figure: &'static str,
        attribute: &str,
        line: fn(Arc<T>) -> Line,
    ) -> Option<Arc<T>> {
        let lines = self.0.as_ref()?;
        let heading = Heading {
            figure,
            attribute: attribute.into(),
        };
        let counted = Arc::<T>::default();
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push((heading, line(Arc::clone(&counted))));
        Some(counted)
    }
}

impl Sum {
    #[inline]
    pub(crate) fn add(&self, events: u64) {
        if let Some(counted) = &self.0 {
            counted.fetch_add(events, Ordering::Relaxed);
        }
    }
}

impl Peak {
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        if let Some(line) = &self.0 {
            line.now.store(value, Ordering::Relaxed);
            line.largest.fetch_max(value, Ordering::Relaxed);
            line.is_set.store(true, Ordering::Release);
        }
    }
}

impl Line {
    /// `None` for a value that was never set.
    fn read(&self) -> Option<Reading> {
        match self {
            Self::Sum(counted) => Some(Reading::Sum(counted.load(Ordering::Relaxed))),
            Self::Peak(line) => line.is_set.load(Ordering::Acquire).then(|| {
                // What holds now is the least that the next look finds.
                let now = line.now.load(Ordering::Relaxed);
                Reading::Peak(line.largest.swap(now, Ordering::Relaxed).max(now))
            }),
        }
    }
}

impl fmt::Debug for Peak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Peak").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_shows_all_and_a_peak_the_largest_since_the_last_look() {
        let books = Books::open();
        let (euros, organizations) = (books.sum("revenue", "EUR"), books.peak("active"));
        assert_eq!(books.read().len(), 1, "what was never set is not told");
        euros.add(3);
        euros.add(4);
        for value in [5, 9, 6] {
            organizations.set(value);
        }
        let read = |books: &Books| {
            books
                .read()
                .iter()
                .map(|(_, read)| *read)
                .collect::<Vec<_>>()
        };
        assert_eq!(read(&books), [Reading::Sum(7), Reading::Peak(9)]);
        assert_eq!(read(&books), [Reading::Sum(7), Reading::Peak(6)]);
        organizations.set(2);
        assert_eq!(read(&books)[1], Reading::Peak(6), "it held until then");
        assert_eq!(read(&books)[1], Reading::Peak(2));
    }

    #[test]
    fn without_a_keeper_there_are_no_lines() {
        let books = Books::default();
        books.sum("revenue", "EUR").add(1);
        books.peak("active").set(1);
        assert_eq!(books.read(), []);
    }
}
