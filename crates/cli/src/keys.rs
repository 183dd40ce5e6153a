//! The key by which Ollama's registry knows a user: `~/.ollama/id_ed25519`.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
};

use anyhow::{Context, Result};
use camelid_runtime::registry::transfer::{Credentials, Key};

/// The file within the user's home folder.
const PRIVATE: &str = ".ollama/id_ed25519";

/// Who the user is to registries; nobody in particular where there is no key.
pub(crate) fn credentials(home: Option<&Path>) -> Result<Credentials> {
    let Some(path) = home.map(|home| home.join(PRIVATE)) else { return Ok(Credentials::Anonymous) };
    match fs::read_to_string(&path) {
        Ok(pem) => {
            let key = Key::from_openssh(&pem).with_context(|| path.display().to_string())?;
            Ok(Credentials::Key(key))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Credentials::Anonymous),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Makes the key pair if there is none.
pub(crate) fn ensure(home: Option<&Path>) -> Result<()> {
    let Some(path) = home.map(|home| home.join(PRIVATE)) else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let files = Key::generate()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| file.write_all(files.private.as_bytes()));
    written.with_context(|| path.display().to_string())?;
    let public = path.with_extension("pub");
    fs::write(&public, files.public.clone() + "\n")
        .with_context(|| public.display().to_string())?;
    tracing::info!(public_key = files.public, "a key pair for registries was made");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_used_from_then_on() {
        let home = tempfile::tempdir().unwrap();
        assert!(matches!(credentials(None), Ok(Credentials::Anonymous)));
        assert!(matches!(credentials(Some(home.path())), Ok(Credentials::Anonymous)));
        ensure(Some(home.path())).unwrap();
        let private = fs::read_to_string(home.path().join(PRIVATE)).unwrap();
        assert!(matches!(credentials(Some(home.path())), Ok(Credentials::Key(_))));
        ensure(Some(home.path())).unwrap();
        assert_eq!(fs::read_to_string(home.path().join(PRIVATE)).unwrap(), private);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(home.path().join(PRIVATE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
        }
        fs::write(home.path().join(PRIVATE), "no key").unwrap();
        assert!(credentials(Some(home.path())).is_err(), "a broken key is told, not passed over");
    }
}
