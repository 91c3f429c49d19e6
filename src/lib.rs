//! Issues ICP filing service numbers on Kubernetes, binds them to filings, and keeps the ledger right
//! whatever crashes. The folders say what lives where; imports point one way: `api` ← `rules` ←
//! `controllers` ← `process`.

pub mod api;
pub mod controllers;
pub mod planted;
pub mod process;
pub mod rules;
