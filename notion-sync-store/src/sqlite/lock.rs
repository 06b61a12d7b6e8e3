//! One engine per store file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use notion_sync_core::{Error, ErrorKind, Result, Retry};

/// An exclusive lock of the operating system on `<database>.lock`. It ends with this value or with
/// the process, whatever ends it; the file itself stays and means nothing.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let path = lock_path(database);
        let broken = |error: std::io::Error| {
            Error::new(ErrorKind::Store, "lock the store")
                .with("file", path.display())
                .message(error.to_string())
                .remedy("the directory of the store must exist and be writable")
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(database, &mut file)),
            Err(TryLockError::Error(error)) => return Err(broken(error)),
        }
        // Only for the message to the second one. Failing to write it is no reason to stop.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn taken(database: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    let owner = file
        .rewind()
        .and_then(|()| file.take(20).read_to_string(&mut text))
        .ok()
        .and_then(|_| text.trim().parse::<u32>().ok())
        .map_or_else(
            || "another process".to_owned(),
            |id| format!("process {id}"),
        );
    Error::new(ErrorKind::Store, "open the store")
        .with("file", database.display())
        .message(format!("{owner} has it open"))
        .remedy("stop that process first; commands that only look may open it read-only")
        .retry_at(Retry::Backoff)
}
