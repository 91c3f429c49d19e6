#![no_main]

#[path = "../checks/objects.rs"]
mod objects;

libfuzzer_sys::fuzz_target!(|text: &str| objects::check(text));
