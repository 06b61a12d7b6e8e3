//! What Notion accepts in one request, as constants and as a check.
//!
//! The numbers are those of Notion's published request limits for API version 2026-03-11. Text is
//! measured in UTF-16 code units, because that is what the service counts; sizes of requests are
//! bytes of JSON.

use serde_json::Value;

use super::validation::Checker;

/// Longest `text.content` of one rich text object, in UTF-16 units.
pub const TEXT_UNITS: usize = 2_000;
/// Longest URL, in UTF-16 units.
pub const URL_UNITS: usize = 2_000;
/// Longest `equation.expression`, in UTF-16 units.
pub const EQUATION_UNITS: usize = 1_000;
/// Most elements of any array of blocks or of rich text objects.
pub const ARRAY_ITEMS: usize = 100;
/// Most block elements of one request, nested ones included.
pub const REQUEST_BLOCKS: usize = 1_000;
/// Largest request in bytes.
pub const REQUEST_BYTES: usize = 500_000;
/// Levels of children below an appended block.
pub const NESTED_LEVELS: usize = 2;
/// Longest text of one block: a full array of full rich text objects.
pub const BLOCK_UNITS: usize = TEXT_UNITS * ARRAY_ITEMS;

/// What a reader accepts before it gives up. Errors name the limit and what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest source in bytes.
    pub bytes: usize,
    /// Most blocks, nested ones included.
    pub blocks: usize,
    /// Deepest nesting of blocks.
    pub depth: usize,
}

impl Default for Limits {
    /// 8 MiB (Notion answers with up to about 20,000 blocks), 25,000 blocks, 64 levels.
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            blocks: 25_000,
            depth: 64,
        }
    }
}

/// Names of code languages that Notion accepts, sorted. Anything else is refused with an error that
/// lists these.
pub const CODE_LANGUAGES: [&str; 90] = [
    "abap",
    "abc",
    "agda",
    "arduino",
    "ascii art",
    "assembly",
    "bash",
    "basic",
    "bnf",
    "c",
    "c#",
    "c++",
    "clojure",
    "coffeescript",
    "coq",
    "css",
    "dart",
    "dhall",
    "diff",
    "docker",
    "ebnf",
    "elixir",
    "elm",
    "erlang",
    "f#",
    "flow",
    "fortran",
    "gherkin",
    "glsl",
    "go",
    "graphql",
    "groovy",
    "haskell",
    "hcl",
    "html",
    "idris",
    "java",
    "java/c/c++/c#",
    "javascript",
    "json",
    "julia",
    "kotlin",
    "latex",
    "less",
    "lisp",
    "livescript",
    "llvm ir",
    "lua",
    "makefile",
    "markdown",
    "markup",
    "mathematica",
    "matlab",
    "mermaid",
    "nix",
    "notion formula",
    "objective-c",
    "ocaml",
    "pascal",
    "perl",
    "php",
    "plain text",
    "powershell",
    "prolog",
    "protobuf",
    "purescript",
    "python",
    "r",
    "racket",
    "reason",
    "ruby",
    "rust",
    "sass",
    "scala",
    "scheme",
    "scss",
    "shell",
    "smalltalk",
    "solidity",
    "sql",
    "swift",
    "toml",
    "typescript",
    "vb.net",
    "verilog",
    "vhdl",
    "visual basic",
    "webassembly",
    "xml",
    "yaml",
];

/// Other names of those languages as people write them in a fence, sorted by the first column.
const LANGUAGE_ALIASES: [(&str, &str); 74] = [
    ("asm", "assembly"),
    ("bat", "powershell"),
    ("cc", "c++"),
    ("clj", "clojure"),
    ("coffee", "coffeescript"),
    ("console", "shell"),
    ("cpp", "c++"),
    ("cs", "c#"),
    ("csharp", "c#"),
    ("cucumber", "gherkin"),
    ("cxx", "c++"),
    ("delphi", "pascal"),
    ("dockerfile", "docker"),
    ("erl", "erlang"),
    ("ex", "elixir"),
    ("exs", "elixir"),
    ("fs", "f#"),
    ("fsharp", "f#"),
    ("gherkin", "gherkin"),
    ("golang", "go"),
    ("gql", "graphql"),
    ("h", "c"),
    ("hpp", "c++"),
    ("hs", "haskell"),
    ("htm", "html"),
    ("ino", "arduino"),
    ("jl", "julia"),
    ("js", "javascript"),
    ("json5", "json"),
    ("jsonc", "json"),
    ("jsx", "javascript"),
    ("kt", "kotlin"),
    ("kts", "kotlin"),
    ("llvm", "llvm ir"),
    ("make", "makefile"),
    ("md", "markdown"),
    ("mk", "makefile"),
    ("ml", "ocaml"),
    ("mysql", "sql"),
    ("node", "javascript"),
    ("objc", "objective-c"),
    ("objectivec", "objective-c"),
    ("octave", "matlab"),
    ("patch", "diff"),
    ("pgsql", "sql"),
    ("pl", "perl"),
    ("plain", "plain text"),
    ("plaintext", "plain text"),
    ("postgresql", "sql"),
    ("proto", "protobuf"),
    ("ps1", "powershell"),
    ("pwsh", "powershell"),
    ("py", "python"),
    ("python3", "python"),
    ("rb", "ruby"),
    ("rs", "rust"),
    ("sh", "shell"),
    ("shell-session", "shell"),
    ("sol", "solidity"),
    ("svg", "xml"),
    ("terraform", "hcl"),
    ("tex", "latex"),
    ("text", "plain text"),
    ("tf", "hcl"),
    ("ts", "typescript"),
    ("tsx", "typescript"),
    ("txt", "plain text"),
    ("udiff", "diff"),
    ("vb", "visual basic"),
    ("wasm", "webassembly"),
    ("wat", "webassembly"),
    ("xhtml", "html"),
    ("yml", "yaml"),
    ("zsh", "shell"),
];

