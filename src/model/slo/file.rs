//! From the text of the files to objectives, with every fault on the way.
//!
//! Reading goes on after a fault, in the file and in the next ones. An objective with a fault is
//! left out and remembered as declared, so that a second declaration of it is found too.

mod custom;
mod declaration;
mod fields;
mod filter;
mod window;

use std::collections::BTreeMap;
use std::io;

use serde_json::value::RawValue;

use self::fields::{Faults, ObjectFields};
use super::json::{self, ObjectEntries};
use super::kind::ServiceKey;
use super::{Objective, Objectives, SloError, SloFault, SloProblem};
use crate::model::figure::Figures;
use crate::model::suggest::nearest;

/// Parser of a set of SLO files: collects objectives and faults until all files are read.
#[derive(Debug)]
pub(super) struct SloFileReader {
    /// The figures that objectives may name beside the catalog's metrics.
    figures: Figures,
    objectives: Vec<Objective>,
    faults: Faults,
    /// The file in which each objective was seen first, faulty or not.
    declared: BTreeMap<String, String>,
}

impl SloFileReader {
    pub(super) fn new(figures: &Figures) -> Self {
        Self {
            figures: figures.clone(),
            objectives: Vec::new(),
            faults: Faults::default(),
            declared: BTreeMap::new(),
        }
    }

    /// Adds a fault.
    pub(super) fn add(&mut self, fault: SloFault) {
        self.faults.push(fault);
    }

    /// Adds the fault of a file that cannot be read.
    pub(super) fn add_unreadable(&mut self, file: &str, error: &io::Error) {
        let allowed = "a UTF-8 file that can be read";
        self.faults.push(SloFault::for_file(
            file,
            SloProblem::Unreadable,
            error.to_string(),
            allowed,
        ));
    }

    /// Parses one file.
    pub(super) fn read_text(&mut self, file: &str, text: &str) {
        let document = match json::parse_document(text) {
            Ok(document) => document,
            Err(error) => return self.faults.push(syntax_fault(file, &error)),
        };
        let Some(services) = self.fields(file, "$".into(), document) else {
            return;
        };
        for (key, value) in services.entries() {
            if self.check_name(&services, key) {
                self.read_service(&services, &ServiceKey::from_key(key), value);
            }
        }
    }

    fn read_service(&mut self, parent: &ObjectFields<'_>, service: &ServiceKey, value: &RawValue) {
        let path = parent.path_to(service.as_str());
        let Some(objectives) = self.fields(parent.file(), path, value) else {
            return;
        };
        // An unknown service without objectives is a slip in a name; with some, each of them names
        // its metric or is told.
        if matches!(service, ServiceKey::Other(_)) && objectives.entries().next().is_none() {
            let builtin = ServiceKey::BUILTIN;
            let key = service.as_str();
            let fault = parent.unknown(key, SloProblem::UnknownService, &builtin);
            return self.faults.push(fault);
        }
        for (key, value) in objectives.entries() {
            if self.check_name(&objectives, key) {
                self.read_objective(&objectives, service, key, value);
            }
        }
    }

    fn read_objective(
        &mut self,
        objectives: &ObjectFields<'_>,
        service: &ServiceKey,
        key: &str,
        value: &RawValue,
    ) {
        let kinds = service.builtin_kinds();
        let builtin = kinds.iter().copied().find(|kind| kind.as_str() == key);
        if builtin.is_none() && !has_metric(value) {
            let fault = unknown_objective_fault(objectives, key, service);
            return self.faults.push(fault);
        }
        self.register_declaration(objectives, service, key);
        let path = objectives.path_to(key);
        if let Some(fields) = self.fields(objectives.file(), path, value) {
            let declaration = match builtin {
                Some(kind) => {
                    declaration::read_builtin_objective(&fields, service, kind, &mut self.faults)
                }
                None => custom::read_custom_objective(
                    &fields,
                    service,
                    key,
                    &self.figures,
                    &mut self.faults,
                ),
            };
            self.objectives.extend(declaration);
        }
    }

    /// Returns whether the key can be half of an id, which is a label's value; adds a fault if not.
    fn check_name(&mut self, fields: &ObjectFields<'_>, key: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let fine = (1..=64).contains(&key.len()) && key.chars().all(plain);
        if !fine {
            let allowed = "1 to 64 of A-Z a-z 0-9 _ -";
            self.faults.push(SloFault {
                value: Some(key.escape_debug().to_string()),
                ..fields.fault(key, SloProblem::InvalidName, allowed)
            });
        }
        fine
    }

    /// Registers the file that declares the objective; a second file is a fault.
    fn register_declaration(
        &mut self,
        objectives: &ObjectFields<'_>,
        service: &ServiceKey,
        key: &str,
    ) {
        let id = format!("{service}.{key}");
        let file = objectives.file();
        match self.declared.get(&id) {
            None => drop(self.declared.insert(id, file.into())),
            // Twice in one file is a duplicate key, which is a fault already.
            Some(first) if first == file => {}
            Some(first) => {
                let allowed = format!("one declaration; the other one is in {first}");
                self.faults.push(SloFault {
                    value: Some(id),
                    ..objectives.fault(key, SloProblem::DuplicateObjective, &allowed)
                });
            }
        }
    }

    fn fields<'a>(
        &mut self,
        file: &'a str,
        path: String,
        value: &'a RawValue,
    ) -> Option<ObjectFields<'a>> {
        ObjectFields::read(file, path, value, &mut self.faults)
    }

    pub(super) fn finish(self) -> Result<Objectives, SloError> {
        if self.faults.0.is_empty() {
            Ok(Objectives(self.objectives))
        } else {
            Err(SloError::new(self.faults.0).with_valid_objectives(Objectives(self.objectives)))
        }
    }
}

/// Returns whether the value is an object with a `metric` key.
fn has_metric(value: &RawValue) -> bool {
    json::parse_object(value)
        .is_some_and(|ObjectEntries(entries)| entries.iter().any(|(key, _)| key == "metric"))
}

/// Returns the fault of an objective that is neither built in nor names a metric.
fn unknown_objective_fault(
    objectives: &ObjectFields<'_>,
    key: &str,
    service: &ServiceKey,
) -> SloFault {
    let kinds: Vec<_> = service
        .builtin_kinds()
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    let mut fault = match service {
        ServiceKey::Other(name) => {
            let suggestion = nearest(name, &ServiceKey::BUILTIN);
            let suggestion = suggestion.map_or(String::new(), |nearest| {
                format!("; did you mean {nearest}.{key}?")
            });
            let allowed = format!("an objective with a \"metric\"{suggestion}");
            objectives.fault(key, SloProblem::UnknownObjective, &allowed)
        }
        _ => objectives.unknown(key, SloProblem::UnknownObjective, &kinds),
    };
    if !kinds.is_empty() {
        fault.allowed.push_str("; any other needs a \"metric\"");
    }
    fault.value = Some(key.into());
    fault
}

fn syntax_fault(file: &str, error: &serde_json::Error) -> SloFault {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // The place is a part of the problem already.
    let message = text
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&text);
    SloFault::for_file(
        file,
        SloProblem::Syntax { line, column },
        message.into(),
        "one JSON object",
    )
}
