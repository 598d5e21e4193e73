//! What are the lines of a text file, none of them too long and all of them UTF-8?

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line or row, in bytes.
pub(super) const MAX_LINE: usize = 64 * 1024;
/// The largest file, in bytes.
pub const MAX_FILE: u64 = 4 << 30;

/// Opens a text file behind its byte order mark.
///
/// Refused, with a sentence: a file that is too large, and one in UTF-16.
pub(super) fn open(path: &Path) -> Result<BufReader<File>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(told)?;
    let meta = file.metadata().map_err(told)?;
    if meta.is_dir() {
        return Err(format!("{}: this is a folder", path.display()));
    }
    if meta.len() > MAX_FILE {
        return Err(format!("{}: it is larger than {MAX_FILE} bytes; split it", path.display()));
    }
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let start = reader.fill_buf().map_err(told)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(format!(
            "{0}: the file is UTF-16; make it UTF-8: iconv -f UTF-16 -t UTF-8 {0}",
            path.display()
        ));
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(reader)
}

/// A line, with its number from 1.
pub(super) struct Line {
    pub number: u64,
    /// Its text, or what is wrong with it.
    pub text: Result<String, String>,
}

/// Lines of bounded length. Empty ones are passed over. A fault of the file ends them.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// The lines from here on.
    pub fn new(reader: R) -> Lines<R> {
        Lines { reader, number: 0 }
    }

    fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let most = MAX_LINE as u64 + 2;
        let count = self.reader.by_ref().take(most).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        if !line.ends_with(b"\n") && line.len() > MAX_LINE {
            skip_line(&mut self.reader)?;
        }
        Ok(Some(line))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let line = match self.line() {
                Err(error) => return Some(Err(format!("behind line {}: {error}", self.number))),
                Ok(None) => return None,
                Ok(Some(line)) => line,
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let text = if line.trim_ascii_end().len() > MAX_LINE {
                Err(format!("the line is longer than {MAX_LINE} bytes"))
            } else {
                utf8(line)
            };
            return Some(Ok(Line { number: self.number, text }));
        }
    }
}

/// The text, or where it is none.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        format!(
            "it is not UTF-8 from its byte {} on; is the file in another encoding?",
            error.utf8_error().valid_up_to() + 1
        )
    })
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let part = reader.fill_buf()?;
        let (length, ended) = match part.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (part.len(), part.is_empty()),
        };
        reader.consume(length);
        if ended {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_whatever_stands_in_them() {
        let long = "x".repeat(MAX_LINE + 1);
        let fits = "x".repeat(MAX_LINE);
        let text = [b"a\r\n\n  \n", long.as_bytes(), b"\n", fits.as_bytes(), b"\n\xff\nlast"].concat();
        let lines: Vec<Line> = Lines::new(&text[..]).map(Result::unwrap).collect();
        let seen: Vec<(u64, bool)> = lines.iter().map(|line| (line.number, line.text.is_ok())).collect();
        assert_eq!(seen, [(1, true), (4, false), (5, true), (6, false), (7, true)]);
        assert!(lines[1].text.as_ref().unwrap_err().contains("longer"));
        assert!(lines[3].text.as_ref().unwrap_err().contains("byte 1"));
        assert_eq!(lines[4].text.as_ref().unwrap(), "last");
    }
}
