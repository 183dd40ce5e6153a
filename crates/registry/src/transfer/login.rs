//! Logging in, when a registry answers 401.
//!
//! `Basic` is answered with the name and password. For `Bearer` a token is fetched from the
//! address in the challenge, the realm, which must be on the registry's own host (or one that the
//! operator trusts) and use TLS unless the registry itself does not: the request for it carries
//! the password or a signature. Ollama's registry wants that request signed,
//!
//! ```text
//! GET,<address>,base64(hex(sha256("")))      the text that is signed
//! Authorization: <public key>:<signature>
//! ```
//!
//! with the current time and a random number in the address.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Response, Url};
use serde::Deserialize;

use super::TransferError;
use super::challenge::Challenge;
use super::options::Credentials;
use super::session::{Request, Session, connection, shown};
use crate::digest::Digest;

/// Bytes of a token's answer at most.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(alias = "access_token")]
    token: String,
}

/// What can be sent before being asked.
pub(super) fn preemptive(credentials: &Credentials) -> Result<Option<HeaderValue>, TransferError> {
    match credentials {
        Credentials::Bearer(token) => secret(format!("Bearer {token}")).map(Some),
        _ => Ok(None),
    }
}

fn secret(text: String) -> Result<HeaderValue, TransferError> {
    let mut value = HeaderValue::from_str(&text).map_err(|_| TransferError::Login {
        url: String::new(),
        reason: "the credentials hold characters that a header cannot".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, TransferError> {
    secret(format!("Basic {}", STANDARD.encode(format!("{username}:{password}"))))
}

impl Session {
    /// Answers the challenge in a 401, so that the next request carries what it asks for.
    pub(super) async fn log_in(&self, response: &Response) -> Result<(), TransferError> {
        let url = response.url();
        let unauthorized = || TransferError::Unauthorized { url: shown(url) };
        let headers = response.headers().get_all(WWW_AUTHENTICATE);
        let challenge = headers.iter().find_map(|value| Challenge::parse(value.to_str().ok()?));
        let value = match (challenge, &self.options.credentials) {
            (None, _) => return Err(unauthorized()),
            (Some(Challenge::Basic), Credentials::Basic { username, password }) => {
                basic(username, password)?
            }
            (Some(Challenge::Basic), _) => return Err(unauthorized()),
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                let realm = self.checked_realm(url, &realm)?;
                let token = self.token(token_url(realm, service, scope)).await?;
                secret(format!("Bearer {token}"))?
            }
        };
        *self.authorization.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
        Ok(())
    }

    fn checked_realm(&self, from: &Url, realm: &str) -> Result<Url, TransferError> {
        let login = |reason: String| TransferError::Login { url: shown(from), reason };
        let url = Url::parse(realm).map_err(|e| login(format!("realm {realm:?}: {e}")))?;
        self.check_target(from, &url)?;
        let host = url.host_str().unwrap_or_default();
        let is_trusted = self.options.trusted_hosts.contains(host);
        let is_same = (url.host_str(), url.port_or_known_default())
            == (from.host_str(), from.port_or_known_default());
        match is_same || is_trusted {
            true => Ok(url),
            false => Err(login(format!(
                "realm host {host:?} does not match original host {:?}",
                from.host_str().unwrap_or_default()
            ))),
        }
    }

    /// Fetches a token. Redirects are not followed: the request carries credentials.
    async fn token(&self, mut url: Url) -> Result<String, TransferError> {
        let authorization = match &self.options.credentials {
            Credentials::Basic { username, password } => Some(basic(username, password)?),
            Credentials::Key(key) => {
                add_nonce(&mut url)?;
                let body_hash = STANDARD.encode(Digest::of(b"").hex());
                Some(secret(key.sign(&format!("GET,{url},{body_hash}")))?)
            }
            Credentials::Anonymous | Credentials::Bearer(_) => None,
        };
        let mut request = Request::new(Method::GET, url.clone());
        request.headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        let answer = tokio::time::timeout(self.options.stall_timeout, self.ask_for_token(request));
        let response = answer.await.map_err(|_| self.stalled(&url))??;
        if !response.status().is_success() {
            return Err(TransferError::Unauthorized { url: shown(&url) });
        }
        let body = self.read_all(response, MAX_TOKEN_BYTES).await?;
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|e| self.protocol(&url, format!("no token: {e}")))?;
        Ok(answer.token)
    }

    async fn ask_for_token(&self, request: Request) -> Result<Response, TransferError> {
        let client = if self.is_own(&request.url) { &self.direct } else { &self.guarded };
        let builder = client.request(request.method, request.url.clone()).headers(request.headers);
        builder.send().await.map_err(|source| connection(&request.url, source))
    }
}

/// The realm with what is asked for, keys sorted as Ollama's registry expects.
fn token_url(mut realm: Url, service: Option<String>, scope: Option<String>) -> Url {
    {
        let mut query = realm.query_pairs_mut();
        for scope in scope.iter().flat_map(|scopes| scopes.split(' ')).filter(|s| !s.is_empty()) {
            query.append_pair("scope", scope);
        }
        if let Some(service) = &service {
            query.append_pair("service", service);
        }
    }
    realm
}

/// Adds what makes a signed request good only once and only now.
fn add_nonce(url: &mut Url) -> Result<(), TransferError> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce)
        .map_err(|e| TransferError::Key { reason: format!("no random numbers: {e}") })?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.push(("nonce".to_owned(), URL_SAFE_NO_PAD.encode(nonce)));
    pairs.push(("ts".to_owned(), now.to_string()));
    // Stable: scopes keep their order.
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    url.query_pairs_mut().clear().extend_pairs(pairs);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_addresses_are_sorted() {
        let realm = Url::parse("https://h/token").unwrap();
        let mut url = token_url(realm, Some("s".into()), Some("a:pull b:push".into()));
        add_nonce(&mut url).unwrap();
        let keys: Vec<_> = url.query_pairs().map(|(key, _)| key.into_owned()).collect();
        assert_eq!(keys, ["nonce", "scope", "scope", "service", "ts"]);
    }
}
