//! The emulators and the simulation from outside.

mod github_apps;
mod github_checks;
mod github_content;
mod github_git;
mod github_graphql;
mod github_issue_lists;
mod github_issues;
mod github_later;
mod github_mergeability;
mod github_openapi;
mod github_project_events;
mod github_projects;
mod github_protocol;
mod github_pulls;
mod github_reviews;
mod github_rollup;
mod github_rules;
mod github_schema;
mod github_server;
mod github_situations;
mod github_sub_issues;
mod github_support;
mod github_webhooks;

mod notion_blocks;
mod notion_body;
mod notion_faults;
mod notion_fixed_points;
mod notion_pages;
mod notion_people;
mod notion_properties;
mod notion_query;
mod notion_recorded;
mod notion_shapes;
mod notion_support;

mod simulation;
mod simulation_http;
