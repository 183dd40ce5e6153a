//! Why a matrix or a rope could not be built, or a row not be quantised.

use camelid_gguf::TensorType;

/// Why an argument that comes from a model file was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no arithmetic for this tensor type.
    #[error("tensor type {ty} has no kernels")]
    UnsupportedType {
        /// The type asked for.
        ty: TensorType,
    },
    /// A row does not end on a block boundary.
    #[error("{ty} matrix has {n_cols} columns, not a multiple of its block length {block_len}")]
    RaggedRow {
        /// The matrix's type.
        ty: TensorType,
        /// Columns asked for.
        n_cols: usize,
        /// Elements per block.
        block_len: usize,
    },
    /// The shape asks for more bytes than can be addressed.
    #[error("{ty} matrix [{n_rows}, {n_cols}] is larger than the address space")]
    TooLarge {
        /// The matrix's type.
        ty: TensorType,
        /// Rows asked for.
        n_rows: usize,
        /// Columns asked for.
        n_cols: usize,
    },
    /// The bytes given are not those of the shape.
    #[error("{ty} matrix [{n_rows}, {n_cols}] takes {needed} bytes, found {found}")]
    WrongLength {
        /// The matrix's type.
        ty: TensorType,
        /// Rows asked for.
        n_rows: usize,
        /// Columns asked for.
        n_cols: usize,
        /// Bytes the shape takes.
        needed: usize,
        /// Bytes given.
        found: usize,
    },
    /// A number to be quantised is NaN or infinite.
    #[error("element {index} of the row is {value}, must be finite")]
    NotFinite {
        /// Its index in the row.
        index: usize,
        /// Its value, as text so that the error stays comparable.
        value: String,
    },
    /// A format of so few bits that it is written only where the important columns are known.
    #[error("tensor type {ty} is quantised only with an importance matrix")]
    NeedsImportance {
        /// The type asked for.
        ty: TensorType,
    },
    /// A column's importance is NaN, infinite or below 0.
    #[error("importance of column {index} is {value}, must be finite and not below 0")]
    BadImportance {
        /// The column.
        index: usize,
        /// Its importance, as text so that the error stays comparable.
        value: String,
    },
    /// RoPE turns lanes in pairs.
    #[error("rope turns {n_rot} lanes, must be even and above 0")]
    OddRotation {
        /// Lanes asked for.
        n_rot: usize,
    },
    /// A rope frequency is not a positive finite number.
    #[error("rope {what} is {value}, must be finite and above 0")]
    BadFrequency {
        /// Which number.
        what: &'static str,
        /// Its value, as text so that the error stays comparable.
        value: String,
    },
    /// One frequency factor is needed per turned pair.
    #[error("rope has {found} frequency factors, needs {needed} for {n_rot} turned lanes")]
    WrongFactorCount {
        /// Lanes that turn.
        n_rot: usize,
        /// Factors needed.
        needed: usize,
        /// Factors given.
        found: usize,
    },
    /// A rope's sections have no pairs, or more than the rope turns.
    #[error("rope sections of {counts:?} pairs, must be 1 to {n_pairs} in all")]
    BadSections {
        /// Pairs for each position.
        counts: [usize; 4],
        /// Pairs that turn.
        n_pairs: usize,
    },
}
