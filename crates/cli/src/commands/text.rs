//! `rejoin text`: edits a text.

use crate::document_file::{self, cannot_write};
use crate::exit::{Failure, NOTHING};
use crate::path::Path;
use anyhow::Result;
use clap::{Args, ValueEnum};
use rejoin_document::{ObjType, TextUnit};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// Replace a part of a text
#[derive(Debug, Args)]
pub(crate) struct Text {
    /// The document, which is changed
    file: PathBuf,
    /// Where the text is
    path: Path,
    /// Where, how much to delete, and what to insert there; several are done one after the other
    #[arg(long, value_name = "POS,DEL,INS", required = true)]
    splice: Vec<Splice>,
    /// What positions count
    #[arg(long, value_enum, default_value = "character")]
    unit: Unit,
    /// What the change is about
    #[arg(short, long)]
    message: Option<String>,
}

/// A part of a text and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Splice {
    position: usize,
    delete: usize,
    insert: String,
}

/// What positions in a text count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unit {
    /// Unicode characters.
    Character,
    /// UTF-16 code units, as JavaScript counts.
    Utf16,
    /// Bytes of UTF-8.
    Utf8,
}

impl From<Unit> for TextUnit {
    fn from(unit: Unit) -> TextUnit {
        match unit {
            Unit::Character => TextUnit::CodePoint,
            Unit::Utf16 => TextUnit::Utf16,
            Unit::Utf8 => TextUnit::Utf8,
        }
    }
}

impl FromStr for Splice {
    type Err = String;

    fn from_str(text: &str) -> Result<Splice, String> {
        let mut parts = text.splitn(3, ',');
        let mut number = |what: &str| {
            let part = parts.next().unwrap_or_default();
            part.trim().parse::<usize>().map_err(|_| format!("{what} is not a number: {part:?}"))
        };
        let (position, delete) = (number("the position")?, number("what to delete")?);
        Ok(Splice { position, delete, insert: parts.next().unwrap_or_default().to_owned() })
    }
}

impl Text {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut document = document_file::read(&self.file)?;
        let unit = self.unit.into();
        let written = document_file::change(&mut document, self.message.as_deref(), |tx| {
            let (ObjType::Text, text) = self.path.object(&tx.view())? else {
                return Err(Failure::NotFound.error(format!("{} is not a text", self.path)));
            };
            for splice in &self.splice {
                let length = tx.view().length(text, unit)?;
                if splice.position.checked_add(splice.delete).is_none_or(|end| end > length) {
                    let reason = format!("the text has only {length} places");
                    return Err(Failure::NotFound.error(reason));
                }
                tx.splice_text(text, splice.position, splice.delete, &splice.insert, unit)
                    .map_err(|error| cannot_write(&error))?;
            }
            Ok(())
        })?;
        if !written {
            return Ok(ExitCode::from(NOTHING));
        }
        document_file::write(&self.file, &document)?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inserted_may_contain_commas() {
        let splice: Splice = "3,1,a, b,".parse().unwrap();
        assert_eq!(splice, Splice { position: 3, delete: 1, insert: "a, b,".into() });
        assert!("3,x,".parse::<Splice>().is_err());
        assert!("3".parse::<Splice>().is_err());
        assert_eq!("0,4".parse::<Splice>().unwrap().insert, "");
    }
}
