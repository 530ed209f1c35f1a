//! A middleware and the routes for actix-web.
