//! `ledger export`: a copy of the ledger in a file that only ever goes forward.

use std::{fs::File, io::ErrorKind, path::Path};

use super::{End, Stored, Target, connect, read};
use crate::{
    process::durable,
    rules::restore::{self, Book, Merged},
};

pub(super) async fn export(target: Target, out: Option<&Path>) -> Result<(), End> {
    let Some(path) = out else {
        let Stored { store, revision, book } = read(&connect(target).await?).await?;
        print!("{}", text(&book, &store, &revision)?);
        return Ok(());
    };
    // A link leads to where the copy is.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let here = path.display();
    // Two exports at a time would each write what the other has not seen.
    let folder = durable::folder_of(path);
    let lock = File::open(&folder)
        .map_err(|e| End::Asked(format!("--out: cannot open folder {}: {e}", folder.display())))?;
    lock.try_lock()
        .map_err(|e| End::Failed(format!("another export is writing to {}: {e}", folder.display())))?;
    let old = match std::fs::read_to_string(path) {
        Ok(text) => Some(Book::parse(&text).map_err(|e| End::Asked(format!("--out {here}: {e}")))?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(End::Asked(format!("--out {here}: {error}"))),
    };
    let Stored { store, revision, book } = read(&connect(target).await?).await?;
    let Merged { book, signs } = match old {
        None => Merged { book, signs: Vec::new() },
        Some((header, _)) if header.store != store => {
            return Err(End::Asked(format!(
                "--out {here}: it is of another ledger ({}), and this one is {store}. Name another file, and keep this one",
                header.store
            )));
        }
        Some((_, old)) => restore::merge(&old, &book).map_err(|contradictions| {
            End::contradiction(
                &contradictions,
                &format!(
                    "{here} stays as it is: the store was restored from an older copy and numbers were issued since. \
                     Stop the operator and see docs/restore.md"
                ),
            )
        })?,
    };
    durable::replace(path, &text(&book, &store, &revision)?)
        .map_err(|e| End::Failed(format!("cannot write {here}: {e}")))?;
    eprintln!("{} records of revision {revision} in {here}", book.len());
    if signs.is_empty() {
        return Ok(());
    }
    for sign in &signs {
        eprintln!("kept: {sign}");
    }
    Err(End::Missing(format!(
        "the cluster is behind the file in {} records, which {here} keeps: the store was restored from an older copy. \
         Stop the operator and see docs/restore.md",
        signs.len()
    )))
}

fn text(book: &Book, store: &str, revision: &str) -> Result<String, End> {
    book.text(store, revision).map_err(|e| End::failed("cannot write the records as text", e))
}
