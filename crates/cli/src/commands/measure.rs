//! `rejoin measure`: what frequent and batched syncing cost.

use crate::document_file::fresh_actor;
use crate::exit::Failure;
use crate::output;
use crate::progress::Progress;
use anyhow::{Result, bail};
use clap::Args;
use rejoin_document::{CommitOptions, Document, ObjId, ObjType, PatchLog, TextUnit};
use rejoin_sync::{State, generate_sync_message, receive_sync_message};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Instant;

/// Measure what syncing two documents costs, for several sizes of batch
///
/// One side types characters into a text and commits and syncs after every batch of them.
#[derive(Debug, Args)]
pub(crate) struct Measure {
    /// How many characters are typed
    #[arg(long, value_name = "N", default_value_t = 100)]
    changes: usize,
    /// How many of them make one commit and one sync
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [1, 5, 20])]
    batch: Vec<usize>,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

/// One row of the table.
#[derive(Default)]
struct Row {
    batch: usize,
    commits: usize,
    syncs: usize,
    messages: usize,
    wire_bytes: usize,
    saved_bytes: usize,
    milliseconds: f64,
}

impl Measure {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.batch.contains(&0) {
            return Err(Failure::Usage.error("a batch has at least one change"));
        }
        let _progress = Progress::begin("measuring");
        let rows: Result<Vec<Row>> =
            self.batch.iter().map(|batch| measure(self.changes, *batch)).collect();
        if self.json {
            let rows: Vec<Value> = rows?.iter().map(Row::as_json).collect();
            output::json(&Value::Array(rows))?;
            return Ok(ExitCode::SUCCESS);
        }
        output::line("batch  commits  syncs  messages  wire bytes  saved bytes        ms")?;
        for row in rows? {
            output::line(format!(
                "{:5}  {:7}  {:5}  {:8}  {:10}  {:11}  {:8.2}",
                row.batch,
                row.commits,
                row.syncs,
                row.messages,
                row.wire_bytes,
                row.saved_bytes,
                row.milliseconds,
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn measure(changes: usize, batch: usize) -> Result<Row> {
    let mut row = Row { batch, ..Row::default() };
    let actor = fresh_actor();
    let mut a = Document::new();
    let mut tx = a.transaction(&actor);
    let text = tx.put_object(ObjId::ROOT, "content", ObjType::Text)?;
    tx.commit(CommitOptions::default());
    let mut b = a.fork();
    let (mut a_state, mut b_state) = (State::new(), State::new());
    let mut both = Pair { a: &mut a, a_state: &mut a_state, b: &mut b, b_state: &mut b_state };
    both.sync(&mut Row::default())?;

    let begun = Instant::now();
    let mut typed = 0;
    while typed < changes {
        let mut tx = both.a.transaction(&actor);
        for position in typed..changes.min(typed + batch) {
            let letter = char::from(b'a' + (position * 7 % 26) as u8);
            tx.splice_text(text, position, 0, &letter.to_string(), TextUnit::Utf16)?;
        }
        tx.commit(CommitOptions::default());
        typed += batch;
        row.commits += 1;
        both.sync(&mut row)?;
        row.syncs += 1;
    }
    row.milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    if both.a.heads() != both.b.heads() {
        bail!("the two sides differ");
    }
    row.saved_bytes = a.save().len();
    Ok(row)
}

/// The two sides of a sync.
struct Pair<'p> {
    a: &'p mut Document,
    a_state: &'p mut State,
    b: &'p mut Document,
    b_state: &'p mut State,
}

impl Pair<'_> {
    /// Passes encoded messages to and fro until neither side has one.
    fn sync(&mut self, row: &mut Row) -> Result<()> {
        loop {
            let to_b = pass(self.a, self.a_state, self.b, self.b_state, row)?;
            let to_a = pass(self.b, self.b_state, self.a, self.a_state, row)?;
            if !to_a && !to_b {
                return Ok(());
            }
        }
    }
}

fn pass(
    from: &Document,
    from_state: &mut State,
    to: &mut Document,
    to_state: &mut State,
    row: &mut Row,
) -> Result<bool> {
    let Some(message) = generate_sync_message(from, from_state) else { return Ok(false) };
    let bytes = message.encode();
    row.messages += 1;
    row.wire_bytes += bytes.len();
    let message = rejoin_sync::Message::decode(&bytes)?;
    receive_sync_message(to, to_state, message, &mut PatchLog::inactive())?;
    Ok(true)
}

impl Row {
    fn as_json(&self) -> Value {
        json!({
            "batch": self.batch,
            "commits": self.commits,
            "syncs": self.syncs,
            "messages": self.messages,
            "wireBytes": self.wire_bytes,
            "savedBytes": self.saved_bytes,
            "milliseconds": self.milliseconds,
        })
    }
}
