//! Requests to one registry: login, redirects, limits.
//!
//! Rules that hold for every request:
//! - Credentials go to the registry's own origin (scheme, host and port) and nowhere else.
//! - Redirects are followed here, not by the HTTP library: five at most, never from `https` to
//!   `http`, and away from the registry only to addresses that `address` permits.
//! - Bodies are read up to a stated limit and never decompressed.
//! - An address in an error has no query.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Method, Response, StatusCode, Url};

use super::TransferError;
use super::address::{Allowed, Class, GuardedResolver, RefusedAddress};
use super::options::Options;
use super::retry::Retries;
use crate::name::ModelName;
use crate::reference::{Reference, Scheme};

/// Redirects of one request at most.
const MAX_REDIRECTS: usize = 5;
/// Bytes of an error's text that are kept.
const MAX_ERROR_BYTES: u64 = 8 * 1024;
/// How much longer than others a registry may take that has to hash what it received.
const SLOW_FACTOR: u32 = 20;
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// What is asked of a registry.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// Sent again if the request is repeated.
    pub(super) body: Vec<u8>,
    /// Whether the registry has work to do before it can answer.
    pub(super) is_slow: bool,
}

impl Request {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new(), is_slow: false }
    }

    pub(super) fn header(mut self, name: HeaderName, value: &str) -> Result<Self, TransferError> {
        let value = HeaderValue::from_str(value).map_err(|e| TransferError::Protocol {
            url: shown(&self.url),
            reason: format!("header {name}: {e}"),
        })?;
        self.headers.insert(name, value);
        Ok(self)
    }
}

/// Speaks with the registry of one model.
pub(super) struct Session {
    pub(super) name: ModelName,
    pub(super) options: Options,
    /// `scheme://host/v2/<namespace>/<model>/`.
    base: Url,
    /// For the registry itself.
    pub(super) direct: Client,
    /// For where it redirects to.
    pub(super) guarded: Client,
    allowed: Arc<Allowed>,
    /// The `Authorization` header that was last found to work.
    pub(super) authorization: Mutex<Option<HeaderValue>>,
}

impl Session {
    /// Prepares for a registry; connects to nothing, but resolves its name.
    pub(super) async fn new(
        reference: &Reference,
        options: &Options,
    ) -> Result<Self, TransferError> {
        let scheme = match (reference.scheme, options.insecure) {
            (Some(Scheme::Http), false) => return Err(TransferError::InsecureProtocol),
            (Some(scheme), _) => scheme,
            (None, false) => Scheme::Https,
            (None, true) => Scheme::Http,
        };
        let name = reference.name.clone();
        let text = format!("{}://{}/v2/{}/", scheme.as_str(), name.host(), name.repository());
        let base = Url::parse(&text)
            .map_err(|e| TransferError::Protocol { url: text, reason: e.to_string() })?;
        let mut hosts = options.trusted_hosts.clone();
        hosts.extend(proxy_hosts());
        let for_registry = Allowed::for_registry(hosts.clone());
        check_literal(&base, &for_registry)?;
        let classes = classes_of(&base).await.into_iter().collect();
        let allowed = Arc::new(Allowed { classes, hosts });
        Ok(Self {
            direct: client(options, Arc::new(for_registry))?,
            guarded: client(options, Arc::clone(&allowed))?,
            authorization: Mutex::new(super::login::preemptive(&options.credentials)?),
            options: options.clone(),
            name,
            base,
            allowed,
        })
    }

    /// The address of something in the model's repository, for example `manifests/latest`.
    pub(super) fn url(&self, path: &str) -> Result<Url, TransferError> {
        self.base.join(path).map_err(|e| self.protocol(&self.base, format!("{path}: {e}")))
    }

    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    pub(super) fn protocol(&self, url: &Url, reason: impl Into<String>) -> TransferError {
        TransferError::Protocol { url: shown(url), reason: reason.into() }
    }

