//! Q8_0: signed bytes under one scale.
//!
//! ```text
//!  0  d   f16     scale
//!  2  qs  [32]i8  codes
//! ```

use super::{Format, f16_at};
use camelid_gguf::TensorType;

pub(super) struct Q8_0;

impl Format for Q8_0 {
    const TYPE: TensorType = TensorType::Q8_0;
    const GROUP: usize = 32;
    const ZERO: u8 = 128;

    fn unpack(block: &[u8], codes: &mut [u8], scales: &mut [f32], _mins: &mut [f32]) {
        scales[0] = f16_at(block, 0);
        for (code, &q) in codes.iter_mut().zip(&block[2..Self::BYTES]) {
            *code = q ^ 0x80;
        }
    }
}
