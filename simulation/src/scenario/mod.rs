//! Seeds: a whole world per seed, played through the real engine, and checked at the end.

mod actions;
mod check;
mod chunks;
mod command;
mod ending;
mod ledger;
mod markers;
mod people;
mod play;
mod random;
mod script;
mod seam;
mod season;
#[cfg(test)]
mod tests;

use play::{Manner, Run};
use script::Script;

use crate::mutants::Mutant;

pub(crate) use chunks::run as campaign;
pub(crate) use command::run;
pub(crate) use people::lock;
pub(crate) use play::Failure;
pub(crate) use script::Profile;
pub(crate) use seam::Seam;

/// Plays a seed with a mutant, or as it is.
pub(crate) fn play_mutant(seed: u64, profile: Profile, mutant: Option<Mutant>) -> Run {
    let manner = Manner {
        mutant,
        ..season::manner(seed, false)
    };
    play::run(&Script::new(seed, profile), manner)
}
