//! Git objects: ids, blobs, trees and commits in the bytes git itself would write.
//!
//! Format source: the `gitformat-*` manual pages and `git cat-file`; the tests compare every id with
//! what `git hash-object`, `git mktree` and `git commit-tree` print.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use sha1::{Digest, Sha1};

/// The name of an object: SHA-1 of its kind, length and content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 20]);

impl ObjectId {
    /// The id of the empty tree.
    #[must_use]
    pub fn empty_tree() -> Self {
        Object {
            kind: ObjectKind::Tree,
            data: Vec::new(),
        }
        .id()
    }

    /// The 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 40];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not 40 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an object id is 40 hexadecimal digits")]
pub struct InvalidObjectId;

impl FromStr for ObjectId {
    type Err = InvalidObjectId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 40 {
            return Err(InvalidObjectId);
        }
        let mut bytes = [0_u8; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16).ok_or(InvalidObjectId)?;
            let low = char::from(pair[1]).to_digit(16).ok_or(InvalidObjectId)?;
            *byte = u8::try_from(high * 16 + low).map_err(|_| InvalidObjectId)?;
        }
        Ok(Self(bytes))
    }
}

/// What an object is. Annotated tags are kept and served to git, but have no meaning here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// The content of a file.
    Blob,
    /// A directory.
    Tree,
    /// A commit.
    Commit,
    /// An annotated tag.
    Tag,
}

impl ObjectKind {
    /// The word git uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn parse(word: &[u8]) -> Option<Self> {
        match word {
            b"blob" => Some(Self::Blob),
            b"tree" => Some(Self::Tree),
            b"commit" => Some(Self::Commit),
            b"tag" => Some(Self::Tag),
            _ => None,
        }
    }
}

/// One object, uncompressed and without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its content.
    pub data: Vec<u8>,
}

impl Object {
    /// A file's content.
    #[must_use]
    pub fn blob(data: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: ObjectKind::Blob,
            data: data.into(),
        }
    }

    /// Header and content, the bytes the id is computed from and that are stored compressed.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend_from_slice(&self.data);
        bytes
    }

    fn header(&self) -> Vec<u8> {
        format!("{} {}\0", self.kind.as_str(), self.data.len()).into_bytes()
    }

    /// The object's id.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        let mut hash = Sha1::new();
        hash.update(self.header());
        hash.update(&self.data);
        let mut bytes = [0_u8; 20];
        bytes.copy_from_slice(&hash.finalize());
        ObjectId(bytes)
    }

    /// Reads what [`Object::encoded`] writes. `None` when the header is not one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let header = bytes.get(..end)?;
        let space = header.iter().position(|byte| *byte == b' ')?;
        let kind = ObjectKind::parse(&header[..space])?;
        let length: usize = std::str::from_utf8(&header[space + 1..])
            .ok()?
            .parse()
            .ok()?;
        let data = bytes.get(end + 1..)?;
        (data.len() == length).then(|| Self {
            kind,
            data: data.to_vec(),
        })
    }
}

/// The mode of an entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link.
    Link,
    /// A directory.
    Directory,
    /// A submodule.
    Submodule,
}

impl Mode {
    /// The six digits the API uses.
    #[must_use]
    pub fn as_api(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Directory => "040000",
            Self::Submodule => "160000",
        }
    }

    /// The digits inside a tree object (no leading zero).
    #[must_use]
    pub fn as_git(self) -> &'static str {
        self.as_api().trim_start_matches('0')
    }

    /// The mode with these digits. Old group-writable files count as files.
    #[must_use]
    pub fn parse(digits: &str) -> Option<Self> {
        match digits.trim_start_matches('0') {
            "100644" | "100664" => Some(Self::File),
            "100755" => Some(Self::Executable),
            "120000" => Some(Self::Link),
            "40000" => Some(Self::Directory),
            "160000" => Some(Self::Submodule),
            _ => None,
        }
    }

    /// The kind of object an entry with this mode points to.
    #[must_use]
    pub fn kind(self) -> ObjectKind {
        match self {
            Self::Directory => ObjectKind::Tree,
            Self::Submodule => ObjectKind::Commit,
            Self::File | Self::Executable | Self::Link => ObjectKind::Blob,
        }
    }
}

/// An entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its mode.
    pub mode: Mode,
    /// What it points to.
    pub id: ObjectId,
}

