//! Profiles: which person's notes this process works on, and where they lie.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The name of a profile: 1 to 40 of `a-z`, `A-Z`, `0-9`, `-` and `_`.
///
/// It is a folder name and part of a D-Bus name, which is why it is kept this plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileName(String);

/// A profile name that has other characters than letters, digits, `-` and `_`, or a length outside 1 to 40.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a profile name has 1 to 40 letters, digits, `-` or `_`, and {0:?} does not")]
pub struct InvalidProfileName(String);

impl ProfileName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = InvalidProfileName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=40).contains(&text.len()) && text.chars().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidProfileName(text.to_owned()))
        }
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folders of one profile. Making this value touches no disk.
#[derive(Clone, Debug)]
pub struct ProfileFolders {
    data: PathBuf,
}

impl ProfileFolders {
    /// The folders of `profile` below `root`, the app's data directory.
    pub fn below(root: &Path, profile: &ProfileName) -> Self {
        Self { data: root.join("profiles").join(profile.as_str()) }
    }

    /// The folders of `profile` in the platform's data directory, or `None` when the platform names no home.
    pub fn of_platform(profile: &ProfileName) -> Option<Self> {
        let project = directories::ProjectDirs::from("example", "", "Rejoin")?;
        Some(Self::below(project.data_dir(), profile))
    }

    /// The profile's own folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the web view keeps: caches, and the few settings of the window.
    pub fn web_view(&self) -> PathBuf {
        self.data.join("webview")
    }

    /// Where the window was when it was last closed.
    pub fn window_state(&self) -> PathBuf {
        self.data.join("window.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_names_only() {
        for name in ["default", "Ana-2", "b_c"] {
            assert_eq!(name.parse::<ProfileName>().unwrap().as_str(), name);
        }
        for name in ["", "../ana", "a b", "a/b", "ä", ".", &"x".repeat(41)] {
            assert!(name.parse::<ProfileName>().is_err(), "{name:?} was accepted");
        }
    }

    #[test]
    fn keeps_profiles_apart() {
        let root = Path::new("/data");
        let of = |name: &str| ProfileFolders::below(root, &name.parse().unwrap());
        assert_eq!(of("ana").data(), Path::new("/data/profiles/ana"));
        assert_ne!(of("ana").data(), of("ben").data());
    }
}
