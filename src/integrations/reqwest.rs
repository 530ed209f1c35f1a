//! Calls to other services by reqwest.
