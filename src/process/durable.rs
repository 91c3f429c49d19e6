//! Writes a file whole or not at all, for its owner alone: what was there before is there until the new one is safe
//! on the disk.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Puts a file in the place of another, or of none.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it is no name of a file"))?;
    let folder = folder_of(path);
    let mut new = std::ffi::OsString::from(".");
    new.push(name);
    new.push(format!(".{}.new", std::process::id()));
    let new = folder.join(new);
    let written = write(&new, text).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // What is half written helps nobody.
        let _ = std::fs::remove_file(&new);
    }
    written?;
    // The name is on the disk only when the folder is.
    File::open(folder)?.sync_all()
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    // A file of this name is what a process of this number left when it died.
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
