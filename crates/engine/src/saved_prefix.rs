//! What is cached of a text, in a file, to be there again after a restart.
//!
//! ```text
//! byte  bytes
//!    0      8   "CAMELIDP"
//!    8      4   version of this layout: 1
//!   12      8   number format of keys and values, its name filled up with zeros
//!   20     32   SHA-256 of what the model is
//!   52      4   number of tokens
//!   56      8   bytes of the cache
//!   64          tokens, 4 bytes each
//!               the cache (`decoder/saved.rs`)
//!         32    SHA-256 of all that precedes
//! ```
//!
//! All numbers are little-endian. What the model is: its specification as this version of the
//! engine reads it, options of the rope included, and name, type, shape and first bytes of every
//! tensor. A file appears whole or not at all. The engine's thread copies what is cached; hashing
//! and the disk are the caller's.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use camelid_gguf::GgufFile;
use camelid_kernels::KvType;
use sha2::{Digest, Sha256};

use crate::{
    batch::TokenId,
    error::{Error, Result},
    model::{Model, Prompt},
    scheduler::Work,
    session::Session,
    spec::{ModelSpec, RopeFactors, TokenMixer},
};

const MAGIC: &[u8; 8] = b"CAMELIDP";
const VERSION: u32 = 1;
const HEAD_LEN: usize = 64;
const DIGEST_LEN: usize = 32;

/// Of each tensor, so many bytes are part of what the model is.
const SAMPLE_LEN: usize = 4096;

/// Why a prefix could not be saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedPrefixError {
    /// The file system refused.
    #[error("cannot {what} the saved prefix {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no saved prefix, or is not as it was written.
    #[error("saved prefix, {what}: found {found}, allowed {allowed}")]
    Malformed {
        /// What is wrong, and where.
        what: &'static str,
        /// What stands there.
        found: String,
        /// What may stand there.
        allowed: String,
    },
    /// The file was saved by another model, or one loaded with other options.
    #[error("the saved prefix is of another {what}: found {found}, allowed {allowed}")]
    Foreign {
        /// What differs.
        what: &'static str,
        /// The file's.
        found: String,
        /// The model's.
        allowed: String,
    },
    /// Nothing is cached of the text to be saved.
    #[error("none of the {n_tokens} tokens to be saved is cached")]
    NotCached {
        /// Tokens of the text.
        n_tokens: usize,
    },
}

impl Model {
    /// Saves what is cached of a text: the longest beginning that any request has read or written
    /// and that is still there. Answers how many of its tokens that are.
    ///
    /// The file is as large as their keys and values; it holds the text, and up to 31 tokens that
    /// followed it. Of models that can go back only to some places (windows, states) that is the
    /// last such place.
    ///
    /// ```no_run
    /// use camelid_engine::{GenerateOptions, Model};
    ///
    /// let instructions = "You answer in one word.\n";
    /// let model = Model::open("model.gguf")?;
    /// model.generate(instructions, GenerateOptions::default())?.text()?;
    /// model.save_prefix(instructions, "instructions.prefix")?;
    /// // After a restart:
    /// let model = Model::open("model.gguf")?;
    /// model.load_prefix("instructions.prefix")?;
    /// # Ok::<(), camelid_engine::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`SavedPrefixError::NotCached`], what the file system says, and where the model only embeds.
    pub fn save_prefix(&self, prompt: impl Into<Prompt>, path: impl AsRef<Path>) -> Result<usize> {
        self.check_generates()?;
        let mut tokens = self.tokens_of(prompt.into())?;
        let n_tokens = tokens.len();
        let (reply, answer) = async_channel::bounded(1);
        self.send(Work::Save { tokens: tokens.clone(), reply })?;
        let (n_cached, cache) = answer.recv_blocking().map_err(|_| Error::Stopped)??;
        if n_cached == 0 {
            return Err(SavedPrefixError::NotCached { n_tokens }.into());
        }
        tokens.truncate(n_cached);
        let file = encode(&Identity::of(self), &tokens, &cache);
        write_whole(path.as_ref(), &file)?;
        Ok(n_cached)
    }

