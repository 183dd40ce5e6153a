//! How to deal with a registry.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use ssh_key::private::Ed25519Keypair;

use super::TransferError;

/// Who is asking.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A name and a password or access token, as ordinary registries take them.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that was got elsewhere.
    Bearer(String),
    /// A key that Ollama's registry knows.
    Key(Key),
}

/// Shows the kind only: secrets do not belong in logs.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic(..)",
            Self::Bearer(_) => "Bearer(..)",
            Self::Key(_) => "Key(..)",
        })
    }
}

/// An Ed25519 key pair, as in `~/.ollama/id_ed25519`.
#[derive(Clone)]
pub struct Key {
    pair: Arc<Ed25519KeyPair>,
    /// The public key as OpenSSH writes it, in base64.
    public: String,
}

impl Key {
    /// Reads an unencrypted private key in OpenSSH's format.
    ///
    /// # Errors
    /// If it is none, or of another kind.
    pub fn from_openssh(pem: &str) -> Result<Self, TransferError> {
        let key_error = |reason: String| TransferError::Key { reason };
        let key = ssh_key::PrivateKey::from_openssh(pem).map_err(|e| key_error(e.to_string()))?;
        let Some(parts) = key.key_data().ed25519() else {
            return Err(key_error("it is encrypted or no Ed25519 key".to_owned()));
        };
        let (seed, public) = (parts.private.to_bytes(), parts.public.0);
        let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &public)
            .map_err(|e| key_error(e.to_string()))?;
        let line = key.public_key().to_openssh().map_err(|e| key_error(e.to_string()))?;
        // `ssh-ed25519 <base64> <comment>`
        let public = line.split(' ').nth(1).unwrap_or_default().to_owned();
        Ok(Self { pair: Arc::new(pair), public })
    }

    /// Makes a new key pair, as the texts of the two files that OpenSSH keeps one in.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn generate() -> Result<KeyFiles, TransferError> {
        let key_error = |reason: String| TransferError::Key { reason };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|e| key_error(e.to_string()))?;
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|e| key_error(e.to_string()))?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&seed);
        bytes[32..].copy_from_slice(pair.public_key().as_ref());
        let files = || -> Result<KeyFiles, ssh_key::Error> {
            let key = ssh_key::PrivateKey::from(Ed25519Keypair::from_bytes(&bytes)?);
            let private = key.to_openssh(ssh_key::LineEnding::LF)?.to_string();
            Ok(KeyFiles { private, public: key.public_key().to_openssh()? })
        };
        files().map_err(|e| key_error(e.to_string()))
    }

    /// `<public key>:<signature>`, both in base64: how Ollama's registry wants requests signed.
    pub(super) fn sign(&self, text: &str) -> String {
        format!("{}:{}", self.public, STANDARD.encode(self.pair.sign(text.as_bytes())))
    }
}

/// A key pair as OpenSSH keeps it. The private file must be readable by its owner only.
#[derive(Clone)]
pub struct KeyFiles {
    /// The text of `id_ed25519`.
    pub private: String,
    /// The line in `id_ed25519.pub`, without a line end.
    pub public: String,
}

/// How to deal with a registry. The defaults suit public ones.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Who is asking.
    pub credentials: Credentials,
    /// Whether names may ask for `http`, and those that ask for nothing get it.
    pub insecure: bool,
    /// Certificate authorities to trust besides the system's, as PEM.
    pub certificates: Vec<Vec<u8>>,
    /// Hosts that redirects may lead to wherever they are.
    pub trusted_hosts: BTreeSet<String>,
    /// Hosts that are Hugging Face's hub: where their registry has no manifest for a model, as it
    /// has none for weights in several files, it is looked for among the repository's files.
    pub hub_hosts: BTreeSet<String>,
    /// What the registry is told of the program that asks.
    pub user_agent: String,
    /// Connections that fetch parts of a blob at a time.
    pub n_connections: usize,
    /// Bytes that are fetched by one request, and fetched again after a crash at most.
    pub chunk_size: u64,
    /// Bytes that are sent by one request at first; fewer after failures.
    pub upload_chunk_size: usize,
    /// How long nothing may happen; a connection that brings less than `stall_bytes` in this time
    /// is given up and made anew.
    pub stall_timeout: Duration,
    /// See `stall_timeout`. Also what an attempt must bring not to count as failed.
    pub stall_bytes: u64,
    /// Failures in a row after which a request is given up.
    pub n_attempts: u32,
    /// The pause after the first failure; it doubles with every further one.
    pub retry_delay: Duration,
    /// Whether blobs that only the former version of a model needed go after a pull.
    pub prune: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credentials: Credentials::Anonymous,
            insecure: false,
            certificates: Vec::new(),
            trusted_hosts: BTreeSet::new(),
            hub_hosts: ["hf.co", "huggingface.co"].map(str::to_owned).into(),
            user_agent: concat!("camelid/", env!("CARGO_PKG_VERSION")).to_owned(),
            n_connections: 8,
            chunk_size: 16 * 1024 * 1024,
            upload_chunk_size: 4 * 1024 * 1024,
            stall_timeout: Duration::from_secs(30),
            stall_bytes: 16 * 1024,
            n_attempts: 6,
            retry_delay: Duration::from_secs(1),
            prune: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_signed_as_ollama_wants_them() {
        let files = Key::generate().unwrap();
        let signed = Key::from_openssh(&files.private).unwrap().sign("GET,https://a/b,x");
        let (public, signature) = signed.split_once(':').unwrap();
        assert_eq!(Some(public), files.public.split(' ').nth(1));
        // The raw key is the last 32 bytes of OpenSSH's form.
        let wire = STANDARD.decode(public).unwrap();
        let raw = &wire[wire.len() - 32..];
        let signature = STANDARD.decode(signature).unwrap();
        let verifier = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, raw);
        assert!(verifier.verify(b"GET,https://a/b,x", &signature).is_ok());
        assert!(verifier.verify(b"GET,https://a/b,y", &signature).is_err());
    }

    #[test]
    fn other_files_are_no_keys() {
        assert!(Key::from_openssh("").is_err());
        assert!(Key::from_openssh(&Key::generate().unwrap().public).is_err());
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::Basic { username: "u".into(), password: "hunter2".into() };
        let options = Options { credentials, ..Options::default() };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
