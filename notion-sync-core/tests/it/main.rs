//! Tests of the core from outside.

// Helpers of tests are not tests to the linter; figures are printed for whoever asks.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod beside;
mod blocks;
mod comments;
mod dialect;
mod edit;
mod elements;
mod engine;
mod fidelity;
mod fixtures;
mod front_matter;
mod fuzzed;
mod hashes;
mod markdown;
mod markdown_properties;
mod merge;
mod merge_cases;
mod merge_ends;
mod merge_pool;
mod merge_text;
mod notion_documents;
mod notion_fixtures;
mod notion_markdown;
mod patch;
mod planner;
mod updates;
