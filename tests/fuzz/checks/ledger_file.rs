//! A copy of the ledger that somebody edited: what is read at all is written back to the letter.

use icp_filing_operator::rules::restore::Book;

/// Takes any text.
pub fn check(text: &str) {
    let Ok((header, book)) = Book::parse(text) else { return };
    let again = book.text(&header.store, &header.resource_version).expect("what was read can be written");
    assert_eq!(Book::parse(&again).expect("what was written can be read"), (header, book));
}
