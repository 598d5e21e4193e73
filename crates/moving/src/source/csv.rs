//! What are the rows of a CSV file (RFC 4180)?

use super::lines::{self, MAX_LINE};
use super::row::{Row, Rows};
use csv::{ByteRecord, Reader, ReaderBuilder};
use domain::record::Place;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Error, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a row may take from the file: itself, and what is read ahead.
const BUDGET: usize = MAX_LINE + BUFFER;
const BUFFER: usize = 8 * 1024;

/// A file with a header row.
pub(super) struct Csv {
    path: PathBuf,
    header: Vec<String>,
    delimiter: u8,
}

/// Ends a row that has no end: a quote that is never closed would otherwise take in the whole file.
struct Bounded {
    reader: BufReader<File>,
    left: Arc<AtomicUsize>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            let text =
                format!("a row is longer than {MAX_LINE} bytes; is there a quote that is never closed?");
            return Err(Error::new(ErrorKind::InvalidData, text));
        }
        let most = left.min(buffer.len());
        let count = self.reader.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left.store(left - count, Ordering::Relaxed);
        Ok(count)
    }
}

impl Csv {
    /// Reads the header row. Comma, semicolon or tab, whichever is most frequent there, stands between columns.
    ///
    /// Refused: a file without one, columns without a name or with the name of another.
    pub fn open(path: &Path) -> Result<Csv, String> {
        let told = |what: String| format!("{}: {what}", path.display());
        let mut reader = lines::open(path)?;
        let start = reader.fill_buf().map_err(|error| told(error.to_string()))?;
        let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |sign: u8| first.iter().filter(|byte| **byte == sign).count();
        let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
        let delimiter = if count(b'\t') > count(delimiter) { b'\t' } else { delimiter };
        let (mut rows, _) = start_reading(path, delimiter)?;
        let mut record = ByteRecord::new();
        if !rows.read_byte_record(&mut record).map_err(|error| told(error.to_string()))? {
            return Err(told("the file is empty; a row with the names of the columns is needed".to_owned()));
        }
        let mut header: Vec<String> = Vec::new();
        for (at, name) in record.iter().enumerate() {
            let name =
                lines::utf8(name.to_vec()).map_err(|what| told(format!("line 1: {what}")))?.trim().to_owned();
            if name.is_empty() {
                return Err(told(format!("line 1: column {} has no name", at + 1)));
            }
            if header.contains(&name) {
                return Err(told(format!("line 1: two columns are called \"{name}\"")));
            }
            header.push(name);
        }
        Ok(Csv { path: path.to_owned(), header, delimiter })
    }

    /// The names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The rows, with these columns of each.
    pub fn rows(&self, used: &[String]) -> Result<Rows, String> {
        let (mut reader, left) = start_reading(&self.path, self.delimiter)?;
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|error| error.to_string())?;
        let all = self.header.iter().enumerate();
        let used = all.filter(|(_, name)| used.contains(name)).map(|(at, name)| (at, name.clone())).collect();
        Ok(Box::new(Reading { reader, left, record, used, columns: self.header.len(), over: false }))
    }
}

fn start_reading(path: &Path, delimiter: u8) -> Result<(Reader<Bounded>, Arc<AtomicUsize>), String> {
    let left = Arc::new(AtomicUsize::new(BUDGET));
    let bounded = Bounded { reader: lines::open(path)?, left: Arc::clone(&left) };
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(BUFFER);
    Ok((builder.from_reader(bounded), left))
}

struct Reading {
    reader: Reader<Bounded>,
    left: Arc<AtomicUsize>,
    record: ByteRecord,
    used: Vec<(usize, String)>,
    columns: usize,
    over: bool,
}

impl Reading {
    fn row(&self) -> Result<Map<String, Value>, String> {
        if self.record.len() != self.columns {
            return Err(format!(
                "it has {} columns, and the first row names {}",
                self.record.len(),
                self.columns
            ));
        }
        if self.record.as_slice().len() > MAX_LINE {
            return Err(format!("the row is longer than {MAX_LINE} bytes"));
        }
        let field = |(at, name): &(usize, String)| {
            let bytes = self.record.get(*at).unwrap_or_default().to_vec();
            let text = lines::utf8(bytes).map_err(|what| format!("{name}: {what}"))?;
            Ok((name.clone(), Value::String(text)))
        };
        self.used.iter().map(field).collect()
    }
}

impl Iterator for Reading {
    type Item = Result<Row, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        self.left.store(BUDGET, Ordering::Relaxed);
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {
                let line = self.record.position().map_or(0, csv::Position::line);
                Some(Ok(Row { place: Place::Line(line), fields: self.row() }))
            }
            Ok(false) => None,
            Err(error) => {
                self.over = true;
                Some(Err(format!("from line {} on: {error}", self.reader.position().line())))
            }
        }
    }
}
