//! Numbers, strings and values to bytes: the reverse of `decode`.

use crate::encoding::{Encoding, Endianness};
use crate::{Error, MetadataArray, MetadataValue};

/// Bytes of a header as they grow.
#[derive(Debug)]
pub(crate) struct Encoder {
    encoding: Encoding,
    pub(crate) bytes: Vec<u8>,
}

/// A number that can be written in either byte order.
trait Number: Copy {
    fn put(self, encoder: &mut Encoder);
}

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl Number for $number {
            fn put(self, encoder: &mut Encoder) {
                match encoder.encoding.endianness {
                    Endianness::Little => encoder.bytes.extend(self.to_le_bytes()),
                    Endianness::Big => encoder.bytes.extend(self.to_be_bytes()),
                }
            }
        }
    )*};
}
numbers! { u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 }

impl Number for bool {
    fn put(self, encoder: &mut Encoder) {
        encoder.bytes.push(self.into());
    }
}

impl Encoder {
    /// Begins a file: magic and version.
    pub(crate) fn new(encoding: Encoding) -> Self {
        let mut encoder = Self { encoding, bytes: b"GGUF".to_vec() };
        encoder.u32(encoding.version);
        encoder
    }

    pub(crate) fn u32(&mut self, value: u32) {
        value.put(self);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        value.put(self);
    }

    /// A length, a count or a dimension, as wide as the version has them.
    pub(crate) fn length(&mut self, value: usize, what: &str) -> Result<(), Error> {
        let value = value as u64;
        if self.encoding.length_bytes() == 8 {
            self.u64(value);
            return Ok(());
        }
        let narrow = u32::try_from(value).map_err(|_| Error::TooLarge {
            what: format!("{what} in version 1"),
            offset: self.bytes.len() as u64,
            found: value,
            max: u32::MAX.into(),
        })?;
        self.u32(narrow);
        Ok(())
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<(), Error> {
        let terminator: &[u8] = if self.encoding.nul_terminated { &[0] } else { &[] };
        self.length(text.len() + terminator.len(), "string length")?;
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.extend_from_slice(terminator);
        Ok(())
    }

    /// A value with its type in front.
    pub(crate) fn typed_value(&mut self, value: &MetadataValue) -> Result<(), Error> {
        self.u32(value.ty().number());
        match value {
            MetadataValue::U8(value) => value.put(self),
            MetadataValue::I8(value) => value.put(self),
            MetadataValue::U16(value) => value.put(self),
            MetadataValue::I16(value) => value.put(self),
            MetadataValue::U32(value) => value.put(self),
            MetadataValue::I32(value) => value.put(self),
            MetadataValue::F32(value) => value.put(self),
            MetadataValue::Bool(value) => value.put(self),
            MetadataValue::String(text) => self.text(text)?,
            MetadataValue::Array(array) => self.array(array)?,
            MetadataValue::U64(value) => value.put(self),
            MetadataValue::I64(value) => value.put(self),
            MetadataValue::F64(value) => value.put(self),
        }
        Ok(())
    }

    fn array(&mut self, array: &MetadataArray) -> Result<(), Error> {
        self.u32(array.elem_type().number());
        match array {
            MetadataArray::U8(values) => self.numbers(values),
            MetadataArray::I8(values) => self.numbers(values),
            MetadataArray::U16(values) => self.numbers(values),
            MetadataArray::I16(values) => self.numbers(values),
            MetadataArray::U32(values) => self.numbers(values),
            MetadataArray::I32(values) => self.numbers(values),
            MetadataArray::F32(values) => self.numbers(values),
            MetadataArray::Bool(values) => self.numbers(values),
            MetadataArray::U64(values) => self.numbers(values),
            MetadataArray::I64(values) => self.numbers(values),
            MetadataArray::F64(values) => self.numbers(values),
            MetadataArray::String(texts) => {
                self.length(texts.len(), "array length")?;
                texts.iter().try_for_each(|text| self.text(text))
            }
            MetadataArray::Array(arrays) => {
                self.length(arrays.len(), "array length")?;
                arrays.iter().try_for_each(|array| self.array(array))
            }
        }
    }

    fn numbers<T: Number>(&mut self, values: &[T]) -> Result<(), Error> {
        self.length(values.len(), "array length")?;
        values.iter().for_each(|value| value.put(self));
        Ok(())
    }
}
