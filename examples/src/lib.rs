//! What the program `notion-sync` is made of, for tests and for embedders who want its settings.
//!
//! [`config`] and [`secrets`] are what a user writes down, [`wiring`] puts the crates together,
//! [`commands`] is the command line, [`demo`] and [`emulation`] need no service at all,
//! [`receiver`] sets up what takes webhooks.

pub mod commands;
pub mod config;
pub mod demo;
pub mod emulation;
pub mod exit;
pub mod receiver;
pub mod secrets;
mod signals;
mod temporary;
pub mod wiring;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
