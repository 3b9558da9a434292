//! Reading a JSON file of any size while keeping only where things are.

use crate::{
    blocks::{BLOCK, Nesting},
    files,
};
use std::{
    io::{self, Read},
    ops::Range,
};

/// Where a value is in its file.
pub(crate) type Span = Range<u64>;

/// Names longer than this are no names of units or contracts.
const MAX_NAME: usize = 4096;
const BUFFER: usize = 256 << 10;

/// Reads JSON from front to back in a buffer of fixed size.
pub(crate) struct Skim<R> {
    source: R,
    buffer: Vec<u8>,
    /// The bytes of the buffer that are read and not yet used.
    at: usize,
    end: usize,
    /// Where the buffer starts in the file.
    start: u64,
    finished: bool,
}

/// Why a file is not the JSON it should be.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// It could not be read.
    Read(io::Error),
    /// It is not JSON, or other JSON.
    Malformed(String),
}

impl<R: Read> Skim<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER],
            at: 0,
            end: 0,
            start: 0,
            finished: false,
        }
    }

    /// Calls `member` for every member of the object that comes next; it has to consume the value.
    /// Any other value is skipped.
    pub(crate) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, String) -> Result<(), Flaw>,
    ) -> Result<(), Flaw> {
        if self.next()? != b'{' {
            self.skip()?;
            return Ok(());
        }
        self.at += 1;
        if self.next()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.name()?;
            self.expect(b':')?;
            member(self, name)?;
            match self.next()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.unexpected()),
            }
        }
    }

    /// Whether an object comes next.
    pub(crate) fn at_object(&mut self) -> Result<bool, Flaw> {
        Ok(self.next()? == b'{')
    }

    /// Passes over the value that comes next and says where it is.
    pub(crate) fn skip(&mut self) -> Result<Span, Flaw> {
        let first = self.next()?;
        let start = self.position();
        match first {
            b'{' | b'[' => {
                let mut nesting = Nesting::default();
                loop {
                    if self.end - self.at < BLOCK {
                        self.fill()?;
                    }
                    let left = &self.buffer[self.at..self.end];
                    let (end, taken) = match left.first_chunk() {
                        Some(block) => (nesting.end(block), BLOCK),
                        None if left.is_empty() => return Err(self.truncated()),
                        None => {
                            let mut block = [b' '; BLOCK];
                            block[..left.len()].copy_from_slice(left);
                            (nesting.end(&block), left.len())
                        }
                    };
                    self.at += end.unwrap_or(taken);
                    if end.is_some() {
                        break;
                    }
                }
            }
            b'"' => {
                self.at += 1;
                self.string(|_| Ok(()))?;
            }
            b't' | b'f' | b'n' | b'-' | b'0'..=b'9' => loop {
                let rest = &self.buffer[self.at..self.end];
                let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let length = rest.iter().take_while(|byte| plain(byte)).count();
                self.at += length;
                if self.at < self.end || !self.fill()? {
                    break;
                }
            },
            _ => return Err(self.unexpected()),
        }
        Ok(start..self.position())
    }

    /// Nothing but white space may be left.
    pub(crate) fn finish(mut self) -> Result<(), Flaw> {
        self.blank()?;
        if self.at < self.end {
            return Err(self.unexpected());
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, Flaw> {
        self.expect(b'"')?;
        let mut raw = vec![b'"'];
        self.string(|bytes| {
            raw.extend(bytes);
            if raw.len() > MAX_NAME {
                return Err(Flaw::Malformed(format!(
                    "a name is longer than {MAX_NAME} bytes"
                )));
            }
            Ok(())
        })?;
        serde_json::from_slice(&raw).map_err(|error| Flaw::Malformed(error.to_string()))
    }

    /// Passes over the rest of a string, its closing quote included, and shows its bytes.
    fn string(&mut self, mut show: impl FnMut(&[u8]) -> Result<(), Flaw>) -> Result<(), Flaw> {
        loop {
            let rest = &self.buffer[self.at..self.end];
            let found = memchr::memchr2(b'"', b'\\', rest);
            let taken = match found {
                Some(at) if rest[at] == b'"' => at + 1,
                // The byte after the backslash has to be in the buffer.
                Some(at) if at + 1 < rest.len() => at + 2,
                Some(at) => at,
                None => rest.len(),
            };
            let closed = found.is_some_and(|at| rest[at] == b'"');
            show(&rest[..taken])?;
            self.at += taken;
            if closed {
                return Ok(());
            }
            let starved = taken == 0 || self.at == self.end;
            if starved && !self.fill()? {
                return Err(self.truncated());
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.next()? != byte {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// The first byte that is not white space; it stays.
    fn next(&mut self) -> Result<u8, Flaw> {
        self.blank()?;
        match self.buffer[self.at..self.end].first() {
            Some(byte) => Ok(*byte),
            None => Err(self.truncated()),
        }
    }

    fn blank(&mut self) -> Result<(), Flaw> {
        loop {
            let mut rest = &self.buffer[self.at..self.end];
            if self.position() == 0 && rest.starts_with(files::MARK) {
                self.at += files::MARK.len();
                rest = &self.buffer[self.at..self.end];
            }
            let blank = |byte: &&u8| b" \t\r\n".contains(byte);
            self.at += rest.iter().take_while(blank).count();
            if self.at < self.end || !self.fill()? {
                return Ok(());
            }
        }
    }

    /// Reads on, keeping what is not used yet. False when the file has no more.
    fn fill(&mut self) -> Result<bool, Flaw> {
        self.buffer.copy_within(self.at..self.end, 0);
        self.start += self.at as u64;
        self.end -= self.at;
        self.at = 0;
        let before = self.end;
        while !self.finished && self.end < self.buffer.len() {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.finished = true,
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Flaw::Read(error)),
            }
        }
        Ok(self.end > before)
    }

    fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    fn unexpected(&self) -> Flaw {
        Flaw::Malformed(format!("unexpected text at byte {}", self.position()))
    }

    fn truncated(&self) -> Flaw {
        Flaw::Malformed(format!(
            "it ends at byte {} in the middle of a value",
            self.position()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// Gives one to three bytes at a time, then as many as are wanted.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            let count = (self.1 % 3 + 1).min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// The members of an object as the skim finds them, each parsed from its span alone.
    fn members(text: &[u8], buffer: usize) -> Result<Vec<(String, Value)>, Flaw> {
        let mut skim = Skim::new(Slow(text, 0));
        skim.buffer.truncate(buffer);
        let mut found = Vec::new();
        skim.object(|skim, name| {
            let span = skim.skip()?;
            let bytes = &text[span.start as usize..span.end as usize];
            found.push((name, serde_json::from_slice(bytes).unwrap()));
            Ok(())
        })?;
        skim.finish()?;
        Ok(found)
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "\\PC{0,90}",
            "[\\\\\"{}\\[\\]a]{0,150}",
            Just("\\".repeat(64)),
            Just("\u{1f600}\n\t\0\"".to_owned()),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            Just(json!(-1.5e-7)),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            let names = text.clone();
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((names, inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        prop::collection::vec(("[a-z\\\\\"é]{0,80}", value()), 0..6)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_whole_parser_finds(
            tree in object(), pretty in any::<bool>(), buffer in 64_usize..200
        ) {
            let text = if pretty { serde_json::to_vec_pretty(&tree) } else { serde_json::to_vec(&tree) };
            let found = members(&text.unwrap(), buffer).unwrap();
            prop_assert_eq!(Value::Object(found.into_iter().collect()), tree);
        }

        #[test]
        fn a_truncated_file_is_refused(tree in object(), cut in any::<prop::sample::Index>()) {
            let text = serde_json::to_vec(&tree).unwrap();
            let mut skim = Skim::new(&text[..cut.index(text.len())]);
            let read = skim.object(|skim, _| skim.skip().map(drop));
            prop_assert!(read.is_err());
        }

        #[test]
        fn any_bytes_are_survived(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut skim = Skim::new(text.as_slice());
            let _ = skim.object(|skim, _| skim.skip().map(drop));
            let _ = skim.finish();
            let mut skim = Skim::new(text.as_slice());
            let _ = skim.skip();
        }
    }

    #[test]
    fn depth_is_only_counted() {
        let deep = format!(
            "{{\"a\":{}1{},\"b\":2}}",
            "[".repeat(5_000_000),
            "]".repeat(5_000_000)
        );
        let mut names = Vec::new();
        let mut skim = Skim::new(deep.as_bytes());
        skim.object(|skim, name| {
            names.push(name);
            skim.skip().map(drop)
        })
        .unwrap();
        assert_eq!(names, ["a", "b"]);
        let mut open = Skim::new(&deep.as_bytes()[..4_000_000]);
        let error = open.object(|skim, _| skim.skip().map(drop)).unwrap_err();
        assert!(matches!(error, Flaw::Malformed(text) if text.contains("ends at byte 4000000")));
    }

    #[test]
    fn what_follows_the_value_is_refused() {
        assert!(members(br#"{"a":1} "#, 64).is_ok());
        for text in [
            r#"{"a":1} x"#,
            r#"{"a":1}}"#,
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{a:1}"#,
            "",
            "\"a",
        ] {
            assert!(members(text.as_bytes(), 64).is_err(), "{text}");
        }
    }
}
