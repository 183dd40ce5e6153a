//! Metadata values that own their data, for writing.

use crate::{Array, Value, ValueType};

/// Declares the owned form of every type but arrays, and all that follows from it.
macro_rules! owned_values {
    ($($variant:ident $owned:ty, $read:ty;)*) => {
        /// A metadata value to be written.
        ///
        /// Made with `into()` from numbers, `bool`, `&str` and `String`, from vectors, slices
        /// and arrays of these, and from values that were read.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each variant is the value type of the same name")]
        pub enum MetadataValue {
            $($variant($owned),)*
            Array(MetadataArray),
        }

        /// An array to be written; the variant says what its elements are, even if it has none.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs, reason = "each variant is the value type of the same name")]
        pub enum MetadataArray {
            $($variant(Vec<$owned>),)*
            Array(Vec<MetadataArray>),
        }

        impl MetadataValue {
            /// The value's type.
            pub fn ty(&self) -> ValueType {
                match self {
                    $(Self::$variant(_) => ValueType::$variant,)*
                    Self::Array(_) => ValueType::Array,
                }
            }
        }

        impl MetadataArray {
            /// The type of the elements.
            pub fn elem_type(&self) -> ValueType {
                match self {
                    $(Self::$variant(_) => ValueType::$variant,)*
                    Self::Array(_) => ValueType::Array,
                }
            }
        }

        impl From<Value<'_>> for MetadataValue {
            fn from(value: Value<'_>) -> Self {
                match value {
                    $(Value::$variant(value) => Self::$variant(value.into()),)*
                    Value::Array(array) => Self::Array(array.into()),
                }
            }
        }

        impl From<Array<'_>> for MetadataArray {
            fn from(array: Array<'_>) -> Self {
                match array.elem_type() {
                    $(ValueType::$variant => {
                        Self::$variant(array.decode::<$read>().map(<$owned>::from).collect())
                    })*
                    ValueType::Array => {
                        Self::Array(array.decode::<Array<'_>>().map(Self::from).collect())
                    }
                }
            }
        }

        $(
            impl From<$owned> for MetadataValue {
                fn from(value: $owned) -> Self {
                    Self::$variant(value)
                }
            }

            impl From<Vec<$owned>> for MetadataArray {
                fn from(values: Vec<$owned>) -> Self {
                    Self::$variant(values)
                }
            }
        )*
    };
}
owned_values! {
    U8 u8, u8;
    I8 i8, i8;
    U16 u16, u16;
    I16 i16, i16;
    U32 u32, u32;
    I32 i32, i32;
    F32 f32, f32;
    Bool bool, bool;
    String String, &str;
    U64 u64, u64;
    I64 i64, i64;
    F64 f64, f64;
}

impl From<&str> for MetadataValue {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<Vec<&str>> for MetadataArray {
    fn from(texts: Vec<&str>) -> Self {
        Self::String(texts.into_iter().map(str::to_owned).collect())
    }
}

impl From<Vec<MetadataArray>> for MetadataArray {
    fn from(arrays: Vec<MetadataArray>) -> Self {
        Self::Array(arrays)
    }
}

impl From<MetadataArray> for MetadataValue {
    fn from(array: MetadataArray) -> Self {
        Self::Array(array)
    }
}

impl From<Array<'_>> for MetadataValue {
    fn from(array: Array<'_>) -> Self {
        Self::Array(array.into())
    }
}

impl<T> From<Vec<T>> for MetadataValue
where
    Vec<T>: Into<MetadataArray>,
{
    fn from(values: Vec<T>) -> Self {
        Self::Array(values.into())
    }
}

impl<T: Clone> From<&[T]> for MetadataValue
where
    Vec<T>: Into<MetadataArray>,
{
    fn from(values: &[T]) -> Self {
        Self::Array(values.to_vec().into())
    }
}

impl<T, const N: usize> From<[T; N]> for MetadataValue
where
    Vec<T>: Into<MetadataArray>,
{
    fn from(values: [T; N]) -> Self {
        Self::Array(Vec::from(values).into())
    }
}
