//! Names of code languages: what stands after a fence, and what Notion calls it.

/// Notion's names of code languages (its API refuses any other).
const NOTION: &[&str] = &[
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

/// Words people write after a fence where they differ from Notion's name. The first alias of a
/// name is the one that is written.
const ALIASES: &[(&str, &str)] = &[
    ("txt", "plain text"),
    ("text", "plain text"),
    ("plain", "plain text"),
    ("plaintext", "plain text"),
    ("plain-text", "plain text"),
    ("csharp", "c#"),
    ("cs", "c#"),
    ("cpp", "c++"),
    ("cxx", "c++"),
    ("cc", "c++"),
    ("hpp", "c++"),
    ("h", "c"),
    ("fsharp", "f#"),
    ("fs", "f#"),
    ("dockerfile", "docker"),
    ("asm", "assembly"),
    ("nasm", "assembly"),
    ("ascii-art", "ascii art"),
    ("llvm", "llvm ir"),
    ("notion-formula", "notion formula"),
    ("vb", "visual basic"),
    ("visual-basic", "visual basic"),
    ("vbnet", "vb.net"),
    ("objc", "objective-c"),
    ("objectivec", "objective-c"),
    ("js", "javascript"),
    ("jsx", "javascript"),
    ("mjs", "javascript"),
    ("cjs", "javascript"),
    ("node", "javascript"),
    ("ts", "typescript"),
    ("tsx", "typescript"),
    ("py", "python"),
    ("python3", "python"),
    ("rb", "ruby"),
    ("rs", "rust"),
    ("golang", "go"),
    ("sh", "shell"),
    ("zsh", "shell"),
    ("fish", "shell"),
    ("console", "shell"),
    ("shell-session", "shell"),
    ("shellsession", "shell"),
    ("sh-session", "shell"),
    ("ps1", "powershell"),
    ("pwsh", "powershell"),
    ("yml", "yaml"),
    ("md", "markdown"),
    ("mkd", "markdown"),
    ("tex", "latex"),
    ("hs", "haskell"),
    ("kt", "kotlin"),
    ("kts", "kotlin"),
    ("clj", "clojure"),
    ("ex", "elixir"),
    ("exs", "elixir"),
    ("erl", "erlang"),
    ("ml", "ocaml"),
    ("pl", "perl"),
    ("make", "makefile"),
    ("mk", "makefile"),
    ("htm", "html"),
    ("svg", "xml"),
    ("jsonc", "json"),
    ("json5", "json"),
    ("gql", "graphql"),
    ("proto", "protobuf"),
    ("tf", "hcl"),
    ("terraform", "hcl"),
    ("coffee", "coffeescript"),
    ("patch", "diff"),
    ("sol", "solidity"),
    ("wasm", "webassembly"),
    ("wat", "webassembly"),
    ("styl", "css"),
    ("psql", "sql"),
    ("postgresql", "sql"),
    ("mysql", "sql"),
    ("jl", "julia"),
    ("rkt", "racket"),
    ("scm", "scheme"),
    ("elisp", "lisp"),
    ("common-lisp", "lisp"),
];

/// Notion's name for the info string of a fence: that of its first word, `plain text` where the
/// word is missing or unknown to Notion.
#[must_use]
pub fn language_of_info(info: &str) -> String {
    let word = info
        .split([' ', '\t', ',', '{', ':', ';'])
        .find(|word| !word.is_empty())
        .unwrap_or_default()
        .to_lowercase();
    known(&word).unwrap_or("plain text").to_owned()
}

fn known(word: &str) -> Option<&'static str> {
    if let Ok(at) = NOTION.binary_search(&word) {
        return NOTION.get(at).copied();
    }
    ALIASES
        .iter()
        .find(|(alias, _)| *alias == word)
        .map(|(_, name)| *name)
}

/// What the canonical writer puts after a fence for Notion's name of a language. `None` where the
/// name is not one that reading would give back.
#[must_use]
pub fn info_of_language(language: &str) -> Option<String> {
    if language == "plain text" {
        return Some(String::new());
    }
    let name = NOTION.iter().find(|name| **name == language)?;
    if language_of_info(name) == language {
        return Some((*name).to_owned());
    }
    ALIASES
        .iter()
        .find(|(_, name)| *name == language)
        .map(|(alias, _)| (*alias).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_survive() {
        assert!(NOTION.windows(2).all(|pair| pair[0] < pair[1]));
        for name in NOTION {
            let info = info_of_language(name).unwrap();
            assert_eq!(language_of_info(&info), *name, "{name}");
        }
        for (alias, name) in ALIASES {
            assert_eq!(language_of_info(alias), *name);
        }
    }

    #[test]
    fn info_strings() {
        for (info, language) in [
            ("", "plain text"),
            ("rust,ignore", "rust"),
            ("Rust", "rust"),
            ("js title=\"a\"", "javascript"),
            ("no-such-language", "plain text"),
            ("c++", "c++"),
            ("{.python}", "plain text"),
        ] {
            assert_eq!(language_of_info(info), language, "{info}");
        }
        assert_eq!(info_of_language("brand new"), None);
    }
}
