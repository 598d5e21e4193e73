//! How is a file with a secret written and read, so that nobody else sees it and it is never half there? (SEC-111)

use super::{KeyFaults, fault};
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use zeroize::Zeroizing;

/// The largest key file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Writes a file that only its owner can read, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    let removed = fs::remove_file(&draft);
    if let Err(error) = removed
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// As [`write_private`], but a file that is there already stays as it is.
pub(super) fn write_new_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    write_private(&draft, content)?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => File::open(folder_of(path))?.sync_all(),
    }
}

/// Reads a file that nobody else may read (SEC-111).
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFaults> {
    let told = |error: std::io::Error| fault(path, format!("the file can not be read ({error})"));
    let file = File::open(path).map_err(told)?;
    let meta = file.metadata().map_err(told)?;
    if !meta.is_file() {
        return Err(fault(path, "this is not a file"));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(fault(
            path,
            format!(
                "everybody on this machine can read this secret (mode {mode:04o}); run `chmod 600 {}`",
                path.display()
            ),
        ));
    }
    if meta.len() > MAX_FILE {
        return Err(fault(path, format!("the file is larger than {MAX_FILE} bytes")));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
    file.take(MAX_FILE).read_to_end(&mut text).map_err(told)?;
    Ok(text)
}

/// Reads a private file that holds JSON. Nothing of it is repeated in a fault.
pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, KeyFaults> {
    let text = read_private(path)?;
    // The parser's own words could repeat what is in the file.
    serde_json::from_slice(&text).map_err(|error| {
        fault(path, format!("line {}: this is not a key file; put it back from a backup", error.line()))
    })
}
