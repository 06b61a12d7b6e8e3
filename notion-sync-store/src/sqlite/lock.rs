//! One engine per store file, or several that know of each other.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use notion_sync_core::{Error, ErrorKind, Result, Retry};

/// A lock of the operating system on `<database>.lock`. It ends with this value or with
/// the process, whatever ends it; the file itself stays and means nothing.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock for this process alone, or says who has it.
    pub(super) fn take(database: &Path) -> Result<Self> {
        let mut file = open(database)?;
        settle(database, &mut file, File::try_lock)?;
        // Only for the message to the second one. Failing to write it is no reason to stop.
        let _ = file
            .set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Self { file })
    }

    /// Takes the lock together with others that do the same, or says who has it alone.
    pub(super) fn join(database: &Path) -> Result<Self> {
        let mut file = open(database)?;
        settle(database, &mut file, File::try_lock_shared)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child process that is just being started holds the file open too, and would keep the lock.
        let _ = self.file.unlock();
    }
}

fn broken(database: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Store, "lock the store")
        .with("file", lock_path(database).display())
        .message(error.to_string())
        .remedy("the directory of the store must exist and be writable")
}

fn open(database: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(lock_path(database))
        .map_err(|error| broken(database, &error))
}

fn settle(
    database: &Path,
    file: &mut File,
    lock: fn(&File) -> std::result::Result<(), TryLockError>,
) -> Result<()> {
    match lock(file) {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(taken(database, file)),
        Err(TryLockError::Error(error)) => Err(broken(database, &error)),
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
        .remedy("stop that process first, or let several work together with `shared = true` in [store] of \
             each; commands that only look may open it read-only")
        .retry_at(Retry::Backoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a child process has one between its fork and its first instruction.
    #[test]
    fn a_copy_of_the_handle_does_not_keep_the_lock() {
        let name = format!("notion-sync-lock-{}", std::process::id());
        let database = std::env::temp_dir().join(name);
        let lock = Lock::take(&database).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(Lock::take(&database).is_err());
        drop(lock);
        assert!(Lock::take(&database).is_ok());
        drop(copy);
        std::fs::remove_file(lock_path(&database)).unwrap();
    }
}
