//! Columns and rows as Flight sends them.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::{
    FlightData, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket,
};
use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use tonic::{Response, Status};

use super::status::status;
use crate::fault::Fault;

/// Bytes of rows in one message, about.
const BATCH_BYTES: usize = 2 << 20;

/// Rows as an answer.
pub(super) type RowStream =
    Response<Pin<Box<dyn Stream<Item = Result<FlightData, Status>> + Send>>>;

/// Columns in the types that every client of Arrow has.
pub(super) fn plain(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Utf8View => DataType::Utf8,
            DataType::BinaryView => DataType::Binary,
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

pub(super) fn plain_batch(
    batch: &RecordBatch,
    schema: &SchemaRef,
) -> Result<RecordBatch, FlightError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| arrow::compute::cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

pub(super) fn encoded(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
) -> RowStream {
    let encoded = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_max_flight_data_size(BATCH_BYTES)
        .build(batches)
        .map_err(Status::from);
    Response::new(Box::pin(encoded))
}

pub(super) fn one(batch: RecordBatch) -> RowStream {
    encoded(batch.schema(), stream::once(async { Ok(batch) }))
}

pub(super) fn none(schema: Schema) -> RowStream {
    encoded(Arc::new(schema), stream::empty())
}

pub(super) fn flight(
    schema: &Schema,
    ticket: Ticket,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let info = FlightInfo::new()
        .try_with_schema(schema)
        .map_err(|error| status(Fault::internal("encoding columns", error)))?
        .with_endpoint(FlightEndpoint::new().with_ticket(ticket))
        .with_descriptor(descriptor);
    Ok(Response::new(info))
}

pub(super) fn ipc(schema: &Schema) -> Result<Bytes, Status> {
    let options = arrow::ipc::writer::IpcWriteOptions::default();
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    let message = message.map_err(|error| status(Fault::internal("encoding columns", error)))?;
    Ok(message.0)
}
