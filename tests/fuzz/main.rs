//! What fuzzing found worth keeping, once more: `tests/fuzz/run` looks for more of it. Nothing here needs a server.

mod checks {
    pub mod ledger_file;
    pub mod objects;
    pub mod texts;
}

use std::fs;
use std::path::Path;

/// Goes through a kept corpus. What is no UTF-8 is no text, and the fuzzer leaves it out too.
fn each(name: &str, check: fn(&str)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("there is a corpus") {
        let file = entry.expect("it can be listed").path();
        let bytes = fs::read(&file).expect("it can be read");
        // Before and not after, so that the last line names what failed.
        println!("{}", file.display());
        if let Ok(text) = std::str::from_utf8(&bytes) {
            check(text);
            count += 1;
        }
    }
    assert!(count > 1, "the corpus of {name} is empty");
}

#[test]
fn objects_of_any_content_are_decided_about() {
    each("objects", checks::objects::check);
}

#[test]
fn copies_of_the_ledger_are_read_to_the_letter() {
    each("ledger_file", checks::ledger_file::check);
}

#[test]
fn single_values_are_judged() {
    each("texts", checks::texts::check);
}
