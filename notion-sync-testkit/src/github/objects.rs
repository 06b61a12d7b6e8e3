//! Where a repository's objects live: in memory, and on disk too when git itself must reach them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::object::{Commit, Entry, Mode, Object, ObjectId, ObjectKind, Tree};

/// Deepest directory nesting that is followed.
pub(crate) const DEEPEST: usize = 64;

/// The objects of one repository, and its bare repository on disk if it has one.
#[derive(Debug, Clone, Default)]
pub(crate) struct ObjectStore {
    objects: BTreeMap<ObjectId, Arc<Object>>,
    /// The parents of every commit, so that walks need not read commits again.
    parents: BTreeMap<ObjectId, Vec<ObjectId>>,
    directory: Option<PathBuf>,
}

/// Files of a tree by full path. Directories are not listed.
pub(crate) type Files = BTreeMap<String, Entry>;

impl ObjectStore {
    pub(crate) fn contains(&self, id: &ObjectId) -> bool {
        self.objects.contains_key(id)
    }

    pub(crate) fn get(&self, id: &ObjectId) -> Option<&Arc<Object>> {
        self.objects.get(id)
    }

    pub(crate) fn kind(&self, id: &ObjectId) -> Option<ObjectKind> {
        self.objects.get(id).map(|object| object.kind)
    }

    /// The ids that start with these digits, for abbreviated names.
    pub(crate) fn starting_with<'a>(
        &'a self,
        digits: &'a str,
    ) -> impl Iterator<Item = ObjectId> + 'a {
        self.objects
            .keys()
            .filter(move |id| id.to_string().starts_with(digits))
            .copied()
    }

    /// Stores an object. An object that could not be written to disk is still in memory; git would
    /// then report it missing.
    pub(crate) fn insert(&mut self, object: Object) -> ObjectId {
        let id = object.id();
        if !self.objects.contains_key(&id) {
            if let Some(directory) = &self.directory
                && let Err(error) = write_loose(directory, &id, &object)
            {
                tracing::warn!(%id, %error, "object not written to the bare repository");
            }
            self.keep(id, object);
        }
        id
    }

    fn keep(&mut self, id: ObjectId, object: Object) {
        if object.kind == ObjectKind::Commit
            && let Some(commit) = Commit::parse(&object.data)
        {
            self.parents.insert(id, commit.parents);
        }
        self.objects.insert(id, Arc::new(object));
    }

    /// The parents of a commit, `None` when it is not here or not a commit.
    pub(crate) fn parents(&self, id: &ObjectId) -> Option<&[ObjectId]> {
        self.parents.get(id).map(Vec::as_slice)
    }

    pub(crate) fn blob(&self, id: &ObjectId) -> Option<&[u8]> {
        self.get(id)
            .filter(|object| object.kind == ObjectKind::Blob)
            .map(|object| object.data.as_slice())
    }

    pub(crate) fn tree(&self, id: &ObjectId) -> Option<Tree> {
        self.get(id)
            .filter(|object| object.kind == ObjectKind::Tree)
            .and_then(|object| Tree::parse(&object.data))
    }

    pub(crate) fn commit(&self, id: &ObjectId) -> Option<Commit> {
        self.get(id)
            .filter(|object| object.kind == ObjectKind::Commit)
            .and_then(|object| Commit::parse(&object.data))
    }

    /// The tree of a commit.
    pub(crate) fn tree_of(&self, commit: &ObjectId) -> Option<ObjectId> {
        self.commit(commit).map(|commit| commit.tree)
    }

    /// Every file below a tree.
    pub(crate) fn files(&self, tree: &ObjectId) -> Files {
        let mut files = Files::new();
        self.collect(tree, "", 0, &mut |path, entry| {
            if entry.mode != Mode::Directory {
                files.insert(path, entry);
            }
        });
        files
    }

    /// Every entry below a tree, directories before what they hold.
    pub(crate) fn walk(&self, tree: &ObjectId) -> Vec<(String, Entry)> {
        let mut entries = Vec::new();
        self.collect(tree, "", 0, &mut |path, entry| entries.push((path, entry)));
        entries
    }

    fn collect(
        &self,
        tree: &ObjectId,
        prefix: &str,
        depth: usize,
        found: &mut dyn FnMut(String, Entry),
    ) {
        if depth > DEEPEST {
            return;
        }
        let Some(tree) = self.tree(tree) else { return };
        for (name, entry) in tree.entries {
            let path = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            found(path.clone(), entry);
            if entry.mode == Mode::Directory {
                self.collect(&entry.id, &path, depth + 1, found);
            }
        }
    }

    /// What stands at a path. The empty path is the tree itself.
    pub(crate) fn at(&self, tree: &ObjectId, path: &str) -> Option<Entry> {
        let mut entry = Entry {
            mode: Mode::Directory,
            id: *tree,
        };
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if entry.mode != Mode::Directory {
                return None;
            }
            entry = *self.tree(&entry.id)?.entries.get(name)?;
        }
        Some(entry)
    }

    /// Applies edits (`None` removes) to a tree and returns the new root. Directories without
    /// entries vanish, as in git. A file that takes the place of a directory replaces it, and the
    /// other way round.
    pub(crate) fn edit(
        &mut self,
        base: &ObjectId,
        edits: &BTreeMap<String, Option<Entry>>,
    ) -> ObjectId {
        let borrowed: Vec<(&str, Option<Entry>)> = edits
            .iter()
            .map(|(path, entry)| (path.as_str(), *entry))
            .collect();
        self.edit_level(Some(*base), &borrowed, 0)
            .unwrap_or_else(|| self.insert(Tree::default().object()))
    }

    fn edit_level(
        &mut self,
        base: Option<ObjectId>,
        edits: &[(&str, Option<Entry>)],
        depth: usize,
    ) -> Option<ObjectId> {
        let mut tree = base.and_then(|id| self.tree(&id)).unwrap_or_default();
        let mut below: BTreeMap<&str, Vec<(&str, Option<Entry>)>> = BTreeMap::new();
        for (path, entry) in edits {
            match path.split_once('/') {
                Some((first, rest)) if depth < DEEPEST => {
                    below.entry(first).or_default().push((rest, *entry))
                }
                _ => match entry {
                    Some(entry) => {
                        tree.entries.insert((*path).to_owned(), *entry);
                    }
                    None => {
                        tree.entries.remove(*path);
                    }
                },
            }
        }
        for (name, inner) in below {
            let current = tree
                .entries
                .get(name)
                .filter(|entry| entry.mode == Mode::Directory)
                .map(|entry| entry.id);
            match self.edit_level(current, &inner, depth + 1) {
                Some(id) => {
                    tree.entries.insert(
                        name.to_owned(),
                        Entry {
                            mode: Mode::Directory,
                            id,
                        },
                    );
                }
                None => {
                    if current.is_some() {
                        tree.entries.remove(name);
                    }
                }
            }
        }
        if tree.entries.is_empty() && depth > 0 {
            None
        } else {
            Some(self.insert(tree.object()))
        }
    }

    /// Makes (or opens) a bare repository at `directory` and writes every object into it.
    pub(crate) fn bind(&mut self, directory: PathBuf) -> std::io::Result<()> {
        for part in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/tags",
            "hooks",
            "info",
        ] {
            std::fs::create_dir_all(directory.join(part))?;
        }
        // Pushes must arrive as loose objects and stay, whatever their size.
        let config = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\
                      [http]\n\treceivepack = true\n[receive]\n\tunpackLimit = 1000000000\n\
                      [transfer]\n\tunpackLimit = 1000000000\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n\
                      [uploadpack]\n\tallowAnySHA1InWant = true\n";
        std::fs::write(directory.join("config"), config)?;
        for (id, object) in &self.objects {
            write_loose(&directory, id, object)?;
        }
        self.directory = Some(directory);
        Ok(())
    }

    pub(crate) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Reads every object reachable from `tips` that is only on disk. `false` when one is missing.
    pub(crate) fn import(&mut self, tips: &BTreeSet<ObjectId>) -> std::io::Result<bool> {
        let Some(directory) = self.directory.clone() else {
            return Ok(true);
        };
        unpack(&directory)?;
        let mut complete = true;
        let mut open: Vec<ObjectId> = tips.iter().copied().collect();
        while let Some(id) = open.pop() {
            if self.contains(&id) {
                continue;
            }
            let Some(object) = read_loose(&directory, &id)? else {
                complete = false;
                continue;
            };
            match object.kind {
                ObjectKind::Commit => {
                    if let Some(commit) = Commit::parse(&object.data) {
                        open.push(commit.tree);
                        open.extend(commit.parents);
                    }
                }
                ObjectKind::Tree => {
                    if let Some(tree) = Tree::parse(&object.data) {
                        open.extend(
                            tree.entries
                                .values()
                                .filter(|entry| entry.mode != Mode::Submodule)
                                .map(|entry| entry.id),
                        );
                    }
                }
                ObjectKind::Tag => open.extend(
                    object
                        .data
                        .strip_prefix(b"object ")
                        .and_then(|rest| rest.get(..40))
                        .and_then(|hex| {
                            std::str::from_utf8(hex)
                                .ok()
                                .and_then(|hex| hex.parse::<ObjectId>().ok())
                        }),
                ),
                ObjectKind::Blob => {}
            }
            self.keep(id, object);
        }
        Ok(complete)
    }
}

