//! Seeds: a whole world per seed, played through the real engine, and checked at the end.

mod actions;
mod aimed;
mod alike;
mod ambush;
mod carried;
mod cells;
mod check;
mod chunks;
mod command;
mod company;
mod crowd;
mod deed;
mod ending;
mod endpoint;
mod markers;
mod people;
mod play;
mod post;
mod rails;
mod rebuilding;
mod remembered;
mod repaired;
mod script;
mod seam;
mod season;
mod standing;
mod surroundings;
#[cfg(test)]
mod tests;
mod text;
mod upset;
mod veil;
mod vignette;

use play::{Manner, Run};
use script::Script;

use crate::mutants::Mutant;

pub(crate) use check::all as check_all;
pub(crate) use chunks::run as campaign;
pub(crate) use command::run;
pub(crate) use people::{People, lock};
pub(crate) use play::Theatre;
pub(crate) use script::{Knobs, Profile};
pub(crate) use seam::{Seam, Ways};
pub(crate) use surroundings::Surroundings;

/// Plays a seed with a mutant, or as it is.
pub(crate) fn play_mutant(seed: u64, profile: Profile, mutant: Option<Mutant>, told: bool) -> Run {
    let manner = Manner {
        mutant,
        told,
        ..season::manner(seed, profile, false)
    };
    play::run(&Script::new(seed, profile), manner)
}
