//! In what do two pages of rows differ, and what is the checksum of a table?

use super::tables::Table;
use crate::store::value::Value;
use aws_lc_rs::digest::{Context, SHA256};
use std::cmp::Ordering;

/// The values of a row, in the order of the table's columns.
pub(in crate::store) type Line = Vec<Value<'static>>;

/// Some rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Page {
    /// From the row after this key; none = from the first.
    pub after: Option<Line>,
    /// In order of their keys.
    pub lines: Vec<Line>,
    /// Whether no row comes after them.
    pub is_last: bool,
}

impl Page {
    /// The key of the last row.
    pub fn end(&self, table: &Table) -> Option<Line> {
        self.lines.last().map(|line| line[..table.key].to_vec())
    }
}

/// What has to be done so that a page becomes like another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Difference {
    /// Rows that are new or have changed.
    pub put: Vec<Line>,
    /// Keys of rows that are gone.
    pub gone: Vec<Line>,
}

impl Difference {
    /// What makes `there` like `wanted`. Both are in order of their keys.
    pub fn between(table: &Table, wanted: &[Line], there: Vec<Line>) -> Difference {
        let mut difference = Difference::default();
        let mut wanted = wanted.iter().peekable();
        for old in there {
            let key = &old[..table.key];
            while let Some(new) = wanted.next_if(|new| order(&new[..table.key], key) == Ordering::Less) {
                difference.put.push(new.clone());
            }
            match wanted.next_if(|new| order(&new[..table.key], key) == Ordering::Equal) {
                Some(new) if *new == old => {}
                Some(new) => {
                    // Equal rows without a key of their own can not be told apart: all of them go first.
                    if table.counted {
                        difference.gone.push(key.to_vec());
                    }
                    difference.put.push(new.clone());
                }
                None => difference.gone.push(key.to_vec()),
            }
        }
        difference.put.extend(wanted.cloned());
        difference
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.gone.is_empty()
    }
}

fn order(one: &[Value<'_>], other: &[Value<'_>]) -> Ordering {
    let each = one.iter().zip(other).map(|(one, other)| match (one, other) {
        (Value::Int(one), Value::Int(other)) => one.cmp(other),
        (Value::Text(one), Value::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        (Value::Blob(one), Value::Blob(other)) => one.cmp(other),
        // No key has anything else.
        _ => Ordering::Equal,
    });
    each.fold(Ordering::Equal, Ordering::then)
}

/// Number and SHA-256 of rows, the same whichever database they were read from.
#[derive(Clone)]
pub(in crate::store) struct Sum {
    /// How many there were.
    pub rows: u64,
    context: Context,
}

impl Sum {
    /// Of no row yet.
    pub fn new(table: &Table) -> Sum {
        let mut context = Context::new(&SHA256);
        context.update(table.name.as_bytes());
        for (name, _) in table.columns {
            context.update(b"\0");
            context.update(name.as_bytes());
        }
        Sum { rows: 0, context }
    }

    /// Takes rows in, in order of their keys. Each value is told by its kind, its length and its bytes.
    pub fn add(&mut self, lines: &[Line]) {
        for value in lines.iter().flatten() {
            match value {
                Value::Null => self.context.update(b"n"),
                Value::Int(value) => {
                    self.context.update(b"i");
                    self.context.update(&value.to_be_bytes());
                }
                Value::Bool(value) => self.context.update(if *value { b"b1" } else { b"b0" }),
                Value::Text(text) => self.bytes(b"t", text.as_bytes()),
                Value::Blob(bytes) => self.bytes(b"x", bytes),
            }
        }
        self.rows += lines.len() as u64;
    }

    /// Hexadecimal.
    pub fn hex(&self) -> String {
        let digest = self.context.clone().finish();
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes(&mut self, kind: &[u8], bytes: &[u8]) {
        self.context.update(kind);
        self.context.update(&(bytes.len() as u64).to_be_bytes());
        self.context.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::copy::tables::TABLES;
    use crate::store::value::values;

    macro_rules! line {
        ($($value:expr),*) => { values![$($value),*].to_vec() };
    }

    fn table(name: &str) -> &'static Table {
        TABLES.iter().find(|table| table.name == name).unwrap()
    }

    #[test]
    fn a_difference_names_what_is_new_changed_and_gone() {
        let heads = table("hash_schemes");
        let lines = |names: &[&'static str]| names.iter().map(|name| line![*name]).collect::<Vec<_>>();
        let found = Difference::between(heads, &lines(&["a", "c", "d"]), lines(&["b", "c", "é"]));
        assert_eq!(found, Difference { put: lines(&["a", "d"]), gone: lines(&["b", "é"]) });
        assert!(Difference::between(heads, &lines(&["a", "b"]), lines(&["a", "b"])).is_empty());
        let gone = table("gone_users");
        let line = |id: i64, byte: u8| vec![Value::Int(id), Value::owned(&[byte; 16])];
        let found = Difference::between(gone, &[line(1, 1), line(2, 9)], vec![line(1, 1), line(2, 2)]);
        assert_eq!(found, Difference { put: vec![line(2, 9)], gone: vec![] });
        let counted = table("letters_counted");
        let line = |count: i64| line!["a@b.c", "reset", 5_i64, count];
        let found = Difference::between(counted, &[line(3)], vec![line(2)]);
        assert_eq!(found, Difference { put: vec![line(3)], gone: vec![line(3)[..3].to_vec()] });
    }

    #[test]
    fn checksums_tell_apart_what_differs_in_kind_or_place() {
        let sum = |lines: &[Line]| {
            let mut sum = Sum::new(table("links"));
            lines.iter().for_each(|line| sum.add(std::slice::from_ref(line)));
            sum.hex()
        };
        let different = [
            vec![],
            vec![line!["ab", "c"]],
            vec![line!["a", "bc"]],
            vec![line!["abc"]],
            vec![vec![Value::owned(b"ab"), Value::from("c")]],
            vec![line!["ab", "c", 1_i64]],
            vec![line!["ab", "c", true]],
            vec![vec![Value::from("ab"), Value::from("c"), Value::Null]],
        ];
        for (at, one) in different.iter().enumerate() {
            for other in &different[at + 1..] {
                assert_ne!(sum(one), sum(other), "{one:?} {other:?}");
            }
        }
        assert_eq!(sum(&[line!["ab", "c"]]), sum(&[line!["ab", "c"]]));
    }
}
