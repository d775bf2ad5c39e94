//! One scenario with one server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rejoin_document::Document;
use rejoin_sync::DocumentId;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{self, Client, Socket};
use crate::room::{self, Finished, Pace, Phase, Room};
use crate::server::{self, Kind, Server};

/// Who types what, and how.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub documents: usize,
    /// How many clients each document has.
    pub clients: usize,
    /// How many of them write.
    pub writers: usize,
    pub pace: Pace,
    pub seconds: f64,
    /// The paper with its long history in place of notes of 1 to 5 kB.
    pub paper: bool,
    /// Whether clients ask what the server has made durable.
    pub hears_of_disks: bool,
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub edits_per_second: f64,
    /// Milliseconds from a commit to its arrival with another client.
    pub p50: f64,
    pub p99: f64,
    pub longest: f64,
    /// Milliseconds of the server's processor time per edit.
    pub cost: f64,
    pub server_cores: f64,
    pub generator_cores: f64,
    /// MiB of the server at the end.
    pub memory: f64,
    /// Bytes of messages from and to all clients per edit.
    pub bytes_in: f64,
    pub bytes_out: f64,
    /// Arrivals that were outstanding when the time to drain was over.
    pub late: usize,
}

/// How long clients type before it counts.
const REHEARSAL: Duration = Duration::from_secs(1);
const REHEARSAL_OF_LONG_NOTES: Duration = Duration::from_secs(5);

/// How long edits may be on their way after the last was typed.
const DRAIN: Duration = Duration::from_secs(15);

const CALM: Scenario = Scenario {
    documents: 4,
    clients: 2,
    writers: 2,
    pace: Pace::Rate(10.0),
    seconds: 2.0,
    paper: false,
    hears_of_disks: false,
};

/// Starts a server, warms it up, and runs a scenario.
///
/// # Errors
///
/// When the server does not do what a server has to, and when copies differ at the end.
pub async fn run(
    kind: Kind,
    rejoin: &Path,
    scenario: Scenario,
    paper: Option<&Document>,
) -> Result<Outcome> {
    let mut attempts = 0;
    let server = loop {
        attempts += 1;
        let server = start(kind, rejoin).await?;
        match play(&server, CALM, None).await {
            Ok(_) => break server,
            Err(error) => {
                eprintln!("{}: warming up: {error:#}: {}", kind.name(), server.last_words());
                ensure!(attempts < 3, "it did not come through the warming up three times");
            }
        }
    };
    let result = play(&server, scenario, paper).await;
    if result.is_err() {
        eprintln!("{}: {}", kind.name(), server.last_words());
    }
    result
}

/// Starts a server and waits until it greets: the npm server accepts connections before anything in
/// it listens to them, does not answer those, and resets them after five seconds.
async fn start(kind: Kind, rejoin: &Path) -> Result<Server> {
    let server = Server::start(kind, rejoin).await?;
    for _ in 0..20 {
        let greeting = Socket::open(server.address(), "knocking", false);
        if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(1), greeting).await {
            return Ok(server);
        }
    }
    bail!("{} greets nobody", kind.name())
}

/// MiB that so many connections cost which greet and are silent.
///
/// # Errors
///
/// When one of them fails.
pub async fn idle(kind: Kind, rejoin: &Path, connections: usize) -> Result<f64> {
    let server = start(kind, rejoin).await?;
    // What the first ones cost is the empty server's.
    let mut open = open_and_listen(&server, 0..20).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (before, _) = server.memory()?;
    open.extend(open_and_listen(&server, 20..20 + connections).await?);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (after, _) = server.memory()?;
    let gone = open.iter().filter(|listening| listening.is_finished()).count();
    ensure!(gone == 0, "{gone} connections are gone");
    Ok(after - before)
}

/// Opens connections, each with a task that answers pings until the connection ends.
async fn open_and_listen(
    server: &Server,
    numbers: std::ops::Range<usize>,
) -> Result<Vec<JoinHandle<()>>> {
    let dialing = numbers.map(|number| async move {
        let mut socket = Socket::open(server.address(), &format!("idle-{number}"), false).await?;
        anyhow::Ok(tokio::spawn(async move { while socket.next().await.is_ok() {} }))
    });
    stream::iter(dialing).buffer_unordered(16).try_collect().await
}

