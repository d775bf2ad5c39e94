//! One running app of one person, in its window.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use tempfile::TempDir;

use crate::bus::Bus;
use crate::http;
use crate::process::{Running, free_port, processes_of, program};
use crate::sources::Sources;
use crate::wait::{Patience, until};
use crate::webdriver::Session;

/// How long building the app may take where nothing was built before.
const BUILDING: Patience = Patience(Duration::from_secs(900));

/// How long nothing may be seen of what builds the app before it has ended: a process that turns into another
/// program, as cargo does, has for a moment no environment by which it is known.
const UNSEEN: Duration = Duration::from_secs(10);

/// How long the app may take from its start to a page that answers, on a busy machine.
const OPENING: Duration = Duration::from_secs(90);

/// A person with a computer of their own: a home folder that outlives the app's runs.
pub struct Person {
    name: String,
    home: TempDir,
    /// The session bus of their desktop; that of the test's surroundings when there is none.
    bus: Option<String>,
}

/// The running app, with its page under the control of the test.
pub struct App {
    /// The page.
    pub page: Session,
    /// Ends with this value.
    _driver: Running,
    program: PathBuf,
    home: PathBuf,
    log: PathBuf,
    started: Instant,
}

impl Person {
    /// A person who never ran the app. `name` becomes part of the profile's name.
    ///
    /// # Errors
    ///
    /// When no folder can be made.
    pub fn new(name: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), home: TempDir::new()?, bus: None })
    }

    /// The person at a desktop with this session bus.
    pub fn on(mut self, bus: &Bus) -> Self {
        self.bus = Some(bus.address().to_owned());
        self
    }

    /// Says that this person's desktop moves nothing, as its settings for all programs have it.
    ///
    /// # Errors
    ///
    /// When the settings cannot be written.
    pub fn wants_no_motion(&self) -> Result<()> {
        let folder = self.home().join("config/gtk-3.0");
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join("settings.ini"), "[Settings]\ngtk-enable-animations=0\n")?)
    }

    /// The folder that stands for this person's home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where this person's app keeps its data.
    pub fn data(&self) -> PathBuf {
        self.home().join("rejoin/profiles").join(self.profile())
    }

    /// Opens the app and waits until its page is loaded.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn open(&self) -> Result<App> {
        let mut driver = Command::new("WebKitWebDriver");
        let (port, driver) = self.driver(driver.env_remove("REJOIN_PROFILE"))?;
        let program = program("rejoin-desktop")?;
        let started = Instant::now();
        let name = program.to_str().context("the path of the app is text")?;
        let arguments = ["--profile", &self.profile()];
        let page = Session::start(port, name, &arguments, Patience::default())?;
        Ok(self.app(page, driver, program, started))
    }

    /// Has the app built and opened from a copy of the sources, with the page's development server.
    ///
    /// # Errors
    ///
    /// When it is not built or does not come up.
    pub fn open_in_development(&self, sources: &Sources) -> Result<App> {
        let mut driver = Command::new("WebKitWebDriver");
        sources.prepare(&mut driver)?.env("REJOIN_PROFILE", self.profile());
        let (port, mut driver) = self.driver(&mut driver)?;
        let program = sources.program("rejoin-desktop");
        let started = Instant::now();
        let page = thread::scope(|scope| {
            let start = || Session::start(port, "cargo", &["xtask", "dev"], BUILDING);
            let starting = scope.spawn(start);
            self.wait_for_start(&program, &starting)?;
            if !starting.is_finished() {
                // The driver would wait for ever.
                driver.kill()?;
            }
            starting.join().map_err(|_| anyhow!("starting the session panicked"))?
        });
        match page {
            Ok(page) => Ok(self.app(page, driver, program, started)),
            Err(error) => {
                kill(&companions(self.home())?)?;
                Err(error.context(format!("it printed:\n{}", fs::read_to_string(self.log())?)))
            }
        }
    }

    /// Waits until the session has started, or it is clear that it will not: what was to start it has
    /// ended, or the app runs for long without one.
    fn wait_for_start<T>(&self, program: &Path, starting: &ScopedJoinHandle<'_, T>) -> Result<()> {
        let mut seen = None;
        let mut opened = None;
        until("the app to be built and opened", BUILDING, || {
            // The driver is one.
            if companions(self.home())?.len() > 1 {
                seen = Some(Instant::now());
            }
            if processes_of(Some(program), "XDG_DATA_HOME", self.home().as_os_str())?.is_empty() {
                opened = None;
            } else {
                opened = opened.or(Some(Instant::now()));
            }
            let has_ended = seen.is_some_and(|time| time.elapsed() > UNSEEN);
            let is_late = opened.is_some_and(|time| time.elapsed() > OPENING);
            Ok((starting.is_finished() || has_ended || is_late).then_some(()))
        })
    }

    /// Starts the driver, with this person's home for what it will start.
    fn driver(&self, command: &mut Command) -> Result<(u16, Running)> {
        let port = free_port()?;
        if let Some(bus) = &self.bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
        let driver = Running::start(
            command
                .arg(format!("--port={port}"))
                .env("TAURI_WEBVIEW_AUTOMATION", "true")
                .env("XDG_DATA_HOME", self.home())
                .env("XDG_CONFIG_HOME", self.home().join("config"))
                .env("XDG_CACHE_HOME", self.home().join("cache"))
                .env("MESA_SHADER_CACHE_DISABLE", "true")
                .env("REJOIN_LOG", "warn,rejoin_desktop=debug")
                .stderr(fs::File::create(self.log())?),
        )?;
        until("the driver of the web view", Patience::default(), || {
            Ok(http::request(port, "GET", "/status", None).ok())
        })?;
        Ok((port, driver))
    }

    fn app(&self, page: Session, driver: Running, program: PathBuf, started: Instant) -> App {
        let (home, log) = (self.home().to_path_buf(), self.log());
        App { page, _driver: driver, program, home, log, started }
    }

    fn log(&self) -> PathBuf {
        self.home().join("app.log")
    }

    /// Runs the app a second time while one runs, and waits until the second has ended or says in its window
    /// that the notes are open elsewhere. Which of the two depends on whether the system lets the first be told.
    ///
    /// # Errors
    ///
    /// When it opens the notes a second time.
    pub fn opens_no_second(&self, second: &mut Command) -> Result<()> {
        let log = self.home().join("second.log");
        let mut second = Running::start(
            second.env("REJOIN_LOG", "info").stderr(fs::File::create(&log)?).stdout(Stdio::null()),
        )?;
        until("the second to give up", Patience::default(), || {
            let said = fs::read_to_string(&log)?.contains("the notes could not be opened");
            Ok((said || !second.is_running()).then_some(()))
        })
    }

    /// Starts the app a second time on the same desktop, and waits until that start has ended by itself.
    ///
    /// # Errors
    ///
    /// When it goes on running, or ends as if something had failed.
    pub fn starts_again(&self) -> Result<()> {
        let mut second = Command::new(program("rejoin-desktop")?);
        second
            .args(["--profile", &self.profile()])
            .env("XDG_DATA_HOME", self.home())
            .env("XDG_CONFIG_HOME", self.home().join("config"))
            .env("XDG_CACHE_HOME", self.home().join("cache-of-second"))
            .stderr(fs::File::create(self.home().join("second.log"))?);
        if let Some(bus) = &self.bus {
            second.env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
        let mut second = Running::start(&mut second)?;
        let ended = until("the second start to end", Patience::default(), || Ok(second.ended()))?;
        ensure!(ended.success(), "the second start ended with {ended}");
        Ok(())
    }

    /// Each run of the tests has profiles of its own, so that a session bus sees no second instance.
    pub fn profile(&self) -> String {
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
        self.ask_to_close()
    }

    fn ask_to_close(&self) -> Result<()> {
        let close = "window.__TAURI_INTERNALS__.invoke('plugin:window|close', { label: 'main' })";
        // The answer may get lost with the window that it is for.
        let asked = self.page.script(close, &[]);
        self.wait_until_gone().with_context(|| format!("closing the window gave {asked:?}"))
    }

    /// As [`close`](Self::close), and waits until everything has ended that was started with the app, such
    /// as a development server.
    ///
    /// # Errors
    ///
    /// When something does not end.
    pub fn close_with_all(self) -> Result<()> {
        self.ask_to_close()?;
        until("what came with the app to end", Patience::default(), || {
            // The driver is left.
            Ok((companions(&self.home)?.len() <= 1).then_some(()))
        })
    }

    /// Kills the app as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When it does not go.
    pub fn kill(self) -> Result<()> {
        kill(&self.processes()?)?;
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

    fn processes(&self) -> Result<Vec<u32>> {
        processes_of(Some(&self.program), "XDG_DATA_HOME", self.home.as_os_str())
    }
}

/// Whatever was started for a person's home: the driver, what it started, and so on.
fn companions(home: &Path) -> Result<Vec<u32>> {
    processes_of(None, "XDG_DATA_HOME", home.as_os_str())
}

impl Drop for App {
    /// A test that failed leaves no app behind. The driver ends as its field is dropped.
    fn drop(&mut self) {
        if let Err(error) = companions(&self.home).and_then(|ids| kill(&ids)) {
            eprintln!("the app could not be ended: {error}");
        }
        eprintln!("--- the app's log:\n{}---", self.log().unwrap_or_default());
    }
}

fn kill(processes: &[u32]) -> Result<()> {
    for id in processes {
        Command::new("kill").args(["-9", &id.to_string()]).status()?;
    }
    Ok(())
}
