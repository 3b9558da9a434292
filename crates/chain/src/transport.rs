//! One HTTP request to a node: bounded, counted, and its fault classified.

use crate::{
    error::ChainError,
    node::{NodeStats, Policy},
    rpc,
    waiting::Waiting,
};
use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER, redirect};
use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;
use url::Url;

/// A node asks for patience in seconds; nobody waits longer than this at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest pause before another try, where the node does not say how long.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often an address at which no node ever answered is tried: it is wrong, most likely.
const TRIES_UNREACHED: u32 = 3;
/// Error pages longer than this are not read.
const ERROR_PAGE: usize = 64 << 10;

/// Why a request gave no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Another try may help.
    Passing {
        /// What happened.
        detail: String,
        /// The error to end with when no try helped; [`ChainError::Transport`] if none.
        last: Option<ChainError>,
        /// The node asked for patience: the try does not count.
        patience: bool,
    },
    /// The node does not take a request of this size.
    TooLarge,
    /// Another try would end the same way.
    Final(String),
}

impl Fault {
    pub(crate) fn passing(detail: impl Into<String>) -> Self {
        Self::Passing {
            detail: detail.into(),
            last: None,
            patience: false,
        }
    }
}

/// The way to one node.
pub(crate) struct Transport {
    client: Result<Client, String>,
    url: Url,
    /// Scheme, host and port: what may be shown.
    pub(crate) shown: String,
    /// Parts of the address that are secrets, most likely.
    secrets: Vec<String>,
    pub(crate) policy: Policy,
    permits: Semaphore,
    resume: Mutex<Option<Instant>>,
    /// Whether a connection was ever made.
    reached: AtomicBool,
    pub(crate) waiting: Waiting,
    calls: AtomicU64,
    bytes: AtomicU64,
    retries: AtomicU64,
}

impl Transport {
    pub(crate) fn new(url: Url, policy: Policy) -> Self {
        Self {
            client: client(&url, &policy),
            shown: rpc::endpoint(&url),
            secrets: secrets(&url),
            permits: Semaphore::new(policy.concurrency.max(1)),
            url,
            policy,
            resume: Mutex::new(None),
            reached: AtomicBool::new(false),
            waiting: Waiting::default(),
            calls: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    pub(crate) fn stats(&self) -> NodeStats {
        NodeStats {
            calls: self.calls.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Posts a body that holds `calls` calls. Any complete answer below status 400 is returned, and
    /// with it error answers that look like JSON: the JSON-RPC error inside says more.
    pub(crate) async fn post(&self, body: Vec<u8>, calls: usize) -> Result<Vec<u8>, Fault> {
        let client = self
            .client
            .as_ref()
            .map_err(|detail| Fault::Final(detail.clone()))?;
        self.wait_for_patience().await;
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|_| Fault::Final("the node is shut down".into()))?;
        self.calls.fetch_add(calls as u64, Ordering::Relaxed);
        let mut request = client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(body);
        // Whoever never answered is not waited for as long as somebody who works on something.
        if !self.waiting.ever_answered() && self.policy.attempts > 1 {
            request = request.timeout(self.policy.timeout / 4);
        }
        self.waiting.begins();
        let sent = self.waiting.told(&self.policy, request.send()).await;
        let response = sent
            .inspect_err(|error| {
                if !error.is_connect() && !error.is_timeout() {
                    self.reached.store(true, Ordering::Relaxed);
                }
            })
            .map_err(|error| self.network(error))?;
        self.waiting.answered();
        self.reached.store(true, Ordering::Relaxed);
        self.read(response).await
    }

    /// Whether the node does nothing but limit requests, or answers nothing, for so long that nobody waits
    /// any more.
    pub(crate) fn gave_up(&self) -> bool {
        self.waiting.limited() > self.policy.patience
            || self.waiting.silent() >= self.policy.timeout * 2
    }

    async fn read(&self, response: Response) -> Result<Vec<u8>, Fault> {
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.asked_for_patience(&response));
        }
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Err(Fault::TooLarge);
        }
        let refused = status.is_client_error() || status.is_server_error();
        let limit = if refused {
            ERROR_PAGE
        } else {
            self.policy.max_response
        };
        let body = self.body(response, limit).await;
        if status.is_success() {
            return body;
        }
        if let Ok(body) = &body
            && refused
            && body
                .iter()
                .find(|byte| !byte.is_ascii_whitespace())
                .is_some_and(|byte| matches!(byte, b'{' | b'['))
            && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
            && contains(body, b"\"jsonrpc\"")
        {
            return Ok(body.clone());
        }
        let page = body
            .ok()
            .map(|body| self.harmless(&String::from_utf8_lossy(&body)))
            .unwrap_or_default();
        let detail = if page.is_empty() {
            format!("HTTP {status}")
        } else {
            format!("HTTP {status}: {page}")
        };
        let passing = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY);
        Err(if passing {
            Fault::passing(detail)
        } else {
            Fault::Final(detail)
        })
    }

    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, Fault> {
        let too_long = || Fault::Final(format!("the answer is longer than {limit} bytes"));
        let announced = response.content_length().unwrap_or(0);
        if announced > limit as u64 {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.network(error))?
        {
            self.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            if body.len() + chunk.len() > limit {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        if (body.len() as u64) < announced {
            return Err(Fault::passing("the answer was cut short"));
        }
        Ok(body)
    }

    fn network(&self, error: reqwest::Error) -> Fault {
        if error.is_builder() {
            return Fault::Final("the node's address cannot be used".into());
        }
        let error = error.without_url();
        let mut detail = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            detail = format!("{detail}: {cause}");
            source = cause.source();
        }
        Fault::passing(self.harmless(&detail))
    }

    /// Text from the node or about the connection, bounded and without the address's secrets.
    pub(crate) fn harmless(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "…");
        }
        rpc::shown(text.trim())
    }

    fn asked_for_patience(&self, response: &Response) -> Fault {
        let seconds = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.trim().parse::<u64>().ok());
        if let Some(seconds) = seconds {
            let until = Instant::now() + Duration::from_secs(seconds).min(LONGEST_WAIT);
            let mut resume = self.resume.lock().unwrap_or_else(PoisonError::into_inner);
            *resume = Some(resume.map_or(until, |earlier| earlier.max(until)));
        }
        Fault::Passing {
            detail: "the node limits the rate of calls (HTTP 429)".into(),
            last: None,
            patience: true,
        }
    }

    /// What one call was told holds for all: nobody asks before the node said it will answer.
    async fn wait_for_patience(&self) {
        loop {
            let until = *self.resume.lock().unwrap_or_else(PoisonError::into_inner);
            let left = until.map_or(Duration::ZERO, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left + jitter(Duration::from_millis(50))).await;
        }
    }
}

