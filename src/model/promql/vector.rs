use std::fmt;

use super::Number;
use super::labels::{Labels, among};
use super::selector::quoted;

/// An instant vector: an expression, and the labels that its elements can have.
#[derive(Debug, Clone)]
pub struct Vector {
    text: String,
    labels: Labels,
    /// Whether it needs parentheses inside another expression.
    is_binary: bool,
}

impl Vector {
    pub(super) const fn atom(text: String, labels: Labels) -> Vector {
        Vector {
            text,
            labels,
            is_binary: false,
        }
    }

    /// Prometheus's own `up`: whether a target answered its scrape.
    #[must_use]
    pub fn up() -> Vector {
        Vector::atom("up".into(), super::TARGET.map(str::to_owned).into())
    }

    /// One element without labels.
    #[must_use]
    pub fn constant(number: impl Into<Number>) -> Vector {
        Vector::atom(format!("vector({})", number.into()), Labels::new())
    }

    /// The labels that its elements can have, in Prometheus's notation.
    #[must_use]
    pub fn labels(&self) -> &std::collections::BTreeSet<String> {
        &self.labels
    }

    /// Sums over all labels but these, which may be written with dots.
    ///
    /// # Panics
    ///
    /// Here and below: when there is no such label.
    #[track_caller]
    #[must_use]
    pub fn sum_by(&self, keys: &[&str]) -> Vector {
        self.aggregated("sum", keys)
    }

    /// The greatest over all labels but these.
    #[track_caller]
    #[must_use]
    pub fn max_by(&self, keys: &[&str]) -> Vector {
        self.aggregated("max", keys)
    }

    /// The least over all labels but these.
    #[track_caller]
    #[must_use]
    pub fn min_by(&self, keys: &[&str]) -> Vector {
        self.aggregated("min", keys)
    }

    /// How many elements there are for each combination of these.
    #[track_caller]
    #[must_use]
    pub fn count_by(&self, keys: &[&str]) -> Vector {
        self.aggregated("count", keys)
    }

    #[track_caller]
    fn aggregated(&self, operator: &str, keys: &[&str]) -> Vector {
        let labels = among(&self.labels, keys);
        let text = match labels.as_slice() {
            [] => format!("{operator}({})", self.text),
            by => format!("{operator} by ({}) ({})", by.join(", "), self.text),
        };
        Vector::atom(text, labels.into_iter().collect())
    }

    /// The greatest elements, this many.
    #[must_use]
    pub fn topk(&self, count: u32) -> Vector {
        self.applied(&format!("topk({count}, "))
    }

    /// Each element rounded to a whole number.
    #[must_use]
    pub fn rounded(&self) -> Vector {
        self.applied("round(")
    }

    /// Each element without its sign.
    #[must_use]
    pub fn magnitude(&self) -> Vector {
        self.applied("abs(")
    }

    fn applied(&self, opening: &str) -> Vector {
        Vector::atom(format!("{opening}{})", self.text), self.labels.clone())
    }

    /// One element without labels where there is none at all.
    #[must_use]
    pub fn absent(&self) -> Vector {
        Vector::atom(format!("absent({})", self.text), Labels::new())
    }

