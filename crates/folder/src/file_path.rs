//! Where a note's file lies in the folder, and names that every system accepts.

use std::borrow::Cow;
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use unicode_segmentation::UnicodeSegmentation;

/// The directory of what was thrown away.
pub const TRASH: &str = ".trash";
/// The directory that marks a mirrored folder and holds the notes' ids.
pub const MARKER: &str = ".rejoin";

/// The longest name, in bytes of UTF-8. Most file systems take 255; `.md` and a number have to fit.
const LONGEST: usize = 180;

/// The path of a note's file inside the folder: parts joined by `/`, ending in `.md`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

/// A path that cannot be a note's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the path of a note's file")]
pub struct NotANotePath(pub String);

impl FilePath {
    /// Takes a path with `/` between its parts.
    ///
    /// # Errors
    ///
    /// When it does not end in `.md`, leads out of the folder, or a part of it is hidden (the trash
    /// is not).
    pub fn new(path: &str) -> Result<Self, NotANotePath> {
        let error = || NotANotePath(path.to_owned());
        let parts: Vec<&str> = path.split('/').collect();
        let Some((name, folders)) = parts.split_last() else { return Err(error()) };
        let ends_right = name.len() > 3 && name.to_ascii_lowercase().ends_with(".md");
        let hidden = folders.iter().enumerate().any(|(depth, part)| {
            part.is_empty() || (part.starts_with('.') && !(depth == 0 && *part == TRASH))
        });
        if !ends_right || hidden || name.starts_with('.') || path.contains(['\\', '\0']) {
            return Err(error());
        }
        Ok(Self(path.to_owned()))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the file lies in the trash.
    pub fn is_trash(&self) -> bool {
        self.0.split('/').next() == Some(TRASH)
    }

    /// The directories from the folder down.
    pub fn folders(&self) -> Vec<String> {
        let mut parts: Vec<String> = self.0.split('/').map(str::to_owned).collect();
        parts.pop();
        parts
    }

    /// The file's name without `.md`.
    pub fn stem(&self) -> &str {
        let name = self.0.rsplit('/').next().unwrap_or(&self.0);
        &name[..name.len() - 3]
    }

    /// A path in these directories that `taken` does not have, as [`folded`] paths, for a file named
    /// like `title`.
    pub(crate) fn free(folders: &[String], title: &str, taken: impl Fn(&str) -> bool) -> Self {
        let base: String = folders.iter().map(|folder| safe_name(folder) + "/").collect();
        Self::numbered(&(base + &safe_name(title)), taken)
    }

    /// As [`FilePath::free`], in the trash.
    pub(crate) fn in_trash(title: &str, taken: impl Fn(&str) -> bool) -> Self {
        Self::numbered(&format!("{TRASH}/{}", safe_name(title)), taken)
    }

    fn numbered(base: &str, taken: impl Fn(&str) -> bool) -> Self {
        let mut path = format!("{base}.md");
        let mut number = 1;
        while taken(&folded(&path)) {
            number += 1;
            path = format!("{base} {number}.md");
        }
        Self(path)
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file or directory name that reads like `title` and that Windows, macOS and Linux accept. That of
/// a name which this has given is the same.
pub fn safe_name(title: &str) -> String {
    let mut name = String::new();
    for char in title.chars() {
        match char {
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => name.push('-'),
            char if is_unseen(char) => {}
            char if char.is_control() || char.is_whitespace() => name.push(' '),
            char => name.push(char),
        }
        // No more is needed, however long the text is.
        if name.len() > 4 * LONGEST {
            break;
        }
    }
    // One of the forms in which the same letters can be written, as some systems take them for the
    // same and others do not.
    let name = ComposingNormalizerBorrowed::new_nfc().normalize(&name);
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() {
        return "Untitled".to_owned();
    }
    // Windows takes such a name for a device, whatever follows after the first dot.
    let (stem, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
    let name = match is_device(stem.trim_end()) {
        true => Cow::Owned(format!("{}_{rest}", stem.trim_end())),
        false => Cow::Borrowed(name),
    };
    shortened(&name).trim_end_matches(['.', ' ']).to_owned()
}

/// The name's beginning, when it is too long, without a part of what is read as one character.
fn shortened(name: &str) -> &str {
    if name.len() <= LONGEST {
        return name;
    }
    let whole =
        name.grapheme_indices(true).map(|(at, _)| at).take_while(|at| *at <= LONGEST).last();
    match whole {
        None | Some(0) => &name[..name.floor_char_boundary(LONGEST)],
        Some(end) => &name[..end],
    }
}

/// Characters that nobody sees, and those that turn the order of others about. What joins characters is
/// not among them.
fn is_unseen(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// Whether Windows takes a name without its extension for a device.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let is_port = port.is_some_and(|number| {
        let mut digits = number.chars();
        let is_digit = |char: char| char.is_ascii_digit() || matches!(char, '¹' | '²' | '³');
        digits.next().is_some_and(is_digit) && digits.next().is_none()
    });
    is_port || ["con", "prn", "aux", "nul", "conin$", "conout$"].contains(&stem.as_str())
}

/// A path as file systems compare it that know no difference of case or of the forms of one letter.
pub(crate) fn folded(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    let nfc = ComposingNormalizerBorrowed::new_nfc();
    let folded = nfc.normalize(path).to_lowercase().to_uppercase().to_lowercase();
    nfc.normalize(&folded).into_owned()
}

/// What of a title decides over the file's name: letters and digits, without case. A number at the
/// end of the name that only tells duplicates apart is not the title's.
pub(crate) fn same_name(stem: &str, title: &str) -> bool {
    let wanted = letters(&safe_name(title));
    if letters(stem) == wanted {
        return true;
    }
    let unnumbered = stem.trim_end_matches(|char: char| char.is_ascii_digit());
    unnumbered.len() < stem.len() && unnumbered.ends_with(' ') && letters(unnumbered) == wanted
}

fn letters(text: &str) -> String {
    folded(text).chars().filter(|char| char.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere() {
        assert_eq!(safe_name("a/b: c?"), "a-b- c-");
        assert_eq!(safe_name("  two \t words. "), "two words");
        assert_eq!(safe_name("..."), "Untitled");
        assert_eq!(safe_name(".hidden"), "hidden");
        assert_eq!(safe_name("con"), "con_");
        assert_eq!(safe_name("Content"), "Content");
        assert_eq!(safe_name("\u{202e}e\u{301}t\u{e9}\u{200b}"), "\u{e9}t\u{e9}");
    }

    /// What Windows keeps for devices, with any extension, in any case.
    #[test]
    fn no_name_is_one_of_a_device() {
        let mut devices = vec!["con".to_owned(), "prn".into(), "aux".into(), "nul".into()];
        devices.extend(["conin$".into(), "conout$".into()]);
        for number in "0123456789¹²³".chars() {
            devices.extend([format!("com{number}"), format!("lpt{number}")]);
        }
        for device in &devices {
            for after in ["", ".", ".txt", " .txt", ". txt.x", " "] {
                for title in [format!("{device}{after}"), device.to_uppercase() + after] {
                    let name = safe_name(&title) + ".md";
                    let stem = name.split('.').next().unwrap().trim_end().to_lowercase();
                    assert!(!devices.contains(&stem), "{title:?} became {name:?}");
                }
            }
        }
        assert_eq!(safe_name("COM1.txt"), "COM1_.txt");
        for other in ["comx", "com10", "console", "nul l", "null", "auxiliary"] {
            assert_eq!(safe_name(other), other);
        }
    }

    #[track_caller]
    fn check_name(title: &str) {
        let name = safe_name(title);
        assert_eq!(safe_name(&name), name, "of {title:?}");
        assert!(!name.is_empty() && name.len() <= LONGEST, "{title:?} became {name:?}");
        assert!(!name.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*']), "{name:?}");
        assert!(!name.chars().any(char::is_control), "{name:?}");
        assert!(!name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']), "{name:?}");
        assert!(FilePath::new(&format!("{name}/{name}.md")).is_ok(), "{name:?}");
        let nfc = ComposingNormalizerBorrowed::new_nfc();
        assert!(nfc.is_normalized(&name), "{name:?}");
        assert!(same_name(&name, title) && folded(&folded(&name)) == folded(&name), "{name:?}");
    }

    #[test]
    fn every_character_and_every_pair_of_awkward_ones_gives_a_name_that_stays() {
        // Beyond those that have something special about them, some of each range do.
        let some = ('\u{3000}'..=char::MAX).step_by(97);
        for char in ('\0'..'\u{3000}').chain('\u{fb00}'..='\u{ffff}').chain(some) {
            check_name(&char.to_string());
            check_name(&format!("a{char}"));
        }
        let awkward = [
            ".",
            " ",
            "\n",
            "\u{85}",
            "\u{a0}",
            "/",
            "<",
            "\u{338}",
            "\u{301}",
            "e",
            "K",
            "\u{212a}",
            "ß",
            "ẞ",
            "İ",
            "ı",
            "ſ",
            "con",
            "com1",
            "¹",
            "$",
            "_",
            "\u{200d}",
            "\u{200b}",
            "\u{202e}",
            "👩",
            "\u{1f3fd}",
            "\u{fe0f}",
            "\u{0}",
            "\u{7f}",
            "ﬁ",
            "각",
            "\u{1100}",
            "\u{1161}",
            "\u{11a8}",
        ];
        for one in awkward {
            for two in awkward {
                for three in awkward {
                    check_name(&format!("{one}{two}{three}"));
                }
            }
        }
    }

    #[test]
    fn long_names_end_where_a_character_does() {
        for unit in ["a", "ü", "u\u{308}", "字", "👩🏽\u{200d}🚀", "🇩🇪", "a. ", "e\u{301}."]
        {
            for before in 0..40 {
                let title = "x".repeat(before) + &unit.repeat(300);
                check_name(&title);
                let name = safe_name(&title);
                let whole: String = title.graphemes(true).collect();
                let nfc = ComposingNormalizerBorrowed::new_nfc().normalize(&whole).into_owned();
                assert!(nfc.graphemes(true).count() > name.graphemes(true).count());
                assert!(nfc.graphemes(true).zip(name.graphemes(true)).all(|(a, b)| a == b));
                // Numbered, and with the ending, it is short enough for file systems.
                assert!(name.len() + " 1000000.md".len() < 255);
            }
        }
        let marks = "a".to_owned() + &"\u{301}".repeat(500);
        check_name(&marks);
        check_name(&(" .".repeat(2000) + "a"));
    }

    #[test]
    fn names_that_some_system_takes_for_the_same_are_the_same() {
        for (one, other) in [
            ("Trip", "TRIP"),
            ("\u{e9}t\u{e9}", "e\u{301}T\u{c9}"),
            ("\u{212a}elvin", "Kelvin"),
            ("Å", "\u{212b}"),
            ("각", "\u{1100}\u{1161}\u{11a8}"),
            ("ΣΑΣ", "σας"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} and {other}");
            assert!(same_name(one, other), "{one} and {other}");
        }
        let taken = [folded("e\u{301}te\u{301}.md")];
        let path = FilePath::free(&[], "Été", |path| taken.iter().any(|it| it == path));
        assert_eq!(path.as_str(), "Été 2.md");
    }

    #[test]
    fn paths_stay_inside_and_visible() {
        for good in ["a.md", "Work/Trip 2.MD", ".trash/a.md", "a..b.md"] {
            assert!(FilePath::new(good).is_ok(), "{good}");
        }
        for bad in ["a.txt", "../a.md", "/a.md", ".git/a.md", "x/.trash/a.md", ".a.md", "", ".md"] {
            assert!(FilePath::new(bad).is_err(), "{bad}");
        }
        let path = FilePath::new("Work/North/Trip.md").unwrap();
        assert_eq!((path.stem(), path.folders()), ("Trip", vec!["Work".into(), "North".into()]));
    }

    #[test]
    fn case_and_punctuation_do_not_rename() {
        assert!(same_name("Trip north", "trip: North!"));
        assert!(same_name("Trip 2", "Trip"));
        assert!(!same_name("Trip", "Trips"));
        assert!(!same_name("Trip2", "Trip"));
    }

    #[test]
    fn duplicates_are_numbered() {
        let taken = ["work/trip.md", "work/trip 2.md"];
        let path = FilePath::free(&["Work".into()], "Trip", |path| taken.contains(&path));
        assert_eq!(path.as_str(), "Work/Trip 3.md");
    }
}
