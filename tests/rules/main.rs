//! What the rules decide, in tables and by property. Needs no cluster and does no I/O but to read what is
//! shipped and its pages.

#![allow(
    clippy::assigning_clones,
    reason = "a test that spoils one thing says so most plainly by assigning it"
)]

mod affected;
mod allocation;
mod audit;
mod classes;
mod conditions;
mod echo;
mod eligibility;
mod filings;
mod golden;
mod ledger;
mod life;
mod messages;
mod months;
mod outcomes;
mod pages;
mod requests;
mod said;
mod sources;
mod stage;
mod things;
