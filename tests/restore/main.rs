//! The ledger after a store was restored from an older copy: what `ledger export` keeps, what `ledger import` brings
//! back, and that nothing is issued in between. On real API servers and etcds, but for the pure rules.

mod copies;
mod histories;
