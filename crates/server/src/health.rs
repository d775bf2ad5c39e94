//! What `/health` answers.

use rejoin_repo::Repo;
use rejoin_websocket::{Health, HttpAnswer};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Status 200 while documents can be saved and connections are taken, 503 otherwise; the body is a
/// JSON object that says more.
pub(crate) fn answer_for(repo: Repo, stopping: Arc<AtomicBool>) -> Health {
    Arc::new(move || {
        let stopping = stopping.load(Ordering::Relaxed);
        let storage_error = repo.storage_error();
        let status = match (stopping, &storage_error) {
            (true, _) => "stopping",
            (false, Some(_)) => "storage fails",
            (false, None) => "ok",
        };
        let body = json!({
            "status": status,
            "version": env!("CARGO_PKG_VERSION"),
            "storageId": repo.storage_id().as_str(),
            "storageError": storage_error,
            "connections": repo.connected_peers(),
            "documentsInMemory": repo.documents_in_memory(),
        });
        HttpAnswer {
            status: if status == "ok" { 200 } else { 503 },
            content_type: "application/json",
            body: format!("{body}\n"),
        }
    })
}
