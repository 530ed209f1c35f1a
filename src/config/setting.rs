//! Settings: one declaration for each field of a section, from which all else follows.
//!
//! [`section!`] takes a struct as the documentation shows it, with the default and the check of each
//! field. From that follow how it is read, checked, decided by a variable and described; and so do
//! references to secrets, which are found by their type.
//!
//! Why not serde's derive for reading? It stops at the first fault and doesn't know where it stands,
//! and it makes a new value, where a layer replaces single fields of the one below. It writes, though.
//!
//! | derived from a declaration | used by |
//! |---|---|
//! | reading of JSON | the file's layer |
//! | `apply_text` | variables |
//! | `check` | validation |
//! | `fields`, with documentation | `settings()`, the reference, the sources of values |
//! | `secrets` | resolving references, masking |

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::fault::{InvalidValue, join_path};
use super::field_value::{FieldValue, VariableSyntax};
use super::reader::ReadContext;
use super::secret::{MASK, Secret};
use super::validator::ConfigValidator;
use super::variable_syntax::{PAIRS, parse_list, parse_pairs};
use crate::model::json_value::json_type_name;

/// A section of the configuration, or a single value in one.
pub(super) trait Setting {
    /// Reads what the file says; `self` is the layer below.
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>);

    /// Checks the merged value.
    fn check(&self, _path: &str, _validator: &mut ConfigValidator<'_>) {}

    /// Returns the fields; a single value has none.
    fn fields(&mut self) -> Vec<Field<'_>> {
        Vec::new()
    }

    /// Reads a variable. No variable holds a section, or a map that is not of headers.
    // The default is for sections: variables decide single values, and a test finds a setting for
    // every variable.
    fn apply_text(&mut self, _text: &str, _: VariableSyntax) -> Result<Decided, InvalidValue> {
        Err(InvalidValue::new("text", "an object"))
    }

    /// Returns whether values are never shown.
    fn is_secret(&self) -> bool {
        false
    }

    /// Returns the secrets among the values, each with its name in a map.
    fn secrets(&mut self) -> Vec<(Option<&str>, &mut Secret)> {
        Vec::new()
    }

    /// Serializes the value as a file has it.
    fn serialize_value<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>
    where
        Self: Serialize + Sized,
    {
        self.serialize(serializer)
    }
}

/// The part of a setting that a variable decided.
#[derive(Debug)]
pub(super) enum Decided {
    /// All of it.
    Whole,
    /// The members of these names.
    Members(Vec<String>),
}

/// A field of a section.
pub(super) struct Field<'a> {
    /// The name in the file, which is that of the field.
    pub(super) key: &'static str,
    /// Its documentation, line by line.
    pub(super) docs: &'static [&'static str],
    pub(super) setting: &'a mut dyn Setting,
}

/// Calls `visit` with the path of every field that holds a single value, list or map.
// A section is told from a value by its fields, of which a value has none.
pub(super) fn for_each_value(
    fields: Vec<Field<'_>>,
    path: &str,
    visit: &mut dyn FnMut(&str, &mut Field<'_>),
) {
    for mut field in fields {
        let path = join_path(path, field.key);
        let inner = field.setting.fields();
        if inner.is_empty() {
            drop(inner);
            visit(&path, &mut field);
        } else {
            for_each_value(inner, &path, visit);
        }
    }
}

/// Returns the field at a dotted path.
pub(super) fn find<'a>(fields: Vec<Field<'a>>, path: &str) -> Option<Field<'a>> {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    let field = fields.into_iter().find(|field| field.key == key)?;
    match rest {
        Some(rest) => find(field.setting.fields(), rest),
        None => Some(field),
    }
}

/// Reads the object of a section into its fields.
pub(super) fn read_section(
    mut fields: Vec<Field<'_>>,
    value: &Value,
    path: &str,
    context: &mut ReadContext<'_>,
) {
    let keys: Vec<_> = fields.iter().map(|field| field.key).collect();
    context.read_members(value, path, &keys, |index, value, path, context| {
        fields[index].setting.read(value, path, context);
    });
}

/// Serializes a setting as a file has it, for `#[serde(serialize_with)]`.
pub(super) fn serialize_setting<T: Setting + Serialize, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.serialize_value(serializer)
}

// Every type that can be parsed is a setting; lists, maps and secrets have rules of their own
// below.
impl<T: FieldValue> Setting for T {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        // Only a good value replaces the one below and counts as set; a bad one leaves both as they
        // were.
        if let Some(value) = context.read_value(value, path) {
            *self = value;
            context.mark_set(path);
        }
    }

    fn check(&self, path: &str, validator: &mut ConfigValidator<'_>) {
        self.check_build(path, validator);
    }

    fn apply_text(&mut self, text: &str, syntax: VariableSyntax) -> Result<Decided, InvalidValue> {
        *self = T::parse_variable(text, syntax)?;
        Ok(Decided::Whole)
    }

    fn serialize_value<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_field_value(serializer)
    }
}

