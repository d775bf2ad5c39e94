//! The list of columns in front of column data: which columns there are and how long each is.
//!
//! The list is a count, then that many pairs of (specification, byte length). The data of all columns
//! follows, in the same order, though not always directly: a document has two lists, then the data of both.

use std::ops::Range;

use smallvec::SmallVec;

use crate::error::DecodeError;
use crate::leb128::{self, Reader};

/// What kind of values a column holds: the low three bits of its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ColumnType {
    /// How many entries each row has in the columns of the same id that follow. Run-length encoded.
    Group = 0,
    /// Indexes into the actor table. Run-length encoded.
    Actor = 1,
    /// Unsigned integers. Run-length encoded.
    Uint = 2,
    /// Numbers as differences.
    Delta = 3,
    /// Booleans.
    Boolean = 4,
    /// Strings. Run-length encoded.
    String = 5,
    /// Type codes and lengths of values. Run-length encoded.
    ValueMeta = 6,
    /// Raw bytes of values, back to back.
    Value = 7,
}

/// The specification of a column: id, deflate bit and type in one integer, `id << 4 | deflate << 3 | type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnSpec(u32);

impl ColumnSpec {
    const DEFLATE: u32 = 8;

    /// The specification of a column that is not deflated. Ids have at most 28 bits.
    #[inline]
    pub const fn new(id: u32, column_type: ColumnType) -> Self {
        Self(id << 4 | column_type as u32)
    }

    /// The specification stored as this integer. Every integer is valid.
    #[inline]
    pub const fn from_u32(stored: u32) -> Self {
        Self(stored)
    }

    /// The integer that is stored.
    #[inline]
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// Which column it is. The columns of one group, or of one value, share an id.
    #[inline]
    pub const fn id(self) -> u32 {
        self.0 >> 4
    }

    /// What the column holds.
    #[inline]
    pub const fn column_type(self) -> ColumnType {
        match self.0 & 7 {
            0 => ColumnType::Group,
            1 => ColumnType::Actor,
            2 => ColumnType::Uint,
            3 => ColumnType::Delta,
            4 => ColumnType::Boolean,
            5 => ColumnType::String,
            6 => ColumnType::ValueMeta,
            _ => ColumnType::Value,
        }
    }

    /// Whether the data of the column is deflated.
    #[inline]
    pub const fn is_deflated(self) -> bool {
        self.0 & Self::DEFLATE != 0
    }

    /// The same column with the deflate bit set or cleared.
    #[inline]
    pub const fn with_deflated(self, deflated: bool) -> Self {
        if deflated { Self(self.0 | Self::DEFLATE) } else { Self(self.0 & !Self::DEFLATE) }
    }

    /// The same column without the deflate bit: what columns are ordered and found by.
    #[inline]
    pub const fn normalized(self) -> Self {
        self.with_deflated(false)
    }
}

/// One column: what it holds, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnMeta {
    /// What the column holds.
    pub spec: ColumnSpec,
    /// Where it starts, in bytes from the start of the data of all columns.
    pub start: usize,
    /// How many bytes it has.
    pub len: usize,
}

/// What the list belongs to: that decides which columns may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnLayout {
    /// The ops of a change: no column may be deflated.
    Change,
    /// The changes or ops of a document.
    Document,
    /// The changes or ops of a bundle: a value column may stand in a group instead of after metadata.
    Bundle,
}

/// The columns of a list, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    columns: SmallVec<[ColumnMeta; 14]>,
    data_len: usize,
}

/// Why a list of columns was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// The list is malformed or ends early.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A column does not come after the one before it, or is there twice.
    #[error("column {} is not in order", spec.as_u32())]
    Order {
        /// The column that is out of order.
        spec: ColumnSpec,
    },
    /// A value column does not directly follow the metadata column of the same id.
    #[error("value column {} without its metadata", spec.as_u32())]
    LoneValue {
        /// The value column.
        spec: ColumnSpec,
    },
    /// A column is deflated where none may be.
    #[error("column {} is deflated", spec.as_u32())]
    Deflated {
        /// The deflated column.
        spec: ColumnSpec,
    },
    /// The columns claim more bytes than can exist.
    #[error("columns too long")]
    TooLong,
}