/// Notion's name of a code language, from its own name or an alias in any case; `None` where Notion
/// has none. The empty string is `plain text`.
#[must_use]
pub fn code_language(name: &str) -> Option<&'static str> {
    let name = name.trim();
    if name.is_empty() {
        return Some("plain text");
    }
    let lower = name.to_lowercase();
    if let Ok(at) = CODE_LANGUAGES.binary_search(&lower.as_str()) {
        return Some(CODE_LANGUAGES[at]);
    }
    LANGUAGE_ALIASES
        .binary_search_by(|(alias, _)| (*alias).cmp(lower.as_str()))
        .ok()
        .map(|at| LANGUAGE_ALIASES[at].1)
}

/// Colours that Notion knows, sorted. Each but `default` also exists with `_background`.
pub const COLORS: [&str; 10] = [
    "blue", "brown", "default", "gray", "green", "orange", "pink", "purple", "red", "yellow",
];

/// Whether Notion knows a colour of this name.
#[must_use]
pub fn is_color(name: &str) -> bool {
    match name.strip_suffix("_background") {
        Some("default") => true,
        Some(base) => COLORS.binary_search(&base).is_ok(),
        None => COLORS.binary_search(&name).is_ok(),
    }
}

/// Length of a text as Notion counts it.
#[must_use]
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Whether Notion takes `url` as the target of an external medium, bookmark or embed: absolute,
/// `http` or `https`, with a host, without white space, not too long.
#[must_use]
pub fn is_web_url(url: &str) -> bool {
    let behind = |scheme: &str| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let Some(rest) = behind("https://").or_else(|| behind("http://")) else {
        return false;
    };
    !rest.is_empty() && !rest.starts_with(['/', '?', '#']) && is_clean(url)
}

/// Whether Notion takes `url` as the target of a link in text: what [`is_web_url`] takes, and
/// `mailto:` addresses.
#[must_use]
pub fn is_text_link(url: &str) -> bool {
    is_web_url(url)
        || (url
            .get(..7)
            .is_some_and(|start| start.eq_ignore_ascii_case("mailto:"))
            && url.len() > 7
            && is_clean(url))
}

fn is_clean(url: &str) -> bool {
    let refused = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"' | '\\' | '`' | '{' | '}')
    };
    if url.is_ascii() {
        // What a character of ASCII is, its byte says; and it is one unit.
        return url.len() <= URL_UNITS
            && !url.bytes().any(|byte| REFUSED_IN_URLS[usize::from(byte)]);
    }
    units(url) <= URL_UNITS && !url.chars().any(refused)
}

/// Which bytes of ASCII no URL may hold: white space, control characters, and what has to be
/// escaped.
const REFUSED_IN_URLS: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at <= b' ' as usize {
        table[at] = true;
        at += 1;
    }
    let mut marks = b"\x7f<>\"\\`{}".as_slice();
    while let [mark, rest @ ..] = marks {
        table[*mark as usize] = true;
        marks = rest;
    }
    table
};

/// A rule that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where, as a path into the request: `children[3].paragraph.rich_text[0]`.
    pub place: String,
    /// Which rule.
    pub rule: &'static str,
    /// What was found: a count, a length or the offending word.
    pub found: String,
}

/// Everything about a request that Notion would refuse: an append body or page body with
/// `children`, a list of blocks, or one block.
///
/// Knows lengths, counts, nesting, size, block types that can be created, colours, languages, URLs,
/// table widths and columns. Does not look at properties or ids.
#[must_use]
pub fn validate(request: &Value) -> Vec<Violation> {
    let mut checker = Checker::default();
    checker.request(request);
    checker.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(CODE_LANGUAGES.is_sorted());
        assert!(LANGUAGE_ALIASES.is_sorted_by_key(|(alias, _)| *alias));
        assert!(COLORS.is_sorted());
        for (alias, name) in LANGUAGE_ALIASES {
            assert!(CODE_LANGUAGES.binary_search(&name).is_ok(), "{alias}");
        }
    }

    #[test]
    fn languages_resolve_in_any_case() {
        for (given, wanted) in [
            ("ts", Some("typescript")),
            ("TypeScript", Some("typescript")),
            ("", Some("plain text")),
            ("plain text", Some("plain text")),
            ("c++", Some("c++")),
            ("befunge", None),
        ] {
            assert_eq!(code_language(given), wanted, "{given}");
        }
    }

    #[test]
    fn links_are_absolute_clean_and_short() {
        let long = format!("https://a.example/{}", "x".repeat(1982));
        let too_long = format!("{long}x");
        for (url, text, web) in [
            ("https://a.example", true, true),
            ("HTTP://a.example/x?y#z", true, true),
            ("mailto:a@b.example", true, false),
            ("mailto:", false, false),
            ("ftp://a.example", false, false),
            ("a.md", false, false),
            ("#top", false, false),
            ("/root", false, false),
            ("https://", false, false),
            ("https:///x", false, false),
            ("https://a b.example", false, false),
            ("javascript:alert(1)", false, false),
            ("", false, false),
            (long.as_str(), true, true),
            (too_long.as_str(), false, false),
            ("éééééééé", false, false),
        ] {
            assert_eq!(is_text_link(url), text, "{url}");
            assert_eq!(is_web_url(url), web, "{url}");
        }
    }
}
