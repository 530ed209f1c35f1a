//! From the text of the files to objectives, with every fault on the way.

mod declaration;
mod fields;
mod window;

use std::collections::BTreeMap;
use std::io;

use serde_json::value::RawValue;

use self::fields::Fields;
use super::json;
use super::kind::Service;
use super::nearest::nearest;
use super::{Fault, Objective, Objectives, Problem, SloError};

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
            match Service::ALL
                .into_iter()
                .find(|service| service.as_str() == key)
            {
                Some(service) => self.read_service(&services, &service, value),
                None => {
                    let allowed = Service::ALL.each_ref().map(Service::as_str);
                    self.faults
                        .push(unknown(&services, key, Problem::UnknownService, &allowed));
                }
            }
        }
    }

    fn read_service(&mut self, parent: &Fields<'_>, service: &Service, value: &RawValue) {
        let path = parent.path_of(service.as_str());
        let Some(objectives) = self.fields(parent.file(), path, value) else {
            return;
        };
        let kinds = service.kinds();
        for (key, value) in objectives.entries() {
            let Some(kind) = kinds.iter().copied().find(|kind| kind.as_str() == key) else {
                let allowed: Vec<_> = kinds.iter().map(|kind| kind.as_str()).collect();
                self.faults.push(unknown(
                    &objectives,
                    key,
                    Problem::UnknownObjective,
                    &allowed,
                ));
                continue;
            };
            self.claim(&objectives, service, key);
            if let Some(fields) = self.fields(parent.file(), objectives.path_of(key), value) {
                let declaration = declaration::read(&fields, service, kind, &mut self.faults);
                self.objectives.extend(declaration);
            }
        }
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
            let warnings = Objectives(self.objectives).warnings().cloned().collect();
            Err(SloError::new(self.faults).with_warnings(warnings))
        }
    }
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
