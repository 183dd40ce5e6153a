//! Coefficients of the series that vector code computes functions by, highest power first.

/// Of `e^r`: `1 / i!`. Eight terms are enough for `|r| <= ln(2) / 2`.
pub(crate) const EXP: [f32; 8] =
    [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];

/// The upper part of ln 2: so few bits that its product with a small whole number is exact.
pub(crate) const LN_2_HIGH: f32 = 0.693_359_4;
/// What [`LN_2_HIGH`] lacks.
pub(crate) const LN_2_LOW: f32 = -2.121_944_4e-4;

/// Of `2^r`: `ln(2)^i / i!`. Eight terms are enough for `|r| <= 1 / 2`.
pub(crate) const EXP2: [f32; 8] = [
    1.525_273_4e-5,
    1.540_353e-4,
    1.333_355_8e-3,
    9.618_129e-3,
    5.550_411e-2,
    2.402_265e-1,
    std::f32::consts::LN_2,
    1.0,
];

/// Of `tanh(y) / y`, in powers of `y^2`: for `|y|` below [`TANH_SMALL`].
pub(crate) const TANH: [f32; 7] = [
    21_844.0 / 6_081_075.0,
    -1_382.0 / 155_925.0,
    62.0 / 2_835.0,
    -17.0 / 315.0,
    2.0 / 15.0,
    -1.0 / 3.0,
    1.0,
];
/// From here on tanh is better computed from the exponential.
pub(crate) const TANH_SMALL: f32 = 0.35;
