//! A metadata array: its elements stay in the file until somebody walks over them.

use std::marker::PhantomData;

use crate::decode::Payload;
use crate::error::printable;
use crate::{Error, FromMetadata, Value, ValueType};

/// An array of metadata values of one type, borrowed from its file.
///
/// A vocabulary of a hundred thousand strings is one of these: a few words of memory. Elements
/// are decoded while iterating; their type is checked once, before.
///
/// ```
/// use camelid_gguf::{Array, Gguf, GgufWriter};
///
/// let bytes = GgufWriter::new().metadata("tokenizer.ggml.tokens", ["a", "b"]).to_bytes()?;
/// let gguf = Gguf::parse(&bytes[..])?;
/// let tokens: Array = gguf.metadata().require("tokenizer.ggml.tokens")?;
/// assert_eq!(tokens.len(), 2);
/// assert_eq!(tokens.strs()?.nth(1), Some("b"));
/// assert_eq!(
///     tokens.f32s().err().map(|error| error.to_string()).as_deref(),
///     Some("element type of metadata key `tokenizer.ggml.tokens` is string, expected f32"),
/// );
/// # Ok::<(), camelid_gguf::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    elem_type: ValueType,
    len: usize,
    /// Begins at the first element; may reach beyond the last.
    payload: Payload<'a>,
}

impl<'a> Array<'a> {
    pub(crate) fn new(elem_type: ValueType, len: usize, payload: Payload<'a>) -> Self {
        Self { elem_type, len, payload }
    }

    /// The type all elements have.
    pub fn elem_type(&self) -> ValueType {
        self.elem_type
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Walks over the elements as `T`.
    ///
    /// # Errors
    /// [`Error::WrongType`], naming the key and both types, when the elements are not `T`.
    pub fn elements<T: FromMetadata<'a>>(&self) -> Result<Elements<'a, T>, Error> {
        if self.elem_type != T::TYPE {
            return Err(Error::WrongType {
                what: format!("element type of metadata key `{}`", printable(self.payload.key)),
                found: self.elem_type,
                expected: T::TYPE,
            });
        }
        Ok(self.decode())
    }

    /// [`elements`](Self::elements) for a caller that has looked at the type.
    pub(crate) fn decode<T: FromMetadata<'a>>(&self) -> Elements<'a, T> {
        debug_assert_eq!(self.elem_type, T::TYPE);
        Elements { left: self.len, payload: self.payload, elem: PhantomData }
    }

    /// Walks over the elements, whatever their type.
    pub fn values(&self) -> impl ExactSizeIterator<Item = Value<'a>> + use<'a> {
        let Self { elem_type, len, mut payload } = *self;
        (0..len).map(move |_| payload.value(elem_type))
    }
}

/// Named forms of [`Array::elements`], which read better at the call.
macro_rules! elements_by_name {
    ($($name:ident $elem:ty,)*) => {
        /// The elements as one Rust type. All these return [`Error::WrongType`], naming the key
        /// and both types, when the elements are something else.
        impl<'a> Array<'a> {$(
            #[doc = concat!("[`elements`](Self::elements) as `", stringify!($elem), "`.")]
            pub fn $name(&self) -> Result<Elements<'a, $elem>, Error> {
                self.elements()
            }
        )*}
    };
}
elements_by_name! {
    u8s u8, i8s i8, u16s u16, i16s i16, u32s u32, i32s i32, u64s u64, i64s i64,
    f32s f32, f64s f64, bools bool, strs &'a str, arrays Array<'a>,
}

/// Iterator over the elements of an [`Array`], decoding each as it comes.
#[derive(Debug, Clone)]
pub struct Elements<'a, T> {
    left: usize,
    payload: Payload<'a>,
    elem: PhantomData<T>,
}

impl<'a, T: FromMetadata<'a>> Iterator for Elements<'a, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        Some(T::take_from(&mut self.payload))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, T: FromMetadata<'a>> ExactSizeIterator for Elements<'a, T> {}
