//! Reading types from a JSON tree by Go's rules.
//!
//! A serde `Deserializer` over [`Value`]. Derived code asks for a struct by name and by its fields'
//! names, which is what it takes to match keys without regard to case and to say in an error which
//! field was wrong. Null reads as the zero value of whatever is asked for, so structs must be
//! `#[serde(default)]`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::StringDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Number, Value};

use super::DecodeError;

/// Most unknown fields that are noted of one text; there is no use in more.
const MAX_UNKNOWN: usize = 32;

/// The longest name of an unknown field that is noted, in bytes.
const MAX_NAME_LEN: usize = 64;

/// The paths of unknown fields.
type Unknown = RefCell<BTreeSet<String>>;

/// Reads a `T` from a tree, and tells which of the tree's fields it has no place for.
pub(super) fn from_tree<T: DeserializeOwned>(
    tree: Value,
) -> Result<(T, BTreeSet<String>), DecodeError> {
    let unknown = Unknown::default();
    let value = T::deserialize(Decoder { value: tree, path: Path::Root(&unknown) })?;
    Ok((value, unknown.into_inner()))
}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Refused { message: message.to_string() }
    }
}

/// The way from the whole request to a value, kept on the stack for the sake of errors. It begins
/// where unknown fields are noted.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root(&'p Unknown),
    /// The struct that the whole is read as.
    Struct(&'p Unknown, &'static str),
    Field(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// `value`, or `struct field GenerateRequest.images.0`.
    fn place(&self) -> String {
        match self {
            Path::Root(_) | Path::Struct(..) => "value".to_owned(),
            Path::Field(..) | Path::Element(..) => format!("struct field {}", self.dotted()),
        }
    }

    fn dotted(&self) -> String {
        match self {
            Path::Root(_) => String::new(),
            Path::Struct(_, name) => (*name).to_owned(),
            Path::Field(parent, name) => format!("{}.{name}", parent.dotted()),
            Path::Element(parent, idx) => format!("{}.{idx}", parent.dotted()),
        }
    }

    /// The same for all elements of an array, and from the whole on: `messages[].`
    fn pattern(&self) -> String {
        match self {
            Path::Root(_) | Path::Struct(..) => String::new(),
            Path::Field(parent, name) => format!("{}{name}.", parent.pattern()),
            Path::Element(parent, _) => {
                format!("{}[].", parent.pattern().trim_end_matches('.'))
            }
        }
    }

    /// Notes that the struct here has no field `name`.
    fn note_unknown(&self, name: &str) {
        let mut path = self;
        let unknown = loop {
            match path {
                Path::Root(unknown) | Path::Struct(unknown, _) => break unknown,
                Path::Field(parent, _) | Path::Element(parent, _) => path = parent,
            }
        };
        let mut unknown = unknown.borrow_mut();
        if unknown.len() < MAX_UNKNOWN && name.len() <= MAX_NAME_LEN {
            unknown.insert(self.pattern() + name);
        }
    }
}

struct Decoder<'p> {
    value: Value,
    path: Path<'p>,
}

impl Decoder<'_> {
    fn wrong_type<T>(&self, expected: &str) -> Result<T, DecodeError> {
        let found = match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let (place, expected) = (self.path.place(), expected.to_owned());
        Err(DecodeError::WrongType { found, place, expected })
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match &self.value {
            Value::Null => visitor.visit_i64(0),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(signed), _) => visitor.visit_i64(signed),
                (None, Some(unsigned)) => visitor.visit_u64(unsigned),
                (None, None) => self.wrong_type("int"),
            },
            _ => self.wrong_type("int"),
        }
    }

    fn float<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value.as_f64() {
            Some(float) => visitor.visit_f64(float),
            None if self.value.is_null() => visitor.visit_f64(0.0),
            None => self.wrong_type("float64"),
        }
    }
}

/// Methods that all read an integer, and let the visitor check its range.
macro_rules! integers {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.integer(visitor)
        })+
    };
}

