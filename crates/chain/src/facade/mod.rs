//! A recording, or one view of the state, as JSON-RPC on loopback: what a fork is made from when there
//! is no node.
//!
//! What nobody recorded is refused in the words of a pruned node and remembered as a miss. It is never
//! answered with zero.

mod archive;
mod blocks;
mod logs;
mod methods;
mod refusal;

pub use archive::{Archive, RecordingArchive, ViewArchive};

use crate::error::ChainError;
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State as Shared},
    http::header::CONTENT_TYPE,
    response::IntoResponse,
    routing::post,
};
use cutover_types::Missing;
use refusal::Refusal;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, sync::oneshot};
use url::Url;

/// The largest request read.
const REQUEST: usize = 32 << 20;
/// The largest batch answered.
const BATCH: usize = 10_000;
/// No more misses than these are remembered.
const MISSES: usize = 100_000;

/// A JSON-RPC server on 127.0.0.1; it stops when dropped.
pub struct Facade {
    url: Url,
    served: Arc<Served>,
    stop: Option<oneshot::Sender<()>>,
}

/// What the server's tasks share.
pub(crate) struct Served {
    archive: Arc<dyn Archive>,
    misses: Mutex<BTreeSet<Missing>>,
}

impl fmt::Debug for Facade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Facade({})", self.url)
    }
}

impl Facade {
    /// Serves an archive; port 0 picks one.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(archive: Arc<dyn Archive>, port: u16) -> Result<Self, ChainError> {
        let failed = |error: std::io::Error| ChainError::Local {
            what: format!("listening on 127.0.0.1:{port}"),
            detail: error.to_string(),
        };
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let url = Url::parse(&format!("http://{address}")).map_err(|error| ChainError::Local {
            what: "naming the local server".into(),
            detail: error.to_string(),
        })?;
        let served = Arc::new(Served {
            archive,
            misses: Mutex::default(),
        });
        let router = Router::new()
            .route("/", post(handle))
            .layer(DefaultBodyLimit::max(REQUEST))
            .with_state(served.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async {
                // A dropped sender is the signal, too.
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
            {
                tracing::warn!(%error, "the local server ended");
            }
        });
        Ok(Self {
            url,
            served,
            stop: Some(stop),
        })
    }

    /// Where it listens.
    pub fn url(&self) -> Url {
        self.url.clone()
    }

    /// What was asked for and is not there, without repetition.
    pub fn misses(&self) -> Vec<Missing> {
        self.served.lock().iter().copied().collect()
    }

    /// Forgets the misses so far.
    pub fn clear_misses(&self) {
        self.served.lock().clear();
    }
}

impl Drop for Facade {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Served {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Missing>> {
        self.misses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn missed(&self, missing: Missing) {
        tracing::debug!(%missing, "not recorded");
        let mut misses = self.lock();
        if misses.len() < MISSES {
            misses.insert(missing);
        }
    }

    fn answer(&self, body: &[u8]) -> Option<Value> {
        match serde_json::from_slice(body) {
            Ok(Value::Array(calls)) if calls.is_empty() || calls.len() > BATCH => Some(failure(
                &Value::Null,
                &Refusal::request("a batch has 1 to 10000 calls"),
            )),
            Ok(Value::Array(calls)) => {
                let answers: Vec<Value> = calls
                    .iter()
                    .filter_map(|call| self.answer_one(call))
                    .collect();
                (!answers.is_empty()).then_some(Value::Array(answers))
            }
            Ok(call) => self.answer_one(&call),
            Err(_) => Some(failure(&Value::Null, &Refusal::parse())),
        }
    }

    /// `None` for a notification.
    fn answer_one(&self, call: &Value) -> Option<Value> {
        let id = call.get("id").unwrap_or(&Value::Null);
        let Some(method) = call.get("method").and_then(Value::as_str) else {
            return Some(failure(id, &Refusal::request("the call has no method")));
        };
        let empty = Vec::new();
        let params = match call.get("params") {
            None | Some(Value::Null) => &empty,
            Some(Value::Array(params)) => params,
            Some(_) => return Some(failure(id, &Refusal::params("the parameters are no list"))),
        };
        let answer = match self.call(method, params) {
            Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
            Err(refusal) => {
                tracing::debug!(method, message = refusal.message, "refused");
                failure(id, &refusal)
            }
        };
        call.get("id").is_some().then_some(answer)
    }
}

async fn handle(Shared(served): Shared<Arc<Served>>, body: Bytes) -> impl IntoResponse {
    // An archive may read files.
    let answer = tokio::task::spawn_blocking(move || {
        served
            .answer(&body)
            .map_or_else(String::new, |answer| answer.to_string())
    })
    .await
    .unwrap_or_else(|_| failure(&Value::Null, &Refusal::internal()).to_string());
    ([(CONTENT_TYPE, "application/json")], answer)
}

fn failure(id: &Value, refusal: &Refusal) -> Value {
    let error = json!({"code": refusal.code, "message": refusal.message});
    json!({"jsonrpc": "2.0", "id": id, "error": error})
}
