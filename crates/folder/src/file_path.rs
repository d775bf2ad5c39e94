//! Where a note's file lies in the folder, and names that every system accepts.

use std::fmt;

/// The directory of what was thrown away.
pub const TRASH: &str = ".trash";
/// The directory that marks a mirrored folder and holds the notes' ids.
pub const MARKER: &str = ".rejoin";

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

    /// A path in these directories that `taken` does not have, compared without case, for a file
    /// named like `title`.
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
        while taken(&path.to_lowercase()) {
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

/// A file or directory name that reads like `title` and that Windows, macOS and Linux accept.
pub fn safe_name(title: &str) -> String {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let mut name = String::new();
    for char in title.chars() {
        match char {
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => name.push('-'),
            char if char.is_control() || char.is_whitespace() => name.push(' '),
            char => name.push(char),
        }
        // Most file systems take 255 bytes; `.md`, a number and a temporary name have to fit.
        if name.len() > 180 {
            break;
        }
    }
    let mut name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    while name.ends_with(['.', ' ']) {
        name.pop();
    }
    let name = name.trim_start_matches(['.', ' ']).to_owned();
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_port = stem.len() == 4
        && (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.ends_with(|char: char| char.is_ascii_digit());
    if name.is_empty() {
        "Untitled".to_owned()
    } else if RESERVED.contains(&stem.as_str()) || is_port {
        format!("{name}_")
    } else {
        name
    }
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
    text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
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
        assert_eq!(safe_name("COM1.txt"), "COM1.txt_");
        assert_eq!(safe_name("Content"), "Content");
        assert!(safe_name(&"ü".repeat(300)).len() < 200);
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
