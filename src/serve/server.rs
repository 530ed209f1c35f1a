//! Connections that no client can hold for ever: limits on time, size and number.
//!
//! | a client | meets |
//! |---|---|
//! | sends half a head, or nothing | `header_timeout` |
//! | sends a head without an end | 431, at 64 KiB or 100 fields |
//! | sends a body without an end | `body_timeout`, answered by 408 |
//! | doesn't read the answer | `write_timeout`, and a send buffer of a fixed size |
//! | keeps a connection that it doesn't use | `idle_timeout` |
//! | opens many | the cap: whichever waits for its client the longest makes room |
//!
//! Why make room, and not refuse or let wait? A probe that comes last decides on the life of the process, and
//! the connections before it may belong to a client that hoards them.
//!
//! | module | does |
//! |---|---|
//! | `activity` | knows for what a connection waits, and until when |
//! | `limited_io`, `limited_service` | tell it of bytes and of requests |
//! | `connections` | the cap |
//! | `acceptor` | accepts within the cap, and outlives errors |
//! | `with_peer` | tells handlers the client's address |
//! | `connection` | runs one until it ends or has to |
//! | `listener` | binds and serves, and ends in time |

mod limits;

mod activity;

mod limited_io;

mod limited_service;

mod connections;

mod acceptor;

mod with_peer;

mod connection;

mod listener;

pub(crate) use connections::Connections;
pub(crate) use limits::ConnectionLimits;
pub(crate) use listener::RunningServer;
