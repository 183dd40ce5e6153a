//! Finding the first JSON value in a text, and refusing what is no JSON in Go's words.
//!
//! One pass, no recursion: the open arrays and objects are a stack of at most [`MAX_DEPTH`], so a
//! text of nothing but `[` costs no more than its first bytes.

use super::DecodeError;

/// The deepest nesting of arrays and objects that is read.
pub const MAX_DEPTH: usize = 64;

/// The most values in one text, those inside others counted too.
pub const MAX_VALUES: usize = 1 << 22;

/// The offset at which the first value in `bytes` ends.
pub(super) fn end_of_first_value(bytes: &[u8]) -> Result<usize, DecodeError> {
    let mut scanner = Scanner { bytes, pos: 0, n_values: 0, open: Vec::new() };
    scanner.skip_blanks();
    if scanner.peek().is_none() {
        return Err(DecodeError::Empty);
    }
    let mut next = Next::Value;
    loop {
        next = match next {
            Next::Value => scanner.value()?,
            Next::FirstElement => scanner.first_element()?,
            Next::FirstKey => scanner.first_key()?,
            Next::AfterValue => match scanner.open.last() {
                Some(Container::Array) => scanner.after_element()?,
                Some(Container::Object) => scanner.after_member()?,
                None => return Ok(scanner.pos),
            },
        };
    }
}

enum Container {
    Array,
    Object,
}

/// What may come next.
enum Next {
    Value,
    FirstElement,
    FirstKey,
    AfterValue,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    pos: usize,
    n_values: usize,
    open: Vec<Container>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn advance(&mut self) -> Result<u8, DecodeError> {
        let byte = self.peek().ok_or(DecodeError::UnexpectedEof)?;
        self.pos += 1;
        Ok(byte)
    }

    /// The next byte that is no blank.
    fn advance_over_blanks(&mut self) -> Result<u8, DecodeError> {
        self.skip_blanks();
        self.advance()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.pos += 1;
        }
    }

    fn value(&mut self) -> Result<Next, DecodeError> {
        self.n_values += 1;
        if self.n_values > MAX_VALUES {
            return Err(DecodeError::TooMany);
        }
        match self.advance_over_blanks()? {
            b'{' => self.enter(Container::Object, Next::FirstKey),
            b'[' => self.enter(Container::Array, Next::FirstElement),
            b'"' => self.string(),
            b't' => self.literal(&[
                (b'r', "in literal true (expecting 'r')"),
                (b'u', "in literal true (expecting 'u')"),
                (b'e', "in literal true (expecting 'e')"),
            ]),
            b'f' => self.literal(&[
                (b'a', "in literal false (expecting 'a')"),
                (b'l', "in literal false (expecting 'l')"),
                (b's', "in literal false (expecting 's')"),
                (b'e', "in literal false (expecting 'e')"),
            ]),
            b'n' => self.literal(&[
                (b'u', "in literal null (expecting 'u')"),
                (b'l', "in literal null (expecting 'l')"),
                (b'l', "in literal null (expecting 'l')"),
            ]),
            first @ (b'-' | b'0'..=b'9') => self.number(first),
            found => invalid(found, "looking for beginning of value"),
        }
    }

    fn enter(&mut self, container: Container, next: Next) -> Result<Next, DecodeError> {
        if self.open.len() == MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        self.open.push(container);
        Ok(next)
    }

    fn leave(&mut self) -> Result<Next, DecodeError> {
        self.open.pop();
        Ok(Next::AfterValue)
    }

    fn first_element(&mut self) -> Result<Next, DecodeError> {
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return self.leave();
        }
        Ok(Next::Value)
    }

    fn after_element(&mut self) -> Result<Next, DecodeError> {
        match self.advance_over_blanks()? {
            b',' => Ok(Next::Value),
            b']' => self.leave(),
            found => invalid(found, "after array element"),
        }
    }

    fn first_key(&mut self) -> Result<Next, DecodeError> {
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return self.leave();
        }
        self.key()
    }

    fn after_member(&mut self) -> Result<Next, DecodeError> {
        match self.advance_over_blanks()? {
            b',' => self.key(),
            b'}' => self.leave(),
            found => invalid(found, "after object key:value pair"),
        }
    }

    fn key(&mut self) -> Result<Next, DecodeError> {
        match self.advance_over_blanks()? {
            b'"' => self.string()?,
            found => return invalid(found, "looking for beginning of object key string"),
        };
        match self.advance_over_blanks()? {
            b':' => Ok(Next::Value),
            found => invalid(found, "after object key"),
        }
    }

    /// The rest of a string whose quotation mark is read.
    fn string(&mut self) -> Result<Next, DecodeError> {
        loop {
            match self.advance()? {
                b'"' => return Ok(Next::AfterValue),
                b'\\' => self.escape()?,
                found @ 0..0x20 => return invalid(found, "in string literal"),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), DecodeError> {
        match self.advance()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => (0..4).try_for_each(|_| match self.advance()? {
                digit if digit.is_ascii_hexdigit() => Ok(()),
                found => invalid(found, "in \\u hexadecimal character escape"),
            }),
            found => invalid(found, "in string escape code"),
        }
    }

    /// The rest of a literal: each byte with the complaint about another in its place.
    fn literal(&mut self, rest: &[(u8, &'static str)]) -> Result<Next, DecodeError> {
        for &(expected, context) in rest {
            let found = self.advance()?;
            if found != expected {
                return invalid(found, context);
            }
        }
        Ok(Next::AfterValue)
    }

    /// The rest of a number: `-`? then `0` or digits, then a fraction, then an exponent.
    fn number(&mut self, first: u8) -> Result<Next, DecodeError> {
        let leading = match first {
            b'-' => match self.advance()? {
                digit @ b'0'..=b'9' => digit,
                found => return invalid(found, "in numeric literal"),
            },
            digit => digit,
        };
        if leading != b'0' {
            self.skip_digits();
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(Next::AfterValue)
    }

    /// One digit or more.
    fn digits(&mut self, context: &'static str) -> Result<(), DecodeError> {
        match self.advance()? {
            b'0'..=b'9' => self.skip_digits(),
            found => return invalid(found, context),
        }
        Ok(())
    }

    fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
    }
}

fn invalid<T>(found: u8, context: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::InvalidCharacter { found, context })
}
