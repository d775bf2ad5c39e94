//! The columns of a document chunk, inflated.

use rejoin_columnar::{ColumnSpec, Columns, Reader};

use crate::{budget::Budget, deflate::inflate_within, load::document::DocumentChunkError};

/// The bytes of some columns.
pub(super) struct ColumnBytes<'a>(Vec<(ColumnSpec, Bytes<'a>)>);

enum Bytes<'a> {
    Stored(&'a [u8]),
    Inflated(Vec<u8>),
}

impl<'a> ColumnBytes<'a> {
    /// Takes the columns' data, inflating it within the budget.
    pub(super) fn take(
        columns: &Columns,
        reader: &mut Reader<'a>,
        budget: &mut Budget,
    ) -> Result<Self, DocumentChunkError> {
        let data = columns.take_data(reader)?;
        let mut all = Vec::with_capacity(columns.len());
        for column in columns.iter() {
            let stored = &data[column.start..column.start + column.len];
            let bytes = if column.spec.is_deflated() {
                Bytes::Inflated(inflate_within(stored, budget)?)
            } else {
                Bytes::Stored(stored)
            };
            all.push((column.spec.normalized(), bytes));
        }
        Ok(Self(all))
    }

    /// The bytes of a column, none when it is left out.
    pub(super) fn get(&self, spec: ColumnSpec) -> &[u8] {
        let found = self.0.iter().find(|(column, _)| *column == spec);
        found.map_or(&[], |(_, bytes)| match bytes {
            Bytes::Stored(bytes) => bytes,
            Bytes::Inflated(bytes) => bytes,
        })
    }

    /// How many bytes all columns have.
    pub(super) fn len(&self) -> usize {
        let len = |bytes: &Bytes<'_>| match bytes {
            Bytes::Stored(bytes) => bytes.len(),
            Bytes::Inflated(bytes) => bytes.len(),
        };
        self.0.iter().map(|(_, bytes)| len(bytes)).sum()
    }

    /// A column that is none of these, if there is one.
    pub(super) fn unknown(&self, known: &[ColumnSpec]) -> Option<ColumnSpec> {
        self.0.iter().map(|(spec, _)| *spec).find(|spec| !known.contains(spec))
    }
}