    /// Loads what [`save_prefix`](Self::save_prefix) saved, for requests that begin like it.
    /// Answers its tokens.
    ///
    /// # Errors
    /// Where the file is damaged, or of another model, rope or number format of keys and values;
    /// where it is longer than the context or has no room in the cache.
    pub fn load_prefix(&self, path: impl AsRef<Path>) -> Result<Vec<TokenId>> {
        self.check_generates()?;
        let identity = Identity::of(self);
        let limit = self.max_cache_bytes().saturating_add(file_len(self.n_ctx(), 0));
        let file = read_whole(path.as_ref(), limit)?;
        let (tokens, cache) = decode(file, &identity)?;
        check_tokens(&tokens, self.n_ctx(), self.spec().n_vocab)?;
        let (reply, answer) = async_channel::bounded(1);
        self.send(Work::Load { tokens: tokens.clone(), cache, reply })?;
        answer.recv_blocking().map_err(|_| Error::Stopped)??;
        Ok(tokens)
    }
}

impl Session {
    /// Saves what is cached of the session, as [`Model::save_prefix`] does. To go on after a
    /// restart, append what [`Model::load_prefix`] answers to a new session.
    ///
    /// # Errors
    /// As [`Model::save_prefix`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<usize> {
        self.model().save_prefix(self.tokens().to_vec(), path)
    }
}

/// What a file must have been saved by.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    kv_type: [u8; 8],
    model: [u8; DIGEST_LEN],
}

impl Identity {
    fn of(model: &Model) -> Self {
        let model_digest = model_digest(model.spec(), model.gguf(), model.n_ctx());
        Self { kv_type: kv_name(model.kv_type()), model: model_digest }
    }
}

fn kv_name(ty: KvType) -> [u8; 8] {
    let mut name = [0; 8];
    name.iter_mut().zip(ty.name().bytes()).for_each(|(to, byte)| *to = byte);
    name
}

fn model_digest(spec: &ModelSpec, file: &GgufFile, n_ctx: usize) -> [u8; DIGEST_LEN] {
    let mut hash = Sha256::new();
    hash.update(format!("{spec:?} {:?}", turns_for_long(spec, n_ctx)));
    for tensor in file.tensors() {
        let data = file.tensor_data(tensor);
        hash.update(format!("{} {:?} {:?}", tensor.name(), tensor.dims(), tensor.ty()));
        hash.update(&data[..data.len().min(SAMPLE_LEN)]);
    }
    hash.finalize().into()
}

/// Whether keys are turned by other frequencies than in a short context.
fn turns_for_long(spec: &ModelSpec, n_ctx: usize) -> bool {
    spec.blocks.iter().any(|block| {
        let rope = match &block.mixer {
            TokenMixer::Attention(spec) => spec.rope.as_ref(),
            TokenMixer::Latent(spec) => Some(&spec.rope),
            TokenMixer::ShortConv(_) | TokenMixer::Ssm(_) | TokenMixer::DeltaNet(_) => None,
        };
        rope.is_some_and(|rope| match rope.factors {
            RopeFactors::LongAndShort { n_ctx_orig } => n_ctx > n_ctx_orig,
            RopeFactors::OneSet => false,
        })
    })
}

/// Bytes of a file.
fn file_len(n_tokens: usize, n_cache: u64) -> u64 {
    let around = n_tokens.saturating_mul(size_of::<TokenId>()) as u64;
    around.saturating_add((HEAD_LEN + DIGEST_LEN) as u64).saturating_add(n_cache)
}

fn encode(identity: &Identity, tokens: &[TokenId], cache: &[u8]) -> Vec<u8> {
    let n_tokens = u32::try_from(tokens.len()).expect("a context is shorter than 2^32 tokens");
    let mut file = Vec::with_capacity(HEAD_LEN + 4 * tokens.len() + cache.len() + DIGEST_LEN);
    file.extend(MAGIC);
    file.extend(VERSION.to_le_bytes());
    file.extend(identity.kv_type);
    file.extend(identity.model);
    file.extend(n_tokens.to_le_bytes());
    file.extend((cache.len() as u64).to_le_bytes());
    tokens.iter().for_each(|token| file.extend(token.to_le_bytes()));
    file.extend(cache);
    let digest: [u8; DIGEST_LEN] = Sha256::digest(&file).into();
    file.extend(digest);
    file
}

