//! The program `rejoin-server`.

use anyhow::Context;
use clap::Parser;
use rejoin_server::{Arguments, LogFormat, Server};
use std::process::ExitCode;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// How long saving may take at the end before the program gives up.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = start_logging(&arguments) {
        // The one message that cannot go through the log.
        let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{error:#}\n"));
        return ExitCode::from(2);
    }
    let runtime = runtime(usize::from(arguments.threads));
    let result = runtime.context("no runtime").and_then(|runtime| runtime.block_on(run(arguments)));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            tracing::error!("not everything could be saved");
            ExitCode::from(3)
        }
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One thread serves by itself: those of a pool look for work of each other before they sleep, and
/// at human rates nearly all time goes into falling asleep and waking.
fn runtime(threads: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}

/// Runs until a signal comes; true when everything was saved.
async fn run(arguments: Arguments) -> anyhow::Result<bool> {
    let server = Server::start(arguments.options()?).await?;
    let address = server.address();
    let storage = server.repo().storage_id().as_str().to_owned();
    tracing::info!(%address, storage, data = %arguments.data.display(), "listening");
    let signal = ended().await?;
    tracing::info!(signal, "stopping");
    tokio::select! {
        saved = server.shutdown() => {
            tracing::info!(saved, "stopped");
            Ok(saved)
        }
        _ = ended() => anyhow::bail!("stopped at once by a second signal"),
        () = tokio::time::sleep(PATIENCE) => anyhow::bail!("saving took too long"),
    }
}

/// Waits for the signal to stop.
#[cfg(unix)]
async fn ended() -> anyhow::Result<&'static str> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}

/// Waits for the signal to stop.
#[cfg(not(unix))]
async fn ended() -> anyhow::Result<&'static str> {
    tokio::signal::ctrl_c().await?;
    Ok("Ctrl+C")
}

fn start_logging(arguments: &Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log)
        .with_context(|| format!("{:?} is no log filter", arguments.log))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Who reads the log may go away. To report that nobody reads it, in the place where nobody
        // reads, would end whatever was about to log something.
        .log_internal_errors(false);
    match arguments.log_format {
        LogFormat::Text => {
            lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init()
        }
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
