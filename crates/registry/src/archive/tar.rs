//! The tape archive format, as much of it as an OCI image layout needs.
//!
//! An archive is a row of entries, each a header of 512 bytes and the content, padded to a
//! multiple of 512; two blocks of zeros end it. Fields of a header are text:
//!
//! ```text
//!   0..100  name           124..136  size, octal; or with the top bit set, big-endian binary
//! 100..108  mode, octal    136..148  time of change, octal
//! 148..156  sum of the header's bytes, these eight taken as blanks, octal
//! 156       kind: '0' or NUL file, '5' folder, 'x' attributes of the next entry, 'g' of all
//! 257..265  "ustar\0" "00"           345..500  prefix of the name
//! ```
//!
//! Attributes (`<length> <key>=<value>\n`) are how other programs write large sizes and long
//! names; `size` and `path` are read. Links, devices and every other kind are refused.

use std::io::{self, Read, Write};

/// Bytes of a header, and what contents are padded to.
const BLOCK: usize = 512;
/// Bytes of attributes at most.
const MAX_ATTRIBUTES: u64 = 64 * 1024;

/// Why bytes are no archive of this kind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive cannot be read, or ends in the middle of an entry.
    #[error("reading the archive")]
    Io(#[from] io::Error),
    /// A header's checksum is wrong: this is no archive, or a damaged one.
    #[error("damaged archive: wrong checksum of entry {index}")]
    Checksum {
        /// The entry, counted from 0.
        index: usize,
    },
    /// A field holds no number, or attributes are malformed.
    #[error("damaged archive: {field} of entry {index} is malformed")]
    Field {
        /// The field.
        field: &'static str,
        /// The entry, counted from 0.
        index: usize,
    },
    /// An entry is a link, a device or something else that is neither file nor folder.
    #[error("archive entry {name:?} is of kind {kind:?}, only files and folders are allowed")]
    Kind {
        /// Its name.
        name: String,
        /// Its kind.
        kind: char,
    },
}

/// A file or folder in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) is_file: bool,
}

/// Reads an archive from front to back.
#[derive(Debug)]
pub(super) struct Reader<R> {
    inner: R,
    index: usize,
    /// Bytes up to the next header: content that was not read, and padding.
    n_pending: u64,
    n_padding: u64,
}

/// What attributes say about the entry after them.
#[derive(Default)]
struct Attributes {
    size: Option<u64>,
    path: Option<String>,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, index: 0, n_pending: 0, n_padding: 0 }
    }

    /// The next file or folder; `None` at the end. What was not read of the last one is skipped.
    pub(super) fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let mut attributes = Attributes::default();
        loop {
            self.skip_rest()?;
            let mut header = [0; BLOCK];
            if !self.read_header(&mut header)? {
                return Ok(None);
            }
            let size = self.number(&header[124..136], "size")?;
            match header[156] {
                b'x' => attributes = self.attributes(size)?,
                b'g' => drop(self.attributes(size)?),
                kind => return self.entry(&header, kind, size, attributes).map(Some),
            }
            self.index += 1;
        }
    }

    fn entry(
        &mut self,
        header: &[u8; BLOCK],
        kind: u8,
        size: u64,
        attributes: Attributes,
    ) -> Result<Entry, TarError> {
        let name = attributes.path.unwrap_or_else(|| {
            let (prefix, name) = (text(&header[345..500]), text(&header[..100]));
            let is_ustar = header[257..262] == *b"ustar";
            if is_ustar && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
        });
        let is_file = match kind {
            b'0' | 0 => true,
            b'5' => false,
            other => return Err(TarError::Kind { name, kind: char::from(other) }),
        };
        let size = if is_file { attributes.size.unwrap_or(size) } else { 0 };
        self.begin_content(size)?;
        self.index += 1;
        Ok(Entry { name, size, is_file })
    }

    /// The content of the entry that was returned last.
    pub(super) fn content(&mut self) -> Content<'_, R> {
        Content { reader: self }
    }

    fn begin_content(&mut self, size: u64) -> Result<(), TarError> {
        let block = BLOCK as u64;
        self.n_padding = (block - size % block) % block;
        self.n_pending = size;
        match size.checked_add(self.n_padding) {
            Some(_) => Ok(()),
            None => Err(TarError::Field { field: "size", index: self.index }),
        }
    }

    fn skip_rest(&mut self) -> Result<(), TarError> {
        let n_skipped = self.n_pending + self.n_padding;
        (self.n_pending, self.n_padding) = (0, 0);
        let n_found = io::copy(&mut (&mut self.inner).take(n_skipped), &mut io::sink())?;
        match n_found == n_skipped {
            true => Ok(()),
            false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
    }

    /// Whether there is another header: a block of zeros or the end of the input says no.
    fn read_header(&mut self, header: &mut [u8; BLOCK]) -> Result<bool, TarError> {
        let n_read = (&mut self.inner).take(BLOCK as u64).read(header)?;
        if n_read == 0 {
            return Ok(false);
        }
        self.inner.read_exact(&mut header[n_read..])?;
        if header.iter().all(|byte| *byte == 0) {
            return Ok(false);
        }
        let stored = self.number(&header[148..156], "checksum")?;
        match stored == u64::from(checksum(header)) {
            true => Ok(true),
            false => Err(TarError::Checksum { index: self.index }),
        }
    }

    fn attributes(&mut self, size: u64) -> Result<Attributes, TarError> {
        let malformed = TarError::Field { field: "attributes", index: self.index };
        if size > MAX_ATTRIBUTES {
            return Err(malformed);
        }
        self.begin_content(size)?;
        let mut records = Vec::new();
        self.content().read_to_end(&mut records)?;
        parse_attributes(&records).ok_or(malformed)
    }

    fn number(&self, field: &[u8], name: &'static str) -> Result<u64, TarError> {
        parse_number(field).ok_or(TarError::Field { field: name, index: self.index })
    }
}

