//! Tests of the Notion adapter from outside.

// A test fails by panicking and tells what it saw; the settings for tests do not reach helpers.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod access;
mod classification;
mod comments;
mod fixtures;
mod hostile;
mod lost;
mod races;
mod reading;
mod resumption;
mod scripted;
mod stage;
mod transport;
mod webhook;
mod writing;