/// The tries of one call.
pub(crate) struct Tries<'a> {
    transport: &'a Transport,
    started: Instant,
    most: u32,
    counted: u32,
    /// How often in a row it was asked for patience.
    asked: u32,
    /// How often it was sent.
    pub(crate) made: u32,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(transport: &'a Transport, most: u32) -> Self {
        Self {
            transport,
            started: Instant::now(),
            most: most.max(1),
            counted: 0,
            asked: 0,
            made: 0,
        }
    }

    /// Some of what was asked for was answered.
    pub(crate) fn went_on(&mut self) {
        self.asked = 0;
    }

    /// Waits before the next try; `false` when there is none left.
    pub(crate) async fn another(&mut self, patience: bool) -> bool {
        self.made += 1;
        self.counted += u32::from(!patience);
        let wait = if patience {
            self.transport.waiting.limits(&self.transport.policy);
            self.asked += 1;
            Duration::from_millis(100 << self.asked.saturating_sub(1).min(7)).min(LONGEST_PAUSE)
        } else {
            Duration::from_millis(100 << self.counted.saturating_sub(1).min(5))
        };
        let wait = wait / 2 + jitter(wait);
        let most = if self.transport.reached.load(Ordering::Relaxed) {
            self.most
        } else {
            self.most.min(TRIES_UNREACHED)
        };
        let late = self.started.elapsed() + wait > self.transport.policy.budget;
        if self.counted >= most || late || self.transport.gave_up() {
            return false;
        }
        self.transport.retries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(wait).await;
        true
    }
}

fn client(url: &Url, policy: &Policy) -> Result<Client, String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "a node's address begins with http:// or https://, not {}://",
            rpc::shown(url.scheme())
        ));
    }
    let mut builder = Client::builder()
        .timeout(policy.timeout)
        .connect_timeout(policy.timeout.min(Duration::from_secs(15)))
        .pool_max_idle_per_host(policy.concurrency)
        // A redirect would carry the calls to a host nobody named.
        .redirect(redirect::Policy::none())
        .user_agent(concat!("cutover/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // No need for the machine's certificates, which may not even be there.
        builder = builder.tls_certs_only([]);
    }
    builder
        .build()
        .map_err(|error| format!("no HTTP client: {}", error.without_url()))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn secrets(url: &Url) -> Vec<String> {
    let mut found: Vec<String> = url
        .path_segments()
        .into_iter()
        .flatten()
        .chain(url.password())
        .chain(url.query())
        .map(str::to_owned)
        .chain(url.query_pairs().map(|(_, value)| value.into_owned()))
        .chain((!url.username().is_empty()).then(|| url.username().to_owned()))
        .filter(|part| part.len() >= 6)
        .collect();
    found.sort_by_key(|part| std::cmp::Reverse(part.len()));
    found
}

fn contains(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

/// A random part of `most`: calls that failed together do not come back together.
fn jitter(most: Duration) -> Duration {
    let share = RandomState::new().hash_one(Instant::now()) % 1000;
    most * u32::try_from(share).unwrap_or(0) / 1000
}