async fn play(server: &Server, scenario: Scenario, paper: Option<&Document>) -> Result<Outcome> {
    let (phase, told) = watch::channel(Phase::Rest);
    let settings =
        (0..scenario.documents).map(|number| set_up(server, scenario, paper, number, told.clone()));
    // A server that takes long over a long note answers nobody meanwhile, and takes those who
    // wait for gone.
    let at_once = if scenario.paper { 1 } else { 4 };
    let settled: Vec<Settled> = stream::iter(settings).buffered(at_once).try_collect().await?;
    let lengths: Vec<_> = settled.iter().map(|settled| settled.length).collect();
    let (shared, tasks): (Vec<_>, Vec<_>) =
        settled.into_iter().map(|settled| (settled.room, settled.tasks)).unzip();
    let tasks: Vec<_> = tasks.into_iter().flatten().collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    phase.send_replace(Phase::Rehearsal);
    let rehearsal = if scenario.paper { REHEARSAL_OF_LONG_NOTES } else { REHEARSAL };
    tokio::time::sleep(rehearsal).await;

    let edits_before: usize = shared.iter().map(|room| room.edits()).sum();
    let (server_before, own_before) = (server.processor()?, server::own_processor()?);
    let begun = Instant::now();
    phase.send_replace(Phase::Typing);
    tokio::time::sleep(Duration::from_secs_f64(scenario.seconds)).await;
    phase.send_replace(Phase::Draining);
    let typed = begun.elapsed().as_secs_f64();
    let stopped = Instant::now();
    let late = loop {
        let late = shared.iter().map(|room| room.outstanding()).sum();
        let is_over = late == 0 && shared.iter().all(|room| room.agrees());
        if is_over || stopped.elapsed() > DRAIN || tasks.iter().any(|task| task.is_finished()) {
            break late;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let elapsed = begun.elapsed().as_secs_f64();
    let processor = server.processor()? - server_before;
    let own = server::own_processor()? - own_before;
    let (memory, _) = server.memory()?;
    phase.send_replace(Phase::End);

    let mut finished = Vec::new();
    for task in tasks {
        finished.push(task.await??);
    }
    let edits = shared.iter().map(|room| room.edits()).sum::<usize>() - edits_before;
    if late == 0 {
        for (clients, (room, length)) in
            finished.chunks(scenario.clients).zip(shared.iter().zip(lengths))
        {
            check(clients, length + room.edits())?;
        }
    }
    let passed = finished.iter().fold((0, 0), |sum, one| (sum.0 + one.sent, sum.1 + one.received));
    let mut latencies: Vec<f32> = finished.into_iter().flat_map(|one| one.latencies).collect();
    latencies.sort_by(f32::total_cmp);
    let at = |part: f64| {
        let index = (latencies.len() as f64 * part) as usize;
        latencies.get(index.min(latencies.len().saturating_sub(1))).map_or(0.0, |ms| f64::from(*ms))
    };
    let per_edit = |total: f64| total / edits.max(1) as f64;
    Ok(Outcome {
        // Edits that came too late were not carried.
        edits_per_second: if late == 0 {
            edits as f64 / typed
        } else {
            carried(&latencies, scenario, elapsed)
        },
        p50: at(0.5),
        p99: at(0.99),
        longest: at(1.0),
        cost: per_edit(processor * 1e3),
        server_cores: processor / elapsed,
        generator_cores: own / elapsed,
        memory,
        bytes_in: per_edit(passed.0 as f64),
        bytes_out: per_edit(passed.1 as f64),
        late,
    })
}

/// Edits a second when not all arrived: by what did.
fn carried(latencies: &[f32], scenario: Scenario, elapsed: f64) -> f64 {
    latencies.len() as f64 / (scenario.clients - 1).max(1) as f64 / elapsed
}

/// A document on the server with all its clients, each in a task of its own: servers drop those
/// that do not answer pings.
struct Settled {
    room: Arc<Room>,
    tasks: Vec<JoinHandle<Result<Finished>>>,
    length: usize,
}

async fn set_up(
    server: &Server,
    scenario: Scenario,
    paper: Option<&Document>,
    number: usize,
    told: watch::Receiver<Phase>,
) -> Result<Settled> {
    let id = DocumentId::from_random(rand::random());
    let document = match scenario.paper {
        true => paper.context("REJOIN_DATA must name the recordings")?.fork(),
        false => client::note(1024 * (1 + number % 5))?,
    };
    let heads = document.heads().to_vec();
    let mut document = Some(document);
    let room = Arc::new(Room::new(scenario.clients, scenario.writers));
    let mut tasks = Vec::new();
    let mut length = 0;
    for number in 0..scenario.clients {
        let name = format!("{id}-{number}");
        let socket = Socket::open(server.address(), &name, scenario.hears_of_disks).await?;
        let client = match document.take() {
            Some(document) => Client::create(socket, id.clone(), document).await?,
            None => Client::join(socket, id.clone(), &heads).await?,
        };
        length = client.length()?;
        let living = room::live(client, number, room.clone(), scenario.pace, told.clone());
        tasks.push(tokio::spawn(living));
    }
    Ok(Settled { room, tasks, length })
}

/// Every edit is in every copy, and the server has told the same heads.
fn check(clients: &[Finished], length: usize) -> Result<()> {
    let first = &clients[0].client;
    let text = first.text()?;
    ensure!(first.length()? == length, "a text has {} characters, not {length}", first.length()?);
    for Finished { client, .. } in clients {
        ensure!(client.document.heads() == first.document.heads(), "copies have different heads");
        ensure!(client.text()? == text, "copies have different texts");
        ensure!(client.agrees(), "the server has told other heads");
    }
    Ok(())
}
