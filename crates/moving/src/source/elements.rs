//! Where does each element of a list in a large JSON document begin and end?
//!
//! Only brackets and quotes are looked at, so that a document of any size takes the memory of one element. What an element
//! says, and whether it is JSON at all, is judged by whoever reads it.

use std::io::BufRead;

/// The largest element, in bytes.
pub(super) const MAX_ELEMENT: usize = 256 * 1024;
/// The longest name of a member that is looked at, in bytes.
const MAX_NAME: usize = 64 * 1024;

/// An element, with the line that it begins in and its number, both from 1.
pub(super) struct Element {
    pub line: u64,
    pub number: u64,
    /// Its text, or what is wrong with it.
    pub text: Result<Vec<u8>, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the list.
    Outside,
    /// In the list, before its first element.
    First,
    /// In the list, behind an element.
    Next,
    /// Behind everything, or behind a fault.
    Over,
}

/// The elements of one list: of the document itself, or of the member with this name of the object that it is.
pub(super) struct Elements<R> {
    reader: R,
    member: Option<&'static str>,
    state: State,
    line: u64,
    number: u64,
}

type Step<T> = Result<T, String>;

impl<R: BufRead> Elements<R> {
    /// Starts at the beginning of the document.
    pub fn new(reader: R, member: Option<&'static str>) -> Elements<R> {
        Elements { reader, member, state: State::Outside, line: 1, number: 0 }
    }

    fn advance(&mut self) -> Step<Option<Element>> {
        if self.state == State::Outside {
            self.enter()?;
            self.state = State::First;
        }
        match (self.skip_space()?, self.state) {
            (Some(b']'), _) => {
                self.take()?;
                self.leave()?;
                return Ok(None);
            }
            (Some(b','), State::Next) => {
                self.take()?;
                self.skip_space()?;
            }
            (Some(_), State::First) => {}
            (Some(_), _) => return Err(self.wrong("a comma or the end of the list is missing")),
            (None, _) => return Err(self.wrong("the file ends in the middle")),
        }
        self.state = State::Next;
        self.number += 1;
        let line = self.line;
        let mut text = Vec::new();
        self.value(Some(&mut text))?;
        let text = if text.len() > MAX_ELEMENT {
            Err(format!("it is longer than {MAX_ELEMENT} bytes"))
        } else {
            Ok(text)
        };
        Ok(Some(Element { line, number: self.number, text }))
    }

    /// Goes to the beginning of the list.
    fn enter(&mut self) -> Step<()> {
        let Some(member) = self.member else {
            return self.expect(b'[', "the document is not a list");
        };
        self.expect(b'{', "the document is not an object")?;
        let mut first = true;
        loop {
            match self.skip_space()? {
                Some(b'}') | None => return Err(self.wrong(&format!("it has no list `{member}`"))),
                Some(b',') if !first => self.pass()?,
                Some(_) if first => {}
                Some(_) => return Err(self.wrong("a comma is missing")),
            }
            first = false;
            if self.name()? == member.as_bytes() {
                return self.expect(b'[', &format!("`{member}` is not a list"));
            }
            self.value(None)?;
        }
    }

    /// Reads what stands behind the list: it has to be whole, too.
    fn leave(&mut self) -> Step<()> {
        if let Some(member) = self.member {
            loop {
                match self.skip_space()? {
                    Some(b'}') => {
                        self.take()?;
                        break;
                    }
                    Some(b',') => self.pass()?,
                    Some(_) => return Err(self.wrong("a comma is missing")),
                    None => return Err(self.wrong("the file ends in the middle")),
                }
                if self.name()? == member.as_bytes() {
                    return Err(self.wrong(&format!("`{member}` is there twice")));
                }
                self.value(None)?;
            }
        }
        match self.skip_space()? {
            None => Ok(()),
            Some(_) => Err(self.wrong("something stands behind the end of the document")),
        }
    }

    /// The name of a member, up to its value.
    fn name(&mut self) -> Step<Vec<u8>> {
        let mut name = Vec::new();
        if self.skip_space()? != Some(b'"') {
            return Err(self.wrong("the name of a member is missing"));
        }
        self.string(Some(&mut name), MAX_NAME)?;
        if self.skip_space()? != Some(b':') {
            return Err(self.wrong("a colon is missing"));
        }
        self.take()?;
        self.skip_space()?;
        let inside = name.len().saturating_sub(1).max(1);
        Ok(name.get(1..inside).unwrap_or_default().to_vec())
    }

    /// Passes over one value; keeps up to one byte more than an element may have.
    fn value(&mut self, mut kept: Option<&mut Vec<u8>>) -> Step<()> {
        let mut depth = 0_u32;
        loop {
            match self.peek()? {
                None => return Err(self.wrong("the file ends in the middle")),
                Some(b'"') => self.string(kept.as_deref_mut(), MAX_ELEMENT)?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    keep(kept.as_deref_mut(), self.take()?, MAX_ELEMENT);
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    keep(kept.as_deref_mut(), self.take()?, MAX_ELEMENT);
                }
                // The end of a number or word that is no object, list or string.
                Some(b',' | b'}' | b']') if depth == 0 => return Ok(()),
                Some(_) => keep(kept.as_deref_mut(), self.take()?, MAX_ELEMENT),
            }
            if depth == 0
                && matches!(self.peek()?, None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'))
            {
                return Ok(());
            }
        }
    }

