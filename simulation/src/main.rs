//! Shows that nothing is lost or doubled: `exhaustive` walks every state of small models of the
//! protocol, `scenario` plays seeds through the real engine, `campaign` plays many and keeps a ledger,
//! `mutants` breaks one rule at a time and counts the seeds until that is noticed, `crashes` lets the
//! process die at every moment of every kind of operation.

mod crashes;
mod exhaustive;
mod mutants;
mod scenario;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Seeds make and parse JSON and throw it away, on both ends of every request: with the allocator of
/// the platform that is a quarter of their time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    match command.as_deref() {
        Some("exhaustive") => exhaustive::run(&rest),
        Some("scenario") => scenario::run(&rest),
        Some("campaign") => scenario::campaign(&rest),
        Some("mutants") => mutants::run(&rest),
        Some("crashes") => crashes::run(&rest),
        _ => {
            eprintln!(
                "usage: notion-sync-simulation exhaustive|scenario|campaign|mutants|crashes [OPTIONS]"
            );
            ExitCode::from(2)
        }
    }
}
