//! What objects say about each other, and which pairs follow from it where the registry says nothing.
//!
//! An object on GitHub names a page by its id (front matter, hidden block). A page names an object by
//! address, path or number. Each of them alone is enough to find the other; where two of them
//! contradict each other nothing is guessed.

use std::collections::{BTreeMap, BTreeSet};

use crate::mapping::{MappingKind, View};

/// A page id without dashes, in lower case.
pub(in crate::engine) fn bare(id: &str) -> String {
    id.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// How an object of GitHub can be named. Two names are the same object if they are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) enum Name {
    /// Its address for people, without scheme; of an issue in lower case.
    Address(String),
    /// Path of a file.
    Path(String),
    /// `owner/name` in lower case, and the number.
    Number(String, String),
}

/// The names by which a page names its counterpart.
pub(in crate::engine) fn named_by_page(kind: MappingKind, page: &View) -> BTreeSet<Name> {
    let said = |key: &str| {
        (page.bookkeeping.get(key).map(|value| value.trim())).filter(|value| !value.is_empty())
    };
    let mut out = BTreeSet::new();
    match kind {
        MappingKind::Documents => {
            out.extend(said("url").map(address));
            out.extend(said("path").map(|path| Name::Path(path.to_owned())));
        }
        MappingKind::Tasks => {
            out.extend(said("url").map(issue_address));
            match (said("repository"), said("number")) {
                (Some(repository), Some(number)) => {
                    out.insert(numbered(repository, number));
                }
                (None, Some(number)) if said("url").is_none() => {
                    out.insert(Name::Number(String::new(), number.to_owned()));
                }
                _ => {}
            }
        }
    }
    out
}

/// The names that an object on GitHub goes by.
pub(in crate::engine) fn names_of(kind: MappingKind, object: &View) -> BTreeSet<Name> {
    let mut out = BTreeSet::new();
    match kind {
        MappingKind::Documents => {
            out.extend(object.url.as_deref().map(address));
            out.extend(object.place.clone().map(Name::Path));
        }
        MappingKind::Tasks => {
            out.extend(object.url.as_deref().map(issue_address));
            let said = |key: &str| object.bookkeeping.get(key);
            if let (Some(repository), Some(number)) = (said("repository"), said("number")) {
                out.insert(numbered(repository, number));
                // A data source without a property for the repository names the number alone.
                out.insert(Name::Number(String::new(), number.trim().to_owned()));
            }
        }
    }
    out
}

/// The names of an object as a record remembers them.
pub(in crate::engine) fn names_of_record(
    kind: MappingKind,
    path: Option<&str>,
    url: Option<&str>,
) -> BTreeSet<Name> {
    let mut out = BTreeSet::new();
    match kind {
        MappingKind::Documents => {
            out.extend(url.map(address));
            out.extend(path.map(|path| Name::Path(path.to_owned())));
        }
        MappingKind::Tasks => out.extend(url.map(issue_address)),
    }
    out
}

/// Whether a page says that it belongs to an object on GitHub, or that the sync made it.
pub(in crate::engine) fn is_marked_page(kind: MappingKind, page: &View) -> bool {
    let said = |key: &str| {
        page.bookkeeping
            .get(key)
            .is_some_and(|value| !value.trim().is_empty())
    };
    let names = said("url")
        || match kind {
            MappingKind::Documents => said("path"),
            MappingKind::Tasks => said("number"),
        };
    names || page.marker.created_by.is_some()
}

fn address(url: &str) -> Name {
    Name::Address(plain(url).to_owned())
}

/// The address of an issue says the same as repository and number.
fn issue_address(url: &str) -> Name {
    let plain = plain(url).to_lowercase();
    let mut parts = plain.rsplit('/');
    let (number, issues, name, owner) = (parts.next(), parts.next(), parts.next(), parts.next());
    match (owner, name, issues, number) {
        (Some(owner), Some(name), Some("issues"), Some(number))
            if !owner.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            numbered(&format!("{owner}/{name}"), number)
        }
        _ => Name::Address(plain),
    }
}

fn numbered(repository: &str, number: &str) -> Name {
    // A repository may be written as an address.
    let repository = plain(repository).to_lowercase();
    let mut parts = repository.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let owner = parts.next().unwrap_or_default();
    Name::Number(format!("{owner}/{name}"), number.trim().to_owned())
}

fn plain(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.trim_end_matches('/')
}

/// How an object stands that no record owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Standing {
    /// Its own marks or its partner's name the pair: index of the partner, and whether both do.
    Paired(usize, bool),
    /// It repeats the marks of an object that has its partner: index of that object, same side.
    Copy(usize),
    /// The marks around it contradict each other; why.
    Contested(&'static str),
    /// It names something that is not there, or was made by the sync and nothing names it.
    Orphan,
    /// It has no marks, and nothing names it.
    Unmarked,
}

/// Two objects claim one.
pub(in crate::engine) const TWICE: &str = "two objects claim the same counterpart";
/// The two sides name different partners.
pub(in crate::engine) const CROSSED: &str = "page and object on GitHub name different counterparts";

