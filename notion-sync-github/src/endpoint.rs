//! Endpoints as data, and calls of them.

use std::fmt::Write as _;

use http::Method;
use serde_json::Value;

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// What calling it does, as an imperative fragment for errors and metrics.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// `{}` takes one segment, `{+}` a path whose slashes stay.
    pub(crate) path: &'static str,
    /// Whether it counts as creating content and notifies people.
    pub(crate) creates: bool,
    /// Whether answers may be kept and revalidated with their `ETag`.
    pub(crate) cached: bool,
    /// Whether it only reads, although its method is one that writes.
    pub(crate) reads: bool,
}

impl Endpoint {
    pub(crate) fn writes(&self) -> bool {
        !self.reads && !matches!(self.method, Method::GET | Method::HEAD)
    }
}

macro_rules! endpoints {
    ($($id:ident: $method:ident $path:literal, $name:literal $(, $flag:ident)*;)*) => {
        $(pub(crate) static $id: Endpoint = endpoints!(@one $method, $path, $name $(, $flag)*);)*

        /// Every endpoint that is ever called.
        #[cfg(test)]
        pub(crate) static ALL: &[&Endpoint] = &[$(&$id),*];
    };
    (@one $method:ident, $path:literal, $name:literal $(, $flag:ident)?) => {
        Endpoint {
            name: $name,
            method: Method::$method,
            path: $path,
            creates: endpoints!(@is creates $(, $flag)?),
            cached: endpoints!(@is cached $(, $flag)?),
            reads: endpoints!(@is reads $(, $flag)?),
        }
    };
    (@is creates, creates) => { true };
    (@is cached, cached) => { true };
    (@is reads, reads) => { true };
    (@is $wanted:ident $(, $flag:ident)?) => { false };
}

