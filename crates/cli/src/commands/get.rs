//! `rejoin get`: a document from a server.

use super::network::{self, Server, ServerArguments, document_id, server_url};
use crate::exit::Failure;
use crate::progress::Progress;
use crate::{document_file, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::Document;
use rejoin_repo::{DocumentId, FindError};
use std::path::PathBuf;
use std::process::ExitCode;

/// Fetch a document from a server
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The document: its link or its name
    #[arg(value_parser = document_id, value_name = "automerge:URL")]
    document: DocumentId,
    /// The server: ws://host:port or wss://host
    #[arg(long, env = "REJOIN_SERVER", value_name = "URL", value_parser = server_url)]
    server: String,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    arguments: ServerArguments,
}

impl Get {
    pub(crate) fn run(self) -> Result<ExitCode> {
        network::run(async {
            let server = Server::connect(&self.server, &self.arguments).await?;
            let found = {
                let _progress = Progress::begin("asking for the document");
                server.in_time(server.repo.find(&self.document)).await?
            };
            let document = found.map_err(|error| match error {
                FindError::Unavailable(_) => Failure::NotFound.error(error),
                other => other.into(),
            })?;
            server.in_sync(&document).await?;
            let copy = document.read(Document::fork)?;
            document_file::write(&self.output, &copy)?;
            output::note(output::count(copy.change_count(), "change", "changes"));
            server.repo.shutdown().await;
            Ok(ExitCode::SUCCESS)
        })
    }
}
