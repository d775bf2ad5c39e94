//! Makes single words of characters that are written without spaces between words.

use std::borrow::Cow;

use super::{HIT_BEGIN, HIT_END};

/// Stands around each such character in what is indexed. FTS5 takes it for a separator and screens
/// do not show it; it is removed from the text first, so that it can be removed from a result.
const SEPARATOR: char = '\u{200b}';

/// The text as it is indexed: the text itself where nothing stands alone.
pub(super) fn split(text: &str) -> Cow<'_, str> {
    let is_plain =
        |c: char| !matches!(c, SEPARATOR | HIT_BEGIN | HIT_END | '\0') && !stands_alone(c);
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut split = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            SEPARATOR | HIT_BEGIN | HIT_END | '\0' => {}
            c if stands_alone(c) => split.extend([SEPARATOR, c, SEPARATOR]),
            c => split.push(c),
        }
    }
    Cow::Owned(split)
}

/// The text as it was before [`split`].
pub(super) fn join(split: &str) -> String {
    split.replace(SEPARATOR, "")
}

/// Whether the character belongs to a script that puts no spaces between words.
pub(super) fn stands_alone(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff         // Thai, Lao
        | 0x1000..=0x109f       // Myanmar
        | 0x1780..=0x17ff       // Khmer
        | 0x3005..=0x3007       // ideographic iteration mark and zero
        | 0x3040..=0x30ff       // Hiragana, Katakana
        | 0x31f0..=0x31ff       // Katakana extensions
        | 0x3400..=0x4dbf       // CJK extension A
        | 0x4e00..=0x9fff       // CJK
        | 0xac00..=0xd7a3       // Hangul syllables
        | 0xf900..=0xfaff       // CJK compatibility
        | 0xff66..=0xff9d       // half-width Katakana
        | 0x20000..=0x3ffff     // CJK extensions B and later
    )
}