endpoints! {
    REPOSITORY_BY_NAME: GET "/repos/{}/{}", "look up a repository", cached;
    REPOSITORY: GET "/repositories/{}", "read a repository", cached;
    REF: GET "/repositories/{}/git/ref/heads/{+}", "read a branch";
    BRANCH: GET "/repositories/{}/branches/{}", "read a branch";
    BRANCH_CHECKS: GET "/repositories/{}/branches/{}/protection/required_status_checks", "read the protection of a branch";
    RULES: GET "/repositories/{}/rules/branches/{}", "read the rules of a branch";
    CHECK_RUNS: GET "/repositories/{}/commits/{}/check-runs", "list check runs";
    CHECK_SUITES: GET "/repositories/{}/commits/{}/check-suites", "list check suites";
    COMBINED_STATUS: GET "/repositories/{}/commits/{}/status", "read the statuses of a commit";
    COMPARE: GET "/repositories/{}/compare/{}...{}", "compare two commits";
    COMMITS: GET "/repositories/{}/commits", "list commits";
    GIT_COMMIT: GET "/repositories/{}/git/commits/{}", "read a commit";
    TREE: GET "/repositories/{}/git/trees/{}", "read a tree";
    BLOB: GET "/repositories/{}/git/blobs/{}", "read a file";
    CONTENTS: GET "/repositories/{}/contents/{+}", "read a file";
    CREATE_TREE: POST "/repositories/{}/git/trees", "write a tree";
    CREATE_COMMIT: POST "/repositories/{}/git/commits", "write a commit";
    CREATE_REF: POST "/repositories/{}/git/refs", "create a branch";
    UPDATE_REF: PATCH "/repositories/{}/git/refs/heads/{+}", "move a branch";
    DELETE_REF: DELETE "/repositories/{}/git/refs/heads/{+}", "delete a branch";
    PULLS: GET "/repositories/{}/pulls", "list pull requests";
    PULL: GET "/repositories/{}/pulls/{}", "read a pull request", cached;
    PULL_COMMITS: GET "/repositories/{}/pulls/{}/commits", "list the commits of a pull request";
    CREATE_PULL: POST "/repositories/{}/pulls", "open a pull request", creates;
    UPDATE_PULL: PATCH "/repositories/{}/pulls/{}", "change a pull request";
    MERGE: PUT "/repositories/{}/pulls/{}/merge", "merge a pull request";
    REVIEWS: GET "/repositories/{}/pulls/{}/reviews", "list the reviews of a pull request";
    REVIEW: GET "/repositories/{}/pulls/{}/reviews/{}", "read a review";
    REVIEW_COMMENTS: GET "/repositories/{}/pulls/{}/comments", "list review comments";
    REVIEW_COMMENT: GET "/repositories/{}/pulls/comments/{}", "read a review comment";
    REVIEWERS: POST "/repositories/{}/pulls/{}/requested_reviewers", "ask for a review";
    ISSUES: GET "/repositories/{}/issues", "list issues";
    ISSUE: GET "/repositories/{}/issues/{}", "read an issue", cached;
    CREATE_ISSUE: POST "/repositories/{}/issues", "create an issue", creates;
    UPDATE_ISSUE: PATCH "/repositories/{}/issues/{}", "change an issue";
    ADD_LABELS: POST "/repositories/{}/issues/{}/labels", "add labels";
    REMOVE_LABEL: DELETE "/repositories/{}/issues/{}/labels/{}", "remove a label";
    ADD_ASSIGNEES: POST "/repositories/{}/issues/{}/assignees", "add assignees";
    REMOVE_ASSIGNEES: DELETE "/repositories/{}/issues/{}/assignees", "remove assignees";
    ADD_SUB_ISSUE: POST "/repositories/{}/issues/{}/sub_issues", "set the parent of an issue";
    REMOVE_SUB_ISSUE: DELETE "/repositories/{}/issues/{}/sub_issue", "take an issue from its parent";
    COMMENTS: GET "/repositories/{}/issues/{}/comments", "list comments";
    REPOSITORY_COMMENTS: GET "/repositories/{}/issues/comments", "list comments";
    CREATE_COMMENT: POST "/repositories/{}/issues/{}/comments", "write a comment", creates;
    COMMENT: GET "/repositories/{}/issues/comments/{}", "read a comment";
    UPDATE_COMMENT: PATCH "/repositories/{}/issues/comments/{}", "change a comment";
    DELETE_COMMENT: DELETE "/repositories/{}/issues/comments/{}", "delete a comment";
    TIMELINE: GET "/repositories/{}/issues/{}/timeline", "read the timeline";
    CREATE_STATUS: POST "/repositories/{}/statuses/{}", "set a commit status";
    COMMIT_STATUSES: GET "/repositories/{}/commits/{}/statuses", "list the statuses of a commit";
    ISSUE_EVENTS: GET "/repositories/{}/issues/{}/events", "read the events";
    LABELS: GET "/repositories/{}/labels", "list labels", cached;
    CREATE_LABEL: POST "/repositories/{}/labels", "create a label";
    MILESTONES: GET "/repositories/{}/milestones", "list milestones", cached;
    ISSUE_TYPES: GET "/repositories/{}/issue-types", "list issue types", cached;
    ASSIGNEES: GET "/repositories/{}/assignees", "list assignable people", cached;
    ASSIGNABLE: GET "/repositories/{}/assignees/{}", "look up who can be assigned";
    DISPATCH: POST "/repositories/{}/actions/workflows/{}/dispatches", "start a workflow";
    WORKFLOW_RUNS: GET "/repositories/{}/actions/workflows/{}/runs", "list the runs of a workflow";
    USER: GET "/user", "ask whose token it is", cached;
    USER_BY_LOGIN: GET "/users/{}", "look up a person", cached;
    INSTALLATION_REPOSITORIES: GET "/installation/repositories", "list the repositories of the installation";
    APP_HOOK_DELIVERIES: GET "/app/hook/deliveries", "list deliveries of a webhook";
    APP_HOOK_DELIVERY: GET "/app/hook/deliveries/{}", "read a delivery of a webhook";
    REPOSITORY_HOOK_DELIVERIES: GET "/repositories/{}/hooks/{}/deliveries", "list deliveries of a webhook";
    REPOSITORY_HOOK_DELIVERY: GET "/repositories/{}/hooks/{}/deliveries/{}", "read a delivery of a webhook";
    ORG_HOOK_DELIVERIES: GET "/orgs/{}/hooks/{}/deliveries", "list deliveries of a webhook";
    ORG_HOOK_DELIVERY: GET "/orgs/{}/hooks/{}/deliveries/{}", "read a delivery of a webhook";
    GRAPHQL: POST "/graphql", "ask GraphQL";
    GRAPHQL_QUERY: POST "/graphql", "ask GraphQL", reads;
}

