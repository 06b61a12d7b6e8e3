//! The adapter against an emulator in the same process, and over loopback.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::type_complexity,
    reason = "tests stop where something is wrong, and say what they counted"
)]

mod access;
mod cards;
mod classification;
mod comments;
mod commits;
mod creations;
mod credentials;
mod deliveries;
mod effects_dispatch;
mod effects_fields;
mod effects_hands;
mod effects_hostile;
mod effects_merge;
mod effects_project;
mod effects_pulls;
mod effects_situations;
mod effects_support;
mod effects_taken_back;
mod files;
mod gate;
mod hostile;
mod issue_listings;
mod issue_meanwhile;
mod issue_parents;
mod issue_project_items;
mod issue_projects;
mod issue_races;
mod issues;
mod lost;
mod lost_objects;
mod named_effects;
mod proposals;
mod review_comments;
mod support;
mod transport;
mod webhook;
mod withdrawals;
