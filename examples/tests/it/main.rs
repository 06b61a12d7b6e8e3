//! The program and what the project shows, from outside.

// Helpers of tests are not tests to the linter; figures are printed for whoever asks.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod any_comments;
mod any_paths;
mod any_text;
mod any_values;
mod checking;
mod commands;
mod config;
mod dead_letters;
mod embedding;
mod frozen;
mod half_way;
mod logging;
mod pointed_elsewhere;
mod readers;
mod rebuilding;
mod receiver;
#[path = "../../../notion-sync-receiver/tests/it/recorded.rs"]
mod recorded;
mod rekeying;
mod scene;
mod scratch;
#[path = "../../../notion-sync-receiver/tests/it/sent.rs"]
mod sent;
mod sentinel;
mod services;
mod serving;
mod shown_automation;
mod shown_bad_input;
mod shown_comments;
mod shown_crash;
mod shown_cut_off;
mod shown_deletion;
mod shown_documents;
mod shown_flood;
mod shown_hostile_text;
mod shown_identity;
mod shown_overlaps;
mod shown_parallel;
mod shown_parents;
mod shown_patience;
mod shown_projects;
mod shown_quiet;
mod shown_repositories;
mod shown_rules;
mod shown_schema;
mod shown_support;
mod shown_tasks;
mod shown_webhooks;
mod shown_workers;
mod temporary;
mod waiting;