    /// Asks, logs in if asked to, and returns an answer that is no error.
    pub(super) async fn send(&self, request: &Request) -> Result<Response, TransferError> {
        let response = self.follow(request).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !self.is_own(response.url()) {
            return self.checked(response).await;
        }
        self.log_in(&response).await?;
        let response = self.follow(request).await?;
        self.checked(response).await
    }

    async fn checked(&self, response: Response) -> Result<Response, TransferError> {
        let status = response.status();
        let url = shown(response.url());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(TransferError::Unauthorized { url })
            }
            StatusCode::NOT_FOUND => Err(TransferError::NotFound { url }),
            _ if status.is_success() => Ok(response),
            _ => {
                let body = self.read_at_most(response, MAX_ERROR_BYTES).await.unwrap_or_default();
                let body = String::from_utf8_lossy(&body).trim().to_owned();
                Err(TransferError::Status { status: status.as_u16(), url, body })
            }
        }
    }

    async fn follow(&self, request: &Request) -> Result<Response, TransferError> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(request, &url).await?;
            if !is_redirect(response.status(), &request.method) {
                return Ok(response);
            }
            url = self.redirect_target(&url, &response)?;
        }
        Err(refused(&request.url, &url, "there were too many before"))
    }

    async fn ask(&self, request: &Request, url: &Url) -> Result<Response, TransferError> {
        let is_own = self.is_own(url);
        let client = if is_own { &self.direct } else { &self.guarded };
        let mut builder =
            client.request(request.method.clone(), url.clone()).headers(request.headers.clone());
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        let authorization =
            self.authorization.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(value) = authorization.filter(|_| is_own) {
            builder = builder.header(AUTHORIZATION, value);
        }
        let factor = if request.is_slow { SLOW_FACTOR } else { 1 };
        let timeout = self.options.stall_timeout.saturating_mul(factor);
        match tokio::time::timeout(timeout, builder.send()).await {
            Ok(answer) => answer.map_err(|source| connection(url, source)),
            Err(_) => Err(self.stalled(url)),
        }
    }

    pub(super) fn stalled(&self, url: &Url) -> TransferError {
        let Options { stall_bytes, stall_timeout, .. } = self.options;
        TransferError::Stalled { url: shown(url), n_bytes: stall_bytes, within: stall_timeout }
    }

    fn redirect_target(&self, from: &Url, response: &Response) -> Result<Url, TransferError> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let Some(location) = location else {
            return Err(self.protocol(from, "redirect without a readable Location"));
        };
        let to = from.join(location).map_err(|e| self.protocol(from, format!("Location: {e}")))?;
        self.check_target(from, &to)?;
        Ok(to)
    }

    /// Whether an answer of `from` may lead to `to`.
    pub(super) fn check_target(&self, from: &Url, to: &Url) -> Result<(), TransferError> {
        match to.scheme() {
            "https" => {}
            "http" if from.scheme() == "http" => {}
            "http" => return Err(refused(from, to, "it would give up encryption")),
            _ => return Err(refused(from, to, "it is neither http nor https")),
        }
        if !to.username().is_empty() || to.password().is_some() {
            return Err(refused(from, to, "it holds a password"));
        }
        // Names are looked at when they are resolved; here only those that are addresses already.
        match self.is_own(to) {
            true => Ok(()),
            false => check_literal(to, &self.allowed),
        }
    }

    /// Asks as [`send`](Self::send) does, again after failures that may pass.
    pub(super) async fn send_retrying(&self, request: &Request) -> Result<Response, TransferError> {
        let mut retries = Retries::new(&self.options);
        loop {
            match self.send(request).await {
                Err(error) => retries.after(error, false).await?,
                answer => return answer,
            }
        }
    }

    /// Asks for a body of at most `limit` bytes, again after failures that may pass.
    pub(super) async fn fetch(
        &self,
        request: &Request,
        limit: u64,
    ) -> Result<Vec<u8>, TransferError> {
        let mut retries = Retries::new(&self.options);
        loop {
            let answer = match self.send(request).await {
                Ok(response) => self.read_all(response, limit).await,
                Err(error) => Err(error),
            };
            match answer {
                Err(error) => retries.after(error, false).await?,
                body => return body,
            }
        }
    }

    /// A body of at most `limit` bytes.
    pub(super) async fn read_all(
        &self,
        response: Response,
        limit: u64,
    ) -> Result<Vec<u8>, TransferError> {
        let url = response.url().clone();
        let body = self.read_at_most(response, limit + 1).await?;
        match body.len() as u64 > limit {
            true => Err(TransferError::TooLong { url: shown(&url), limit }),
            false => Ok(body),
        }
    }

    /// The first bytes of a body. All of it must come within the time in which something must.
    async fn read_at_most(
        &self,
        mut response: Response,
        n_bytes: u64,
    ) -> Result<Vec<u8>, TransferError> {
        let url = response.url().clone();
        let mut body = Vec::new();
        let read = async {
            while let Some(chunk) = response.chunk().await? {
                let n_left =
                    usize::try_from(n_bytes).unwrap_or(usize::MAX).saturating_sub(body.len());
                body.extend_from_slice(&chunk[..chunk.len().min(n_left)]);
                if chunk.len() >= n_left {
                    break;
                }
            }
            Ok::<(), reqwest::Error>(())
        };
        match tokio::time::timeout(self.options.stall_timeout, read).await {
            Ok(Ok(())) => Ok(body),
            Ok(Err(source)) => Err(connection(&url, source)),
            Err(_) => Err(self.stalled(&url)),
        }
    }
}

