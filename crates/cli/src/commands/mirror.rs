//! `rejoin mirror`: a directory whose Markdown files are the notes of a folder.

use super::network;
use super::notes::{NotesArguments, open_store, title_of};
use crate::output;
use anyhow::{Context, Result};
use clap::Args;
use rejoin_folder::disk::{check_new, make};
use rejoin_folder::mirror::{Beginning, MirrorOptions, MirrorStatus, Paused};
use rejoin_repo::{ConnectionPhase, ConnectionStatus};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Keep a directory of Markdown files and a folder of notes the same, in both directions
///
/// Goes on until interrupted. Without --folder a new folder of notes is made, and its link is
/// printed, by which others open it. What is known of the notes lies in the data directory; the
/// directory itself holds the files, and ids in `.rejoin`.
#[derive(Debug, Args)]
pub(crate) struct Mirror {
    /// The directory; it is made when it is not there
    directory: PathBuf,
    /// Go on with this directory though `.rejoin` in it is gone; notes without a file get one again
    #[arg(long)]
    anew: bool,
    /// Files that are gone are meant to be gone, however many; their notes go into the trash
    #[arg(long, conflicts_with = "anew")]
    confirm_deletions: bool,
    #[command(flatten)]
    notes: NotesArguments,
}

impl Mirror {
    pub(crate) fn run(mut self) -> Result<ExitCode> {
        check_new(&self.directory)?;
        if self.notes.data.is_none() {
            self.notes.data = Some(usual_data(&self.directory)?);
        }
        network::run(self.mirror())
    }

    async fn mirror(self) -> Result<ExitCode> {
        let data = self.notes.data.as_ref().context("a data directory")?;
        let repo = self.notes.repo()?;
        let store = open_store(data, "mirror.sqlite")?;
        let handle = match self.notes.find_folder(&repo).await? {
            Some(handle) => handle,
            None => {
                // Else a folder of nothing would be left with the server.
                make(&self.directory)?;
                self.notes.make_folder(&repo, &title_of(&self.directory))?
            }
        };
        output::line(handle.url().to_string())?;
        let mirror = rejoin_folder::mirror::Mirror::start(MirrorOptions {
            repo: repo.clone(),
            folder: handle.id().clone(),
            trash: None,
            directory: self.directory.clone(),
            store: Box::new(store),
            beginning: if self.anew { Beginning::Anew } else { Beginning::GoOn },
            editor: None,
        })?;
        let mut confirm_deletions = self.confirm_deletions;
        output::note("mirroring; press Ctrl+C to stop");
        let mut status = mirror.status();
        let mut connections = repo.watch_connections();
        let stop = tokio::signal::ctrl_c();
        tokio::pin!(stop);
        let (mut told, mut server) = (String::new(), String::new());
        loop {
            let now = status.borrow_and_update().clone();
            if confirm_deletions && matches!(now.paused, Some(Paused::ManyGone(_))) {
                mirror.confirm_deletions();
                confirm_deletions = false;
            }
            tell(in_words(&now), &mut told);
            tell(connection_in_words(&connections.borrow_and_update()), &mut server);
            tokio::select! {
                stopped = &mut stop => {
                    stopped?;
                    break;
                }
                changed = status.changed() => changed.context("the mirror has ended")?,
                changed = connections.changed() => changed.context("the repo has ended")?,
            }
        }
        mirror.stop().await;
        repo.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// A place of its own for each directory, below the platform's data directory.
fn usual_data(directory: &Path) -> Result<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "rejoin").context("no home directory")?;
    let path = std::path::absolute(directory)?;
    let name: String = path
        .to_string_lossy()
        .chars()
        .map(|char| if char.is_alphanumeric() || matches!(char, '-' | '.') { char } else { '_' })
        .collect();
    Ok(dirs.data_dir().join("mirrors").join(name))
}

/// Says what has changed since it was said.
fn tell(now: String, told: &mut String) {
    if now != *told && !now.is_empty() {
        output::note(&now);
        *told = now;
    }
}

/// How the server is; nothing while that is being found out.
fn connection_in_words(connections: &[ConnectionStatus]) -> String {
    let Some(server) = connections.first() else { return String::new() };
    match (server.phase, &server.last_error) {
        (ConnectionPhase::Connected, _) => format!("connected to {}", server.address),
        (_, Some(reason)) => format!("{reason}; it is tried again"),
        _ => String::new(),
    }
}

fn in_words(status: &MirrorStatus) -> String {
    let mut words = Vec::new();
    if status.is_in_step {
        words.push(match status.notes {
            1 => "1 note is the same as its file".to_owned(),
            count => format!("{count} notes are the same as their files"),
        });
    }
    match &status.paused {
        Some(Paused::Vanished) => words.push(
            "the directory, or .rejoin in it, is not there; waiting for it. Start again with --anew to go on \
             without"
                .to_owned(),
        ),
        Some(Paused::ManyGone(count)) => words.push(format!(
            "{count} files are gone at once; nothing is deleted. Put them back, or start again with \
             --confirm-deletions if it is meant, or with --anew, which writes them again"
        )),
        Some(Paused::Waiting) => words.push("waiting for the folder to arrive".to_owned()),
        None => {}
    }
    words.extend(status.problem.clone());
    let alone = status.left_alone.iter();
    words.extend(alone.map(|(path, reason)| format!("{path} is left alone: {reason}")));
    words.join("\n")
}
