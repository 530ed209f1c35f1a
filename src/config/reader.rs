//! Reader of one object of the config file, field by field; collects every fault on the way.
//!
//! Why not serde's `deny_unknown_fields`? Because it stops at the first fault and doesn't know
//! where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::fault::{ConfigFault, FaultLocation, InvalidValue, format_allowed};
use super::field_value::{FieldValue, json_type_name};
use super::source::{ConfigSource, ConfigSources};

/// The state shared by the readers of one file: faults and sources.
#[derive(Debug)]
pub(super) struct ReadContext<'a> {
    pub(super) file: &'a Path,
    pub(super) faults: &'a mut Vec<ConfigFault>,
    pub(super) sources: &'a mut ConfigSources,
}

impl ReadContext<'_> {
    pub(super) fn add_fault(&mut self, path: &str, invalid: InvalidValue) {
        self.sources.mark_invalid(path);
        let location = FaultLocation::File {
            file: self.file.into(),
            path: json_path(path),
        };
        self.faults.push(ConfigFault::new(location, invalid));
    }

    fn mark_set(&mut self, path: &str) {
        self.sources.set(path, ConfigSource::File(self.file.into()));
    }
}

/// Returns the JSON path of a setting.
pub(super) fn json_path(path: &str) -> String {
    match path {
        "" => "$".into(),
        path => format!("$.{path}"),
    }
}

/// Returns the dotted path of a member.
pub(super) fn join_path(path: &str, key: &str) -> String {
    match path {
        "" => key.into(),
        path => format!("{path}.{key}"),
    }
}

/// Reads the object `value`, which stands at `path`; a key that `read` doesn't ask for is a fault.
pub(super) fn read_object(
    value: &Value,
    path: &str,
    context: &mut ReadContext<'_>,
    read: impl FnOnce(&mut SectionReader<'_, '_>),
) {
    let Value::Object(members) = value else {
        return context.add_fault(path, InvalidValue::new(json_type_name(value), "an object"));
    };
    let mut section = SectionReader {
        members,
        path,
        known: Vec::new(),
        context,
    };
    read(&mut section);
    section.reject_unknown_keys();
}

/// Reader of one object of the file.
#[derive(Debug)]
pub(super) struct SectionReader<'a, 'f> {
    members: &'a Map<String, Value>,
    path: &'a str,
    known: Vec<&'static str>,
    context: &'a mut ReadContext<'f>,
}

impl<'a> SectionReader<'a, '_> {
    /// Reads a member that is an object itself.
    pub(super) fn read_section(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut SectionReader<'_, '_>),
    ) {
        if let Some((value, path)) = self.take_value(key) {
            read_object(value, &path, self.context, read);
        }
    }

    /// Like [`read_section`](Self::read_section); null stands for an absent section.
    pub(super) fn read_optional_section(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut SectionReader<'_, '_>),
    ) {
        if !self.members.get(key).is_some_and(Value::is_null) {
            return self.read_section(key, read);
        }
        self.known.push(key);
    }

    /// Reads a single value, if there is one.
    pub(super) fn read_field<T: FieldValue>(&mut self, key: &'static str, slot: &mut T) {
        let Some((value, path)) = self.take_value(key) else {
            return;
        };
        if let Some(value) = self.read_value(value, &path) {
            *slot = value;
            self.context.mark_set(&path);
        }
    }

    /// Reads an array. It replaces the one from the layer below.
    pub(super) fn read_list<T: FieldValue>(&mut self, key: &'static str, slot: &mut Vec<T>) {
        let Some((value, path)) = self.take_value(key) else {
            return;
        };
        let Value::Array(items) = value else {
            return self
                .context
                .add_fault(&path, InvalidValue::new(json_type_name(value), "an array"));
        };
        let items = items.iter().enumerate();
        let read = |(index, item)| self.read_value(item, &format!("{path}[{index}]"));
        // Collected before it is judged, so that every bad item is a fault and not the first alone.
        let items: Vec<_> = items.map(read).collect();
        if let Some(items) = items.into_iter().collect() {
            *slot = items;
            self.context.mark_set(&path);
        }
    }

    /// Reads an object of free names. Each entry replaces the one of its name from the layer below.
    pub(super) fn read_map<T: FieldValue>(
        &mut self,
        key: &'static str,
        name: impl Fn(&str) -> String,
        slot: &mut BTreeMap<String, T>,
    ) {
        let Some((value, path)) = self.take_value(key) else {
            return;
        };
        let Value::Object(entries) = value else {
            return self
                .context
                .add_fault(&path, InvalidValue::new(json_type_name(value), "an object"));
        };
        for (key, value) in entries {
            let name = name(key);
            let path = join_path(&path, &name);
            if let Some(value) = self.read_value(value, &path) {
                slot.insert(name, value);
                self.context.mark_set(&path);
            }
        }
    }

    fn take_value(&mut self, key: &'static str) -> Option<(&'a Value, String)> {
        self.known.push(key);
        self.members
            .get(key)
            .map(|value| (value, join_path(self.path, key)))
    }

    fn read_value<T: FieldValue>(&mut self, value: &Value, path: &str) -> Option<T> {
        T::from_json(value)
            .map_err(|invalid| self.context.add_fault(path, invalid))
            .ok()
    }

    fn reject_unknown_keys(self) {
        for key in self
            .members
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()))
        {
            let invalid = InvalidValue::new("unknown key", format_allowed(key, &self.known));
            self.context.add_fault(&join_path(self.path, key), invalid);
        }
    }
}