impl Columns {
    /// Reads a list of columns. Their data is not touched; that it is there is checked when it is taken.
    ///
    /// # Errors
    /// For a malformed list, and for columns that may not stand where they stand: not in ascending
    /// order of [`ColumnSpec::normalized`], twice, or against the [`ColumnLayout`].
    pub fn parse(reader: &mut Reader<'_>, layout: ColumnLayout) -> Result<Self, ColumnsError> {
        let count = reader.u64()?;
        let mut columns = Self::default();
        let mut previous: Option<ColumnSpec> = None;
        // The list grows with the bytes that are really there, whatever the count claims.
        for _ in 0..count {
            let stored = ColumnSpec::from_u32(reader.u32()?);
            let len = reader.length()?;
            let spec = stored.normalized();
            if previous.is_some_and(|previous| previous >= spec) {
                return Err(ColumnsError::Order { spec: stored });
            }
            if stored.is_deflated() && layout == ColumnLayout::Change {
                return Err(ColumnsError::Deflated { spec: stored });
            }
            if spec.column_type() == ColumnType::Value {
                let in_place = previous.is_some_and(|previous| {
                    previous.id() == spec.id()
                        && (previous.column_type() == ColumnType::ValueMeta
                            || layout == ColumnLayout::Bundle)
                });
                if !in_place {
                    return Err(ColumnsError::LoneValue { spec: stored });
                }
            }
            previous = Some(spec);
            columns.append(stored, len).ok_or(ColumnsError::TooLong)?;
        }
        Ok(columns)
    }

    /// Reads over a list of columns and their data, which follows it. What the list says of each column but
    /// its length is not looked at.
    ///
    /// # Errors
    /// For numbers that cannot be read, and when there are fewer bytes than the columns claim.
    #[inline]
    pub fn skip(reader: &mut Reader<'_>) -> Result<(), ColumnsError> {
        let count = reader.u64()?;
        let mut data_len = 0usize;
        for _ in 0..count {
            reader.u32()?;
            data_len = data_len.checked_add(reader.length()?).ok_or(ColumnsError::TooLong)?;
        }
        reader.take(data_len)?;
        Ok(())
    }

    /// Appends a column; columns must come in order. The length is that of the data as stored.
    /// `None`, without effect, if the sum of the lengths overflows.
    #[inline]
    pub fn append(&mut self, spec: ColumnSpec, len: usize) -> Option<()> {
        debug_assert!(
            self.columns.last().is_none_or(|last| last.spec.normalized() < spec.normalized()),
            "columns come in order"
        );
        let start = self.data_len;
        self.data_len = start.checked_add(len)?;
        self.columns.push(ColumnMeta { spec, start, len });
        Some(())
    }

