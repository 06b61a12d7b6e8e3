//! Where GitHub is and how carefully it is asked.

use http::Uri;
use notion_sync_core::bounds::Bounds;
use notion_sync_core::{Error, ErrorKind, Result};

use crate::gate::RateLimits;

/// The REST base of github.com.
pub const API_URL: &str = "https://api.github.com";
/// The API version every request pins.
pub const API_VERSION: &str = "2026-03-10";
/// Most bytes of one answer. A recursive tree has at most 7 MB, a blob of 1 MiB travels as 1.4 MB.
pub const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Where GitHub is and how carefully it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubSettings {
    /// REST base, `https://api.github.com` or `https://HOST/api/v3` of an Enterprise server.
    pub api_url: String,
    /// GraphQL address; derived from `api_url` when `None`.
    pub graphql_url: Option<String>,
    /// Value of `X-GitHub-Api-Version`.
    pub api_version: String,
    /// Limits of the rate gate.
    pub limits: RateLimits,
    /// Most bytes of one answer; a larger one is refused.
    pub max_answer_bytes: usize,
    /// Bounds of time; of these `github_overlap`, `late_commit` and `request_deadline` are used.
    pub bounds: Bounds,
}

impl Default for GithubSettings {
    fn default() -> Self {
        Self {
            api_url: API_URL.to_owned(),
            graphql_url: None,
            api_version: API_VERSION.to_owned(),
            limits: RateLimits::default(),
            max_answer_bytes: MAX_ANSWER_BYTES,
            bounds: Bounds::default(),
        }
    }
}

impl GithubSettings {
    /// Settings for another base address.
    #[must_use]
    pub fn at(api_url: impl Into<String>) -> Self {
        Self {
            api_url: api_url.into(),
            ..Self::default()
        }
    }

    /// Says what is wrong with the settings.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for an address that is not absolute, that uses plain HTTP to
    /// another machine, or for a version that cannot stand in a header.
    pub fn validate(&self) -> Result<()> {
        Origin::parse(&self.api_url)?;
        Origin::parse(&self.graphql())?;
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.api_version.is_empty() || !self.api_version.chars().all(fits) {
            return Err(fault("the API version is not a date such as 2026-03-10"));
        }
        Ok(())
    }

    /// The GraphQL address.
    ///
    /// An Enterprise server has it beside the REST base (`/api/graphql`), github.com below it.
    #[must_use]
    pub fn graphql(&self) -> String {
        if let Some(url) = &self.graphql_url {
            return url.clone();
        }
        let base = self.api_url.trim_end_matches('/');
        match base.strip_suffix("/v3") {
            Some(api) => format!("{api}/graphql"),
            None => format!("{base}/graphql"),
        }
    }

    pub(crate) fn base(&self) -> &str {
        self.api_url.trim_end_matches('/')
    }

    /// The path in front of every route: empty, or `/api/v3`.
    pub(crate) fn base_path(&self) -> String {
        let uri = self.base().parse::<Uri>().unwrap_or_default();
        uri.path().trim_end_matches('/').to_owned()
    }
}

/// Scheme, host and port of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) scheme: String,
    pub(crate) authority: String,
}

impl Origin {
    /// Takes the origin of an absolute address. Plain HTTP is accepted for loopback only, because
    /// every request carries a credential.
    pub(crate) fn parse(address: &str) -> Result<Self> {
        let uri: Uri = address
            .parse()
            .map_err(|_| fault("an address is not a URL").with("address", address))?;
        Self::of(&uri).map_err(|error| error.with("address", address))
    }

    pub(crate) fn of(uri: &Uri) -> Result<Self> {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(fault("an address needs a scheme and a host"));
        };
        let plain = match scheme {
            "https" => false,
            "http" => true,
            _ => return Err(fault("an address must use https")),
        };
        if authority.as_str().contains('@') {
            return Err(fault("an address must not contain credentials"));
        }
        if plain && !is_loopback(authority.host()) {
            return Err(fault("plain http is allowed to loopback only").remedy("use https"));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            authority: authority.as_str().to_ascii_lowercase(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn fault(message: &str) -> Error {
    Error::new(ErrorKind::Configuration, "use the GitHub settings").message(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_reaches_loopback_only() {
        for (address, fine) in [
            ("https://api.github.com", true),
            ("https://git.example.com/api/v3", true),
            ("http://127.0.0.1:8080", true),
            ("http://localhost:1", true),
            ("http://[::1]:8080", true),
            ("http://127.0.0.1.example.com", false),
            ("http://example.com", false),
            ("http://10.0.0.1", false),
            ("https://user:secret@api.github.com", false),
            ("ftp://api.github.com", false),
            ("/api", false),
            ("", false),
        ] {
            let settings = GithubSettings::at(address);
            assert_eq!(settings.validate().is_ok(), fine, "{address}");
        }
    }

    #[test]
    fn graphql_stands_beside_or_below_the_rest_base() {
        for (base, graphql) in [
            ("https://api.github.com", "https://api.github.com/graphql"),
            ("https://api.github.com/", "https://api.github.com/graphql"),
            ("https://h/api/v3", "https://h/api/graphql"),
            ("https://h/api/v3/", "https://h/api/graphql"),
        ] {
            assert_eq!(GithubSettings::at(base).graphql(), graphql);
        }
        assert_eq!(
            GithubSettings::at("https://h/api/v3/").base_path(),
            "/api/v3"
        );
    }
}
