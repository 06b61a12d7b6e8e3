//! Emulators of Notion and GitHub, faults, a virtual clock, conformance suites and seeded simulations.
//!
//! The emulators are state machines without sockets: a request and the time go in, a reply comes
//! out ([`emulator::Emulator`]). They are written from the published behaviour of both services and
//! share no code with the adapters, so that a mistake in one cannot cancel a mistake in the other.

// The JSON of a repository has more members than the default depth of macro expansion allows.
#![recursion_limit = "512"]

pub mod bodies;
pub mod corpus;
pub mod emulator;
pub mod github;
pub mod model;
pub mod notion;
pub mod server;
pub mod simulation;
pub mod store_suite;
pub mod webhook;
