#![no_main]

#[path = "../checks/ledger_file.rs"]
mod ledger_file;

libfuzzer_sys::fuzz_target!(|text: &str| ledger_file::check(text));
