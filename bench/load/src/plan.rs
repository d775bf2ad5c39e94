//! What is measured, and what Rejoin has promised of it.

use crate::room::Pace;
use crate::run::{Outcome, Scenario};

/// One line of the table for each server.
pub struct Case {
    /// A short name for the command line.
    pub name: &'static str,
    pub title: &'static str,
    pub scenario: Scenario,
    pub bar: Option<Bar>,
}

/// A promise.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// Milliseconds of processor time per edit, at most.
    Cost(f64),
    /// Milliseconds from commit to arrival for 99 of 100, below.
    P99(f64),
    /// Edits a second, at least.
    Throughput(f64),
}

impl Bar {
    /// The promise in words.
    pub fn words(self) -> String {
        match self {
            Bar::Cost(most) => format!("at most {most} ms/edit"),
            Bar::P99(below) => format!("p99 under {below} ms"),
            Bar::Throughput(least) => format!("at least {least} edits/s"),
        }
    }

    pub fn is_met(self, outcome: &Outcome) -> bool {
        outcome.late == 0
            && match self {
                Bar::Cost(most) => outcome.cost <= most,
                Bar::P99(below) => outcome.p99 < below,
                Bar::Throughput(least) => outcome.edits_per_second >= least,
            }
    }
}

/// At most so many MiB for so many silent connections.
pub const IDLE_CONNECTIONS: usize = 1_000;
pub const IDLE_BAR: f64 = 20.0;

const BASE: Scenario = Scenario {
    documents: 6,
    clients: 2,
    writers: 1,
    pace: Pace::Rate(5.0),
    seconds: 15.0,
    paper: false,
    hears_of_disks: false,
};

const PAPER: Scenario = Scenario { paper: true, ..BASE };

const FLAT: Scenario = Scenario { documents: 10, seconds: 10.0, pace: Pace::FlatOut(1), ..BASE };

/// All cases, in the order of the table.
pub fn cases() -> Vec<Case> {
    let case = |name, title, scenario, bar| Case { name, title, scenario, bar };
    vec![
        case("k1", "6 notes, 1 writer, 1 reader", BASE, Some(Bar::Cost(0.15))),
        case(
            "k4",
            "6 notes, 1 writer, 4 readers",
            Scenario { clients: 5, ..BASE },
            Some(Bar::Cost(0.25)),
        ),
        case(
            "k19",
            "6 notes, 1 writer, 19 readers",
            Scenario { clients: 20, ..BASE },
            Some(Bar::Cost(0.8)),
        ),
        case("paper1", "6 long notes, 1 writer, 1 reader", PAPER, Some(Bar::Cost(0.15))),
        case(
            "paper4",
            "6 long notes, 1 writer, 4 readers",
            Scenario { clients: 5, ..PAPER },
            Some(Bar::Cost(0.25)),
        ),
        case(
            "paper19",
            "6 long notes, 1 writer, 19 readers",
            Scenario { clients: 20, ..PAPER },
            Some(Bar::Cost(0.8)),
        ),
        case(
            "people50",
            "50 connections: 10 notes, 5 clients, 1 writer",
            Scenario { documents: 10, clients: 5, ..BASE },
            None,
        ),
        case(
            "people200",
            "200 connections: 50 notes, 4 clients, 2 writers",
            Scenario { documents: 50, clients: 4, writers: 2, seconds: 20.0, ..BASE },
            Some(Bar::P99(10.0)),
        ),
        case(
            "people1000",
            "1,000 connections: 200 notes, 5 clients, 1 writer, 1 edit/s",
            Scenario { documents: 200, clients: 5, pace: Pace::Rate(1.0), ..BASE },
            None,
        ),
        case("pairs", "flat out: 10 pairs, 1 edit on its way", FLAT, None),
        case(
            "pairs64",
            "flat out: 10 pairs, 64 edits on their way",
            Scenario { pace: Pace::FlatOut(64), ..FLAT },
            Some(Bar::Throughput(5_000.0)),
        ),
        case(
            "flat50",
            "flat out: 50 connections, 10 notes, 5 clients, 1 writer",
            Scenario { clients: 5, ..FLAT },
            None,
        ),
        case(
            "flat200",
            "flat out: 200 connections, 50 notes, 4 clients, 2 writers",
            Scenario { documents: 50, clients: 4, writers: 2, ..FLAT },
            None,
        ),
        case(
            "flat1000",
            "flat out: 1,000 connections, 200 notes, 5 clients, 1 writer",
            Scenario { documents: 200, clients: 5, ..FLAT },
            None,
        ),
    ]
}

/// What only our server offers: word of what it has made durable.
pub fn with_reports() -> Case {
    Case {
        name: "k1-reports",
        title: "6 notes, 1 writer, 1 reader, who hear what is durable",
        scenario: Scenario { hears_of_disks: true, ..BASE },
        bar: None,
    }
}