/// A list. It replaces the one from the layer below.
impl<T: FieldValue> Setting for Vec<T> {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        let invalid = || InvalidValue::new(json_type_name(value), "an array");
        let Some(items) = context.ok(value.as_array().ok_or_else(invalid), path) else {
            return;
        };
        let items = items.iter().enumerate();
        let read = |(index, item)| context.read_value(item, &format!("{path}[{index}]"));
        // Collected before it is judged, so that every bad item is a fault and not the first alone.
        let items: Vec<_> = items.map(read).collect();
        if let Some(items) = items.into_iter().collect() {
            *self = items;
            context.mark_set(path);
        }
    }

    fn apply_text(&mut self, text: &str, syntax: VariableSyntax) -> Result<Decided, InvalidValue> {
        *self = parse_list(text, syntax)?;
        Ok(Decided::Whole)
    }
}

/// An object of free names. Each entry replaces the one of its name from the layer below.
impl<T: FieldValue> Setting for BTreeMap<String, T> {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        context.read_entries(value, path, |name, value, context| {
            let path = join_path(path, name);
            if let Some(value) = context.read_value(value, &path) {
                // Maps are merged by key, lists replaced: an operator adds one header without
                // knowing the others, but a list of disks means that list.
                self.insert(name.into(), value);
                context.mark_set(&path);
            }
        });
    }
}

/// Headers, by lower-case name.
impl Setting for BTreeMap<String, Secret> {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        context.read_entries(value, path, |name, value, context| {
            let name = name.to_ascii_lowercase();
            let path = join_path(path, &name);
            if let Some(value) = context.ok(Secret::from_json(value), &path) {
                self.insert(name, value);
                context.mark_set(&path);
            }
        });
    }

    /// Nothing of a malformed header is shown, not even what looks like its name: it may be a token
    /// with a `=` at its end.
    fn apply_text(&mut self, text: &str, _: VariableSyntax) -> Result<Decided, InvalidValue> {
        // One message for every mistake in it, with nothing of the text.
        let rejection = || InvalidValue::new(MASK, PAIRS);
        let pairs = parse_pairs(text).map_err(|_| rejection())?;
        let mut names = Vec::new();
        for (name, value) in pairs {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| rejection())?;
            HeaderValue::from_str(&value).map_err(|_| rejection())?;
            if value.trim().is_empty() {
                return Err(rejection());
            }
            self.insert(name.as_str().into(), Secret::new(value));
            names.push(name.as_str().into());
        }
        Ok(Decided::Members(names))
    }

    fn is_secret(&self) -> bool {
        true
    }

    fn secrets(&mut self) -> Vec<(Option<&str>, &mut Secret)> {
        let entries = self.iter_mut();
        entries
            .map(|(name, secret)| (Some(name.as_str()), secret))
            .collect()
    }
}

impl Setting for Option<Secret> {
    fn read(&mut self, value: &Value, path: &str, context: &mut ReadContext<'_>) {
        let secret = match value {
            Value::Null => Ok(None),
            value => Secret::from_json(value).map(Some),
        };
        if let Some(secret) = context.ok(secret, path) {
            *self = secret;
            context.mark_set(path);
        }
    }

    fn apply_text(&mut self, text: &str, _: VariableSyntax) -> Result<Decided, InvalidValue> {
        *self = Some(Secret::new(text));
        Ok(Decided::Whole)
    }

    fn is_secret(&self) -> bool {
        true
    }

    fn secrets(&mut self) -> Vec<(Option<&str>, &mut Secret)> {
        self.iter_mut().map(|secret| (None, secret)).collect()
    }
}

/// Declares a section: a struct whose public fields are settings, each with its documentation, type,
/// default (else that of the type) and check (else none).
///
/// `rules` names a method that checks what concerns more than one field; `or null` stands where null is
/// an absent section. Private fields, which stand last, are no settings.
// Fully qualified paths, because the macro is used in modules that import none of this.
macro_rules! section {
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
    (@absent $value:ident $null:ident) => {
        if $value.is_null() {
            return;
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(, rules: $rules:ident)? $(or $null:ident)? {
            $(
                $(#[doc = $doc:literal])*
                pub $field:ident: $type:ty $(= $default:expr)? $(, $check:expr)?;
            )+
            $($private:ident: $private_type:ty;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                #[serde(serialize_with = "crate::config::setting::serialize_setting")]
                pub $field: $type,
            )+
            $(#[serde(skip)] $private: $private_type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: crate::config::setting::section!(@default $($default)?),)+
                    $($private: Default::default(),)*
                }
            }
        }

        impl crate::config::setting::Setting for $name {
            fn read(
                &mut self,
                value: &serde_json::Value,
                path: &str,
                context: &mut crate::config::reader::ReadContext<'_>,
            ) {
                $(crate::config::setting::section!(@absent value $null);)?
                crate::config::setting::read_section(self.fields(), value, path, context);
            }

            fn check(
                &self,
                path: &str,
                validator: &mut crate::config::validator::ConfigValidator<'_>,
            ) {
                $({
                    let path = crate::config::fault::join_path(path, stringify!($field));
                    crate::config::setting::Setting::check(&self.$field, &path, validator);
                    $(($check)(&self.$field, &path, validator);)?
                })+
                $(self.$rules(path, validator);)?
            }

            fn fields(&mut self) -> Vec<crate::config::setting::Field<'_>> {
                vec![$(
                    crate::config::setting::Field {
                        key: stringify!($field),
                        docs: &[$($doc),*],
                        setting: &mut self.$field,
                    },
                )+]
            }
        }
    };
}
pub(super) use section;
