//! Where the object of a page is made.

use std::collections::BTreeSet;

use crate::engine::observe::bind::Bound;
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::View;

/// The place that a page names for its object, as the remote spells it.
pub(in crate::engine) fn place_of(bound: &Bound, page: &View) -> Result<Option<String>> {
    let said = page.bookkeeping.get("repository").map(|said| said.trim());
    let said = said.filter(|said| !said.is_empty());
    let places = &bound.github.places;
    let all: BTreeSet<&str> = places.values().map(String::as_str).collect();
    let refuse = |what: String| {
        let all: Vec<&str> = all.iter().copied().collect();
        Error::new(ErrorKind::Invalid, "choose the repository")
            .message(what)
            .remedy(format!(
                "write one of {} into the page's repository property, or add the repository to the \
                 mapping and give the connection access to it",
                all.join(", ")
            ))
    };
    match said {
        _ if places.is_empty() => Ok(said.map(str::to_owned)),
        Some(said) => match places.get(&place_name(said)) {
            Some(place) => Ok(Some(place.clone())),
            None => Err(refuse(format!(
                "{said:?} is no repository of this mapping, or cannot be seen"
            ))),
        },
        None if all.len() == 1 => Ok(None),
        None => Err(refuse("the page names no repository".to_owned())),
    }
}

/// `owner/name` in lower case, from a name or an address.
fn place_name(said: &str) -> String {
    let said = said.to_lowercase();
    let Some((_, address)) = said.split_once("://") else {
        return said;
    };
    let mut parts = address.trim_end_matches('/').split('/').skip(1);
    let owner = parts.next().unwrap_or_default();
    let name = parts.next().unwrap_or_default();
    format!("{owner}/{}", name.trim_end_matches(".git"))
}

#[cfg(test)]
mod tests {
    use super::place_name;

    #[test]
    fn a_repository_is_named_or_addressed() {
        for said in [
            "Acme/App",
            "https://github.com/acme/app",
            "https://GitHub.com/Acme/App.git",
            "https://ghe.example.org/acme/app/issues/3",
        ] {
            assert_eq!(place_name(said), "acme/app", "{said}");
        }
        assert_eq!(place_name("https://github.com"), "/");
    }
}
