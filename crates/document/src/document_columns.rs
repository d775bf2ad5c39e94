//! The columns of a document chunk.

use rejoin_columnar::ColumnSpec;

/// Columns of the list of changes.
pub(crate) mod changes {
    use super::ColumnSpec;

    pub(crate) const ACTOR: ColumnSpec = ColumnSpec::from_u32(1);
    pub(crate) const SEQ: ColumnSpec = ColumnSpec::from_u32(3);
    pub(crate) const MAX_OP: ColumnSpec = ColumnSpec::from_u32(19);
    pub(crate) const TIME: ColumnSpec = ColumnSpec::from_u32(35);
    pub(crate) const MESSAGE: ColumnSpec = ColumnSpec::from_u32(53);
    pub(crate) const DEP_COUNT: ColumnSpec = ColumnSpec::from_u32(64);
    pub(crate) const DEP_INDEX: ColumnSpec = ColumnSpec::from_u32(67);
    pub(crate) const EXTRA_META: ColumnSpec = ColumnSpec::from_u32(86);
    pub(crate) const EXTRA: ColumnSpec = ColumnSpec::from_u32(87);
}

/// Columns of the operations.
pub(crate) mod ops {
    use super::ColumnSpec;

    pub(crate) const OBJECT_ACTOR: ColumnSpec = ColumnSpec::from_u32(1);
    pub(crate) const OBJECT_COUNTER: ColumnSpec = ColumnSpec::from_u32(2);
    pub(crate) const KEY_ACTOR: ColumnSpec = ColumnSpec::from_u32(17);
    pub(crate) const KEY_COUNTER: ColumnSpec = ColumnSpec::from_u32(19);
    pub(crate) const KEY_STRING: ColumnSpec = ColumnSpec::from_u32(21);
    pub(crate) const ID_ACTOR: ColumnSpec = ColumnSpec::from_u32(33);
    pub(crate) const ID_COUNTER: ColumnSpec = ColumnSpec::from_u32(35);
    pub(crate) const INSERT: ColumnSpec = ColumnSpec::from_u32(52);
    pub(crate) const ACTION: ColumnSpec = ColumnSpec::from_u32(66);
    pub(crate) const VALUE_META: ColumnSpec = ColumnSpec::from_u32(86);
    pub(crate) const VALUE: ColumnSpec = ColumnSpec::from_u32(87);
    pub(crate) const SUCCESSOR_COUNT: ColumnSpec = ColumnSpec::from_u32(128);
    pub(crate) const SUCCESSOR_ACTOR: ColumnSpec = ColumnSpec::from_u32(129);
    pub(crate) const SUCCESSOR_COUNTER: ColumnSpec = ColumnSpec::from_u32(131);
    pub(crate) const EXPAND: ColumnSpec = ColumnSpec::from_u32(148);
    pub(crate) const MARK_NAME: ColumnSpec = ColumnSpec::from_u32(165);
}
