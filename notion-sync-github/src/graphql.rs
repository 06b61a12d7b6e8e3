//! GraphQL: one address, and errors that come with status 200.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use notion_sync_core::{Error, ErrorKind, Result};
use serde_json::{Map, Value, json};

use crate::client::GithubClient;
use crate::endpoint::{Call, Endpoint, GRAPHQL, GRAPHQL_QUERY};
use crate::failure::{brief, is_rule, rate_limited};
use crate::gate::{Limit, header};
use crate::repository::RepositoryInfo;

impl GithubClient {
    /// Changes something by GraphQL and answers `data`.
    pub(crate) async fn graphql(
        &self,
        during: &'static str,
        query: &str,
        variables: Value,
    ) -> Result<Value> {
        let answer = self.graphql_on(&GRAPHQL, during, query, variables).await?;
        let (data, mut errors, _) = answer;
        match errors.is_empty() {
            true => Ok(data),
            false => Err(errors.swap_remove(0)),
        }
    }

    /// Asks GraphQL and answers `data` with what is wrong in parts of it: those parts are null. An
    /// error that says nothing about a part (a limit, a failure of the service) is one of the call.
    pub(crate) async fn ask(
        &self,
        during: &'static str,
        query: &str,
        variables: Value,
    ) -> Result<(Value, Vec<Error>)> {
        let (data, errors, _) = self.ask_at(during, query, variables).await?;
        Ok((data, errors))
    }

    /// The same, and how far the service's own clock had come.
    pub(crate) async fn ask_at(
        &self,
        during: &'static str,
        query: &str,
        variables: Value,
    ) -> Result<(Value, Vec<Error>, Option<DateTime<Utc>>)> {
        self.graphql_on(&GRAPHQL_QUERY, during, query, variables)
            .await
    }

    async fn graphql_on(
        &self,
        endpoint: &'static Endpoint,
        during: &'static str,
        query: &str,
        variables: Value,
    ) -> Result<(Value, Vec<Error>, Option<DateTime<Utc>>)> {
        let body = json!({"query": query, "variables": variables});
        let answer = self.call(Call::new(endpoint, &[]).body(body)).await?;
        let envelope: Value = answer.json()?;
        let errors = envelope.get("errors").and_then(Value::as_array);
        let mut found = Vec::new();
        for error in errors.into_iter().flatten() {
            let error = self.graphql_error(during, error, &answer.headers);
            if matches!(
                error.kind(),
                ErrorKind::RateLimited | ErrorKind::Unavailable
            ) {
                return Err(error);
            }
            found.push(error);
        }
        match envelope.get("data") {
            Some(data) if data.is_object() => Ok((data.clone(), found, answer.answered_at())),
            // Nothing was answered at all: the first error says why.
            _ if !found.is_empty() => Err(found.swap_remove(0)),
            _ => Err(answer.lacks("data")),
        }
    }

    fn graphql_error(&self, during: &'static str, error: &Value, headers: &HeaderMap) -> Error {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let message = text("message");
        let lower = message.to_ascii_lowercase();
        let now = self.now();
        let limit = match text("type") {
            "RATE_LIMITED" | "RATE_LIMIT" => {
                let reset = header(headers, "x-ratelimit-reset")
                    .and_then(|n| n.parse().ok())
                    .and_then(crate::gate::moment);
                Some(match reset {
                    Some(until) => Limit::Primary {
                        until: until + chrono::Duration::seconds(1),
                    },
                    None => Limit::Secondary { until: None },
                })
            }
            _ if lower.contains("secondary rate") => Some(Limit::Secondary { until: None }),
            _ => None,
        };
        if let Some(limit) = limit {
            let until = self.limited(limit, now);
            return rate_limited(during, limit, until);
        }
        let rule = is_rule(&lower);
        let kind = match text("type") {
            "STALE_DATA" => ErrorKind::Stale,
            "NOT_FOUND" => ErrorKind::NotFound,
            _ if rule => ErrorKind::Blocked,
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" => ErrorKind::Forbidden,
            "UNPROCESSABLE" => ErrorKind::Invalid,
            _ if lower.contains("something went wrong") => ErrorKind::Unavailable,
            "" if error.get("extensions").is_none() => ErrorKind::Unavailable,
            _ => ErrorKind::Invalid,
        };
        let error = Error::new(kind, during).message(brief(message));
        match kind {
            ErrorKind::Blocked => error.remedy(crate::failure::DELIVER_REMEDY),
            ErrorKind::Forbidden => error.remedy("check the permissions of the credential"),
            _ => error,
        }
    }
}

/// How a document for [`of_repository`] begins that is made for the numbers it asks about.
pub(crate) const OF_REPOSITORY: &str =
    "query($owner:String!,$name:String!){repository(owner:$owner,name:$name){databaseId";

/// Asks something of one repository. GraphQL takes names only, and a name can have come to another
/// repository: the answer is refused where its id is not the one the pairs were made with.
///
/// Answers what is below `repository`, and what is wrong in parts of it.
pub(crate) async fn of_repository(
    client: &GithubClient,
    during: &'static str,
    repository: &RepositoryInfo,
    query: &str,
    variables: Map<String, Value>,
) -> Result<(Value, Vec<Error>)> {
    let (owner, name) = repository
        .full_name
        .split_once('/')
        .unwrap_or((repository.full_name.as_str(), ""));
    let mut all = variables;
    all.insert("owner".to_owned(), json!(owner));
    all.insert("name".to_owned(), json!(name));
    let (mut data, mut errors) = client.ask(during, query, Value::Object(all)).await?;
    let found = data
        .get_mut("repository")
        .map(Value::take)
        .unwrap_or_default();
    if !found.is_object() {
        return Err(if errors.is_empty() {
            Error::new(ErrorKind::NotFound, during).with("repository", &repository.full_name)
        } else {
            errors.swap_remove(0)
        });
    }
    let id = found.get("databaseId").and_then(Value::as_u64);
    if id.is_some_and(|id| id != repository.id) {
        return Err(Error::new(ErrorKind::Configuration, during)
            .with("repository", &repository.full_name)
            .message("the name now belongs to another repository")
            .remedy("configure the new name of the old repository"));
    }
    Ok((found, errors))
}
