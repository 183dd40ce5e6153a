//! The schemas of types that write and read themselves (feature `openapi`); the others derive theirs.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::Timestamp;
use crate::ollama::{
    EmbedInput, Format, ImageData, KeepAlive, PropertyType, Think, ThinkLevel, ToolChoice,
};

/// Declares the schema of each type, and that the document has it under the type's own name.
macro_rules! schemas {
    ($($ty:ident: $schema:expr;)+) => {
        $(
            impl PartialSchema for $ty {
                fn schema() -> RefOr<Schema> {
                    Schema::from($schema).into()
                }
            }

            impl ToSchema for $ty {
                fn name() -> Cow<'static, str> {
                    stringify!($ty).into()
                }
            }
        )+
    };
}

schemas! {
    Timestamp: of(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("A point in time as RFC 3339 has it."));
    ImageData: of(Type::String)
        .content_encoding("base64")
        .description(Some("A file's bytes in base64."));
    KeepAlive: OneOfBuilder::new()
        .item(of(Type::Number).description(Some("Seconds; a negative number means forever.")))
        .item(of(Type::String).description(Some("A duration, such as `5m` or `1h30m`.")))
        .description(Some("How long a model stays loaded after its last use."));
    Think: OneOfBuilder::new()
        .item(of(Type::Boolean))
        .item(words(
            [ThinkLevel::Low, ThinkLevel::Medium, ThinkLevel::High, ThinkLevel::Max]
                .map(ThinkLevel::as_str),
        ))
        .description(Some("Whether to think before answering, and how hard."));
    ToolChoice: OneOfBuilder::new()
        .item(words(["auto", "none", "required"]))
        .item(grammar("function", "function", object_with("name", of(Type::String))))
        .description(Some("Whether the model may, must or must not call a tool."));
    Format: OneOfBuilder::new()
        .item(words(["json"]))
        .item(grammar("regex", "regex", of(Type::String)))
        .item(grammar("lark", "grammar", of(Type::String)))
        .item(grammar("gbnf", "grammar", of(Type::String)))
        .item(grammar("choice", "choices", ArrayBuilder::new().items(of(Type::String))))
        .item(json_schema())
        .description(Some("What shape the answer's text must have."));
    EmbedInput: OneOfBuilder::new()
        .item(of(Type::String))
        .item(ArrayBuilder::new().items(of(Type::String)).min_items(Some(1)))
        .item(token_ids())
        .item(ArrayBuilder::new().items(token_ids()).min_items(Some(1)))
        .description(Some("One text, several, or token ids in their place."));
    PropertyType: one_or_several();
}

/// Anything of one JSON type.
fn of(ty: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(ty)
}

/// One of these texts.
fn words<const N: usize>(words: [&str; N]) -> ObjectBuilder {
    of(Type::String).enum_values(Some(words))
}

/// An object that must have this one property.
fn object_with(name: &str, value: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    of(Type::Object).property(name, value).required(name)
}

/// An object whose `type` is `kind`, and what goes with it.
fn grammar(kind: &str, name: &str, value: impl Into<RefOr<Schema>>) -> ObjectBuilder {
    object_with(name, value).property("type", words([kind])).required("type")
}

/// A JSON Schema: its `type`, if it has one, is no grammar's.
fn json_schema() -> ObjectBuilder {
    let types = ["object", "array", "string", "number", "integer", "boolean", "null"];
    of(Type::Object).property("type", words(types)).description(Some("A JSON Schema."))
}

fn token_ids() -> ArrayBuilder {
    let id = of(Type::Integer).minimum(Some(0)).maximum(Some(u32::MAX));
    ArrayBuilder::new().items(id).min_items(Some(1))
}

fn one_or_several() -> OneOfBuilder {
    OneOfBuilder::new()
        .item(of(Type::String))
        .item(ArrayBuilder::new().items(of(Type::String)))
        .description(Some("One text or several."))
}
