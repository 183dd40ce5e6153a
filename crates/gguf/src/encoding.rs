//! How numbers and lengths are written in one particular file.

/// Byte order of a whole file: header, metadata and tensor data alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Endianness {
    /// Least significant byte first: nearly every file.
    #[default]
    Little,
    /// Most significant byte first: files made for s390x and the like.
    Big,
}

impl Endianness {
    /// The byte order of the machine this runs on.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };
}

/// Everything besides the bytes themselves that it takes to read a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) version: u32,
    pub(crate) endianness: Endianness,
    /// Strings end in a NUL that their length counts. Some writers of version 1 did so, against
    /// the specification; a file is taken to be one of theirs when its first key ends that way.
    pub(crate) nul_terminated: bool,
}

impl Encoding {
    /// Finds the byte order from the four version bytes: the order in which they make a version
    /// that exists.
    ///
    /// # Errors
    /// The version as a little-endian reader sees it, when it exists in neither order.
    pub(crate) fn detect(version: [u8; 4]) -> Result<Self, u32> {
        let of = |version, endianness| Self { version, endianness, nul_terminated: false };
        match (u32::from_le_bytes(version), u32::from_be_bytes(version)) {
            (version @ 1..=3, _) => Ok(of(version, Endianness::Little)),
            (_, version @ 1..=3) => Ok(of(version, Endianness::Big)),
            (version, _) => Err(version),
        }
    }

    /// Bytes that a length, a count or a dimension takes.
    pub(crate) fn length_bytes(self) -> usize {
        if self.version == 1 { 4 } else { 8 }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self.endianness {
            Endianness::Little => u32::from_le_bytes(bytes),
            Endianness::Big => u32::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u64(self, bytes: [u8; 8]) -> u64 {
        match self.endianness {
            Endianness::Little => u64::from_le_bytes(bytes),
            Endianness::Big => u64::from_be_bytes(bytes),
        }
    }

    /// The bytes of a stored string that are text, without the terminator of old files.
    ///
    /// `None` when a terminator is due and absent.
    pub(crate) fn text_of(self, stored: &[u8]) -> Option<&[u8]> {
        if self.nul_terminated { stored.strip_suffix(&[0]) } else { Some(stored) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_follows_from_the_version() {
        for version in 1..=3_u32 {
            let little = Encoding::detect(version.to_le_bytes()).unwrap();
            let big = Encoding::detect(version.to_be_bytes()).unwrap();
            assert_eq!((little.version, little.endianness), (version, Endianness::Little));
            assert_eq!((big.version, big.endianness), (version, Endianness::Big));
        }
    }

    #[test]
    fn versions_that_do_not_exist_are_refused_in_both_orders() {
        for version in [0, 4, 1 << 31, u32::MAX] {
            assert_eq!(Encoding::detect(version.to_le_bytes()), Err(version));
        }
    }

    #[test]
    fn terminator_is_removed_only_where_files_have_it() {
        let mut encoding = Encoding::detect([1, 0, 0, 0]).unwrap();
        assert_eq!(encoding.text_of(b"a\0"), Some(&b"a\0"[..]));
        encoding.nul_terminated = true;
        assert_eq!(encoding.text_of(b"a\0"), Some(&b"a"[..]));
        assert_eq!(encoding.text_of(b"a"), None);
        assert_eq!(encoding.text_of(b""), None);
    }
}
