//! From checked bytes to Rust values.
//!
//! When a file is opened the parser walks over every value (see `parser`); decoding happens
//! here, later, and only for what somebody asks for. That is why nothing in this module returns
//! an error.

use crate::encoding::{Encoding, Endianness};
use crate::limits::MAX_ARRAY_DEPTH;
use crate::{Array, Value, ValueType};

/// Bytes that begin with a checked value, and what it takes to read them.
///
/// Only this crate makes one; it appears in public as the argument of [`FromMetadata`].
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) encoding: Encoding,
    /// The metadata key, for messages.
    pub(crate) key: &'a str,
}

impl<'a> Payload<'a> {
    /// Cuts off the next `n` bytes.
    ///
    /// # Panics
    /// If there are fewer, which takes a mapped file that another process has changed since it
    /// was opened (see [`GgufFile::open`](crate::GgufFile::open)).
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (head, rest) = self
            .bytes
            .split_at_checked(n)
            .expect("because the parser walked over these bytes when the file was opened");
        self.bytes = rest;
        head
    }

    fn take_array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("because `take` gives the length asked for")
    }

    fn u32(&mut self) -> u32 {
        self.encoding.u32(self.take_array())
    }

    fn length(&mut self) -> usize {
        let length = match self.encoding.length_bytes() {
            4 => u64::from(self.u32()),
            _ => self.encoding.u64(self.take_array()),
        };
        usize::try_from(length).expect("because the parser compared it with the file's length")
    }

    fn text(&mut self) -> &'a str {
        let n_bytes = self.length();
        let stored = self.take(n_bytes);
        self.encoding
            .text_of(stored)
            .and_then(|text| str::from_utf8(text).ok())
            .expect("because the parser checked this text when the file was opened")
    }

    fn array(&mut self) -> Array<'a> {
        let ty = ValueType::from_number(self.u32())
            .expect("because the parser checked this type when the file was opened");
        let len = self.length();
        Array::new(ty, len, *self)
    }

    /// Passes over an array, to reach what stands behind it. `levels` is how many more levels of
    /// arrays there can be; the parser has refused files with more.
    fn skip_array(&mut self, levels: usize) {
        assert!(levels > 0, "the file was changed since it was opened");
        let array = self.array();
        match (array.elem_type().fixed_bytes(), array.elem_type()) {
            (Some(size), _) => {
                self.take(array.len() * size);
            }
            (None, ValueType::Array) => {
                (0..array.len()).for_each(|_| self.skip_array(levels - 1));
            }
            (None, _) => {
                for _ in 0..array.len() {
                    let n_bytes = self.length();
                    self.take(n_bytes);
                }
            }
        }
    }

    /// The value, of the given type, of a metadata entry.
    pub(crate) fn entry_value(mut self, ty: ValueType) -> Value<'a> {
        match ty {
            ValueType::Array => Value::Array(Array::of_entry(self)),
            _ => self.value(ty),
        }
    }

    /// Reads a value of the given type.
    pub(crate) fn value(&mut self, ty: ValueType) -> Value<'a> {
        match ty {
            ValueType::U8 => Value::U8(u8::take_from(self)),
            ValueType::I8 => Value::I8(i8::take_from(self)),
            ValueType::U16 => Value::U16(u16::take_from(self)),
            ValueType::I16 => Value::I16(i16::take_from(self)),
            ValueType::U32 => Value::U32(u32::take_from(self)),
            ValueType::I32 => Value::I32(i32::take_from(self)),
            ValueType::F32 => Value::F32(f32::take_from(self)),
            ValueType::Bool => Value::Bool(bool::take_from(self)),
            ValueType::String => Value::String(self.text()),
            ValueType::Array => Value::Array(Array::take_from(self)),
            ValueType::U64 => Value::U64(u64::take_from(self)),
            ValueType::I64 => Value::I64(i64::take_from(self)),
            ValueType::F64 => Value::F64(f64::take_from(self)),
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that stands for one type of metadata value: `bool`, the integers, `f32`, `f64`,
/// `&str` and [`Array`].
///
/// Types must agree exactly: a `u32` in the file is not handed out as an `i32`. Where files in
/// the wild differ in width, use [`Metadata::get_usize`](crate::Metadata::get_usize).
pub trait FromMetadata<'a>: sealed::Sealed + Sized {
    /// The type in the file.
    const TYPE: ValueType;

    /// Reads a value off the front of `payload`.
    #[doc(hidden)]
    fn take_from(payload: &mut Payload<'a>) -> Self;

    /// Reads the value of a metadata entry, behind which there is nothing more.
    #[doc(hidden)]
    fn of_entry(mut payload: Payload<'a>) -> Self {
        Self::take_from(&mut payload)
    }
}

macro_rules! numbers {
    ($($number:ident $variant:ident,)*) => {$(
        impl sealed::Sealed for $number {}
        impl<'a> FromMetadata<'a> for $number {
            const TYPE: ValueType = ValueType::$variant;

            fn take_from(payload: &mut Payload<'a>) -> Self {
                let bytes = payload.take_array();
                match payload.encoding.endianness {
                    Endianness::Little => Self::from_le_bytes(bytes),
                    Endianness::Big => Self::from_be_bytes(bytes),
                }
            }
        }
    )*};
}
numbers! { u8 U8, i8 I8, u16 U16, i16 I16, u32 U32, i32 I32, u64 U64, i64 I64, f32 F32, f64 F64, }

impl sealed::Sealed for bool {}
impl<'a> FromMetadata<'a> for bool {
    const TYPE: ValueType = ValueType::Bool;

    fn take_from(payload: &mut Payload<'a>) -> Self {
        payload.take_array::<1>() != [0]
    }
}

impl sealed::Sealed for &str {}
impl<'a> FromMetadata<'a> for &'a str {
    const TYPE: ValueType = ValueType::String;

    fn take_from(payload: &mut Payload<'a>) -> Self {
        payload.text()
    }
}

impl sealed::Sealed for Array<'_> {}
impl<'a> FromMetadata<'a> for Array<'a> {
    const TYPE: ValueType = ValueType::Array;

    fn take_from(payload: &mut Payload<'a>) -> Self {
        let array = payload.clone().array();
        payload.skip_array(MAX_ARRAY_DEPTH);
        array
    }

    /// Does not walk over the elements, which for a vocabulary would take a while.
    fn of_entry(mut payload: Payload<'a>) -> Self {
        payload.array()
    }
}
