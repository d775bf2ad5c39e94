//! What a person may choose about the app.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Mode;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Theme {
    /// As the system is.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// The type of a note's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum NoteFont {
    /// Without serifs.
    #[default]
    Sans,
    /// With serifs.
    Serif,
}

/// The order of notes in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum NoteOrder {
    /// As the folder lists them.
    #[default]
    Manual,
    /// The last changed first.
    Updated,
    /// By title.
    Title,
}

/// The person's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The name that others see.
    pub name: String,
    /// One of the eight presence hues, 0 to 7.
    pub colour: u8,
    /// Light or dark.
    pub theme: Theme,
    /// The type of a note's text.
    pub note_font: NoteFont,
    /// Pixels, 14 to 22.
    pub text_size: u8,
    /// Whether spelling is checked.
    pub spell_check: bool,
    /// The order of notes.
    pub order: NoteOrder,
    /// How a new note is shared.
    pub default_mode: Mode,
}