    fn string(&mut self, mut kept: Option<&mut Vec<u8>>, most: usize) -> Step<()> {
        keep(kept.as_deref_mut(), self.take()?, most);
        let mut escaped = false;
        loop {
            if self.peek()?.is_none() {
                return Err(self.wrong("the file ends in the middle of a text"));
            }
            let byte = self.take()?;
            keep(kept.as_deref_mut(), byte, most);
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => return Ok(()),
                _ => {}
            }
        }
    }

    fn expect(&mut self, byte: u8, otherwise: &str) -> Step<()> {
        if self.skip_space()? != Some(byte) {
            return Err(self.wrong(otherwise));
        }
        self.pass()
    }

    fn skip_space(&mut self) -> Step<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.pass()?,
                other => return Ok(other),
            }
        }
    }

    fn peek(&mut self) -> Step<Option<u8>> {
        match self.reader.fill_buf() {
            Ok(part) => Ok(part.first().copied()),
            Err(error) => Err(format!("behind line {}: {error}", self.line)),
        }
    }

    /// The next byte, which was seen by `peek`.
    fn take(&mut self) -> Step<u8> {
        let byte = self.peek()?.unwrap_or_default();
        self.reader.consume(1);
        self.line += u64::from(byte == b'\n');
        Ok(byte)
    }

    fn pass(&mut self) -> Step<()> {
        self.take().map(|_| ())
    }

    fn wrong(&self, what: &str) -> String {
        format!("line {}: {what}", self.line)
    }
}

fn keep(kept: Option<&mut Vec<u8>>, byte: u8, most: usize) {
    if let Some(kept) = kept.filter(|kept| kept.len() <= most) {
        kept.push(byte);
    }
}

impl<R: BufRead> Iterator for Elements<R> {
    type Item = Result<Element, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Over {
            return None;
        }
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Over;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, member: Option<&'static str>) -> Result<Vec<(u64, String)>, String> {
        Elements::new(text.as_bytes(), member)
            .map(|element| {
                element.map(|one| (one.line, String::from_utf8(one.text.unwrap_or_default()).unwrap()))
            })
            .collect()
    }

    #[test]
    fn every_element_is_found_as_it_is_written() {
        let own =
            |list: &[(u64, &str)]| Ok(list.iter().map(|(line, text)| (*line, (*text).to_owned())).collect());
        for (text, member, found) in [
            ("[]", None, own(&[])),
            (
                " [ 1 , \"a]\\\"\" ,{\"b\":[{}]}\n,\n null ]\n",
                None,
                own(&[(1, "1"), (1, "\"a]\\\"\""), (1, "{\"b\":[{}]}"), (3, "null")]),
            ),
            ("{\"users\":[]}", Some("users"), own(&[])),
            (
                "{\"a\":{\"users\":[9]},\"b\":\"users\",\n\"users\" : [ {} ],\"c\":[1]}",
                Some("users"),
                own(&[(2, "{}")]),
            ),
            ("{\"a\\\"\":1,\"users\":[2]}", Some("users"), own(&[(1, "2")])),
        ] {
            assert_eq!(read(text, member), found, "{text}");
        }
    }

    #[test]
    fn a_broken_document_is_told_with_its_line() {
        for (text, member, told) in [
            ("", None, "line 1: the document is not a list"),
            ("{}", None, "not a list"),
            ("[1", None, "in the middle"),
            ("[1 2]", None, "comma"),
            ("[\"a", None, "in the middle of a text"),
            ("[]x", None, "behind the end"),
            ("[]", Some("users"), "not an object"),
            ("{}", Some("users"), "no list `users`"),
            ("{\"users\":1}", Some("users"), "`users` is not a list"),
            ("{\"users\":[],\n\"users\":[]}", Some("users"), "line 2: `users` is there twice"),
            ("{\"users\":[]", Some("users"), "in the middle"),
            ("{\"users\":[]}}", Some("users"), "behind the end"),
            ("{\"a\" 1}", Some("users"), "colon"),
            ("{a:1}", Some("users"), "name"),
            ("{\"a\":1 \"users\":[]}", Some("users"), "comma"),
        ] {
            let said = read(text, member).unwrap_err();
            assert!(said.contains(told), "{text}: {said}");
        }
    }

    #[test]
    fn an_element_that_is_too_long_is_one_fault_and_no_memory() {
        let text = format!("[\"{}\",2]", "x".repeat(3 * MAX_ELEMENT));
        let all: Vec<Element> = Elements::new(text.as_bytes(), None).map(Result::unwrap).collect();
        assert!(all[0].text.as_ref().unwrap_err().contains("longer"));
        assert_eq!(all[1].text.as_deref(), Ok(&b"2"[..]));
    }

    #[test]
    fn a_deep_nest_costs_no_stack() {
        let text = format!("[{}]", "[".repeat(1_000_000));
        assert!(read(&text, None).is_err());
    }
}
