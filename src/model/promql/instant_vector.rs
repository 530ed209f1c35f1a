use std::fmt;

use super::QueryNumber;
use super::labels::Labels;
use crate::model::promql_literal::quote;

/// An instant vector: an expression, and the labels that its elements can have.
///
/// The labels are tracked through every step. That is what catches the usual mistake of PromQL: an
/// operation between vectors whose labels differ matches nothing, returns nothing and raises no
/// error, so that an alert stays silent for ever.
#[derive(Debug, Clone)]
pub(crate) struct InstantVector {
    text: String,
    /// After aggregation: what `by` left.
    labels: Labels,
    /// `true` if it needs parentheses inside another expression.
    is_binary: bool,
}

impl InstantVector {
    /// Creates a vector whose text needs no parentheses: a selector, a function call.
    pub(super) const fn atom(text: String, labels: Labels) -> InstantVector {
        InstantVector {
            text,
            labels,
            is_binary: false,
        }
    }

    /// Returns the vector of an expression with these labels, made elsewhere from declarations.
    pub(crate) fn from_expression(text: String, labels: &[&str]) -> InstantVector {
        InstantVector {
            text,
            labels: Labels::by_name(labels.iter().copied()),
            is_binary: true,
        }
    }

    /// Prometheus's own `up`: whether a target answered its scrape.
    #[must_use]
    pub(crate) fn up() -> InstantVector {
        InstantVector::atom("up".into(), Labels::by_name(super::TARGET_LABELS))
    }

    /// One element without labels.
    #[must_use]
    pub(crate) fn constant(number: impl Into<QueryNumber>) -> InstantVector {
        InstantVector::atom(format!("vector({})", number.into()), Labels::default())
    }

