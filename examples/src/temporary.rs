//! A folder of the system's for temporary files.

use std::path::{Path, PathBuf};

use notion_sync_core::{Error, ErrorKind, Result};

/// A folder of this process; it is removed with this value, however its owner ends.
#[derive(Debug)]
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    /// A new folder, named after `what` and this process.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it cannot be made.
    pub(crate) fn new(what: &str, during: &'static str) -> Result<Self> {
        let name = format!("notion-sync-{what}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What a process of the same number left behind is nobody's any more.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).map_err(|error| {
            Error::new(ErrorKind::Configuration, during)
                .with("path", path.display())
                .message(error.to_string())
                .remedy("let TMPDIR name a folder that can be written")
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
