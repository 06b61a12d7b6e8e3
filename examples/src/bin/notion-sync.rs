//! The program `notion-sync`.

use std::process::ExitCode;

fn main() -> ExitCode {
    notion_sync_examples::commands::main()
}