fn loose_path(directory: &Path, id: &ObjectId) -> PathBuf {
    let name = id.to_string();
    directory.join("objects").join(&name[..2]).join(&name[2..])
}

fn write_loose(directory: &Path, id: &ObjectId, object: &Object) -> std::io::Result<()> {
    let path = loose_path(directory, id);
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&object.encoded())?;
    // Written beside and moved, so that git never reads half an object.
    let beside = path.with_extension("new");
    std::fs::write(&beside, encoder.finish()?)?;
    std::fs::rename(beside, path)
}

fn read_loose(directory: &Path, id: &ObjectId) -> std::io::Result<Option<Object>> {
    let bytes = match std::fs::read(loose_path(directory, id)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut encoded = Vec::new();
    ZlibDecoder::new(bytes.as_slice()).read_to_end(&mut encoded)?;
    Ok(Object::decode(&encoded).filter(|object| object.id() == *id))
}

/// Turns packs (which a client may force, for example with thin packs above the limit) into loose
/// objects with git's own program.
fn unpack(directory: &Path) -> std::io::Result<()> {
    let packs = directory.join("objects/pack");
    for found in std::fs::read_dir(&packs)? {
        let path = found?.path();
        if path.extension().is_none_or(|extension| extension != "pack") {
            continue;
        }
        // A pack inside the object directory would make git find its objects there already.
        let aside = directory.join("unpacking.pack");
        std::fs::rename(&path, &aside)?;
        let status = Command::new("git")
            .arg("--git-dir")
            .arg(directory)
            .args(["unpack-objects", "-q"])
            .stdin(std::fs::File::open(&aside)?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(std::io::Error::other("git unpack-objects failed"));
        }
        std::fs::remove_file(&aside)?;
        for extension in ["idx", "rev", "keep"] {
            let _ = std::fs::remove_file(path.with_extension(extension));
        }
    }
    Ok(())
}
