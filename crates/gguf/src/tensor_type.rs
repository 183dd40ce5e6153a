//! The number formats a tensor may be stored in, with ggml's numbers, names and block sizes.
//!
//! A tensor's rows are cut into blocks of [`block_len`](TensorType::block_len) elements, each
//! stored in [`block_bytes`](TensorType::block_bytes) bytes; plain numbers are blocks of one.
//! Numbers and sizes follow `enum ggml_type` in ggml's `ggml.h` and the block structs in its
//! `ggml-common.h` (MIT), as of late 2026.

use std::fmt;

/// Declares the enum and its lookups from one table, so that a type is one line.
macro_rules! tensor_types {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $len:literal, $bytes:literal;)*) => {
        /// A number format of tensors, under the number ggml gives it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types, reason = "the names of the field: `Q4_K`, `IQ2_XXS`")]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum TensorType {
            $($(#[$doc])* $variant = $number,)*
        }

        impl TensorType {
            /// Every type there is, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The type with this number; `None` for numbers never given or since withdrawn.
            pub const fn from_number(number: u32) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name ggml's tools print, such as `Q4_K`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Elements in one block.
            pub const fn block_len(self) -> usize {
                match self { $(Self::$variant => $len,)* }
            }

            /// Bytes in one block.
            pub const fn block_bytes(self) -> usize {
                match self { $(Self::$variant => $bytes,)* }
            }
        }
    };
}

tensor_types! {
    /// 32-bit float.
    F32 = 0, "F32", 1, 4;
    /// 16-bit IEEE float.
    F16 = 1, "F16", 1, 2;
    /// 4 bits, f16 scale.
    Q4_0 = 2, "Q4_0", 32, 18;
    /// 4 bits, f16 scale and minimum.
    Q4_1 = 3, "Q4_1", 32, 20;
    /// 5 bits, f16 scale.
    Q5_0 = 6, "Q5_0", 32, 22;
    /// 5 bits, f16 scale and minimum.
    Q5_1 = 7, "Q5_1", 32, 24;
    /// 8 bits, f16 scale.
    Q8_0 = 8, "Q8_0", 32, 34;
    /// 8 bits, f16 scale and block sum; for activations.
    Q8_1 = 9, "Q8_1", 32, 36;
    /// 2 bits in a super-block of 256.
    Q2_K = 10, "Q2_K", 256, 84;
    /// 3 bits in a super-block of 256.
    Q3_K = 11, "Q3_K", 256, 110;
    /// 4 bits in a super-block of 256.
    Q4_K = 12, "Q4_K", 256, 144;
    /// 5 bits in a super-block of 256.
    Q5_K = 13, "Q5_K", 256, 176;
    /// 6 bits in a super-block of 256.
    Q6_K = 14, "Q6_K", 256, 210;
    /// 8 bits in a super-block of 256; for activations.
    Q8_K = 15, "Q8_K", 256, 292;
    /// About 2.06 bits, from a codebook.
    IQ2_XXS = 16, "IQ2_XXS", 256, 66;
    /// About 2.31 bits, from a codebook.
    IQ2_XS = 17, "IQ2_XS", 256, 74;
    /// About 3.06 bits, from a codebook.
    IQ3_XXS = 18, "IQ3_XXS", 256, 98;
    /// About 1.56 bits, from a codebook.
    IQ1_S = 19, "IQ1_S", 256, 50;
    /// 4 bits, unevenly spaced values.
    IQ4_NL = 20, "IQ4_NL", 32, 18;
    /// About 3.44 bits, from a codebook.
    IQ3_S = 21, "IQ3_S", 256, 110;
    /// About 2.56 bits, from a codebook.
    IQ2_S = 22, "IQ2_S", 256, 82;
    /// About 4.25 bits, unevenly spaced values.
    IQ4_XS = 23, "IQ4_XS", 256, 136;
    /// 8-bit integer.
    I8 = 24, "I8", 1, 1;
    /// 16-bit integer.
    I16 = 25, "I16", 1, 2;
    /// 32-bit integer.
    I32 = 26, "I32", 1, 4;
    /// 64-bit integer.
    I64 = 27, "I64", 1, 8;
    /// 64-bit float.
    F64 = 28, "F64", 1, 8;
    /// About 1.75 bits, from a codebook.
    IQ1_M = 29, "IQ1_M", 256, 56;
    /// The upper half of a 32-bit float.
    BF16 = 30, "BF16", 1, 2;
    /// Ternary, about 1.69 bits.
    TQ1_0 = 34, "TQ1_0", 256, 54;
    /// Ternary, about 2.06 bits.
    TQ2_0 = 35, "TQ2_0", 256, 66;
    /// 4-bit floats (E2M1) under one power-of-two scale.
    MXFP4 = 39, "MXFP4", 32, 17;
    /// 4-bit floats (E2M1) under four 8-bit float scales (E4M3).
    NVFP4 = 40, "NVFP4", 64, 36;
    /// 1 bit, f16 scale.
    Q1_0 = 41, "Q1_0", 128, 18;
    /// 2 bits, f16 scale.
    Q2_0 = 42, "Q2_0", 64, 18;
}