/// Reads one entry's content and no further.
#[derive(Debug)]
pub(super) struct Content<'r, R> {
    reader: &'r mut Reader<R>,
}

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n_left = self.reader.n_pending;
        let n_read = (&mut self.reader.inner).take(n_left).read(buf)?;
        if n_read == 0 && n_left > 0 && !buf.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.reader.n_pending -= n_read as u64;
        Ok(n_read)
    }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// An octal number between blanks and NULs, or a binary one.
fn parse_number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
        let is_small = first & 0x7F == 0 && high.iter().all(|byte| *byte == 0);
        return is_small.then_some(u64::from_be_bytes(low.try_into().ok()?));
    }
    let digits = field.trim_ascii_start().split(|byte| matches!(byte, 0 | b' ')).next()?;
    digits.iter().try_fold(0u64, |number, digit| match digit {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// `<length> <key>=<value>\n`, the length counting all of itself.
fn parse_attributes(mut records: &[u8]) -> Option<Attributes> {
    let mut attributes = Attributes::default();
    while !records.is_empty() {
        let blank = records.iter().position(|byte| *byte == b' ')?;
        let length: usize = str::from_utf8(&records[..blank]).ok()?.parse().ok()?;
        let (record, rest) = records.split_at_checked(length)?;
        let record = record.get(blank + 1..)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        let value = str::from_utf8(&record[equals + 1..]).ok();
        match &record[..equals] {
            b"size" => attributes.size = Some(value?.parse().ok()?),
            b"path" => attributes.path = Some(value?.to_owned()),
            _ => {}
        }
        records = rest;
    }
    Some(attributes)
}

fn checksum(header: &[u8; BLOCK]) -> u32 {
    let bytes = header.iter().enumerate();
    bytes
        .map(|(i, byte)| if (148..156).contains(&i) { u32::from(b' ') } else { u32::from(*byte) })
        .sum()
}

/// Writes a file's header. `name` has 100 bytes at most.
pub(super) fn write_header(out: &mut impl Write, name: &str, size: u64) -> io::Result<()> {
    let mut header = [0; BLOCK];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[108..115].copy_from_slice(b"0000000");
    header[116..123].copy_from_slice(b"0000000");
    if size < 1 << 33 {
        header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    } else {
        header[124] = 0x80;
        header[128..136].copy_from_slice(&size.to_be_bytes());
    }
    // No times: the same models give the same archive.
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum = checksum(&header);
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header[155] = b' ';
    out.write_all(&header)
}

/// Fills up the last block of a content of `size` bytes.
pub(super) fn write_padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    let n_over = (size % BLOCK as u64) as usize;
    out.write_all(&[0; BLOCK][..(BLOCK - n_over) % BLOCK])
}

/// Ends an archive.
pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, content) in files {
            write_header(&mut out, name, content.len() as u64).unwrap();
            out.extend_from_slice(content);
            write_padding(&mut out, content.len() as u64).unwrap();
        }
        write_end(&mut out).unwrap();
        out
    }

    /// The header of an entry of another kind, with its checksum made right.
    fn header_of_kind(kind: u8, size: u64) -> [u8; BLOCK] {
        let mut out = Vec::new();
        write_header(&mut out, "x", size).unwrap();
        let mut header: [u8; BLOCK] = out.try_into().unwrap();
        header[156] = kind;
        let sum = format!("{:06o}", checksum(&header));
        header[148..154].copy_from_slice(sum.as_bytes());
        header
    }

    #[test]
    fn what_is_written_is_read_back() {
        let block = [7; BLOCK];
        let files: [(&str, &[u8]); 4] = [("a", b""), ("b/c", b"x"), ("d", &block), ("e", b"last")];
        let bytes = archive(&files);
        let mut reader = Reader::new(&bytes[..]);
        for (name, content) in files {
            let entry = reader.next_entry().unwrap().unwrap();
            assert_eq!((entry.name.as_str(), entry.size), (name, content.len() as u64));
            let mut found = Vec::new();
            reader.content().read_to_end(&mut found).unwrap();
            assert_eq!(found, content);
        }
        assert_eq!(reader.next_entry().unwrap(), None);
    }

    #[test]
    fn contents_can_be_skipped() {
        let bytes = archive(&[("a", b"skipped"), ("b", b"")]);
        let mut reader = Reader::new(&bytes[..]);
        reader.next_entry().unwrap();
        assert_eq!(reader.next_entry().unwrap().unwrap().name, "b");
    }

    #[test]
    fn sizes_of_all_lengths_survive() {
        for size in [0, 511, (1 << 33) - 1, 1 << 33, u64::from(u32::MAX) << 20] {
            let mut header = Vec::new();
            write_header(&mut header, "a", size).unwrap();
            let entry = Reader::new(&header[..]).next_entry().unwrap().unwrap();
            assert_eq!(entry.size, size);
        }
    }

    #[test]
    fn links_and_damage_are_refused() {
        for kind in [b'1', b'2', b'3', b'6', b'L', b'K', b'S'] {
            let header = header_of_kind(kind, 0);
            assert!(matches!(Reader::new(&header[..]).next_entry(), Err(TarError::Kind { .. })));
        }
        let good = archive(&[("a", b"x")]);
        for at in [0, 124, 148, 156] {
            let mut bad = good.clone();
            bad[at] ^= 0x11;
            assert!(Reader::new(&bad[..]).next_entry().is_err(), "byte {at}");
        }
        let mut reader = Reader::new(&good[..BLOCK + 100]);
        reader.next_entry().unwrap();
        assert!(reader.next_entry().is_err(), "cut within the padding");
        assert!(Reader::new(&good[..100]).next_entry().is_err(), "cut within the header");
    }

    #[test]
    fn attributes_replace_size_and_name() {
        let records = b"12 path=a/b\n9 size=3\n";
        let mut bytes = header_of_kind(b'x', records.len() as u64).to_vec();
        bytes.extend_from_slice(records);
        write_padding(&mut bytes, records.len() as u64).unwrap();
        bytes.extend_from_slice(&header_of_kind(b'0', 0));
        let entry = Reader::new(&bytes[..]).next_entry().unwrap().unwrap();
        assert_eq!(entry, Entry { name: "a/b".into(), size: 3, is_file: true });

        for bad in
            [&b"99 path=a\n"[..], b"x path=a\n", b"9 size=x\n", b"0 ", b"10 path=a", b"7 size\n"]
        {
            assert!(parse_attributes(bad).is_none(), "{bad:?}");
        }
        let huge = header_of_kind(b'x', MAX_ATTRIBUTES + 1);
        assert!(Reader::new(&huge[..]).next_entry().is_err());
    }

    #[test]
    fn a_size_that_overflows_is_refused() {
        let mut header = header_of_kind(b'0', 0);
        header[124..136].copy_from_slice(&[0x80, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        let sum = format!("{:06o}", checksum(&header));
        header[148..154].copy_from_slice(sum.as_bytes());
        assert!(Reader::new(&header[..]).next_entry().is_err());
    }
}
