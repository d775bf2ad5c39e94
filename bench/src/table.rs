//! The printed table.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::cases::{Bar, Measured, Row};

/// The lines so far, and what was measured, for bars that look back.
pub struct Table {
    lines: Vec<String>,
    met: usize,
    missed: usize,
    by_case: BTreeMap<String, Measured>,
}

const PEERS: [&str; 4] = ["automerge", "loro", "yrs", "diamond-types"];

impl Table {
    pub fn new() -> Self {
        Self { lines: Vec::new(), met: 0, missed: 0, by_case: BTreeMap::new() }
    }

    /// Adds the lines of one case.
    pub fn add(&mut self, row: &Row, measured: Measured) {
        self.by_case.insert(row.case.clone(), measured);
        let measured = &self.by_case[&row.case];
        for line in &row.lines {
            let value = |engine: &str| measured.get(engine)?.get(line.metric).copied();
            let ours = value("rejoin");
            let limit = match line.bar {
                Bar::Times(factor, peer) => value(peer).map(|peer| peer * factor),
                Bar::Absolute(limit) => Some(limit),
                Bar::Flat(factor, case) => self
                    .by_case
                    .get(case)
                    .and_then(|measured| measured.get("rejoin")?.get(line.metric))
                    .map(|other| other * factor),
                Bar::None => None,
            };
            let bar = match line.bar {
                Bar::Times(factor, peer) => format!("at most {} {peer}", times(factor)),
                Bar::Absolute(limit) => format!("at most {limit}"),
                Bar::Flat(factor, _) => format!("at most {} the small document", times(factor)),
                Bar::None => String::new(),
            };
            let verdict = match (ours, limit) {
                (Some(ours), Some(limit)) if ours <= limit => {
                    self.met += 1;
                    "met"
                }
                (Some(_), Some(_)) => {
                    self.missed += 1;
                    "missed"
                }
                _ => "",
            };
            let ratio = match (ours, &line.bar) {
                (Some(ours), Bar::Times(_, peer)) => {
                    value(peer).map(|theirs| format!("{:.3} of {peer}", ours / theirs))
                }
                (Some(ours), Bar::None | Bar::Absolute(_)) => {
                    value("automerge").map(|theirs| format!("{:.3} of automerge", ours / theirs))
                }
                (Some(ours), Bar::Flat(factor, _)) => {
                    limit.map(|limit| format!("{:.2}", ours / limit * factor))
                }
                _ => None,
            };
            let mut text = format!("| {} | {} |", line.title, show(ours));
            for peer in PEERS {
                let _ = write!(text, " {} |", show(value(peer)));
            }
            let _ = write!(text, " {} | {bar} | {verdict} |", ratio.unwrap_or_default());
            println!("{text}");
            self.lines.push(text);
        }
    }

    /// The whole table as Markdown.
    pub fn finish(self) -> String {
        format!(
            "# Rejoin beside its peers\n\n\
             One run, medians over fresh processes, every result verified. Processor time, except \
             `receive`, which is the median time on the clock of one call. Ratios count; absolute \
             figures belong to the machine of the run.\n\n\
             Not equal: automerge and Rejoin hash and keep every commit; loro merges consecutive \
             commits of one peer and has no cryptographic hashes; diamond-types has text only and \
             no commits; yrs drops deleted text. yrs is not run with a whole trace in one \
             transaction, which takes minutes.\n\n\
             | work | Rejoin | automerge | loro | yrs | diamond-types | ratio | bar | |\n\
             |---|---|---|---|---|---|---|---|---|\n{}\n\n{} met, {} missed.\n",
            self.lines.join("\n"),
            self.met,
            self.missed
        )
    }
}

fn times(factor: f64) -> String {
    if factor >= 1.0 {
        format!("{factor}x")
    } else if factor < 0.4 {
        format!("1/{:.0} of", 1.0 / factor)
    } else {
        format!("{factor}x")
    }
}

fn show(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value >= 1_000.0 => {
            let digits = format!("{value:.0}");
            let mut shown = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index).is_multiple_of(3) {
                    shown.push(',');
                }
                shown.push(digit);
            }
            shown
        }
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 0.1 => format!("{value:.2}"),
        Some(value) => format!("{value:.4}"),
    }
}