impl<'de> de::Deserializer<'de> for Decoder<'_> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => visit_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(elements) => visitor.visit_seq(Elements::new(elements, self.path)),
            Value::Object(map) => visitor.visit_map(Members::of_map(map, self.path)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_bool(false),
            Value::Bool(value) => visitor.visit_bool(value),
            _ => self.wrong_type("bool"),
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.float(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.float(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_str(""),
            Value::String(text) => visitor.visit_string(text),
            _ => self.wrong_type("string"),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_seq(Elements::new(Vec::new(), self.path)),
            Value::Array(elements) => visitor.visit_seq(Elements::new(elements, self.path)),
            _ => self.wrong_type("[]interface {}"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.value {
            Value::Null => visitor.visit_map(Members::of_map(Map::new(), self.path)),
            Value::Object(map) => visitor.visit_map(Members::of_map(map, self.path)),
            _ => self.wrong_type("map[string]interface {}"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let map = match self.value {
            Value::Null => Map::new(),
            Value::Object(map) => map,
            _ => return self.wrong_type(&format!("api.{name}")),
        };
        let path = match self.path {
            Path::Root(unknown) => Path::Struct(unknown, name),
            inner => inner,
        };
        visitor.visit_map(Members::of_struct(map, fields, path))
    }

    forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
        ignored_any
    }
}

fn visit_number<'de, V: Visitor<'de>>(
    number: &Number,
    visitor: V,
) -> Result<V::Value, DecodeError> {
    match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(signed), _, _) => visitor.visit_i64(signed),
        (None, Some(unsigned), _) => visitor.visit_u64(unsigned),
        (None, None, float) => visitor
            .visit_f64(float.expect("because every number is a float without arbitrary_precision")),
    }
}

/// The elements of an array.
struct Elements<'p> {
    elements: std::iter::Enumerate<std::vec::IntoIter<Value>>,
    path: Path<'p>,
}

impl<'p> Elements<'p> {
    fn new(elements: Vec<Value>, path: Path<'p>) -> Self {
        Self { elements: elements.into_iter().enumerate(), path }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some((idx, value)) = self.elements.next() else {
            return Ok(None);
        };
        seed.deserialize(Decoder { value, path: Path::Element(&self.path, idx) }).map(Some)
    }
}

/// The members of an object, as pairs still to be read.
struct Members<'p> {
    members: std::vec::IntoIter<(String, Value)>,
    value: Option<(String, Value)>,
    path: Path<'p>,
}

impl<'p> Members<'p> {
    /// All members as they are.
    fn of_map(map: Map<String, Value>, path: Path<'p>) -> Self {
        Self { members: map.into_iter().collect::<Vec<_>>().into_iter(), value: None, path }
    }

    /// The members that are fields, under the fields' own names, each at most once.
    fn of_struct(map: Map<String, Value>, fields: &'static [&'static str], path: Path<'p>) -> Self {
        let mut members: Vec<(String, Value)> = Vec::new();
        for (key, value) in map {
            let exact = fields.iter().find(|field| **field == key);
            let field = exact.or_else(|| fields.iter().find(|f| f.eq_ignore_ascii_case(&key)));
            if value.is_null() {
                continue;
            }
            let Some(field) = field else {
                path.note_unknown(&key);
                continue;
            };
            match members.iter_mut().find(|(name, _)| name == field) {
                Some((_, earlier)) => *earlier = value,
                None => members.push(((*field).to_owned(), value)),
            }
        }
        Self { members: members.into_iter(), value: None, path }
    }
}

impl<'de> MapAccess<'de> for Members<'_> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.value = self.members.next();
        match &self.value {
            None => Ok(None),
            Some((key, _)) => seed.deserialize(StringDeserializer::new(key.clone())).map(Some),
        }
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        let (key, value) = self.value.take().expect("because serde asks for the key first");
        seed.deserialize(Decoder { value, path: Path::Field(&self.path, &key) })
    }
}
