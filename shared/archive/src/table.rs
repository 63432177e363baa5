//! Entries as a Parquet table: one row each, the columns of [`reprieve_wire::row::COLUMNS`], one row group, Snappy; and which entries a
//! table has.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::reader::ColumnReader;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use reprieve_core::AuditEvent;
use reprieve_wire::row::{AuditRow, COLUMNS, Cell, Column, ColumnKind};

/// The most rows of a table that are read: far more than any has that is written.
const MOST_ROWS: usize = 1 << 20;

/// What makes a row the same as another: its log and its id, as its columns have them.
pub(crate) type RowKey = (String, String);

/// Returns what [`read_keys`] reads of an entry's row.
pub(crate) fn key_of(entry: &AuditEvent) -> RowKey {
    let row = AuditRow::of(entry);
    (row.log_name, row.event_id)
}

/// Reads which entries a table has, whatever its other columns are.
///
/// # Errors
/// When it is no table, or lacks these columns, or is larger than any that is written.
pub(crate) fn read_keys(table: Vec<u8>) -> Result<Vec<RowKey>, String> {
    read(table).map_err(|error| error.to_string())
}

fn read(table: Vec<u8>) -> Result<Vec<RowKey>, ParquetError> {
    let reader = SerializedFileReader::new(Bytes::from(table))?;
    let mut keys = Vec::new();
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index)?;
        keys.extend(read_texts(&*group, "log_name")?.into_iter().zip(read_texts(&*group, "event_id")?));
        if keys.len() > MOST_ROWS {
            return Err(ParquetError::General(format!("it has more than {MOST_ROWS} rows")));
        }
    }
    Ok(keys)
}

/// Reads one column of texts that every row has.
fn read_texts(group: &dyn RowGroupReader, name: &str) -> Result<Vec<String>, ParquetError> {
    let Some(index) = group.metadata().columns().iter().position(|column| column.column_descr().name() == name) else {
        return Err(ParquetError::General(format!("it has no column `{name}`")));
    };
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(index)? else {
        return Err(ParquetError::General(format!("its column `{name}` has no texts")));
    };
    let mut texts = Vec::new();
    let (rows, ..) = reader.read_records(MOST_ROWS, None, None, &mut texts)?;
    let told = group.metadata().num_rows();
    if i64::try_from(rows) != Ok(told) {
        return Err(ParquetError::General(format!("its column `{name}` has {rows} of {told} rows")));
    }
    texts.iter().map(|text| text.as_utf8().map(ToOwned::to_owned)).collect()
}

/// Writes entries as a table. The same entries give the same bytes.
///
/// # Errors
/// What the writer says, where it cannot write them.
pub fn table(entries: &[&AuditEvent]) -> Result<Vec<u8>, String> {
    let rows: Vec<AuditRow> = entries.iter().map(|entry| AuditRow::of(entry)).collect();
    write(&rows).map_err(|error| error.to_string())
}

fn write(rows: &[AuditRow]) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("reprieve".to_owned()).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema()?, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (index, column) in COLUMNS.iter().enumerate() {
        write_column(&mut group, column, rows.iter().map(|row| row.cells().get(index).copied().unwrap_or(Cell::Text(None))))?;
    }
    group.close()?;
    writer.into_inner()
}

/// What each column holds, for whoever reads: texts in UTF-8, whole numbers of 64 bits, true and false.
fn schema() -> Result<TypePtr, ParquetError> {
    let column = |column: &Column| {
        let (physical, logical) = match column.kind {
            ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnKind::Integer => (Physical::INT64, None),
            ColumnKind::Flag => (Physical::BOOLEAN, None),
        };
        let repetition = if column.is_required { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        Type::primitive_type_builder(column.name, physical).with_logical_type(logical).with_repetition(repetition).build().map(Arc::new)
    };
    let columns = COLUMNS.iter().map(column).collect::<Result<_, _>>()?;
    Type::group_type_builder("audit_event").with_fields(columns).build().map(Arc::new)
}

/// Writes one column: what the rows say, and which of them say nothing.
fn write_column<'a>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    column: &Column,
    cells: impl Iterator<Item = Cell<'a>>,
) -> Result<(), ParquetError> {
    let Some(mut writer) = group.next_column()? else {
        return Err(ParquetError::General(format!("the schema has no column `{}`", column.name)));
    };
    let (mut texts, mut numbers, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    let mut levels = Vec::new();
    for cell in cells {
        let is_said = match cell {
            Cell::Text(text) => text.map(|text| texts.push(ByteArray::from(text))),
            Cell::Integer(number) => number.map(|number| numbers.push(number)),
            Cell::Flag(flag) => flag.map(|flag| flags.push(flag)),
        };
        levels.push(i16::from(is_said.is_some()));
    }
    let levels = (!column.is_required).then_some(&levels[..]);
    match writer.untyped() {
        ColumnWriter::ByteArrayColumnWriter(writer) => writer.write_batch(&texts, levels, None)?,
        ColumnWriter::Int64ColumnWriter(writer) => writer.write_batch(&numbers, levels, None)?,
        ColumnWriter::BoolColumnWriter(writer) => writer.write_batch(&flags, levels, None)?,
        ColumnWriter::Int32ColumnWriter(_)
        | ColumnWriter::Int96ColumnWriter(_)
        | ColumnWriter::FloatColumnWriter(_)
        | ColumnWriter::DoubleColumnWriter(_)
        | ColumnWriter::FixedLenByteArrayColumnWriter(_) => {
            return Err(ParquetError::General(format!("the schema gives column `{}` another kind", column.name)));
        }
    };
    writer.close()
}