    /// Appends the list to `out`.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        leb128::write_u64(out, self.columns.len() as u64);
        for column in &self.columns {
            leb128::write_u64(out, u64::from(column.spec.as_u32()));
            leb128::write_u64(out, column.len as u64);
        }
    }

    /// The number of bytes of the data of all columns.
    #[inline]
    pub fn data_len(&self) -> usize {
        self.data_len
    }

    /// The columns, in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ColumnMeta> {
        self.columns.iter()
    }

    /// The number of columns.
    #[inline]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no column.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The column with this specification, deflated or not.
    #[inline]
    pub fn get(&self, spec: ColumnSpec) -> Option<&ColumnMeta> {
        self.columns.iter().find(|column| column.spec.normalized() == spec.normalized())
    }

    /// Where the data of a column is, relative to the data of all columns; empty if there is none.
    #[inline]
    pub fn range(&self, spec: ColumnSpec) -> Range<usize> {
        self.get(spec).map_or(0..0, |column| column.start..column.start + column.len)
    }

    /// Takes the data of all columns from `reader`.
    ///
    /// # Errors
    /// When there are fewer bytes than the columns claim.
    #[inline]
    pub fn take_data<'a>(&self, reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
        reader.take(self.data_len)
    }

    /// Forgets all columns.
    #[inline]
    pub fn clear(&mut self) {
        self.columns.clear();
        self.data_len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(columns: &[(u32, usize)]) -> Vec<u8> {
        let mut out = Vec::new();
        leb128::write_u64(&mut out, columns.len() as u64);
        for &(spec, len) in columns {
            leb128::write_u64(&mut out, u64::from(spec));
            leb128::write_u64(&mut out, len as u64);
        }
        out
    }

    fn parse(layout: ColumnLayout, columns: &[(u32, usize)]) -> Result<Columns, ColumnsError> {
        Columns::parse(&mut Reader::new(&list(columns)), layout)
    }

    #[test]
    fn columns_are_found_by_their_specification() {
        let mut bytes = list(&[(1, 2), (2 | 8, 3), (86, 1), (87, 4)]);
        bytes.extend_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let mut reader = Reader::new(&bytes);
        let columns = Columns::parse(&mut reader, ColumnLayout::Document).unwrap();
        let data = columns.take_data(&mut reader).unwrap();
        assert!(reader.is_empty());
        assert_eq!(data[columns.range(ColumnSpec::new(0, ColumnType::Uint))], [2, 3, 4]);
        assert_eq!(data[columns.range(ColumnSpec::new(5, ColumnType::Value))], [6, 7, 8, 9]);
        assert_eq!(columns.range(ColumnSpec::new(5, ColumnType::Group)), 0..0);
        assert!(columns.get(ColumnSpec::from_u32(2)).unwrap().spec.is_deflated());
        let mut written = Vec::new();
        columns.write(&mut written);
        assert_eq!(written, bytes[..written.len()]);
    }

    #[test]
    fn unordered_and_duplicate_columns_are_refused() {
        for columns in [&[(2, 0), (1, 0)][..], &[(1, 0), (1, 0)], &[(2, 0), (2 | 8, 0)]] {
            let error = parse(ColumnLayout::Document, columns).unwrap_err();
            assert!(matches!(error, ColumnsError::Order { .. }), "{error}");
        }
        // The deflate bit does not count for the order: 1 deflated is 9, but stands before 2.
        assert!(parse(ColumnLayout::Document, &[(9, 0), (2, 0)]).is_ok());
    }

    #[test]
    fn a_value_column_must_follow_its_metadata() {
        for columns in [&[(87, 0)][..], &[(70, 0), (87, 0)], &[(85, 0), (87, 0)]] {
            let error = parse(ColumnLayout::Document, columns).unwrap_err();
            assert!(matches!(error, ColumnsError::LoneValue { .. }), "{error}");
        }
        assert!(parse(ColumnLayout::Document, &[(96, 0), (103, 0)]).is_err());
        assert!(parse(ColumnLayout::Bundle, &[(96, 0), (103, 0)]).is_ok());
    }

    #[test]
    fn deflated_columns_are_refused_in_changes() {
        assert!(parse(ColumnLayout::Document, &[(9, 0)]).is_ok());
        let error = parse(ColumnLayout::Change, &[(9, 0)]).unwrap_err();
        assert_eq!(error, ColumnsError::Deflated { spec: ColumnSpec::from_u32(9) });
    }

    #[test]
    fn claims_beyond_the_input_are_refused() {
        let mut bytes = Vec::new();
        leb128::write_u64(&mut bytes, u64::MAX);
        assert!(Columns::parse(&mut Reader::new(&bytes), ColumnLayout::Document).is_err());
        let error = parse(ColumnLayout::Document, &[(1, usize::MAX), (2, usize::MAX)]).unwrap_err();
        assert_eq!(error, ColumnsError::TooLong);
        let columns = parse(ColumnLayout::Document, &[(1, 1 << 60)]).unwrap();
        assert!(columns.take_data(&mut Reader::new(&[0; 9])).is_err());
    }
}