/// The tokens and the cache of a file.
fn decode(mut file: Vec<u8>, identity: &Identity) -> Result<(Vec<TokenId>, Vec<u8>)> {
    let mut head = Head { rest: file.get(..HEAD_LEN).unwrap_or_default() };
    let magic = head.take();
    if &magic != MAGIC {
        let found = if file.len() < HEAD_LEN {
            format!("{} bytes in all", file.len())
        } else {
            magic.escape_ascii().to_string()
        };
        return Err(malformed("magic at byte 0", found, MAGIC.escape_ascii().to_string()));
    }
    let version = u32::from_le_bytes(head.take());
    if version != VERSION {
        return Err(malformed("version at byte 8", version.to_string(), VERSION.to_string()));
    }
    let found = Identity { kv_type: head.take(), model: head.take() };
    let n_tokens = u32::from_le_bytes(head.take()) as usize;
    let n_cache = u64::from_le_bytes(head.take());
    check_identity(&found, identity)?;
    let n_bytes = file_len(n_tokens, n_cache);
    if file.len() as u64 != n_bytes {
        let allowed = format!("{n_bytes} for {n_tokens} tokens and {n_cache} bytes of cache");
        return Err(malformed("length of the file", file.len().to_string(), allowed));
    }
    let digest = file.split_off(file.len() - DIGEST_LEN);
    let want: [u8; DIGEST_LEN] = Sha256::digest(&file).into();
    if digest != want {
        return Err(malformed("checksum at the end", hex(&digest), hex(&want)));
    }
    let cache = file.split_off(HEAD_LEN + n_tokens * size_of::<TokenId>());
    let (tokens, _) = file[HEAD_LEN..].as_chunks();
    Ok((tokens.iter().map(|&token| TokenId::from_le_bytes(token)).collect(), cache))
}

/// The head of a file, read from its beginning; zeros behind its end.
struct Head<'a> {
    rest: &'a [u8],
}

impl Head<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((taken, rest)) = self.rest.split_first_chunk() else { return [0; N] };
        self.rest = rest;
        *taken
    }
}

fn check_identity(found: &Identity, own: &Identity) -> Result<()> {
    let foreign = |what, found, allowed| SavedPrefixError::Foreign { what, found, allowed };
    let name = |name: &[u8; 8]| name.trim_ascii_end().escape_ascii().to_string();
    if found.kv_type != own.kv_type {
        let (found, own) = (name(&found.kv_type), name(&own.kv_type));
        return Err(foreign("number format of keys and values", found, own).into());
    }
    if found.model != own.model {
        return Err(foreign("model", hex(&found.model), hex(&own.model)).into());
    }
    Ok(())
}

fn check_tokens(tokens: &[TokenId], n_ctx: usize, n_vocab: usize) -> Result<()> {
    if !(1..=n_ctx).contains(&tokens.len()) {
        let allowed = format!("1 to {n_ctx}, the context");
        return Err(malformed("number of tokens at byte 52", tokens.len().to_string(), allowed));
    }
    let stranger = tokens.iter().find(|&&id| id as usize >= n_vocab);
    stranger.map_or(Ok(()), |&id| Err(Error::TokenOutOfRange { id, n_vocab }))
}

fn malformed(what: &'static str, found: String, allowed: String) -> Error {
    SavedPrefixError::Malformed { what, found, allowed }.into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| SavedPrefixError::Io { what, path, source }.into()
}

/// Reads a file of at most `limit` bytes.
fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(io("open", path))?;
    let n_bytes = file.metadata().map_err(io("read", path))?.len();
    let mut bytes = Vec::new();
    if n_bytes <= limit {
        // One byte more tells whether it has grown.
        let n_read = limit.saturating_add(1);
        file.take(n_read).read_to_end(&mut bytes).map_err(io("read", path))?;
    }
    let n_bytes = n_bytes.max(bytes.len() as u64);
    if n_bytes > limit {
        let allowed = format!("at most {limit}, with the whole cache in it");
        return Err(malformed("length of the file", n_bytes.to_string(), allowed));
    }
    Ok(bytes)
}

/// Writes a file beside its place and moves it there.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    static N_WRITTEN: AtomicU64 = AtomicU64::new(0);
    let n = N_WRITTEN.fetch_add(1, Ordering::Relaxed);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}-{n}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let write = || {
        let mut file = File::create_new(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| {
        // It may not even be there; what went wrong is told already.
        drop(fs::remove_file(&beside));
        io("write", path)(source)
    })
}

#[cfg(test)]
mod tests;
