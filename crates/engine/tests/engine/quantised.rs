//! The bundled model in every number format that models of its size bear.

use camelid_engine::{GenerateOptions, Model, ModelOptions, gguf::TensorType};

use crate::tiny;

/// From F32 down to four bits and a half.
const TYPES: [TensorType; 12] = [
    TensorType::F32,
    TensorType::F16,
    TensorType::BF16,
    TensorType::Q8_0,
    TensorType::Q6_K,
    TensorType::Q5_K,
    TensorType::Q5_1,
    TensorType::Q5_0,
    TensorType::Q4_K,
    TensorType::Q4_1,
    TensorType::Q4_0,
    TensorType::IQ4_NL,
];

#[test]
fn the_capital_of_france_is_paris_down_to_four_bits() {
    let prompt =
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n";
    for ty in TYPES {
        let model = Model::from_gguf(tiny::converted(ty), &ModelOptions::default()).unwrap();
        let mut options = GenerateOptions::default();
        options.n_predict = Some(24);
        let answer = model.generate(prompt, options).unwrap().text().unwrap();
        println!("{:6} {answer}", ty.name());
        assert!(answer.contains("Paris"), "{}: {answer}", ty.name());
    }
}
