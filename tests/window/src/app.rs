//! One running app of one person, in its window.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use crate::http;
use crate::process::{Running, free_port, processes_of, program};
use crate::wait::{Patience, until};
use crate::webdriver::Session;

/// A person with a computer of their own: a home folder that outlives the app's runs.
pub struct Person {
    name: String,
    home: TempDir,
}

/// The running app, with its page under the control of the test.
pub struct App {
    /// The page.
    pub page: Session,
    /// Ends with this value.
    _driver: Running,
    home: std::path::PathBuf,
    log: std::path::PathBuf,
    started: Instant,
}

impl Person {
    /// A person who never ran the app. `name` becomes part of the profile's name.
    ///
    /// # Errors
    ///
    /// When no folder can be made.
    pub fn new(name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), home: TempDir::new()? })
    }

    /// The folder that stands for this person's home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where this person's app keeps its data.
    pub fn data(&self) -> std::path::PathBuf {
        self.home().join("rejoin/profiles").join(self.profile())
    }

    /// Opens the app and waits until its page is loaded.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn open(&self) -> Result<App> {
        let port = free_port()?;
        let log = self.home().join("app.log");
        let driver = Running::start(
            Command::new("WebKitWebDriver")
                .arg(format!("--port={port}"))
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env("XDG_DATA_HOME", self.home())
                .env("XDG_CONFIG_HOME", self.home().join("config"))
                .env("XDG_CACHE_HOME", self.home().join("cache"))
                .env("MESA_SHADER_CACHE_DISABLE", "true")
                .env("REJOIN_LOG", "warn,rejoin_desktop=debug")
                .stderr(std::fs::File::create(&log)?)
                .env_remove("REJOIN_PROFILE"),
        )?;
        until("the driver of the web view", Patience::default(), || {
            Ok(http::request(port, "GET", "/status", None).ok())
        })?;
        let app = program("rejoin-desktop")?;
        let app = app.to_str().context("the path of the app is text")?;
        let started = Instant::now();
        let page = Session::start(port, app, &["--profile", &self.profile()])?;
        Ok(App { page, _driver: driver, home: self.home().to_path_buf(), log, started })
    }

    /// Each run of the tests has profiles of its own, so that a session bus sees no second instance.
    fn profile(&self) -> String {
        format!("test-{}-{}", std::process::id(), self.name)
    }
}

impl App {
    /// Closes the window as a person does, and waits until the app has ended.
    ///
    /// # Errors
    ///
    /// When it does not end.
    pub fn close(self) -> Result<()> {
        let close = "window.__TAURI_INTERNALS__.invoke('plugin:window|close', { label: 'main' })";
        // The answer may get lost with the window that it is for.
        let asked = self.page.script(close, &[]);
        self.wait_until_gone().with_context(|| format!("closing the window gave {asked:?}"))
    }

    /// Kills the app as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When it does not go.
    pub fn kill(self) -> Result<()> {
        self.kill_processes()?;
        self.wait_until_gone()
    }

    /// When the app was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How much memory the app holds of its own, in bytes. Neither the web view's processes are counted
    /// nor what is mapped from files: the code of the toolkit and the web view's library, which those
    /// processes share and which takes some 130 MB in any app with such a window.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn memory(&self) -> Result<u64> {
        let id = self.processes()?.pop().context("the app does not run")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let kilobytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        let own = kilobytes("RssAnon:").zip(kilobytes("RssShmem:"));
        let (anonymous, shared) = own.context("the system tells no memory")?;
        Ok((anonymous + shared) * 1024)
    }

    /// What the app has logged since it was opened.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    fn wait_until_gone(&self) -> Result<()> {
        until("the app to end", Patience::default(), || {
            Ok(self.processes()?.is_empty().then_some(()))
        })
    }

    fn kill_processes(&self) -> Result<()> {
        for id in self.processes()? {
            Command::new("kill").args(["-9", &id.to_string()]).status()?;
        }
        Ok(())
    }

    fn processes(&self) -> Result<Vec<u32>> {
        processes_of(&program("rejoin-desktop")?, "XDG_DATA_HOME", self.home.as_os_str())
    }
}

impl Drop for App {
    /// A test that failed leaves no app behind. The driver ends as its field is dropped.
    fn drop(&mut self) {
        if let Err(error) = self.kill_processes() {
            eprintln!("the app could not be ended: {error}");
        }
        eprintln!("--- the app's log:\n{}---", self.log().unwrap_or_default());
    }
}