/// A call of an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) endpoint: &'static Endpoint,
    /// Path and query below the base, percent-encoded.
    pub(crate) target: String,
    pub(crate) body: Option<Value>,
    /// An `ETag` the caller keeps itself; a match answers 304.
    pub(crate) etag: Option<String>,
    /// Statuses that are answers to the caller, not errors.
    pub(crate) accepted: &'static [u16],
    /// Names and values that locate an error.
    pub(crate) context: Vec<(&'static str, String)>,
}

impl Call {
    /// Fills the segments of an endpoint's path. A missing argument gives an empty segment.
    pub(crate) fn new(endpoint: &'static Endpoint, arguments: &[&str]) -> Self {
        let mut target = String::with_capacity(endpoint.path.len() + 32);
        let mut arguments = arguments.iter();
        let mut rest = endpoint.path;
        while let Some(at) = rest.find('{') {
            let (before, tail) = rest.split_at(at);
            target.push_str(before);
            let argument = arguments.next().copied().unwrap_or_default();
            if let Some(after) = tail.strip_prefix("{+}") {
                target.push_str(&encode_path(argument));
                rest = after;
            } else {
                target.push_str(&encode(argument));
                rest = tail.strip_prefix("{}").unwrap_or_default();
            }
        }
        target.push_str(rest);
        Self {
            endpoint,
            target,
            body: None,
            etag: None,
            accepted: &[],
            context: Vec::new(),
        }
    }

    /// Whether the path survives HTTP clients: they fold `.` and `..` away, however encoded, and
    /// the service answers 404 to an empty segment.
    pub(crate) fn is_addressable(&self) -> bool {
        let path = self.target.split('?').next().unwrap_or_default();
        path.split('/')
            .skip(1)
            .all(|segment| !matches!(segment, "" | "." | ".."))
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        let sign = if self.target.contains('?') { '&' } else { '?' };
        // Writing to a string cannot fail.
        let _ = write!(self.target, "{sign}{}={}", encode(name), encode(value));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn if_changed(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    /// Has the caller look at these refusals itself.
    pub(crate) fn accept(mut self, statuses: &'static [u16]) -> Self {
        self.accepted = statuses;
        self
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl std::fmt::Display) -> Self {
        self.context.push((key, value.to_string()));
        self
    }
}

/// Percent-encodes one segment: everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Percent-encodes a path segment by segment.
pub(crate) fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_encoded_one_by_one() {
        let call = Call::new(&CONTENTS, &["7", "docs/a b#?%/ü.md"]).query("ref", "feature/x&y");
        assert_eq!(
            call.target,
            "/repositories/7/contents/docs/a%20b%23%3F%25/%C3%BC.md?ref=feature%2Fx%26y"
        );
        let call = Call::new(&REMOVE_LABEL, &["7", "3", "a/b: c"]);
        assert_eq!(call.target, "/repositories/7/issues/3/labels/a%2Fb%3A%20c");
        for bad in ["", ".", ".."] {
            assert!(
                !Call::new(&REMOVE_LABEL, &["7", "3", bad]).is_addressable(),
                "{bad}"
            );
        }
        assert!(!Call::new(&CONTENTS, &["7", "docs/../a.md"]).is_addressable());
        assert!(call.is_addressable());
        let call = Call::new(&COMPARE, &["7", "aa", "bb"]);
        assert_eq!(call.target, "/repositories/7/compare/aa...bb");
    }

    #[test]
    fn endpoints_are_consistent() {
        for endpoint in ALL {
            assert!(endpoint.path.starts_with('/'), "{}", endpoint.path);
            assert!(!endpoint.path.ends_with('/'), "{}", endpoint.path);
            assert!(!(endpoint.cached && endpoint.writes()), "{}", endpoint.path);
            assert!(!endpoint.creates || endpoint.writes(), "{}", endpoint.path);
            assert!(endpoint.name.starts_with(|c: char| c.is_ascii_lowercase()));
        }
    }
}
