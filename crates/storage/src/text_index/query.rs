//! What was typed, as an FTS5 query that cannot be malformed.

use super::segment::{split, stands_alone};

/// More words than this are not looked at.
const MAX_WORDS: usize = 32;

/// The query for what was typed: every word quoted, the last one a prefix unless a space follows;
/// `None` if there is no word in it.
pub(super) fn parse(typed: &str) -> Option<String> {
    let mut words: Vec<&str> = typed
        .split(char::is_whitespace)
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .collect();
    words.truncate(MAX_WORDS);
    let last = words.len().checked_sub(1)?;
    let finished = typed.ends_with(char::is_whitespace);
    let terms: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(i, word)| {
            // A character of a script without spaces is a word; words that begin with it are none.
            let whole = word.chars().next_back().is_some_and(stands_alone);
            let star = if i == last && !finished && !whole { " *" } else { "" };
            format!("\"{}\"{star}", split(word).replace('"', "\"\""))
        })
        .collect();
    Some(terms.join(" "))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_word_is_quoted_and_the_last_is_a_prefix() {
        assert_eq!(parse("two wor").as_deref(), Some("\"two\" \"wor\" *"));
        assert_eq!(parse("two words ").as_deref(), Some("\"two\" \"words\""));
        assert_eq!(parse("say \"NOT\" (").as_deref(), Some("\"say\" \"\"\"NOT\"\"\" *"));
    }

    #[test]
    fn without_a_word_there_is_no_query() {
        for typed in ["", "   ", "* - \"", "\u{200b}"] {
            assert_eq!(parse(typed), None, "{typed:?}");
        }
    }
}
