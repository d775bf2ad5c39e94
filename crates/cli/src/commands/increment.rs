//! `rejoin increment`: adds to a counter.

use crate::document_file::{self, cannot_write};
use crate::exit::Failure;
use crate::path::Path;
use anyhow::{Result, bail};
use clap::Args;
use rejoin_document::{ScalarValue, Value};
use std::path::PathBuf;
use std::process::ExitCode;

/// Add to a counter; where there is nothing yet, make one
#[derive(Debug, Args)]
pub(crate) struct Increment {
    /// The document, which is changed
    file: PathBuf,
    /// Where the counter is
    path: Path,
    /// How much to add
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    by: i64,
    /// What the change is about
    #[arg(short, long)]
    message: Option<String>,
}

impl Increment {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut document = document_file::read(&self.file)?;
        document_file::change(&mut document, self.message.as_deref(), |tx| {
            let place = self.path.place(&tx.view())?;
            let prop = place.step.prop();
            let written = match tx.view().get(place.object, prop) {
                Ok(None) => tx.put(place.object, prop, ScalarValue::Counter(self.by)),
                Ok(Some(Value::Scalar(ScalarValue::Counter(value))))
                    if value.checked_add(self.by).is_none() =>
                {
                    bail!("{} is at {value}: the sum does not fit a counter", self.path)
                }
                Ok(Some(_)) => tx.increment(place.object, prop, self.by),
                Err(error) => return Err(Failure::NotFound.error(error)),
            };
            written.map_err(|error| cannot_write(&error))
        })?;
        document_file::write(&self.file, &document)?;
        Ok(ExitCode::SUCCESS)
    }
}