impl TensorType {
    /// The number that stands for this type in a file.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Whether elements are stored in blocks of more than one.
    pub const fn is_quantized(self) -> bool {
        self.block_len() > 1
    }

    /// Bytes that a row of `n_elems` elements takes, or `None` when the row is not a whole
    /// number of blocks or its size does not fit a `usize`.
    pub const fn row_bytes(self, n_elems: usize) -> Option<usize> {
        if !n_elems.is_multiple_of(self.block_len()) {
            return None;
        }
        (n_elems / self.block_len()).checked_mul(self.block_bytes())
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name a withdrawn type had and what became of it; `None` for numbers never given.
pub(crate) const fn removed(number: u32) -> Option<(&'static str, &'static str)> {
    Some(match number {
        4 => ("Q4_2", "withdrawn in 2023"),
        5 => ("Q4_3", "withdrawn in 2023"),
        31 => ("Q4_0_4_4", "convert the model again as Q4_0"),
        32 => ("Q4_0_4_8", "convert the model again as Q4_0"),
        33 => ("Q4_0_8_8", "convert the model again as Q4_0"),
        36 => ("IQ4_NL_4_4", "convert the model again as IQ4_NL"),
        37 => ("IQ4_NL_4_8", "convert the model again as IQ4_NL"),
        38 => ("IQ4_NL_8_8", "convert the model again as IQ4_NL"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Block sizes put together from the parts each block holds, as ggml's structs list them.
    #[test]
    fn block_bytes_are_the_sum_of_a_blocks_parts() {
        use TensorType::*;
        const F16_SCALE: usize = 2;
        let k = 256;
        let parts = [
            (Q4_0, F16_SCALE + 32 / 2),
            (Q4_1, 2 * F16_SCALE + 32 / 2),
            (Q5_0, F16_SCALE + 4 + 32 / 2),
            (Q5_1, 2 * F16_SCALE + 4 + 32 / 2),
            (Q8_0, F16_SCALE + 32),
            (Q8_1, 2 * F16_SCALE + 32),
            (Q2_K, 2 * F16_SCALE + k / 16 + k / 4),
            (Q3_K, F16_SCALE + k / 4 + k / 8 + 12),
            (Q4_K, 2 * F16_SCALE + 12 + k / 2),
            (Q5_K, 2 * F16_SCALE + 12 + k / 2 + k / 8),
            (Q6_K, F16_SCALE + k / 16 + 3 * k / 4),
            (Q8_K, 4 + k + 2 * (k / 16)),
            (IQ2_XXS, F16_SCALE + k / 8 * 2),
            (IQ2_XS, F16_SCALE + k / 8 * 2 + k / 32),
            (IQ2_S, F16_SCALE + k / 4 + k / 16),
            (IQ3_XXS, F16_SCALE + 3 * (k / 8)),
            (IQ3_S, F16_SCALE + 13 * (k / 32) + k / 64),
            (IQ1_S, F16_SCALE + k / 8 + k / 16),
            (IQ1_M, k / 8 + k / 16 + k / 32),
            (IQ4_NL, F16_SCALE + 32 / 2),
            (IQ4_XS, 2 * F16_SCALE + k / 64 + k / 2),
            (TQ1_0, F16_SCALE + k / 64 + (k - 4 * k / 64) / 5),
            (TQ2_0, F16_SCALE + k / 4),
            (MXFP4, 1 + 32 / 2),
            (NVFP4, 64 / 16 + 64 / 2),
            (Q1_0, F16_SCALE + 128 / 8),
            (Q2_0, F16_SCALE + 64 / 4),
        ];
        let n_quantized = TensorType::ALL.iter().filter(|ty| ty.is_quantized()).count();
        assert_eq!(parts.len(), n_quantized, "every block format is in the table");
        for (ty, n_bytes) in parts {
            assert_eq!(ty.block_bytes(), n_bytes, "{ty}");
        }
    }

    #[test]
    fn numbers_lead_back_to_their_type_and_none_is_both_living_and_removed() {
        for number in 0..=100 {
            match TensorType::from_number(number) {
                Some(ty) => {
                    assert_eq!(ty.number(), number);
                    assert!(removed(number).is_none(), "{ty} is in use");
                }
                None => assert_eq!(
                    removed(number).is_some(),
                    [4, 5, 31, 32, 33, 36, 37, 38].contains(&number)
                ),
            }
        }
        assert_eq!(TensorType::ALL.len(), 35);
    }

    #[test]
    fn rows_are_whole_blocks() {
        assert_eq!(TensorType::Q4_K.row_bytes(512), Some(288));
        assert_eq!(TensorType::Q4_K.row_bytes(0), Some(0));
        assert_eq!(TensorType::Q4_K.row_bytes(33), None);
        assert_eq!(TensorType::F32.row_bytes(usize::MAX), None);
    }
}