/// One directory: entries by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// The entries. Names hold no slash.
    pub entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// The object git would write: entries ordered as if names of directories ended in a slash.
    #[must_use]
    pub fn object(&self) -> Object {
        let mut ordered: Vec<(Vec<u8>, &String, &Entry)> = self
            .entries
            .iter()
            .map(|(name, entry)| {
                let mut key = name.clone().into_bytes();
                if entry.mode == Mode::Directory {
                    key.push(b'/');
                }
                (key, name, entry)
            })
            .collect();
        ordered.sort_by(|left, right| left.0.cmp(&right.0));
        let mut data = Vec::new();
        for (_, name, entry) in ordered {
            data.extend_from_slice(entry.mode.as_git().as_bytes());
            data.push(b' ');
            data.extend_from_slice(name.as_bytes());
            data.push(0);
            data.extend_from_slice(entry.id.as_bytes());
        }
        Object {
            kind: ObjectKind::Tree,
            data,
        }
    }

    /// Reads a tree object. Names that are not UTF-8 are replaced lossily.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let mut tree = Self::default();
        let mut rest = data;
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ')?;
            let mode = Mode::parse(std::str::from_utf8(&rest[..space]).ok()?)?;
            rest = &rest[space + 1..];
            let end = rest.iter().position(|byte| *byte == 0)?;
            let name = String::from_utf8_lossy(&rest[..end]).into_owned();
            let id = rest.get(end + 1..end + 21)?;
            let mut bytes = [0_u8; 20];
            bytes.copy_from_slice(id);
            tree.entries.insert(
                name,
                Entry {
                    mode,
                    id: ObjectId(bytes),
                },
            );
            rest = &rest[end + 21..];
        }
        Some(tree)
    }
}

/// Who did something in git, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name, without angle brackets and line breaks.
    pub name: String,
    /// The address.
    pub email: String,
    /// The moment, to the second, with the offset that was written.
    pub when: DateTime<FixedOffset>,
}

impl Signature {
    /// A signature in UTC.
    #[must_use]
    pub fn new(name: &str, email: &str, when: DateTime<Utc>) -> Self {
        Self {
            name: name.to_owned(),
            email: email.to_owned(),
            when: when.fixed_offset(),
        }
    }

    fn line(&self) -> String {
        let offset = self.when.offset().local_minus_utc() / 60;
        let sign = if offset < 0 { '-' } else { '+' };
        let offset = offset.abs();
        format!(
            "{} <{}> {} {sign}{:02}{:02}",
            clean(&self.name),
            clean(&self.email),
            self.when.timestamp(),
            offset / 60,
            offset % 60
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let open = line.find('<')?;
        let close = line.rfind('>')?;
        let name = line.get(..open)?.trim().to_owned();
        let email = line.get(open + 1..close)?.to_owned();
        let mut rest = line.get(close + 1..)?.split_whitespace();
        let seconds: i64 = rest.next()?.parse().ok()?;
        let zone = rest.next().unwrap_or("+0000");
        let digits: i32 = zone
            .get(1..)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let minutes = digits / 100 * 60 + digits % 100;
        let minutes = if zone.starts_with('-') {
            -minutes
        } else {
            minutes
        };
        let offset = FixedOffset::east_opt(minutes * 60)?;
        let when = DateTime::<Utc>::from_timestamp(seconds, 0)?.with_timezone(&offset);
        Some(Self { name, email, when })
    }

    /// The moment as the API prints it: UTC, to the second.
    #[must_use]
    pub fn date(&self) -> String {
        self.when
            .with_timezone(&Utc)
            .to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}

/// Git drops these from names and addresses, because they would break the line.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0'))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The tree it records.
    pub tree: ObjectId,
    /// Its parents, first parent first.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The armoured signature, if it is signed.
    pub signature: Option<String>,
    /// The message, exactly as given.
    pub message: String,
}

impl Commit {
    /// The object git would write.
    #[must_use]
    pub fn object(&self) -> Object {
        Object {
            kind: ObjectKind::Commit,
            data: self.bytes(self.signature.as_deref()),
        }
    }

    /// The bytes that a signature covers.
    #[must_use]
    pub fn payload(&self) -> String {
        String::from_utf8_lossy(&self.bytes(None)).into_owned()
    }

    fn bytes(&self, signature: Option<&str>) -> Vec<u8> {
        let mut text = format!("tree {}\n", self.tree);
        for parent in &self.parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!(
            "author {}\ncommitter {}\n",
            self.author.line(),
            self.committer.line()
        ));
        if let Some(signature) = signature {
            text.push_str("gpgsig ");
            text.push_str(&signature.trim_end_matches('\n').replace('\n', "\n "));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.message);
        text.into_bytes()
    }

    /// Reads a commit object. `None` when it is not one.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(data);
        let (head, message) = text
            .split_once("\n\n")
            .unwrap_or((text.trim_end_matches('\n'), ""));
        let (mut tree, mut parents, mut author, mut committer) = (None, Vec::new(), None, None);
        let mut signature: Option<String> = None;
        let mut in_signature = false;
        for line in head.split('\n') {
            if let Some(more) = line.strip_prefix(' ') {
                if in_signature && let Some(signature) = &mut signature {
                    signature.push('\n');
                    signature.push_str(more);
                }
                continue;
            }
            in_signature = false;
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "tree" => tree = value.parse().ok(),
                "parent" => parents.push(value.parse().ok()?),
                "author" => author = Signature::parse(value),
                "committer" => committer = Signature::parse(value),
                "gpgsig" => {
                    signature = Some(value.to_owned());
                    in_signature = true;
                }
                _ => {}
            }
        }
        Some(Self {
            tree: tree?,
            parents,
            author: author?,
            committer: committer?,
            signature,
            message: message.to_owned(),
        })
    }
}
