//! Reader of one object of the config file; collects every fault on the way.

use std::path::Path;

use serde_json::{Map, Value};

use super::fault::{
    ConfigFault, FaultLocation, InvalidValue, format_allowed, join_path, json_path,
};
use super::field_value::FieldValue;
use super::source::{ConfigSource, ConfigSources};
use crate::model::json_value::json_type_name;

/// The state shared by the readers of one file: faults and sources.
#[derive(Debug)]
pub(super) struct ReadContext<'a> {
    /// As named, for messages.
    pub(super) file: &'a Path,
    pub(super) faults: &'a mut Vec<ConfigFault>,
    pub(super) sources: &'a mut ConfigSources,
    /// The names of the figures that were skipped, because only the code of the service can declare them; `None`
    /// where that code is here.
    pub(super) skipped_figures: Option<&'a mut Vec<String>>,
}

impl ReadContext<'_> {
    /// Adds a fault of the value at `path`, which then counts neither as set nor as missing.
    pub(super) fn add_fault(&mut self, path: &str, invalid: InvalidValue) {
        self.sources.mark_invalid(path);
        let location = FaultLocation::File {
            file: self.file.into(),
            path: json_path(path),
        };
        self.faults.push(ConfigFault::new(location, invalid));
    }

    /// Records that the file decides the value at `path`.
    pub(super) fn mark_set(&mut self, path: &str) {
        self.sources.set(path, ConfigSource::File(self.file.into()));
    }

    /// Reads a single value; `None` after a fault.
    pub(super) fn read_value<T: FieldValue>(&mut self, value: &Value, path: &str) -> Option<T> {
        self.ok(T::from_json(value), path)
    }

    /// Returns the value; `None` after adding the fault.
    pub(super) fn ok<T>(&mut self, result: Result<T, InvalidValue>, path: &str) -> Option<T> {
        result.map_err(|invalid| self.add_fault(path, invalid)).ok()
    }

    /// Returns the members of an object; `None` after adding a fault.
    pub(super) fn members<'v>(
        &mut self,
        value: &'v Value,
        path: &str,
    ) -> Option<&'v Map<String, Value>> {
        let invalid = || InvalidValue::new(json_type_name(value), "an object");
        self.ok(value.as_object().ok_or_else(invalid), path)
    }

    /// Reads the members of an object that has these keys, in their order; any other key is a fault.
    /// `read` takes the key's index, the member's value and its path.
    pub(super) fn read_members(
        &mut self,
        value: &Value,
        path: &str,
        keys: &[&str],
        mut read: impl FnMut(usize, &Value, &str, &mut Self),
    ) {
        let Some(members) = self.members(value, path) else {
            return;
        };
        // In the order of the declaration and not of the file: faults come in the order of the
        // documentation, and a map has no order to keep.
        for (index, key) in keys.iter().enumerate() {
            if let Some(value) = members.get(*key) {
                read(index, value, &join_path(path, key), self);
            }
        }
        for key in members.keys().filter(|key| !keys.contains(&key.as_str())) {
            let invalid = InvalidValue::new("unknown key", format_allowed(key, keys));
            self.add_fault(&join_path(path, key), invalid);
        }
    }

    /// Reads an object of free names, each with its value.
    pub(super) fn read_entries(
        &mut self,
        value: &Value,
        path: &str,
        mut read: impl FnMut(&str, &Value, &mut Self),
    ) {
        for (key, value) in self.members(value, path).into_iter().flatten() {
            read(key, value, self);
        }
    }
}
