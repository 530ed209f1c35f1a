//! Reads one object of the config file, field by field, and collects every fault on the way.
//!
//! Why not serde's `deny_unknown_fields`? Because it stops at the first fault and doesn't know
//! where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::fault::{Fault, Location, Refusal, one_of};
use super::setting::{Setting, kind};
use super::source::{Source, Sources};

/// Where the readers of one file put what they find out.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    pub(super) file: &'a Path,
    pub(super) faults: &'a mut Vec<Fault>,
    pub(super) sources: &'a mut Sources,
}

impl Findings<'_> {
    pub(super) fn fault(&mut self, path: &str, refusal: Refusal) {
        self.sources.refuse(path);
        let location = Location::File {
            file: self.file.into(),
            path: json_path(path),
        };
        self.faults.push(Fault::new(location, refusal));
    }

    fn found(&mut self, path: &str) {
        self.sources.set(path, Source::File(self.file.into()));
    }
}

/// The JSON path of a setting.
pub(super) fn json_path(path: &str) -> String {
    match path {
        "" => "$".into(),
        path => format!("$.{path}"),
    }
}

/// The dotted path of a member.
pub(super) fn member(path: &str, key: &str) -> String {
    match path {
        "" => key.into(),
        path => format!("{path}.{key}"),
    }
}

/// Reads the object `value`, which stands at `path`; a key that `read` doesn't ask for is a fault.
pub(super) fn read_object(
    value: &Value,
    path: &str,
    findings: &mut Findings<'_>,
    read: impl FnOnce(&mut Section<'_, '_>),
) {
    let Value::Object(members) = value else {
        return findings.fault(path, Refusal::new(kind(value), "an object"));
    };
    let mut section = Section {
        members,
        path,
        known: Vec::new(),
        findings,
    };
    read(&mut section);
    section.refuse_unknown();
}

/// One object of the file.
#[derive(Debug)]
pub(super) struct Section<'a, 'f> {
    members: &'a Map<String, Value>,
    path: &'a str,
    known: Vec<&'static str>,
    findings: &'a mut Findings<'f>,
}

impl<'a> Section<'a, '_> {
    /// Reads a member that is an object itself.
    pub(super) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_, '_>)) {
        if let Some((value, path)) = self.take(key) {
            read_object(value, &path, self.findings, read);
        }
    }

    /// The same; null says that there is none.
    pub(super) fn optional_section(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_, '_>),
    ) {
        if !self.members.get(key).is_some_and(Value::is_null) {
            return self.section(key, read);
        }
        self.known.push(key);
    }

    /// Reads a single value, if there is one.
    pub(super) fn field<T: Setting>(&mut self, key: &'static str, slot: &mut T) {
        let Some((value, path)) = self.take(key) else {
            return;
        };
        if let Some(value) = self.read(value, &path) {
            *slot = value;
            self.findings.found(&path);
        }
    }

    /// Reads an array. It replaces the one from the layer below.
    pub(super) fn list<T: Setting>(&mut self, key: &'static str, slot: &mut Vec<T>) {
        let Some((value, path)) = self.take(key) else {
            return;
        };
        let Value::Array(items) = value else {
            return self
                .findings
                .fault(&path, Refusal::new(kind(value), "an array"));
        };
        let items = items.iter().enumerate();
        let read = |(index, item)| self.read(item, &format!("{path}[{index}]"));
        // Collected before it is judged, so that every bad item is a fault and not the first alone.
        let items: Vec<_> = items.map(read).collect();
        if let Some(items) = items.into_iter().collect() {
            *slot = items;
            self.findings.found(&path);
        }
    }

    /// Reads an object of free names. Each entry replaces the one of its name from the layer below.
    pub(super) fn map<T: Setting>(
        &mut self,
        key: &'static str,
        name: impl Fn(&str) -> String,
        slot: &mut BTreeMap<String, T>,
    ) {
        let Some((value, path)) = self.take(key) else {
            return;
        };
        let Value::Object(entries) = value else {
            return self
                .findings
                .fault(&path, Refusal::new(kind(value), "an object"));
        };
        for (key, value) in entries {
            let name = name(key);
            let path = member(&path, &name);
            if let Some(value) = self.read(value, &path) {
                slot.insert(name, value);
                self.findings.found(&path);
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(&'a Value, String)> {
        self.known.push(key);
        self.members
            .get(key)
            .map(|value| (value, member(self.path, key)))
    }

    fn read<T: Setting>(&mut self, value: &Value, path: &str) -> Option<T> {
        T::from_json(value)
            .map_err(|refusal| self.findings.fault(path, refusal))
            .ok()
    }

    fn refuse_unknown(self) {
        for key in self
            .members
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()))
        {
            let refusal = Refusal::new("unknown key", one_of(key, &self.known));
            self.findings.fault(&member(self.path, key), refusal);
        }
    }
}
