//! The declarations of a process, and how they come together: of the configuration, of code after `init`, and of first
//! recordings.

use std::collections::HashSet;

use crate::model::fault::Fault;
use crate::model::figure::{Figure, Figures};

/// The declarations so far.
#[derive(Debug)]
pub(super) struct Declarations {
    /// Those of the configuration and of the code, and those that were recorded without a declaration.
    figures: Figures,
    /// The names that the configuration or the code declares.
    declared: HashSet<String>,
    /// The names that have an instrument, which keeps its labels.
    in_use: HashSet<String>,
    /// The largest limit of a label: `metrics.cardinality_limit`.
    most: usize,
}

/// The outcome of a declaration that came after `init`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LateDeclaration {
    /// Nothing: it holds, or was there before.
    Fine,
    /// It has faults in members, and holds without them.
    Mended(Vec<Fault>),
    /// It can't hold.
    Refused(Vec<Fault>),
    /// The figure is in use with another declaration.
    TooLate,
}

impl Declarations {
    pub(super) fn new(figures: Figures, most: usize) -> Self {
        Self {
            declared: figures.iter().map(|figure| figure.name.clone()).collect(),
            figures,
            in_use: HashSet::new(),
            most,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Figure> {
        self.figures.get(name)
    }

    /// Returns the figure of this name for its instrument, from which on its declaration can't change.
    pub(super) fn use_figure(&mut self, name: &str) -> Option<Figure> {
        let figure = self.figures.get(name)?;
        self.in_use.insert(name.into());
        Some(figure.clone())
    }

    /// Adds a figure as its first recording has it; returns whether there is room for it.
    pub(super) fn add_recorded(&mut self, figure: Figure) -> bool {
        self.figures.try_insert(figure).is_ok()
    }

    /// Adds a figure that code declares, as the configuration would have it: members that a file sets hold. Of two
    /// declarations of a name the first holds.
    pub(super) fn declare(&mut self, mut figure: Figure) -> LateDeclaration {
        let name = figure.name.clone();
        let of_file = self.figures.take_changes(&name);
        let is_known = self.figures.get(&name).is_some();
        if !self.declared.insert(name.clone()) && of_file.is_none() {
            return LateDeclaration::Fine;
        }
        if let Some(changes) = of_file {
            let (code, file) = (figure.kind, changes.figure().kind);
            if code != file {
                return LateDeclaration::Refused(vec![Fault {
                    path: "kind".into(),
                    found: format!("{} in the configuration", file.as_str()),
                    allowed: format!("{}, as the code declares it", code.as_str()),
                }]);
            }
            figure = changes.apply(figure);
        }
        let faults = figure.mend(self.most);
        if self.figures.get(&name) == Some(&figure) {
            return LateDeclaration::of(faults);
        }
        if self.in_use.contains(&name) {
            return LateDeclaration::TooLate;
        }
        if figure.metric().is_none() {
            return LateDeclaration::Refused(faults);
        }
        if let Err(fault) = self.figures.check_place(&figure) {
            return LateDeclaration::Refused(vec![fault]);
        }
        match is_known {
            true => self.figures.replace(figure),
            false => self.figures.insert(figure),
        }
        LateDeclaration::of(faults)
    }
}

impl LateDeclaration {
    fn of(faults: Vec<Fault>) -> Self {
        match faults.is_empty() {
            true => Self::Fine,
            false => Self::Mended(faults),
        }
    }

    /// Logs it. Not under a lock: what takes the line may record figures.
    pub(super) fn tell(&self, figure: &str) {
        match self {
            Self::Fine => {}
            Self::Mended(faults) => tracing::warn!(
                figure,
                faults = joined(faults),
                "a figure is declared with faults, and holds without what they are in: declared by \
                 Config::figures before init, they would be told there"
            ),
            Self::Refused(faults) => tracing::warn!(
                figure,
                faults = joined(faults),
                "a figure can't be declared so"
            ),
            Self::TooLate => tracing::warn!(
                figure,
                "a figure was recorded before it was declared, and stays as it was recorded: declare it by \
                 Config::figures before init, or before its first recording"
            ),
        }
    }
}

fn joined(faults: &[Fault]) -> String {
    let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}
