//! The receiver from outside: deliveries, their order, several processes, slow connections.

// The lint spares tests themselves, but not the functions they share; figures are printed for whoever asks.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod deliveries;
mod health;
mod hosted;
mod missed;
mod order;
mod recorded;
mod sent;
mod shared;
mod shown_hostile_deliveries;
mod slow;
mod stand;