/// Who belongs to whom by the marks, by position: pages, objects of GitHub.
pub(in crate::engine) fn pair(
    kind: MappingKind,
    pages: &[&View],
    others: &[&View],
) -> (Vec<Standing>, Vec<Standing>) {
    let by_id: BTreeMap<String, usize> = pages
        .iter()
        .enumerate()
        .map(|(at, page)| (bare(&page.object.id), at))
        .collect();
    let mut by_name: BTreeMap<Name, BTreeSet<usize>> = BTreeMap::new();
    for (at, other) in others.iter().enumerate() {
        for name in names_of(kind, other) {
            by_name.entry(name).or_default().insert(at);
        }
    }
    // What each says: a page may name several objects (address and path), an object one page.
    let says: Vec<BTreeSet<usize>> = pages
        .iter()
        .map(|page| {
            (named_by_page(kind, page).iter())
                .filter_map(|name| by_name.get(name))
                .flatten()
                .copied()
                .collect()
        })
        .collect();
    let names: Vec<Option<Option<usize>>> = others
        .iter()
        .map(|other| {
            let named = other.marker.counterpart.as_deref()?;
            Some(by_id.get(&bare(named)).copied())
        })
        .collect();
    // The same the other way round: who is named by whom.
    let mut named_by: Vec<Vec<usize>> = vec![Vec::new(); pages.len()];
    for (o, named) in names.iter().enumerate() {
        if let Some(Some(p)) = named {
            named_by[*p].push(o);
        }
    }
    let mut said_by: Vec<Vec<usize>> = vec![Vec::new(); others.len()];
    for (p, said) in says.iter().enumerate() {
        for o in said {
            said_by[*o].push(p);
        }
    }
    let mut page_is: Vec<Option<Standing>> = vec![None; pages.len()];
    let mut other_is: Vec<Option<Standing>> = vec![None; others.len()];

    // Both name each other.
    for (p, said) in says.iter().enumerate() {
        let mutual: Vec<usize> = (said.iter().copied())
            .filter(|o| names[*o] == Some(Some(p)))
            .collect();
        match mutual.as_slice() {
            [] => {}
            [o] => {
                page_is[p] = Some(Standing::Paired(*o, true));
                other_is[*o] = Some(Standing::Paired(p, true));
            }
            several => {
                page_is[p] = Some(Standing::Contested(TWICE));
                for o in several {
                    other_is[*o] = Some(Standing::Contested(TWICE));
                }
            }
        }
    }
    // Others that say the same as one that has its partner are copies of it.
    for (o, named) in names.iter().enumerate() {
        if let (None, Some(Some(p))) = (&other_is[o], named)
            && let Some(Standing::Paired(original, _)) = page_is[*p]
        {
            other_is[o] = Some(Standing::Copy(original));
        }
    }
    for (p, said) in says.iter().enumerate() {
        if page_is[p].is_none()
            && let [o] = said.iter().copied().collect::<Vec<_>>().as_slice()
            && let Some(Standing::Paired(original, _)) = other_is[*o]
        {
            page_is[p] = Some(Standing::Copy(original));
        }
    }
    // Only the object on GitHub names the page.
    for p in 0..pages.len() {
        if page_is[p].is_some() {
            continue;
        }
        let naming: Vec<usize> = (named_by[p].iter().copied())
            .filter(|o| other_is[*o].is_none())
            .collect();
        // A file that moved leaves its old path on the page. The number of an issue never changes.
        let dangles = kind == MappingKind::Tasks && !named_by_page(kind, pages[p]).is_empty();
        match naming.as_slice() {
            [] => {}
            [o] if says[p].is_empty() && !dangles => {
                page_is[p] = Some(Standing::Paired(*o, false));
                other_is[*o] = Some(Standing::Paired(p, false));
            }
            several => {
                let why = if several.len() > 1 { TWICE } else { CROSSED };
                page_is[p] = Some(Standing::Contested(why));
                for o in several.iter().chain(&says[p]) {
                    other_is[*o].get_or_insert(Standing::Contested(why));
                }
            }
        }
    }
    // Only pages name the object.
    for o in 0..others.len() {
        if other_is[o].is_some() {
            continue;
        }
        let naming: Vec<usize> = (said_by[o].iter().copied())
            .filter(|p| page_is[*p].is_none())
            .collect();
        match naming.as_slice() {
            [] => {}
            [p] if names[o].is_none() && says[*p].len() == 1 => {
                page_is[*p] = Some(Standing::Paired(o, false));
                other_is[o] = Some(Standing::Paired(*p, false));
            }
            several => {
                let why = if several.len() > 1 { TWICE } else { CROSSED };
                other_is[o] = Some(Standing::Contested(why));
                for p in several {
                    page_is[*p] = Some(Standing::Contested(why));
                }
            }
        }
    }
    let page_is = page_is.into_iter().enumerate().map(|(p, standing)| {
        standing.unwrap_or_else(|| match says[p].is_empty() {
            true if !is_marked_page(kind, pages[p]) => Standing::Unmarked,
            true => Standing::Orphan,
            // What it names has another partner.
            false => Standing::Contested(CROSSED),
        })
    });
    let other_is = other_is.into_iter().enumerate().map(|(o, standing)| {
        standing.unwrap_or(match names[o] {
            None => Standing::Unmarked,
            Some(None) => Standing::Orphan,
            Some(Some(_)) => Standing::Contested(CROSSED),
        })
    });
    (page_is.collect(), other_is.collect())
}
