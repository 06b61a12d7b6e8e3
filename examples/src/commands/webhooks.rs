//! `webhooks`: the token that Notion's handshake brought.

use clap::{Args, Subcommand};
use notion_sync_receiver::{forget_handshake, handshake_token};
use notion_sync_store::Access;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::arguments::Common;
use super::session::Session;
use crate::exit::{Exit, Failure, Outcome};

/// What `webhooks` takes.
#[derive(Debug, Args)]
pub(super) struct WebhooksArgs {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// Print the token, to be pasted into the settings of the connection
    Token,
    /// Forget the token, so that the next handshake is taken; not while `serve` runs
    Forget,
}

pub(super) async fn run(args: WebhooksArgs) -> Outcome {
    let session = Session::open(&args.common)?;
    match args.command {
        WebhooksCommand::Token => {
            let store = session.look().await?;
            let Some(token) = handshake_token(&*store).await? else {
                return Err(Failure::usage(
                    "no handshake came yet: start `serve`, then add the webhook in the settings of \
                     the connection",
                ));
            };
            session
                .output
                .object(&json!({ "verification_token": token.expose_secret() }));
            session.output.line(token.expose_secret());
        }
        WebhooksCommand::Forget => {
            let store = session.store(Access::Exclusive).await?;
            let forgotten = forget_handshake(&*store).await?;
            session.output.object(&json!({ "forgotten": forgotten }));
            session.output.line(if forgotten {
                "forgotten: the next handshake is taken"
            } else {
                "there was none"
            });
        }
    }
    Ok(Exit::Clean)
}
