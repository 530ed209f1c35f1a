//! From the text of the files to objectives, with every fault on the way.

mod custom;
mod declaration;
mod fields;
mod filter;
mod window;

use std::collections::BTreeMap;
use std::io;

use serde_json::value::RawValue;

use self::fields::Fields;
use super::json::{self, Entries};
use super::kind::Service;
use super::{Fault, Objective, Objectives, Problem, SloError};
use crate::model::suggest::nearest;

/// Reads file after file and keeps what it finds, good and bad, until all are read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    objectives: Vec<Objective>,
    faults: Vec<Fault>,
    /// The file in which each objective was seen first, faulty or not.
    declared: BTreeMap<String, String>,
}

impl Reader {
    pub(super) fn unreadable(&mut self, file: &str, error: &io::Error) {
        let allowed = "a UTF-8 file that can be read";
        self.faults.push(Fault::whole_file(
            file,
            Problem::Unreadable,
            error.to_string(),
            allowed,
        ));
    }

    pub(super) fn read(&mut self, file: &str, text: &str) {
        let document = match json::document(text) {
            Ok(document) => document,
            Err(error) => return self.faults.push(syntax_fault(file, &error)),
        };
        let Some(services) = self.fields(file, "$".into(), document) else {
            return;
        };
        for (key, value) in services.entries() {
            if self.is_name(&services, key) {
                self.read_service(&services, &Service::of(key), value);
            }
        }
    }

    fn read_service(&mut self, parent: &Fields<'_>, service: &Service, value: &RawValue) {
        let path = parent.path_of(service.as_str());
        let Some(objectives) = self.fields(parent.file(), path, value) else {
            return;
        };
        if matches!(service, Service::Other(_)) && objectives.entries().next().is_none() {
            let wired = Service::WIRED;
            let key = service.as_str();
            return self
                .faults
                .push(unknown(parent, key, Problem::UnknownService, &wired));
        }
        for (key, value) in objectives.entries() {
            if self.is_name(&objectives, key) {
                self.read_objective(&objectives, service, key, value);
            }
        }
    }

    fn read_objective(
        &mut self,
        objectives: &Fields<'_>,
        service: &Service,
        key: &str,
        value: &RawValue,
    ) {
        let kinds = service.kinds();
        let wired = kinds.iter().copied().find(|kind| kind.as_str() == key);
        if wired.is_none() && !names_metric(value) {
            let fault = not_wired(objectives, key, service);
            return self.faults.push(fault);
        }
        self.claim(objectives, service, key);
        let path = objectives.path_of(key);
        if let Some(fields) = self.fields(objectives.file(), path, value) {
            let declaration = match wired {
                Some(kind) => declaration::read(&fields, service, kind, &mut self.faults),
                None => custom::read(&fields, service, key, &mut self.faults),
            };
            self.objectives.extend(declaration);
        }
    }

    /// Whether the key can be half of an id, which is a label's value; a fault if not.
    fn is_name(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let fine = (1..=64).contains(&key.len()) && key.chars().all(plain);
        if !fine {
            let allowed = "1 to 64 of A-Z a-z 0-9 _ -";
            self.faults.push(Fault {
                value: Some(key.escape_debug().to_string()),
                ..fields.fault(key, Problem::InvalidName, allowed)
            });
        }
        fine
    }

    /// Notes which file declares the objective; only one may.
    fn claim(&mut self, objectives: &Fields<'_>, service: &Service, key: &str) {
        let id = format!("{service}.{key}");
        let file = objectives.file();
        match self.declared.get(&id) {
            None => drop(self.declared.insert(id, file.into())),
            // Twice in one file is a duplicate key, which is a fault already.
            Some(first) if first == file => {}
            Some(first) => {
                let allowed = format!("one declaration; the other one is in {first}");
                self.faults.push(Fault {
                    value: Some(id),
                    ..objectives.fault(key, Problem::DuplicateObjective, &allowed)
                });
            }
        }
    }

    fn fields<'a>(
        &mut self,
        file: &'a str,
        path: String,
        value: &'a RawValue,
    ) -> Option<Fields<'a>> {
        Fields::read(file, path, value, &mut self.faults)
    }

    pub(super) fn finish(self) -> Result<Objectives, SloError> {
        if self.faults.is_empty() {
            Ok(Objectives(self.objectives))
        } else {
            Err(SloError::new(self.faults).beside(Objectives(self.objectives)))
        }
    }
}

/// Whether this is an object with a metric of its own.
fn names_metric(value: &RawValue) -> bool {
    json::object(value)
        .is_some_and(|Entries(entries)| entries.iter().any(|(key, _)| key == "metric"))
}

/// An objective that is neither wired to instruments nor names one.
fn not_wired(objectives: &Fields<'_>, key: &str, service: &Service) -> Fault {
    let kinds: Vec<_> = service.kinds().iter().map(|kind| kind.as_str()).collect();
    let mut fault = match service {
        Service::Other(name) => {
            let meant = nearest(name, &Service::WIRED);
            let meant = meant.map_or(String::new(), |meant| {
                format!("; did you mean {meant}.{key}?")
            });
            let allowed = format!("an objective with a \"metric\"{meant}");
            objectives.fault(key, Problem::UnknownObjective, &allowed)
        }
        _ => unknown(objectives, key, Problem::UnknownObjective, &kinds),
    };
    if !kinds.is_empty() {
        fault.allowed.push_str("; any other needs a \"metric\"");
    }
    fault.value = Some(key.into());
    fault
}

/// A key that isn't among the allowed ones, with the one that was probably meant.
fn unknown(fields: &Fields<'_>, key: &str, problem: Problem, allowed: &[&str]) -> Fault {
    let meant = nearest(key, allowed).map(|meant| format!("; did you mean {meant}?"));
    let allowed = format!("{}{}", allowed.join(", "), meant.unwrap_or_default());
    Fault {
        value: Some(key.into()),
        ..fields.fault(key, problem, &allowed)
    }
}

fn syntax_fault(file: &str, error: &serde_json::Error) -> Fault {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    // The place is a part of the problem already.
    let message = text
        .strip_suffix(&format!(" at line {line} column {column}"))
        .unwrap_or(&text);
    Fault::whole_file(
        file,
        Problem::Syntax { line, column },
        message.into(),
        "one JSON object",
    )
}
