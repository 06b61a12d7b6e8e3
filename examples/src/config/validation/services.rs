//! Where the services are, and how they are asked.

use std::collections::BTreeSet;

use notion_sync_github::{API_URL, GithubSettings, RateLimits};

use super::Check;
use crate::config::{Config, Faults, Places};

impl Config {
    /// What is wrong with where the services are, and how they are asked.
    pub(in crate::config) fn check_services(&self, places: &Places) -> Faults {
        let mut check = Check::new(self, places);
        check.services(self);
        check.faults
    }
}

impl Check<'_> {
    pub(super) fn services(&mut self, config: &Config) {
        let notion = &config.notion;
        self.address("notion.base_url", &notion.base_url);
        self.version("notion.version", &notion.version);
        if notion.requests_per_minute == 0 {
            self.fault(
                "notion.requests_per_minute",
                "no request would ever be sent",
                "write 180, or 600 on Business and Enterprise plans",
            );
        }
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for (role, name, _) in notion.properties.roles() {
            let key = format!("notion.properties.{role}");
            if name.trim().is_empty() {
                self.property(&key, name);
            } else if !names.insert(name) {
                self.fault(
                    &key,
                    format!("the property {name:?} has two roles"),
                    "give each role its own property",
                );
            }
        }
        let github = &config.github;
        self.address("github.api_url", &github.api_url);
        if let Some(url) = &github.graphql_url {
            self.address("github.graphql_url", url);
        }
        if let Some(url) = &github.web_url {
            self.address("github.web_url", url);
        }
        self.version("github.version", &github.version);
        let limits = RateLimits::default();
        for (key, value, safe) in [
            (
                "github.write_spacing_ms",
                github.write_spacing_ms,
                limits.write_spacing_ms,
            ),
            (
                "github.notify_spacing_ms",
                github.notify_spacing_ms,
                limits.notify_spacing_ms,
            ),
        ] {
            if value < safe && !config.is_local() {
                self.fault(
                    key,
                    format!("{value} is below {safe}, the pause that GitHub asks for"),
                    "remove the key; less is accepted only where both services are on loopback",
                );
            }
        }
        let published = github.api_url.trim_end_matches('/') == API_URL;
        // A write takes five points.
        for (key, value, least, most) in [
            (
                "github.points_per_minute",
                github.points_per_minute,
                5,
                limits.points_per_minute,
            ),
            (
                "github.content_per_minute",
                github.content_per_minute,
                1,
                limits.content_per_minute,
            ),
            (
                "github.content_per_hour",
                github.content_per_hour,
                1,
                limits.content_per_hour,
            ),
        ] {
            if value < least {
                self.fault(
                    key,
                    format!("{value} leaves nothing to send"),
                    format!("remove the key: GitHub allows {most}"),
                );
            } else if value > most && published {
                self.fault(
                    key,
                    format!("{value} is above {most}, the limit that GitHub publishes"),
                    "remove the key; more is accepted where `api_url` names an Enterprise server",
                );
            }
        }
    }

    fn address(&mut self, key: &str, url: &str) {
        if let Err(error) = GithubSettings::at(url).validate() {
            let text = error.to_string();
            // The error repeats the address, in which a password may stand before the host.
            let why = text.rsplit(": ").next().unwrap_or("not valid").to_owned();
            let shown = url.rsplit('@').next().unwrap_or_default();
            self.fault(
                key,
                format!("{shown:?} cannot be used: {why}"),
                "write an https address; plain http is accepted for loopback only",
            );
        }
    }

    fn version(&mut self, key: &str, version: &str) {
        let digits = version.chars().filter(char::is_ascii_digit).count();
        let fits = |c: char| c.is_ascii_digit() || c == '-';
        if digits != 8 || version.len() != 10 || !version.chars().all(fits) {
            self.fault(
                key,
                format!("{version:?} is no version of the API"),
                "write a date such as 2026-03-11, or remove the key",
            );
        }
    }
}

/// Whether an address is on this machine.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') {
        return false;
    }
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(""),
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
