//! Two hundred schemas of many shapes: what is written under them satisfies them, by the judgement
//! of a validator that knows nothing of grammars.

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};
use serde_json::Map;

use super::*;

const N_SCHEMAS: u64 = 200;

/// Most tokens of a text; what a schema bounds is far shorter.
const MAX_TOKENS: usize = 1500;

struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn below(&mut self, n: i64) -> i64 {
        (self.0.next_u64() % n.unsigned_abs()) as i64
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as i64) as usize]
    }

    fn schema(&mut self, depth: usize) -> Value {
        let n_kinds = if depth == 0 { 8 } else { 13 };
        match self.below(n_kinds) {
            0 => json!({"type": "boolean"}),
            1 => json!({"type": "null"}),
            2 => {
                let least = self.below(400) - 200;
                json!({"type": "integer", "minimum": least, "maximum": least + self.below(500)})
            }
            3 => json!({"type": "number", "exclusiveMinimum": self.below(5), "maximum": 9.5}),
            4 => {
                let least = self.below(4);
                json!({"type": "string", "minLength": least, "maxLength": least + self.below(9)})
            }
            5 => json!({"type": "string", "pattern": self.pick(PATTERNS)}),
            6 => json!({"enum": ["a b", "\"quoted\"", 7, -0.5, null, true, "größe"]}),
            7 => json!({"const": self.pick(&["x", "", "\\back\n", "日本"])}),
            8 => {
                let least = self.below(3);
                let items = self.schema(depth - 1);
                json!({"type": "array", "items": items, "minItems": least,
                    "maxItems": least + self.below(3)})
            }
            9 => json!({"anyOf": [self.schema(depth - 1), self.schema(depth - 1)]}),
            10 => {
                let items = [self.schema(depth - 1), self.schema(depth - 1)];
                json!({"type": "array", "prefixItems": items, "items": false, "minItems": 2})
            }
            _ => self.object(depth - 1),
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for i in 0..1 + self.below(4) {
            let name = format!("{}{i}", self.pick(&["name", "größe ", "a\"b", "x"]));
            properties.insert(name.clone(), self.schema(depth));
            if self.below(3) > 0 {
                required.push(name);
            }
        }
        json!({"type": "object", "properties": properties, "required": required,
            "additionalProperties": false})
    }
}

const PATTERNS: &[&str] = &[
    "^[a-z]{1,6}$",
    "^\\d{4}-\\d{2}-\\d{2}$",
    "^(yes|no|maybe)$",
    "^[A-F0-9]{2}(:[A-F0-9]{2}){0,3}$",
];

#[test]
fn what_is_written_under_a_schema_satisfies_it() {
    let model = RandomModel::new();
    let mut n_ended = 0;
    for seed in 0..N_SCHEMAS {
        let schema = Dice(Xoshiro256PlusPlus::seed_from_u64(seed)).object(2);
        let grammar = Grammar::JsonSchema(schema.clone());
        let Some(text) = model.text(&grammar, seed, MAX_TOKENS) else { continue };
        let value: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error}: {text:?} under {schema}"));
        let validator = jsonschema::validator_for(&schema).expect("the schema is one");
        if let Err(error) = validator.validate(&value) {
            panic!("{error}: {text} under {schema}");
        }
        n_ended += 1;
    }
    assert!(n_ended * 20 >= N_SCHEMAS * 19, "{n_ended} of {N_SCHEMAS} texts came to an end");
}
