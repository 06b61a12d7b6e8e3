//! Shows that nothing is lost or doubled: `exhaustive` walks every state of small models of the
//! protocol, `scenario` plays seeds through the real engine.

mod exhaustive;
mod scenario;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    match command.as_deref() {
        Some("exhaustive") => exhaustive::run(&rest),
        Some("scenario") => scenario::run(&rest),
        _ => {
            eprintln!("usage: notion-sync-simulation exhaustive|scenario [OPTIONS]");
            ExitCode::from(2)
        }
    }
}
