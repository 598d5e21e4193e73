//! How is a file with a secret written and read, so that nobody else sees it and it is never half there? (SEC-111)

use super::{KeyFaults, fault};
use domain::secret::Secret;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
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
    let told = |error: std::io::Error| fault(path.display(), format!("the file can not be read ({error})"));
    let file = File::open(path).map_err(told)?;
    let meta = file.metadata().map_err(told)?;
    if !meta.is_file() {
        return Err(fault(path.display(), "this is not a file"));
    }
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(fault(
            path.display(),
            format!(
                "everybody on this machine can read this secret (mode {mode:04o}); run `chmod 600 {}`",
                path.display()
            ),
        ));
    }
    if meta.len() > MAX_FILE {
        return Err(fault(path.display(), format!("the file is larger than {MAX_FILE} bytes")));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0) + 1));
    file.take(MAX_FILE).read_to_end(&mut text).map_err(told)?;
    Ok(text)
}

/// The secret in a file that holds nothing else: its bytes up to the end of the first line (SEC-111).
///
/// Refused, in a sentence: a file that can not be read, that others can read, that is empty or is no text.
pub fn read_secret_line(path: &Path) -> Result<Secret, String> {
    let text = read_private(path).map_err(|fault| fault.0)?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).unwrap_or_default();
    if line.is_empty() {
        Err(fault(path.display(), "there is no secret in this file").0)
    } else {
        Ok(Secret::new(line))
    }
}

/// Makes a folder that only its owner can enter, if it is not there.
pub(super) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}
