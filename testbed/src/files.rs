//! Folders and files that only their owner may read. What is in them is decided elsewhere.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::error::Error;

/// Creates a folder, and those above it, readable by nobody else.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("create the folder", path))
}

/// Writes a whole file, readable by nobody else. Readers see the old or the new one, never a part.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(partial)?;
        file.write_all(text.as_bytes())?;
        std::fs::rename(partial, path)
    };
    write().map_err(Error::io("write", path))
}

/// A number nobody can guess, for tokens.
pub(crate) fn secret() -> Result<u128, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(Error::io("read", source))?;
    Ok(u128::from_ne_bytes(bytes))
}