/// An address without its query, which may be a secret.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

pub(super) fn connection(url: &Url, source: reqwest::Error) -> TransferError {
    let mut cause: Option<&dyn std::error::Error> = Some(&source);
    while let Some(error) = cause {
        if let Some(RefusedAddress { host, address }) = error.downcast_ref() {
            return TransferError::Address { host: host.clone(), address: *address };
        }
        cause = error.source();
    }
    TransferError::Connection { url: shown(url), source: source.without_url() }
}

fn refused(from: &Url, to: &Url, reason: &'static str) -> TransferError {
    TransferError::Redirect { from: shown(from), to: shown(to), reason }
}

/// 301, 302 and 303 ask for a GET; only 307 and 308 may repeat another method.
fn is_redirect(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301..=303 => matches!(*method, Method::GET | Method::HEAD),
        307 | 308 => true,
        _ => false,
    }
}

fn literal_address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Refuses an address that is written as such, and not permitted.
fn check_literal(url: &Url, allowed: &Allowed) -> Result<(), TransferError> {
    let host = url.host_str().unwrap_or_default();
    match literal_address(url).filter(|address| !allowed.permits(host, *address)) {
        Some(address) => Err(TransferError::Address { host: host.to_owned(), address }),
        None => Ok(()),
    }
}

/// The classes of the registry's own addresses; none if it cannot be resolved, which the first
/// request will say.
async fn classes_of(url: &Url) -> Vec<Class> {
    if let Some(address) = literal_address(url) {
        return vec![Class::of(address)];
    }
    let host = url.host_str().unwrap_or_default();
    match tokio::net::lookup_host((host, 0)).await {
        Ok(found) => found.map(|at| Class::of(at.ip())).collect(),
        Err(_) => Vec::new(),
    }
}

/// The proxies that the environment names, and the HTTP library uses: the operator's choice.
fn proxy_hosts() -> Vec<String> {
    let names =
        ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let host = |value: std::ffi::OsString| {
        let text = value.into_string().ok()?;
        let url = Url::parse(&text).or_else(|_| Url::parse(&format!("http://{text}"))).ok()?;
        url.host_str().map(str::to_ascii_lowercase)
    };
    names.into_iter().filter_map(std::env::var_os).filter_map(host).collect()
}

fn client(options: &Options, allowed: Arc<Allowed>) -> Result<Client, TransferError> {
    // The library asks for one provider per process; where the program chose one, that stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let failed = |source| TransferError::Connection { url: "setting up TLS".to_owned(), source };
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(&options.user_agent)
        .dns_resolver(Arc::new(GuardedResolver { allowed }));
    for pem in &options.certificates {
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(failed)?;
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(failed)
}