    /// The seconds that have passed since each element, a time since 1970.
    #[must_use]
    pub fn age(&self) -> Vector {
        Vector {
            text: format!("time() - {}", self.inner()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// Each element with the other sign: what goes out below what comes in.
    #[must_use]
    pub fn negated(&self) -> Vector {
        Vector {
            text: format!("-{}", self.inner()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// What each element lacks to 1.
    #[must_use]
    pub fn complement(&self) -> Vector {
        Vector {
            text: format!("1 - {}", self.inner()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// Each element over the one with the same labels.
    ///
    /// # Panics
    ///
    /// Here and below: when both don't have the same labels.
    #[track_caller]
    #[must_use]
    pub fn over(&self, whole: &Vector) -> Vector {
        self.matched("/", whole)
    }

    /// Each element minus the one with the same labels.
    #[track_caller]
    #[must_use]
    pub fn minus(&self, other: &Vector) -> Vector {
        self.matched("-", other)
    }

    /// Each element plus the one with the same labels.
    #[track_caller]
    #[must_use]
    pub fn plus(&self, other: &Vector) -> Vector {
        self.matched("+", other)
    }

    /// The elements that have a partner with the same labels.
    #[track_caller]
    #[must_use]
    pub fn and(&self, other: &Vector) -> Vector {
        self.matched("and", other)
    }

    /// All elements, and those of the other that have no partner with the same labels here.
    #[track_caller]
    #[must_use]
    pub fn or(&self, other: &Vector) -> Vector {
        self.matched("or", other)
    }

    /// The elements that have no partner with the same labels.
    #[track_caller]
    #[must_use]
    pub fn unless(&self, other: &Vector) -> Vector {
        self.matched("unless", other)
    }

    #[track_caller]
    fn matched(&self, operator: &str, other: &Vector) -> Vector {
        let (left, right) = (&self.labels, &other.labels);
        assert_eq!(left, right, "labels of {self} and {other}");
        self.joined(operator, other)
    }

    /// The same, where these labels decide which elements are partners, many on the left to one on the
    /// right: `/` and `-` keep the labels of the left.
    ///
    /// # Panics
    ///
    /// Here and below: when one of them lacks such a label.
    #[track_caller]
    #[must_use]
    pub fn over_on(&self, keys: &[&str], whole: &Vector) -> Vector {
        let on = self.on(keys, whole);
        self.joined(&format!("/ on ({on}) group_left ()"), whole)
    }

    /// The elements that have a partner by these labels.
    #[track_caller]
    #[must_use]
    pub fn and_on(&self, keys: &[&str], other: &Vector) -> Vector {
        let on = self.on(keys, other);
        self.joined(&format!("and on ({on})"), other)
    }

    /// All elements, and those of the other that have no partner by these labels here.
    #[track_caller]
    #[must_use]
    pub fn or_on(&self, keys: &[&str], other: &Vector) -> Vector {
        let on = self.on(keys, other);
        self.joined(&format!("or on ({on})"), other)
    }

    #[track_caller]
    fn on(&self, keys: &[&str], other: &Vector) -> String {
        among(&other.labels, keys);
        among(&self.labels, keys).join(", ")
    }

    fn joined(&self, operator: &str, other: &Vector) -> Vector {
        Vector {
            text: format!("{} {operator} {}", self.inner(), other.inner()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// All elements, and 0 for each of the other that has no partner here: a series that was never
    /// counted is no reason to say nothing.
    #[track_caller]
    #[must_use]
    pub fn or_zero_of(&self, other: &Vector) -> Vector {
        self.or(&other.times(0_u32))
    }

    /// Each element times a number.
    #[must_use]
    pub fn times(&self, number: impl Into<Number>) -> Vector {
        self.with_number("*", number)
    }

    /// Each element over a number.
    #[must_use]
    pub fn divided(&self, number: impl Into<Number>) -> Vector {
        self.with_number("/", number)
    }

    /// The elements above a number.
    #[must_use]
    pub fn above(&self, number: impl Into<Number>) -> Vector {
        self.with_number(">", number)
    }

    /// The elements that are a number or above.
    #[must_use]
    pub fn at_least(&self, number: impl Into<Number>) -> Vector {
        self.with_number(">=", number)
    }

    /// The elements below a number.
    #[must_use]
    pub fn below(&self, number: impl Into<Number>) -> Vector {
        self.with_number("<", number)
    }

    /// The elements that are a number.
    #[must_use]
    pub fn equal(&self, number: impl Into<Number>) -> Vector {
        self.with_number("==", number)
    }

    fn with_number(&self, operator: &str, number: impl Into<Number>) -> Vector {
        Vector {
            text: format!("{} {operator} {}", self.inner(), number.into()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// With a further label, the same for all elements.
    #[must_use]
    pub fn labelled(&self, label: &str, value: &str) -> Vector {
        let mut labels = self.labels.clone();
        labels.insert(label.into());
        let (to, text) = (quoted(label), quoted(value));
        Vector::atom(
            format!("label_replace({}, {to}, {text}, \"\", \"\")", self.text),
            labels,
        )
    }

    /// The median of these over a label that tells them apart.
    #[must_use]
    pub fn median_without(&self, label: &str) -> Vector {
        let mut labels = self.labels.clone();
        labels.remove(label);
        Vector::atom(
            format!("quantile without ({label}) (0.5, {})", self.text),
            labels,
        )
    }

    /// How many there are of each over a label that tells them apart.
    #[must_use]
    pub fn count_without(&self, label: &str) -> Vector {
        let mut labels = self.labels.clone();
        labels.remove(label);
        Vector::atom(format!("count without ({label}) ({})", self.text), labels)
    }

    /// As a part of a larger expression.
    fn inner(&self) -> String {
        match self.is_binary {
            true => format!("({})", self.text),
            false => self.text.clone(),
        }
    }
}

impl fmt::Display for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
