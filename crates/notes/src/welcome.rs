//! The first note of a new profile, which teaches by doing.

/// The text of the first note.
pub const WELCOME: &str = r#"# Welcome

This is a note. It is yours to change: put the caret anywhere and type. There is no Save; the line
below says where your words are.

## Try it here

- [ ] Tick this box with a click
- [ ] Make a word **bold**: put two stars on each side of it
- [ ] Write `# Something` on a line of its own, and see a heading
- [ ] Press Ctrl+N for a new note, and come back with Ctrl+P
- [ ] Link to a note: type two square brackets and pick [[Welcome]]
- [ ] Press Ctrl+Z until all of this is as it was

## Write with someone

Open the menu of a note or folder and choose *Share*. Whoever opens the link sees your words as you
type them, and you see theirs. You can both be offline for a week and write in the same paragraph:
when you meet again, the words of both are there.

How soon others see your words is your choice, for each note:

- **Live** sends every keystroke.
- **Hybrid** does so while someone else is here, and at pauses otherwise.
- **Batched** keeps them to yourself until you press Ctrl+Shift+Enter.

## Look back

Press Ctrl+Shift+H. Every version of this note is there, with who wrote what. To go back is only
one more change, so nothing is ever gone.

When you have read this, throw it away: the trash keeps it.
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_note_shows_what_it_speaks_of() {
        assert_eq!(crate::title::title(WELCOME).as_deref(), Some("Welcome"));
        let targets: Vec<_> = crate::links::links(WELCOME);
        assert_eq!(targets.len(), 1, "one link, to the note itself");
        assert!(WELCOME.matches("- [ ]").count() >= 5);
    }
}
