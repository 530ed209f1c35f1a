//! The methods that calls are told apart by: so many, and no more.
//!
//! Why is a path no label before it is known to be a method? Because a client writes it: each invented one would be
//! a series.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hashbrown::HashSet;
use opentelemetry::KeyValue;

use super::GRPC;
use crate::record::error_class::OTHER;
use crate::record::sync::lock;

/// Generated services have tens of methods; a process that has more than this passes calls of others on.
const MAX_METHODS: usize = 1000;
/// The longest name, in bytes.
const MAX_NAME: usize = 256;

/// The names of methods: a set that is replaced and never changed, as the series of instruments are.
#[derive(Debug, Default)]
pub(crate) struct RpcMethods {
    known: ArcSwap<HashSet<Arc<str>>>,
    /// Serializes writers: a copy that is stored must hold what the one before stored.
    insert_lock: Mutex<()>,
}

/// The method of a call, such as `shop.Orders/Get`.
#[derive(Clone, Debug)]
pub(crate) struct RpcMethod {
    /// As the path says it, without its first slash.
    name: Arc<str>,
    /// `false` where a client may have invented it.
    known: bool,
}

impl RpcMethods {
    /// Reads the path of a call.
    pub(crate) fn find(&self, path: &str) -> RpcMethod {
        let name = path.strip_prefix('/').unwrap_or(path);
        match self.known.load().get(name) {
            Some(name) => RpcMethod {
                name: Arc::clone(name),
                known: true,
            },
            None => RpcMethod {
                name: name.into(),
                known: false,
            },
        }
    }

    /// Takes note of a method which exists, unless it is one too many.
    pub(crate) fn add(&self, method: &mut RpcMethod) {
        if !method.known && method.is_well_formed() {
            method.known = self.insert(&method.name);
        }
    }

    /// Returns `true` if the name is in the set.
    #[cold]
    fn insert(&self, name: &Arc<str>) -> bool {
        // Without the lock first: past the limit every further method comes here.
        let known = self.known.load();
        if known.contains(&**name) || known.len() >= MAX_METHODS {
            return known.contains(&**name);
        }
        let _growing = lock(&self.insert_lock);
        let known = self.known.load_full();
        if known.contains(&**name) || known.len() >= MAX_METHODS {
            return known.contains(&**name);
        }
        let mut grown = HashSet::clone(&known);
        grown.insert(Arc::clone(name));
        if grown.len() == MAX_METHODS {
            // Once: nothing is added from now on.
            tracing::warn!(
                limit = MAX_METHODS,
                "calls have many methods: further ones are recorded as `_OTHER`"
            );
        }
        self.known.store(Arc::new(grown));
        true
    }
}

impl RpcMethod {
    /// The label: the name, or `_OTHER`.
    pub(crate) fn label(&self) -> &str {
        if self.known { &self.name } else { OTHER }
    }

    /// The name of a call's span: the method, or the system where no method is known.
    pub(crate) fn span_name(&self) -> &str {
        if self.known { &self.name } else { GRPC }
    }

    /// The name that the call came with, where the label is another one.
    fn original(&self) -> Option<&str> {
        (!self.known).then_some(&*self.name)
    }

    /// Returns `true` for a service and a method.
    fn is_well_formed(&self) -> bool {
        let parts = self.name.rsplit_once('/');
        self.name.len() <= MAX_NAME
            && parts.is_some_and(|(service, method)| !service.is_empty() && !method.is_empty())
    }
}

/// Returns the attributes of a call's span:
/// <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/> (1.45).
pub(crate) fn rpc_attributes(method: &RpcMethod) -> impl Iterator<Item = KeyValue> {
    let original = method.original();
    let original = original.map(|name| KeyValue::new("rpc.method_original", name.to_owned()));
    let attributes = [
        KeyValue::new("rpc.system.name", GRPC),
        KeyValue::new("rpc.method", method.label().to_owned()),
    ];
    attributes.into_iter().chain(original)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(methods: &RpcMethods, path: &str) -> String {
        let mut method = methods.find(path);
        methods.add(&mut method);
        method.label().to_owned()
    }

    #[test]
    fn a_path_is_a_method_once_it_is_known() {
        let methods = RpcMethods::default();
        let found = methods.find("/shop.Orders/Get");
        assert_eq!(found.label(), "_OTHER");
        assert_eq!(found.original(), Some("shop.Orders/Get"));
        assert_eq!(label(&methods, "/shop.Orders/Get"), "shop.Orders/Get");
        let found = methods.find("/shop.Orders/Get");
        assert_eq!(found.label(), "shop.Orders/Get");
        assert_eq!(found.original(), None);
    }

    #[test]
    fn what_names_no_service_or_no_method_is_none() {
        let methods = RpcMethods::default();
        let long = format!("/shop.Orders/{}", "x".repeat(MAX_NAME));
        for path in ["", "/", "/Get", "//Get", "/shop.Orders/", &*long] {
            assert_eq!(label(&methods, path), "_OTHER", "{path}");
        }
    }

    #[test]
    fn a_thousand_methods_keep_their_names_and_all_others_are_one() {
        let methods = RpcMethods::default();
        for number in 0..MAX_METHODS {
            let name = format!("shop.Orders/Get{number}");
            assert_eq!(label(&methods, &format!("/{name}")), name);
        }
        assert_eq!(label(&methods, "/shop.Orders/Get"), "_OTHER");
        assert_eq!(label(&methods, "/shop.Orders/Get0"), "shop.Orders/Get0");
    }
}
