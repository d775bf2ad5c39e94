//! The table.

use std::fmt::Write;

use crate::plan::{Case, IDLE_BAR};
use crate::run::Outcome;
use crate::server::Kind;

/// The lines so far.
pub struct Report {
    /// How busy the computer was before.
    load: Option<String>,
    lines: Vec<String>,
    idle: Vec<String>,
    met: usize,
    missed: usize,
}

impl Report {
    /// An empty report; looks at how busy the computer is.
    pub fn begin() -> Report {
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        let load = load.and_then(|load| Some(load.split_whitespace().next()?.to_owned()));
        Report { load, lines: Vec::new(), idle: Vec::new(), met: 0, missed: 0 }
    }

    /// Adds what was measured with one server; words when it failed.
    pub fn add(&mut self, case: &Case, kind: Kind, result: &Result<Outcome, String>) {
        let title = format!("| {} | {} |", case.title, kind.name());
        let line = match result {
            Err(reason) => format!("{title} {reason} | | | | | | | | | |"),
            Ok(outcome) => {
                let late = match outcome.late {
                    0 => String::new(),
                    late => format!("{late} late"),
                };
                let (bar, verdict) = match case.bar.filter(|_| kind == Kind::Rejoin) {
                    Some(bar) => (bar.words(), self.verdict(bar.is_met(outcome))),
                    None => (late, ""),
                };
                format!(
                    "{title} {:.0} | {} | {} | {} | {} | {:.2} / {:.2} | {:.0} | {:.0} / {:.0} | {bar} | {verdict} |",
                    outcome.edits_per_second,
                    short(outcome.p50),
                    short(outcome.p99),
                    short(outcome.longest),
                    short(outcome.cost),
                    outcome.server_cores,
                    outcome.generator_cores,
                    outcome.memory,
                    outcome.bytes_in,
                    outcome.bytes_out,
                )
            }
        };
        println!("{line}");
        self.lines.push(line);
    }

    /// Adds what silent connections cost, in MiB.
    pub fn add_idle(&mut self, kind: Kind, result: &Result<f64, String>) {
        let line = match result {
            Err(reason) => format!("| {} | {reason} | | |", kind.name()),
            Ok(memory) => {
                let (bar, verdict) = match kind {
                    Kind::Rejoin => {
                        (format!("at most {IDLE_BAR} MiB"), self.verdict(*memory <= IDLE_BAR))
                    }
                    _ => (String::new(), ""),
                };
                format!("| {} | {memory:.1} | {bar} | {verdict} |", kind.name())
            }
        };
        println!("{line}");
        self.idle.push(line);
    }

    fn verdict(&mut self, is_met: bool) -> &'static str {
        match is_met {
            true => {
                self.met += 1;
                "met"
            }
            false => {
                self.missed += 1;
                "missed"
            }
        }
    }

    /// The whole page, in Markdown.
    pub fn finish(self) -> String {
        let mut page = String::from(
            "# Sync servers under load\n\n\
             Clients with real WebSockets and documents of their own, in one process, type into a \
             server on the same computer. The clients are the same for every server: our engine and \
             our sync session, over tungstenite. Each run has a fresh server, warmed up for two \
             seconds, whose notes have 1 to 5 kB; the long note is a paper of 260,000 keystrokes, \
             each a change. People make 5 edits a second where nothing else is said, and type for a \
             second, in long notes for five, before it counts.\n\n\
             - An *edit* is one character, committed and sent at once. Its *latency* ends when \
             another client's document has it; every reader counts.\n\
             - *Flat out*: the next edit follows when all others have the one before, or the one 64 \
             before.\n\
             - *ms/edit* is processor time of the server's process, until everything has arrived.\n\
             - At the end of each run every edit must be in every copy, all copies must have equal \
             heads and texts, and the server must have told each client the same heads. *Late* are \
             arrivals outstanding 15 s after the last edit; such a run shows what arrived.\n\
             - Generator and servers share the processors. Where the two columns of cores add up to \
             all there are, the computer is the limit.\n\n\
             `cargo xtask bench-load` writes this table. `REJOIN_DATA` names the folder with the \
             recorded paper; without it the long note is left out.\n\n",
        );
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let load =
            self.load.map_or_else(String::new, |load| format!(", and a load of {load} before"));
        let _ = write!(
            page,
            "npm 1.2 is automerge-repo-sync-server 0.2.8 as published (automerge-repo 1.2.1), npm \
             2.5 the same on automerge-repo 2.5.6; samod is 0.16 with its file-system storage. This \
             run had {processors} processors{load}.\n\n\
             | load | server | edits/s | p50 ms | p99 ms | max ms | ms/edit | cores: server / \
             generator | MiB | bytes/edit: in / out | bar | |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|\n{}\n\n\
             Memory that 1,000 silent connections cost beyond the empty server:\n\n\
             | server | MiB | bar | |\n|---|---|---|---|\n{}\n\n{} met, {} missed.\n",
            self.lines.join("\n"),
            self.idle.join("\n"),
            self.met,
            self.missed,
        );
        page
    }
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 100.0 => format!("{value:.0}"),
        _ if value >= 10.0 => format!("{value:.1}"),
        _ if value >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
