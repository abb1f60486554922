//! A token that is in a file, and that is another one every hour: a `tokenFile`, or the ServiceAccount's.

mod error;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderValue;

use crate::core::words::quoted;

pub(super) use error::TokenError;

/// A token's file. It is read for every request: it is small, and whoever renews it does not say when.
#[derive(Debug, Clone)]
pub(super) struct TokenFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// As a header; sensitive, so that it is not shown.
    last: Mutex<HeaderValue>,
}

impl TokenFile {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// It cannot be read, or is not one token.
    pub(super) fn open(path: PathBuf) -> Result<Self, TokenError> {
        let last = Mutex::new(read(&path)?);
        Ok(Self(Arc::new(Inner { path, last })))
    }

    /// `Bearer` and the token. If the file is gone meanwhile, or is just being written, the last one that was read.
    pub(super) fn authorization(&self) -> HeaderValue {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(now) = read(&self.0.path) {
            *last = now;
        }
        last.clone()
    }
}

fn read(path: &Path) -> Result<HeaderValue, TokenError> {
    let name = || quoted(&path.to_string_lossy());
    let text = std::fs::read_to_string(path).map_err(|error| TokenError::Unreadable(name(), error))?;
    let token = text.trim();
    let header = Some(token).filter(|token| !token.is_empty() && !token.contains(char::is_whitespace));
    let header = header.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
    let mut header = header.ok_or_else(|| TokenError::NoToken(name()))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_none_of_it_and_it_is_read_again() {
        let path = std::env::temp_dir().join(format!("pod-remediator-token-{}", std::process::id()));
        std::fs::write(&path, "one\r\n").unwrap();
        let file = TokenFile::open(path.clone()).unwrap();
        assert_eq!(file.authorization(), "Bearer one");
        std::fs::write(&path, "two\n\n").unwrap();
        assert_eq!(file.authorization(), "Bearer two");
        assert!(!format!("{file:?}").contains("two"), "{file:?}");
        std::fs::write(&path, "").unwrap();
        assert_eq!(file.authorization(), "Bearer two", "it is just being written");
        for none in ["", "\n", "secret secret\n", "sec\nret", "s\u{1}cret"] {
            std::fs::write(&path, none).unwrap();
            let error = TokenFile::open(path.clone()).unwrap_err().to_string();
            assert!(error.ends_with("is empty, or holds something else than one token") && !error.contains("secret"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.authorization(), "Bearer two");
        assert!(TokenFile::open(path).unwrap_err().to_string().contains("cannot be read"));
    }
}
