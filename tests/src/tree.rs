//! The whole value of a document, in a form that both implementations can be turned into.

use std::collections::BTreeMap;

/// An object or a scalar value. Objects carry their id as text (`counter@actor`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Leaf(String),
    Map { id: String, entries: BTreeMap<String, Vec<Node>> },
    List { id: String, items: Vec<Vec<Node>> },
    Text(TextNode),
}

/// A text object; `items` holds what stands at each index, which matters for elements that are
/// not one character and for conflicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextNode {
    pub id: String,
    pub text: String,
    pub length: usize,
    pub items: Vec<(usize, Vec<Node>)>,
    pub marks: Vec<String>,
    pub spans: Vec<String>,
}

/// The first place where two trees differ, as a path and both values.
pub fn difference(path: &str, theirs: &Node, ours: &Node) -> Option<String> {
    if theirs == ours {
        return None;
    }
    match (theirs, ours) {
        (Node::Map { id: a, entries: x }, Node::Map { id: b, entries: y }) if a == b => {
            for key in x.keys().chain(y.keys()) {
                let place = format!("{path}/{key}");
                match (x.get(key), y.get(key)) {
                    (Some(x), Some(y)) => {
                        if let Some(found) = differing_values(&place, x, y) {
                            return Some(found);
                        }
                    }
                    (x, y) => return Some(format!("{place}: automerge {x:?}, ours {y:?}")),
                }
            }
            None
        }
        (Node::List { id: a, items: x }, Node::List { id: b, items: y }) if a == b => {
            if x.len() != y.len() {
                return Some(format!(
                    "{path} ({a}): automerge has {} elements {x:?}, ours {} {y:?}",
                    x.len(),
                    y.len()
                ));
            }
            x.iter()
                .zip(y)
                .enumerate()
                .find_map(|(index, (x, y))| differing_values(&format!("{path}/{index}"), x, y))
        }
        (Node::Text(x), Node::Text(y)) if x.id == y.id => {
            let place = format!("{path} ({})", x.id);
            if x.text != y.text {
                return Some(format!("{place} text: automerge {:?}, ours {:?}", x.text, y.text));
            }
            if x.length != y.length {
                return Some(format!("{place} length: automerge {}, ours {}", x.length, y.length));
            }
            if x.marks != y.marks {
                return Some(format!(
                    "{place} {:?} marks: automerge {:?}, ours {:?}",
                    x.text, x.marks, y.marks
                ));
            }
            if x.spans != y.spans {
                return Some(format!(
                    "{place} spans:\n automerge {:?}\n ours      {:?}",
                    x.spans, y.spans
                ));
            }
            for ((at, x), (_, y)) in x.items.iter().zip(&y.items) {
                if let Some(found) = differing_values(&format!("{place}[{at}]"), x, y) {
                    return Some(found);
                }
            }
            Some(format!("{place} items: automerge {:?}, ours {:?}", x.items, y.items))
        }
        _ => Some(format!("{path}: automerge {theirs:?}, ours {ours:?}")),
    }
}

fn differing_values(path: &str, theirs: &[Node], ours: &[Node]) -> Option<String> {
    if theirs.len() != ours.len() {
        return Some(format!("{path}: automerge {theirs:?}, ours {ours:?}"));
    }
    theirs.iter().zip(ours).find_map(|(theirs, ours)| difference(path, theirs, ours))
}
