//! The op columns of a change, or of the changes in a bundle: which there are, and their decoders.

use rejoin_columnar::{
    BooleanDecoder, ColumnSpec, ColumnType, Columns, DecodeError, DeltaDecoder, DeltaRange, Reader,
    RleDecoder, Run, Strictness,
};

pub(crate) const OBJECT_ACTOR: ColumnSpec = ColumnSpec::new(0, ColumnType::Actor);
pub(crate) const OBJECT_COUNTER: ColumnSpec = ColumnSpec::new(0, ColumnType::Uint);
/// In bundles, instead of [`OBJECT_COUNTER`].
pub(crate) const OBJECT_COUNTER_DELTA: ColumnSpec = ColumnSpec::new(0, ColumnType::Delta);
pub(crate) const KEY_ACTOR: ColumnSpec = ColumnSpec::new(1, ColumnType::Actor);
pub(crate) const KEY_COUNTER: ColumnSpec = ColumnSpec::new(1, ColumnType::Delta);
pub(crate) const KEY_STRING: ColumnSpec = ColumnSpec::new(1, ColumnType::String);
/// In bundles only, as are the next two; read by the bundle.
pub(crate) const ID_ACTOR: ColumnSpec = ColumnSpec::new(2, ColumnType::Actor);
pub(crate) const ID_COUNTER: ColumnSpec = ColumnSpec::new(2, ColumnType::Delta);
pub(crate) const ID_ROW: ColumnSpec = ColumnSpec::new(11, ColumnType::Delta);
pub(crate) const INSERT: ColumnSpec = ColumnSpec::new(3, ColumnType::Boolean);
pub(crate) const ACTION: ColumnSpec = ColumnSpec::new(4, ColumnType::Uint);
pub(crate) const VALUE_META: ColumnSpec = ColumnSpec::new(5, ColumnType::ValueMeta);
pub(crate) const VALUE: ColumnSpec = ColumnSpec::new(5, ColumnType::Value);
pub(crate) const PREDECESSOR_COUNT: ColumnSpec = ColumnSpec::new(7, ColumnType::Group);
pub(crate) const PREDECESSOR_ACTOR: ColumnSpec = ColumnSpec::new(7, ColumnType::Actor);
pub(crate) const PREDECESSOR_COUNTER: ColumnSpec = ColumnSpec::new(7, ColumnType::Delta);
pub(crate) const EXPAND: ColumnSpec = ColumnSpec::new(9, ColumnType::Boolean);
pub(crate) const MARK_NAME: ColumnSpec = ColumnSpec::new(10, ColumnType::String);

/// A decoder for each op column. Columns that end early, or are left out, go on with null or false.
#[derive(Debug, Clone)]
pub(super) struct OpColumns<'a> {
    pub(super) object_actor: RleDecoder<'a, u32>,
    pub(super) object_counter: ObjectCounters<'a>,
    pub(super) key_actor: RleDecoder<'a, u32>,
    pub(super) key_counter: DeltaDecoder<'a>,
    pub(super) key_string: RleDecoder<'a, &'a str>,
    pub(super) insert: BooleanDecoder<'a>,
    pub(super) action: RleDecoder<'a, u64>,
    pub(super) value_meta: RleDecoder<'a, u64>,
    pub(super) value: Reader<'a>,
    pub(super) predecessor_count: RleDecoder<'a, u64>,
    pub(super) predecessor_actor: RleDecoder<'a, u32>,
    pub(super) predecessor_counter: DeltaDecoder<'a>,
    pub(super) expand: BooleanDecoder<'a>,
    pub(super) mark_name: RleDecoder<'a, &'a str>,
}

impl<'a> OpColumns<'a> {
    /// Decoders for the columns in `data`; a column that is not known is the error.
    pub(super) fn new(columns: &Columns, data: &'a [u8]) -> Result<Self, ColumnSpec> {
        let mut slices: [&[u8]; 14] = [&[]; 14];
        let mut are_deltas = false;
        for column in columns.iter() {
            let at = match column.spec {
                OBJECT_ACTOR => 0,
                OBJECT_COUNTER => 1,
                OBJECT_COUNTER_DELTA => {
                    are_deltas = true;
                    1
                }
                KEY_ACTOR => 2,
                KEY_COUNTER => 3,
                KEY_STRING => 4,
                INSERT => 5,
                ACTION => 6,
                VALUE_META => 7,
                VALUE => 8,
                PREDECESSOR_COUNT => 9,
                PREDECESSOR_ACTOR => 10,
                PREDECESSOR_COUNTER => 11,
                EXPAND => 12,
                MARK_NAME => 13,
                ID_ACTOR | ID_COUNTER | ID_ROW => continue,
                spec => return Err(spec),
            };
            slices[at] = data.get(column.start..column.start + column.len).unwrap_or_default();
        }
        // Changes are compared with their canonical encoding as a whole, so the decoders need not be
        // strict.
        let strictness = Strictness::Lenient;
        Ok(Self {
            object_actor: RleDecoder::new(slices[0], strictness),
            object_counter: if are_deltas {
                let decoder = DeltaDecoder::new(slices[1], strictness, DeltaRange::U32);
                ObjectCounters::Deltas(decoder)
            } else {
                ObjectCounters::Plain(RleDecoder::new(slices[1], strictness))
            },
            key_actor: RleDecoder::new(slices[2], strictness),
            key_counter: DeltaDecoder::new(slices[3], strictness, DeltaRange::U32),
            key_string: RleDecoder::new(slices[4], strictness),
            insert: BooleanDecoder::new(slices[5], strictness),
            action: RleDecoder::new(slices[6], strictness),
            value_meta: RleDecoder::new(slices[7], strictness),
            value: Reader::new(slices[8]),
            predecessor_count: RleDecoder::new(slices[9], strictness),
            predecessor_actor: RleDecoder::new(slices[10], strictness),
            predecessor_counter: DeltaDecoder::new(slices[11], strictness, DeltaRange::U32),
            expand: BooleanDecoder::new(slices[12], strictness),
            mark_name: RleDecoder::new(slices[13], strictness),
        })
    }

    /// Steps over `count` rows that have the same object, insert flag, action, number of predecessors,
    /// expand flag and mark name, all peeked before.
    #[inline]
    pub(super) fn advance_shared(&mut self, count: usize) -> Result<(), DecodeError> {
        self.object_actor.skip(count)?;
        self.object_counter.skip(count)?;
        self.action.advance(count);
        self.predecessor_count.advance(count);
        self.mark_name.skip(count)?;
        for column in [&mut self.insert, &mut self.expand] {
            if column.peek()?.is_some() {
                column.advance(count);
            }
        }
        Ok(())
    }
}

/// The column of object counters, which bundles store as differences.
#[derive(Debug, Clone)]
pub(super) enum ObjectCounters<'a> {
    Plain(RleDecoder<'a, u32>),
    Deltas(DeltaDecoder<'a>),
}

impl ObjectCounters<'_> {
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<Run<Option<u32>>>, DecodeError> {
        match self {
            Self::Plain(column) => column.peek(),
            Self::Deltas(column) => Ok(column.peek()?.map(|run| Run {
                // The decoder keeps values within 32 bits.
                value: run.first.map(|value| value as u32),
                count: if run.step == 0 { run.count } else { 1 },
            })),
        }
    }

    #[inline]
    fn skip(&mut self, count: usize) -> Result<usize, DecodeError> {
        match self {
            Self::Plain(column) => column.skip(count),
            Self::Deltas(column) => column.skip(count),
        }
    }
}
