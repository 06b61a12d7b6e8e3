//! Emulators of Notion and GitHub, faults, a virtual clock and conformance suites.
//!
//! The emulators are state machines without sockets: a request and the time go in, a reply comes
//! out ([`emulator::Emulator`]). They are written from the published behaviour of both services and
//! share no code with the adapters, so that a mistake in one cannot cancel a mistake in the other.

pub mod emulator;