    /// The labels that its elements can have, in Prometheus's notation.
    #[must_use]
    pub(crate) fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Names what lacks some of these labels, so that a legend or a column has a text for it: `(no route)`.
    #[must_use]
    pub(crate) fn name_absent<'a>(
        &self,
        labels: impl IntoIterator<Item = &'a str>,
    ) -> InstantVector {
        labels.into_iter().fold(self.clone(), |named, label| {
            let Some(name) = self.labels.absent_name(label) else {
                return named;
            };
            let (text, quoted) = (named.text, quote(name));
            let text = format!("label_replace({text}, \"{label}\", {quoted}, \"{label}\", \"\")");
            let labels = named.labels;
            InstantVector {
                text,
                labels,
                is_binary: false,
            }
        })
    }

    /// Sums over all labels but these, which may be written with dots.
    ///
    /// # Panics
    ///
    /// Here and below: when there is no such label.
    #[track_caller]
    #[must_use]
    pub(crate) fn sum_by(&self, keys: &[&str]) -> InstantVector {
        self.aggregate("sum", keys)
    }

    /// The greatest over all labels but these.
    #[track_caller]
    #[must_use]
    pub(crate) fn max_by(&self, keys: &[&str]) -> InstantVector {
        self.aggregate("max", keys)
    }

    /// The least over all labels but these.
    #[track_caller]
    #[must_use]
    pub(crate) fn min_by(&self, keys: &[&str]) -> InstantVector {
        self.aggregate("min", keys)
    }

    /// Returns the number of elements for each combination of these labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn count_by(&self, keys: &[&str]) -> InstantVector {
        self.aggregate("count", keys)
    }

    /// Formats an aggregation; the empty list aggregates all into one element.
    #[track_caller]
    fn aggregate(&self, operator: &str, keys: &[&str]) -> InstantVector {
        let labels = self.labels.resolve(keys);
        let text = match labels.as_slice() {
            [] => format!("{operator}({})", self.text),
            by => format!("{operator} by ({}) ({})", by.join(", "), self.text),
        };
        InstantVector::atom(text, self.labels.only(&labels))
    }

    /// The greatest elements, this many.
    #[must_use]
    pub(crate) fn topk(&self, count: u32) -> InstantVector {
        self.apply_function(&format!("topk({count}, "))
    }

    /// Rounds each element to a whole number.
    #[must_use]
    pub(crate) fn round(&self) -> InstantVector {
        self.apply_function("round(")
    }

    /// Returns the absolute value of each element.
    #[must_use]
    pub(crate) fn abs(&self) -> InstantVector {
        self.apply_function("abs(")
    }

    /// Wraps the text in a function that keeps the labels.
    fn apply_function(&self, opening: &str) -> InstantVector {
        InstantVector::atom(format!("{opening}{})", self.text), self.labels.clone())
    }

    /// One element without labels where there is none at all.
    ///
    /// PromQL's `absent` derives labels from the selector's equality matchers; they are not counted
    /// on here.
    #[must_use]
    pub(crate) fn absent(&self) -> InstantVector {
        InstantVector::atom(format!("absent({})", self.text), Labels::default())
    }

    /// The seconds that have passed since each element, a time since 1970.
    ///
    /// `time()` is the evaluation time, so that an age in a rule does not depend on when it is
    /// looked at.
    #[must_use]
    pub(crate) fn age(&self) -> InstantVector {
        InstantVector {
            text: format!("time() - {}", self.operand()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// Negates each element: what goes out below what comes in.
    #[must_use]
    pub(crate) fn neg(&self) -> InstantVector {
        InstantVector {
            text: format!("-{}", self.operand()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// Returns 1 less each element.
    #[must_use]
    pub(crate) fn complement(&self) -> InstantVector {
        InstantVector {
            text: format!("1 - {}", self.operand()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// Divides each element by the one with the same labels.
    ///
    /// # Panics
    ///
    /// Here and below: when both don't have the same labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn div(&self, whole: &InstantVector) -> InstantVector {
        self.binary_same_labels("/", whole)
    }

    /// Multiplies each element by the one with the same labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn mul(&self, other: &InstantVector) -> InstantVector {
        self.binary_same_labels("*", other)
    }

    /// Subtracts from each element the one with the same labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn sub(&self, other: &InstantVector) -> InstantVector {
        self.binary_same_labels("-", other)
    }

    /// Adds to each element the one with the same labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn add(&self, other: &InstantVector) -> InstantVector {
        self.binary_same_labels("+", other)
    }

    /// Divides elements by those without some of their labels: their partners have all the others.
    ///
    /// # Panics
    ///
    /// When those aren't the labels by which the two differ.
    #[track_caller]
    #[must_use]
    pub(crate) fn div_ignoring(&self, keys: &[&str], whole: &InstantVector) -> InstantVector {
        let ignored = self.labels.resolve(keys);
        let without = |labels: Labels, label: &String| labels.without(label);
        let labels = ignored.iter().fold(self.labels.clone(), without);
        assert_eq!(labels, whole.labels, "labels of {self} and {whole}");
        let ratio = self.binary(&format!("/ ignoring ({})", ignored.join(", ")), whole);
        InstantVector { labels, ..ratio }
    }

    /// Divides each element by the one that has exactly these labels, of which it has more.
    ///
    /// # Panics
    ///
    /// When the other has other labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn div_on(&self, keys: &[&str], whole: &InstantVector) -> InstantVector {
        let on = self.labels.resolve(keys);
        let exact = self.labels.only(&on);
        assert_eq!(whole.labels, exact, "labels of {whole}");
        self.binary(&format!("/ on ({}) group_left ()", on.join(", ")), whole)
    }

    /// The elements that have a partner with the same labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn and(&self, other: &InstantVector) -> InstantVector {
        self.binary_same_labels("and", other)
    }

    /// All elements, and those of the other that have no partner with the same labels here.
    #[track_caller]
    #[must_use]
    pub(crate) fn or(&self, other: &InstantVector) -> InstantVector {
        self.binary_same_labels("or", other)
    }

    /// All elements of both, of which the other's have a label that none here has.
    ///
    /// What they all have is left of the labels: a sum over another would mix what has it with what
    /// lacks it.
    ///
    /// # Panics
    ///
    /// When nothing tells them apart.
    #[track_caller]
    #[must_use]
    pub(crate) fn union(&self, other: &InstantVector) -> InstantVector {
        let differ = other
            .labels
            .iter()
            .any(|label| !self.labels.contains(label));
        assert!(differ, "labels of {self} and {other}");
        self.either(other)
    }

    /// All elements of one or the other, for a condition: of two with the same labels one, which is enough.
    ///
    /// What they all have is left of the labels.
    #[must_use]
    pub(crate) fn either(&self, other: &InstantVector) -> InstantVector {
        let theirs: Vec<_> = other.labels.iter().map(str::to_owned).collect();
        let either = self.binary("or", other);
        let labels = either.labels.only(&theirs);
        InstantVector { labels, ..either }
    }

    /// The elements that have no partner with the same labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn unless(&self, other: &InstantVector) -> InstantVector {
        self.binary_same_labels("unless", other)
    }

    /// The elements that have no partner by these labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn unless_on(&self, keys: &[&str], other: &InstantVector) -> InstantVector {
        let on = self.on(keys, other);
        self.binary(&format!("unless on ({on})"), other)
    }

    /// Joins two vectors by all of their labels, and panics where they can't match.
    #[track_caller]
    fn binary_same_labels(&self, operator: &str, other: &InstantVector) -> InstantVector {
        let (left, right) = (&self.labels, &other.labels);
        assert_eq!(left, right, "labels of {self} and {other}");
        self.binary(operator, other)
    }

    /// The elements that have a partner by these labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn and_on(&self, keys: &[&str], other: &InstantVector) -> InstantVector {
        let on = self.on(keys, other);
        self.binary(&format!("and on ({on})"), other)
    }

    /// All elements, and those of the other that have no partner by these labels here.
    #[track_caller]
    #[must_use]
    pub(crate) fn or_on(&self, keys: &[&str], other: &InstantVector) -> InstantVector {
        let on = self.on(keys, other);
        self.binary(&format!("or on ({on})"), other)
    }

    /// Formats the labels of a match; both sides must have them.
    #[track_caller]
    fn on(&self, keys: &[&str], other: &InstantVector) -> String {
        other.labels.resolve(keys);
        self.labels.resolve(keys).join(", ")
    }

    /// Formats an operation, in parentheses where an operand is one itself: precedence is written
    /// and never relied on.
    fn binary(&self, operator: &str, other: &InstantVector) -> InstantVector {
        InstantVector {
            text: format!("{} {operator} {}", self.operand(), other.operand()),
            // An `or` has elements of both sides.
            labels: self.labels.merged(&other.labels),
            is_binary: true,
        }
    }

    /// Returns all elements, and 0 for each of the other that has no partner here: a series that was never
    /// counted is no reason to say nothing.
    ///
    /// `rate` of a series that appears with its first event has no value before, and a ratio of
    /// nothing and something would be nothing.
    #[track_caller]
    #[must_use]
    pub(crate) fn or_zero_for(&self, other: &InstantVector) -> InstantVector {
        self.or(&other.mul_number(0_u32))
    }

    /// Returns a total, and 0 where nothing was counted.
    ///
    /// # Panics
    ///
    /// When it isn't a total: its elements have labels.
    #[track_caller]
    #[must_use]
    pub(crate) fn or_zero(&self) -> InstantVector {
        self.or(&InstantVector::constant(0_u32))
    }

    /// Multiplies each element by a number.
    #[must_use]
    pub(crate) fn mul_number(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number("*", number)
    }

    /// Subtracts a number from each element.
    #[must_use]
    pub(crate) fn sub_number(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number("-", number)
    }

    /// Divides each element by a number.
    #[must_use]
    pub(crate) fn div_number(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number("/", number)
    }

    /// The elements above a number.
    #[must_use]
    pub(crate) fn above(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number(">", number)
    }

    /// The elements that are a number or above.
    #[must_use]
    pub(crate) fn at_least(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number(">=", number)
    }

    /// The elements below a number.
    #[must_use]
    pub(crate) fn below(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number("<", number)
    }

    /// The elements that are a number.
    #[must_use]
    pub(crate) fn equal(&self, number: impl Into<QueryNumber>) -> InstantVector {
        self.with_number("==", number)
    }

    /// Compares with a number, or calculates with it; comparisons filter.
    fn with_number(&self, operator: &str, number: impl Into<QueryNumber>) -> InstantVector {
        InstantVector {
            text: format!("{} {operator} {}", self.operand(), number.into()),
            labels: self.labels.clone(),
            is_binary: true,
        }
    }

    /// The median of these over a label that tells them apart.
    #[must_use]
    pub(crate) fn median_without(&self, label: &str) -> InstantVector {
        InstantVector::atom(
            format!("quantile without ({label}) (0.5, {})", self.text),
            self.labels.without(label),
        )
    }

    /// Returns the number of elements over a label that tells them apart.
    #[must_use]
    pub(crate) fn count_without(&self, label: &str) -> InstantVector {
        let text = format!("count without ({label}) ({})", self.text);
        InstantVector::atom(text, self.labels.without(label))
    }

    /// Returns the text as an operand of a larger expression.
    fn operand(&self) -> String {
        match self.is_binary {
            true => format!("({})", self.text),
            false => self.text.clone(),
        }
    }
}

impl fmt::Display for InstantVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
