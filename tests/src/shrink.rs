//! Makes a failing program small: drops steps and edits as long as it still fails.

use crate::program::{Edit, Finish, Program, Step};

/// The smallest program found by dropping and simplifying, with `fails` telling what still fails.
pub fn shrink(program: &Program, mut fails: impl FnMut(&Program) -> bool) -> Program {
    let mut best = program.clone();
    loop {
        let before = size(&best);
        drop_chunks(&mut best, &mut fails);
        drop_edits(&mut best, &mut fails);
        simplify(&mut best, &mut fails);
        if size(&best) == before {
            return best;
        }
    }
}

fn size(program: &Program) -> usize {
    program.steps.iter().map(|step| format!("{step:?}").len()).sum()
}

fn drop_chunks(best: &mut Program, fails: &mut impl FnMut(&Program) -> bool) {
    let mut chunk = best.steps.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < best.steps.len() {
            let mut candidate = best.clone();
            let end = (at + chunk).min(candidate.steps.len());
            candidate.steps.drain(at..end);
            if fails(&candidate) {
                *best = candidate;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
}

fn drop_edits(best: &mut Program, fails: &mut impl FnMut(&Program) -> bool) {
    for index in 0..best.steps.len() {
        let mut at = 0;
        loop {
            let mut candidate = best.clone();
            let Step::Edit { edits, .. } = &mut candidate.steps[index] else { break };
            if at >= edits.len() {
                break;
            }
            edits.remove(at);
            if fails(&candidate) {
                *best = candidate;
            } else {
                at += 1;
            }
        }
    }
}

fn simplify(best: &mut Program, fails: &mut impl FnMut(&Program) -> bool) {
    for index in 0..best.steps.len() {
        for candidate in simpler(&best.steps[index]) {
            let mut program = best.clone();
            program.steps[index] = candidate;
            if fails(&program) {
                *best = program;
                break;
            }
        }
    }
}

fn simpler(step: &Step) -> Vec<Step> {
    let Step::Edit { replica, edits, finish } = step else { return Vec::new() };
    let mut found = Vec::new();
    if !matches!(finish, Finish::Commit { message: None, time: 0 } | Finish::Rollback) {
        let finish = Finish::Commit { message: None, time: 0 };
        found.push(Step::Edit { replica: *replica, edits: edits.clone(), finish });
    }
    for (index, edit) in edits.iter().enumerate() {
        for edit in simpler_edits(edit) {
            let mut edits = edits.clone();
            edits[index] = edit;
            found.push(Step::Edit { replica: *replica, edits, finish: finish.clone() });
        }
    }
    found
}

fn simpler_edits(edit: &Edit) -> Vec<Edit> {
    match edit {
        Edit::Type { obj, pos, delete, text } => {
            let mut found = Vec::new();
            let mut shorter = text.clone();
            if shorter.pop().is_some() {
                found.push(Edit::Type { obj: *obj, pos: *pos, delete: *delete, text: shorter });
            }
            if *delete > 0 {
                let (obj, pos, text) = (*obj, *pos, text.clone());
                found.push(Edit::Type { obj, pos, delete: delete - 1, text });
            }
            if *pos > 0 {
                let (obj, delete, text) = (*obj, *delete, text.clone());
                found.push(Edit::Type { obj, pos: 0, delete, text });
            }
            found
        }
        _ => Vec::new(),
    }
}
