//! Which endpoint a request asks: its method, and its path with names for what varies.

use notion_sync_core::http::Request;
use notion_sync_core::id::Side;

/// Where what follows is one name, whatever it holds: branches and paths have slashes.
const TAILS: [&str; 5] = [
    "git/ref/heads",
    "git/refs/heads",
    "contents",
    "branches",
    "compare",
];
/// What stands behind one of these is a name.
const NAMED: [&str; 4] = ["properties", "labels", "workflows", "collaborators"];

/// The name of the endpoint of a request, for example `notion PATCH /v1/pages/{id}` or
/// `github POST /graphql mutation addProjectV2ItemById`.
pub(super) fn endpoint(side: Side, request: &Request) -> String {
    let service = match side {
        Side::Notion => "notion",
        Side::Github => "github",
    };
    let path = request.uri().path();
    if side == Side::Github && path.ends_with("/graphql") {
        let asked = asked(request.body()).unwrap_or_else(|| "?".to_owned());
        return format!("{service} POST /graphql {asked}");
    }
    let further = if is_further(request) {
        ", further page"
    } else {
        ""
    };
    format!("{service} {} {}{further}", request.method(), route(path))
}

/// Whether a request asks for another page of a list than the first.
fn is_further(request: &Request) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let asked = query.split('&').any(|part| {
        part.strip_prefix("page=").is_some_and(|page| page != "1")
            || part.starts_with("start_cursor=")
    });
    asked
        || request
            .body()
            .windows(14)
            .any(|at| at == b"\"start_cursor\"")
}

/// A path with names for what varies.
fn route(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let mut out = String::new();
    let mut at = 0;
    while at < parts.len() {
        let part = parts[at];
        let rest = parts[at..].join("/");
        if at == 0 && part == "repos" {
            out.push_str("/repos/{owner}/{name}");
            at += 3;
            continue;
        }
        let tail = TAILS.iter().find(|tail| {
            rest.strip_prefix(**tail)
                .is_some_and(|rest| rest.starts_with('/'))
        });
        if let (Some(tail), true) = (tail, at > 0) {
            out.push('/');
            out.push_str(tail);
            // What is asked of a branch is another endpoint than the branch.
            out.push_str(match rest.rsplit_once("/protection/") {
                Some(_) => "/{}/protection",
                None => "/{}",
            });
            break;
        }
        out.push('/');
        let named = at > 0 && NAMED.contains(&parts[at - 1]);
        out.push_str(if named || varies(part) { "{}" } else { part });
        at += 1;
    }
    out
}

/// Whether a segment is an id, a number or a hash.
fn varies(part: &str) -> bool {
    let digits = part.chars().filter(char::is_ascii_digit).count();
    let hex = part.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    digits > 0 && (digits == part.len() || (hex && part.len() >= 32))
}

/// What a GraphQL document asks first: the kind of operation, its first field and, of a query, the
/// first field below that.
fn asked(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let document = body.get("query")?.as_str()?.trim_start();
    let kind = if document.starts_with("mutation") {
        "mutation"
    } else {
        "query"
    };
    let mut fields = fields(document);
    let mut out = format!("{kind} {}", fields.next()?);
    if kind == "query"
        && let Some(below) = fields.next()
    {
        out.push('.');
        out.push_str(&below);
    }
    Some(out)
}

/// The first field of each selection, from the outermost on. Aliases, arguments and spreads are left
/// out.
fn fields(document: &str) -> impl Iterator<Item = String> + '_ {
    let mut chars = document.chars().peekable();
    let mut parentheses = 0_u32;
    let mut open = false;
    std::iter::from_fn(move || {
        loop {
            match chars.next()? {
                '(' => parentheses += 1,
                ')' => parentheses = parentheses.saturating_sub(1),
                '{' if parentheses == 0 => open = true,
                '.' if parentheses == 0 => {
                    // `...on Kind {`: the selection below it is the same one.
                    open = false;
                }
                c if open && parentheses == 0 && (c.is_ascii_alphabetic() || c == '_') => {
                    let mut name = c.to_string();
                    while let Some(next) =
                        chars.next_if(|next| next.is_ascii_alphanumeric() || *next == '_')
                    {
                        name.push(next);
                    }
                    while chars.next_if(|next| next.is_whitespace()).is_some() {}
                    if chars.next_if_eq(&':').is_none() {
                        open = false;
                        return Some(name);
                    }
                }
                _ => {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(side: Side, method: &str, path: &str, body: &str) -> String {
        let request = http_request(method, path, body);
        endpoint(side, &request)
    }

    fn http_request(method: &str, path: &str, body: &str) -> Request {
        let mut request = Request::new(body.to_owned().into());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    #[test]
    fn what_varies_has_a_name() {
        for (side, method, path, name) in [
            (
                Side::Notion,
                "PATCH",
                "/v1/pages/64fd9460-f93e-8830-ad93-29e3a27b81b3",
                "notion PATCH /v1/pages/{}",
            ),
            (
                Side::Notion,
                "GET",
                "/v1/pages/64fd9460f93e8830ad9329e3a27b81b3/properties/aB3",
                "notion GET /v1/pages/{}/properties/{}",
            ),
            (
                Side::Github,
                "GET",
                "/repositories/7/issues?per_page=2&page=3",
                "github GET /repositories/{}/issues, further page",
            ),
            (
                Side::Github,
                "GET",
                "/repos/acme/handbook",
                "github GET /repos/{owner}/{name}",
            ),
            (
                Side::Github,
                "GET",
                "/repositories/7/git/ref/heads/nsync/abc",
                "github GET /repositories/{}/git/ref/heads/{}",
            ),
            (
                Side::Github,
                "GET",
                "/repositories/7/contents/docs/a.md?ref=main",
                "github GET /repositories/{}/contents/{}",
            ),
            (
                Side::Github,
                "DELETE",
                "/repositories/7/issues/12/labels/bug",
                "github DELETE /repositories/{}/issues/{}/labels/{}",
            ),
            (
                Side::Github,
                "GET",
                "/repositories/7/git/trees/0123456789012345678901234567890123456789",
                "github GET /repositories/{}/git/trees/{}",
            ),
        ] {
            assert_eq!(named(side, method, path, ""), name);
        }
    }

    #[test]
    fn graphql_is_told_by_what_it_asks() {
        for (document, name) in [
            (
                "mutation($id:ID!){markReady(input:{id:$id}){clientMutationId}}",
                "mutation markReady",
            ),
            (
                "query($o:String!){a: repository(owner:$o,name:\"x\"){databaseId issue{id}}}",
                "query repository.databaseId",
            ),
            ("query{viewer{login}}", "query viewer.login"),
            (
                "query($id:ID!){node(id:$id){...on Issue{projectItems{nodes{id}}}}}",
                "query node.projectItems",
            ),
        ] {
            let body = serde_json::json!({"query": document}).to_string();
            assert_eq!(
                named(Side::Github, "POST", "/graphql", &body),
                format!("github POST /graphql {name}")
            );
        }
    }
}
