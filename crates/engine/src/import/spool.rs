//! Where is kept what was wrapped, so that an import that breaks off loses no hours?
//!
//! A line for each: a tag, and argon2id over the digest. The tag is an HMAC of the user and the digest under a key that
//! comes from the master key, so that nobody can try passwords on it faster than on the hash itself.

use aws_lc_rs::hmac;
use domain::password::Stored;
use domain::user::NewUser;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The longest line, in bytes.
const MAX_LINE: u64 = 1024;
/// Bytes of a tag, and its hexadecimal digits with the space behind them.
const TAG: usize = 16;
const HEAD: u64 = 2 * TAG as u64 + 1;

/// Stands for one digest of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Tag([u8; TAG]);

/// Makes tags.
#[derive(Clone)]
pub(super) struct Tags(hmac::Key);

impl Tags {
    /// With this key.
    pub fn new(key: &[u8]) -> Tags {
        Tags(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The tag of this digest, as text, of this user. Who it is goes in as well: equal digests are no equal hashes.
    pub fn of(&self, user: &NewUser, digest: &str) -> Tag {
        let uuid = (!user.uuid_is_new).then_some(user.uuid);
        let email = user.email.as_ref().map_or("", |(_, key)| key.as_str());
        let username = user.username.as_ref().map_or("", |(_, key)| key.as_str());
        let text = format!("{:?}\0{uuid:?}\0{email}\0{username}\0{digest}", user.id);
        let mut tag = [0; TAG];
        tag.iter_mut().zip(hmac::sign(&self.0, text.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        Tag(tag)
    }
}

/// What was wrapped.
pub(super) struct Spool {
    file: File,
    path: PathBuf,
    /// Where the text begins, and how long it is.
    known: HashMap<Tag, (u64, usize)>,
    end: u64,
}

impl Spool {
    /// Opens the file and takes up what is in it; makes it, readable by its owner alone, if there is none.
    ///
    /// Refused: a file that another import is writing. A last line that is not whole is cut off.
    pub fn open(path: &Path) -> std::io::Result<Spool> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.try_lock().map_err(|_| std::io::Error::other("another import is at work"))?;
        let mut spool = Spool { file, path: path.to_owned(), known: HashMap::new(), end: 0 };
        let mut reader = BufReader::new(spool.file.try_clone()?);
        let mut line = Vec::new();
        loop {
            line.clear();
            reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
            let Some((tag, text)) = read_line(&line) else { break };
            spool.known.insert(tag, (spool.end + HEAD, text.len()));
            spool.end += line.len() as u64;
        }
        spool.file.set_len(spool.end)?;
        Ok(spool)
    }

    /// Whether it was wrapped.
    pub fn has(&self, tag: Tag) -> bool {
        self.known.contains_key(&tag)
    }

    /// Keeps it. It outlives this process, not this machine.
    pub fn keep(&mut self, tag: Tag, text: &str) -> std::io::Result<()> {
        let digits: Vec<String> = tag.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{} {text}\n", digits.concat());
        self.file.write_all_at(line.as_bytes(), self.end)?;
        self.known.insert(tag, (self.end + HEAD, text.len()));
        self.end += line.len() as u64;
        Ok(())
    }

    /// The text.
    pub fn text(&self, tag: Tag) -> std::io::Result<Option<String>> {
        let Some((start, length)) = self.known.get(&tag) else { return Ok(None) };
        let mut bytes = vec![0; *length];
        self.file.read_exact_at(&mut bytes, *start)?;
        String::from_utf8(bytes).map(Some).map_err(std::io::Error::other)
    }

    /// Takes the file away: everything is in the database.
    pub fn remove(&self) {
        // What is left behind would only be used again.
        drop(std::fs::remove_file(&self.path));
    }
}

/// Tag and text of a whole line that holds a readable hash.
fn read_line(line: &[u8]) -> Option<(Tag, &str)> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (digits, text) = line.split_once(' ')?;
    let mut tag = [0; TAG];
    if digits.len() != 2 * TAG || !digits.is_ascii() {
        return None;
    }
    for (at, byte) in tag.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    matches!(Stored::parse(text), Ok(Stored::Usable(_))).then_some((Tag(tag), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::password::weak::WeakDigest;
    use domain::password::{Backend, Params, Workspace};
    use domain::record::Record;
    use domain::time::Moment;
    use uuid::Uuid;

    #[test]
    fn what_was_wrapped_is_there_after_a_crash_but_for_a_torn_line() {
        let path = std::env::temp_dir().join(format!("countersign-spool-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        let weak = WeakDigest::parse("5f4dcc3b5aa765d61d8327deb882cf99").unwrap().unwrap();
        let params = Params::new(64, 1, 1).unwrap();
        let text = weak.wrap(&params, &[1; 16], &mut Workspace::new(Backend::Simd));
        let tags = Tags::new(&[7; 32]);
        let user = |name: &str| {
            let record = Record { username: Some(name.to_owned()), ..Record::default() };
            record.read(Uuid::nil(), Moment::from_seconds(0)).unwrap()
        };
        let (ana, bob) = (tags.of(&user("ana"), "x"), tags.of(&user("bob"), "x"));
        assert_ne!(ana, bob);
        assert_ne!(ana, tags.of(&user("ana"), "y"));
        assert_ne!(ana, Tags::new(&[8; 32]).of(&user("ana"), "x"));
        let mut spool = Spool::open(&path).unwrap();
        assert!(Spool::open(&path).is_err(), "one import at a time");
        spool.keep(ana, &text).unwrap();
        spool.keep(bob, &text).unwrap();
        drop(spool);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let spool = Spool::open(&path).unwrap();
        assert_eq!(spool.text(ana).unwrap(), Some(text));
        assert!(spool.has(ana) && !spool.has(bob));
        assert_eq!(std::fs::metadata(&path).unwrap().len() as usize, whole.len() / 2);
        spool.remove();
        assert!(!path.exists());
    }
}
