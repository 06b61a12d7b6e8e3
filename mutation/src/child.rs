//! Programs that are started many times, and listened to until they have said enough.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::{Result, at};

/// What came of a program.
pub(crate) enum Heard<T> {
    /// It said something that was waited for, and was ended.
    Said(T),
    /// It ended before.
    Ended(ExitStatus),
    /// It was ended when its time was over.
    Late,
}

/// Runs a program until `hear` makes something of a line, or for so long.
pub(crate) fn listen<T: Send + 'static>(
    mut command: Command,
    time: Duration,
    hear: impl FnMut(String) -> Option<T> + Send + 'static,
) -> Result<Heard<T>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(at(&program))?;
    let output = child.stdout.take().ok_or("the program has no output")?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(output).lines();
        let said = lines.map_while(std::result::Result::ok).find_map(hear);
        if let Some(said) = said {
            // Nobody listens where it came too late.
            let _ = tell.send(said);
        }
    });
    let heard = match told.recv_timeout(time) {
        Ok(said) => Heard::Said(said),
        Err(mpsc::RecvTimeoutError::Timeout) => Heard::Late,
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Heard::Ended(child.wait().map_err(at(&program))?)
        }
    };
    // It may have ended by itself.
    let _ = child.kill();
    child.wait().map_err(at(&program))?;
    Ok(heard)
}

/// Does the same so many times side by side.
pub(crate) fn side_by_side(jobs: usize, work: impl Fn() -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(&work)).collect();
        workers.into_iter().try_for_each(|worker| {
            (worker.join()).unwrap_or_else(|_| Err("a worker panicked".to_owned()))
        })
    })
}
