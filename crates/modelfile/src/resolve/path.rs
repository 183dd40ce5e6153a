//! Arguments to absolute paths.

use std::path::{Path, PathBuf};

use super::ResolveError;

/// The absolute path that `argument` means, seen from `base`, the Modelfile's folder.
///
/// `~` and `~/x` are in the current user's home folder, `~name/x` in that user's; absolute paths
/// stay; others are joined to `base`. An empty argument is `base`. Nothing needs to exist.
///
/// # Errors
/// If a home folder is not known, or the current folder is gone and `base` is relative.
pub fn expand_path(argument: &str, base: &Path) -> Result<PathBuf, ResolveError> {
    let path = match argument.strip_prefix('~') {
        Some(rest) => {
            let (user, below) = rest.split_once(['/', '\\']).unwrap_or((rest, ""));
            let home = home_dir(user).ok_or_else(|| ResolveError::UnknownHome {
                user: if user.is_empty() { "the current user".to_owned() } else { user.to_owned() },
                argument: argument.to_owned(),
            })?;
            home.join(below.trim_start_matches('/'))
        }
        None => base.join(argument),
    };
    std::path::absolute(&path).map_err(|source| ResolveError::Io { path, source })
}

fn home_dir(user: &str) -> Option<PathBuf> {
    if user.is_empty() {
        return std::env::home_dir().filter(|home| home.is_absolute());
    }
    named_home_dir(user)
}

/// The home folder of another user as the password file has it. Users that only a directory
/// service knows are not found: asking one takes the C library.
#[cfg(unix)]
fn named_home_dir(user: &str) -> Option<PathBuf> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    home_in_passwd(&passwd, user)
}

#[cfg(not(unix))]
fn named_home_dir(_user: &str) -> Option<PathBuf> {
    None
}

/// `name:password:uid:gid:comment:home:shell`, a line per user.
#[cfg(unix)]
fn home_in_passwd(passwd: &str, user: &str) -> Option<PathBuf> {
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let home = lines.find(|fields| fields.first() == Some(&user))?.get(5).copied()?;
    home.starts_with('/').then(|| PathBuf::from(home))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn expanded(argument: &str) -> PathBuf {
        expand_path(argument, Path::new("/base/dir")).unwrap()
    }

    #[test]
    fn relative_paths_start_at_the_base() {
        assert_eq!(expanded("./a b"), Path::new("/base/dir/a b"));
        assert_eq!(expanded("a/b"), Path::new("/base/dir/a/b"));
        assert_eq!(expanded("/x/y"), Path::new("/x/y"));
        assert_eq!(expanded(""), Path::new("/base/dir/"));
    }

    #[test]
    fn tildes_are_homes() {
        let home = std::env::home_dir().unwrap();
        assert_eq!(expanded("~"), home.join(""));
        assert_eq!(expanded("~/x"), home.join("x"));
        assert_eq!(expanded("~//etc"), home.join("etc"), "stays within the home");
        let error = expand_path("~no.such.user/x", Path::new("/")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no home directory is known for no.such.user, in \"~no.such.user/x\""
        );
    }

    #[test]
    fn password_files_are_searched_by_whole_names() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nann:x:1:1::/home/ann:/bin/sh\nodd:x\n";
        assert_eq!(home_in_passwd(passwd, "ann"), Some(PathBuf::from("/home/ann")));
        assert_eq!(home_in_passwd(passwd, "an"), None);
        assert_eq!(home_in_passwd(passwd, "odd"), None);
    }
}
