//! Seeded simulations.

mod checks;
mod fragile;
mod leases;
mod overheard;
mod random;
mod seam;
mod season;
mod traffic;
mod turns;
mod weather;
mod words;

pub use fragile::Fragile;
pub use overheard::{OnWrite, Overheard};
pub use random::Stream;
pub use seam::Seam;
pub use season::{
    Failure, How, More, Play, Run, Season, Tally, missing, play_all, play_on, shrink,
};
pub use traffic::{Traffic, Way};
pub use turns::Stop;
pub use weather::{Counted, Crash, Harm, Strike, Weather};
pub use words::{Ledger, Word, moment, origin, origins, word, words};

pub mod properties {
    //! What must hold once everything has come to rest.
    pub use super::checks::*;
}
