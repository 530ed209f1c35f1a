//! The rest of a declaration with faults, where it is too late to refuse it: a figure that is declared late is recorded
//! already. A fault in one member costs that member and not the others.

use std::collections::BTreeSet;

use super::rules::{MAX_DESCRIPTION_BYTES, MAX_LABELS};
use super::{Figure, FigureLabel};
use crate::model::fault::Fault;

impl Figure {
    /// Takes the faults out, and returns them: of a member that is not allowed its default is kept, of a long text its
    /// beginning, of a label a limit of values that fits `most`. What remains is valid, unless a fault of the whole, whose
    /// path is empty, is returned.
    pub(crate) fn mend(&mut self, most: usize) -> Vec<Fault> {
        let mut told = Vec::new();
        loop {
            let mut faults = self.faults();
            faults.extend(self.limit_faults(most));
            if faults.is_empty() {
                return told;
            }
            let is_whole = faults.iter().any(|fault| fault.path.is_empty());
            // Several of one member cost it once.
            let members: BTreeSet<_> = faults.iter().map(|fault| &*fault.path).collect();
            for member in members {
                self.drop_member(member, most);
            }
            faults.retain(|fault| !told.contains(fault));
            told.extend(faults);
            // Names can't be mended; all others are gone, and may have hidden one of the name in the scrape.
            if is_whole {
                return told;
            }
        }
    }

    fn drop_member(&mut self, path: &str, most: usize) {
        match path {
            "unit" => self.unit = None,
            "description" => {
                let text = self.description.take().map(|text| cut(&text));
                self.description = text.filter(|text| !text.trim().is_empty());
            }
            "labels" => {
                while self.labels.len() > MAX_LABELS {
                    self.labels.pop_last();
                }
            }
            "buckets" => self.buckets.clear(),
            "drop_alert" => self.drop_alert = None,
            "spike_alert" => self.spike_alert = None,
            "daily_total" => self.daily_total = false,
            _ => {
                if let Some(key) = path.strip_prefix("labels.") {
                    self.mend_label(key, most);
                }
            }
        }
    }

    /// Gives a label a limit that is allowed, that of a list as long as it; one that has such a limit already has a
    /// key that is not allowed, and goes.
    fn mend_label(&mut self, key: &str, most: usize) {
        let Some(values) = self.labels.get_mut(key) else {
            return;
        };
        let limit = match values {
            FigureLabel::AtMost(limit) => *limit,
            FigureLabel::OneOf(values) => values.len(),
        };
        let mended = FigureLabel::AtMost(limit.min(most).max(1));
        if *values == mended {
            self.labels.remove(key);
        } else {
            *values = mended;
        }
    }
}

/// Returns the beginning of a help text that is too long, or holds control characters.
fn cut(text: &str) -> String {
    const END: &str = "…";
    let text = text.replace(char::is_control, " ");
    if text.len() <= MAX_DESCRIPTION_BYTES {
        return text;
    }
    let mut end = MAX_DESCRIPTION_BYTES - END.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{END}", text[..end].trim_end())
}
