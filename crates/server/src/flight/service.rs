//! The calls of Flight SQL.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionCancelQueryRequest, ActionCancelQueryResult,
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, ActionCreatePreparedSubstraitPlanRequest, Any,
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery,
    CommandStatementSubstraitPlan, CommandStatementUpdate, DoPutPreparedStatementResult,
    ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus,
    FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage,
    SchemaAsIpc, Ticket,
};
use base64::Engine;
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tokio::task::AbortHandle;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::bearers::Bearers;
use super::binding;
use super::kept::Kept;
use super::metadata;
use super::status::{status, writes};
use crate::desk::Rows;
use crate::fault::{Fault, Kind};
use crate::gate::{Gate, Guest, stopped};
use crate::principal::{Door, Principal};
use crate::sql_text::Places;

/// The action that cancels what a flight's tickets name.
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// Bytes of rows in one message, about.
const BATCH_BYTES: usize = 2 << 20;

type DoGet = Response<<Service as FlightService>::DoGetStream>;

/// The calls, and what they leave for the next ones.
pub(super) struct Service {
    gate: Gate,
    bearers: Bearers,
    /// Statements whose rows were not fetched yet.
    submitted: Kept<Arc<str>>,
    prepared: Kept<Prepared>,
    running: Arc<Kept<AbortHandle>>,
}

/// A prepared statement.
#[derive(Clone)]
struct Prepared {
    sql: Arc<str>,
    places: Arc<Places>,
    literals: Option<Arc<[String]>>,
}

impl Prepared {
    /// The statement with its values, or with nulls where none are bound.
    fn filled(&self) -> String {
        self.places
            .filled(&self.sql, self.literals.as_deref().unwrap_or_default())
    }
}

impl Service {
    pub(super) fn new(gate: Gate) -> Self {
        Self {
            gate,
            bearers: Bearers::default(),
            submitted: Kept::default(),
            prepared: Kept::default(),
            running: Arc::default(),
        }
    }

    /// Who calls, with the rights of this moment.
    async fn principal(&self, headers: &MetadataMap) -> Result<Principal, Status> {
        if self.gate.users.is_none() {
            return Ok(self.gate.local().who);
        }
        let header = headers
            .get("authorization")
            .and_then(|header| header.to_str().ok());
        let token = header.and_then(|header| header.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| {
            Status::unauthenticated("sign in: send a handshake, or a token as bearer")
        })?;
        let guest = match self.bearers.guest(token) {
            Some(guest) => self.gate.still(&guest).await,
            None => self.gate.of_token(token).await,
        };
        guest.map(|guest| guest.who).map_err(status)
    }

    async fn signed_in(&self, headers: &MetadataMap) -> Result<Guest, Status> {
        let header = headers
            .get("authorization")
            .and_then(|header| header.to_str().ok());
        let basic = header.and_then(|header| header.strip_prefix("Basic "));
        let decoded =
            basic.and_then(|basic| base64::engine::general_purpose::STANDARD.decode(basic).ok());
        let decoded = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
        let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
        let (name, secret) = pair
            .ok_or_else(|| Status::unauthenticated("a handshake brings a name and a password"))?;
        self.gate
            .sign_in(Door::Flight, name, secret)
            .await
            .map_err(status)
    }

    /// What a statement gives, and a ticket for it.
    async fn submit(&self, who: &Principal, sql: &str) -> Result<(SchemaRef, Ticket), Status> {
        let schema = self.gate.desk.describe(who, sql).await.map_err(status)?;
        let handle = self.submitted.keep(&who.name, sql.into()).map_err(status)?;
        let ticket = TicketStatementQuery {
            statement_handle: handle,
        };
        Ok((plain(&schema), Ticket::new(ticket.as_any().encode_to_vec())))
    }

    async fn fetch(&self, who: &Principal, handle: &Bytes, sql: &str) -> Result<DoGet, Status> {
        let rows = self
            .gate
            .desk
            .run(who, Door::Flight, sql)
            .await
            .map_err(status)?;
        self.running
            .keep_as(handle, &who.name, rows.canceller())
            .map_err(status)?;
        let fetching = Fetching {
            schema: plain(rows.schema()),
            rows,
            stop: self.gate.stop.clone(),
            running: Arc::clone(&self.running),
            handle: handle.clone(),
            owner: Arc::clone(&who.name),
        };
        let schema = Arc::clone(&fetching.schema);
        let batches = stream::try_unfold(fetching, |mut fetching| async {
            Ok(fetching.next().await?.map(|batch| (batch, fetching)))
        });
        Ok(encoded(schema, batches))
    }

    fn cancel(&self, who: &Principal, info: Option<FlightInfo>) -> CancelStatus {
        let mut cancelled = CancelStatus::NotCancellable;
        for endpoint in info.unwrap_or_default().endpoint {
            let ticket = endpoint
                .ticket
                .and_then(|ticket| Any::decode(ticket.ticket).ok());
            let ticket = ticket.and_then(|any| any.unpack::<TicketStatementQuery>().ok().flatten());
            let Some(TicketStatementQuery {
                statement_handle: handle,
            }) = ticket
            else {
                continue;
            };
            let is_waiting = self.submitted.take(&handle, &who.name).is_some();
            let running = self.running.take(&handle, &who.name);
            if is_waiting || running.is_some() {
                cancelled = CancelStatus::Cancelled;
            }
            if let Some(running) = running {
                running.abort();
            }
        }
        cancelled
    }

    /// A flight of a list: its ticket is the command itself.
    async fn listed(
        &self,
        command: impl ProstMessageExt,
        schema: &Schema,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.principal(request.metadata()).await?;
        let ticket = Ticket::new(command.as_any().encode_to_vec());
        flight(schema, ticket, request.into_inner())
    }
}

/// Rows on their way to a client.
struct Fetching {
    schema: SchemaRef,
    rows: Rows,
    stop: tokio::sync::watch::Receiver<bool>,
    running: Arc<Kept<AbortHandle>>,
    handle: Bytes,
    owner: Arc<str>,
}

impl Fetching {
    async fn next(&mut self) -> Result<Option<RecordBatch>, FlightError> {
        let next = tokio::select! {
            next = self.rows.next() => next,
            () = stopped(&mut self.stop) => {
                return Err(Status::unavailable("the server ends").into());
            }
        };
        match next.transpose().map_err(status)? {
            Some(batch) => Ok(Some(plain_batch(&batch, &self.schema)?)),
            None => Ok(None),
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.running.take(&self.handle, &self.owner);
    }
}

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

fn plain_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, FlightError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| arrow::compute::cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn encoded(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
) -> DoGet {
    let encoded = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_max_flight_data_size(BATCH_BYTES)
        .build(batches)
        .map_err(Status::from);
    Response::new(Box::pin(encoded))
}

fn one(batch: RecordBatch) -> DoGet {
    encoded(batch.schema(), stream::once(async { Ok(batch) }))
}

fn none(schema: Schema) -> DoGet {
    encoded(Arc::new(schema), stream::empty())
}

fn flight(
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

fn ipc(schema: &Schema) -> Result<Bytes, Status> {
    let options = arrow::ipc::writer::IpcWriteOptions::default();
    let message = IpcMessage::try_from(SchemaAsIpc::new(schema, &options));
    let message = message.map_err(|error| status(Fault::internal("encoding columns", error)))?;
    Ok(message.0)
}

fn no_statement() -> Status {
    Status::not_found("there is no statement of that handle, or not any more")
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<
        Response<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>>,
        Status,
    > {
        let token = match &self.gate.users {
            None => "local".to_owned(),
            Some(_) => self
                .bearers
                .token(self.signed_in(request.metadata()).await?),
        };
        let answer = HandshakeResponse {
            protocol_version: 0,
            payload: token.clone().into(),
        };
        let answers: Pin<Box<dyn Stream<Item = _> + Send>> =
            Box::pin(stream::once(async { Ok(answer) }));
        let mut response = Response::new(answers);
        let header = format!("Bearer {token}").parse();
        let header = header.map_err(|error| status(Fault::internal("making a token", error)))?;
        response.metadata_mut().insert("authorization", header);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let who = self.principal(request.metadata()).await?;
        let (schema, ticket) = self.submit(&who, &query.query).await?;
        flight(&schema, ticket, request.into_inner())
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        let who = self.principal(request.metadata()).await?;
        let handle = ticket.statement_handle;
        let sql = self
            .submitted
            .take(&handle, &who.name)
            .ok_or_else(no_statement)?;
        self.fetch(&who, &handle, &sql).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let who = self.principal(request.metadata()).await?;
        let places = Places::of_marks(&query.query);
        let places =
            places.map_err(|_| Status::invalid_argument("there are too many parameters"))?;
        let prepared = Prepared {
            sql: query.query.into(),
            places: Arc::new(places),
            literals: None,
        };
        let count = prepared.places.count;
        let columns = match self.gate.desk.describe(&who, &prepared.filled()).await {
            Ok(columns) => Some(plain(&columns)),
            // With its values it may be planned; nulls do not fit everywhere.
            Err(fault) if count > 0 && fault.kind == Kind::Wrong => None,
            Err(fault) => return Err(status(fault)),
        };
        let handle = self.prepared.keep(&who.name, prepared).map_err(status)?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle,
            dataset_schema: columns
                .map(|columns| ipc(&columns))
                .transpose()?
                .unwrap_or_default(),
            parameter_schema: ipc(&binding::unknown(count))?,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        let who = self.principal(request.metadata()).await?;
        self.prepared
            .take(&query.prepared_statement_handle, &who.name);
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let who = self.principal(request.metadata()).await?;
        let handle = query.prepared_statement_handle;
        let mut prepared = self
            .prepared
            .find(&handle, &who.name)
            .ok_or_else(no_statement)?;
        let data = request.into_inner().map_err(FlightError::from);
        let mut batches = FlightRecordBatchStream::new_from_flight_data(data);
        let mut literals = None;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(metadata::failed)?;
            match (batch.num_rows(), &literals) {
                (0, _) => {}
                (1, None) => literals = Some(binding::literals(&batch).map_err(status)?),
                _ => return Err(Status::invalid_argument("bind one row of values at a time")),
            }
        }
        let literals = literals.unwrap_or_default();
        if literals.len() != prepared.places.count {
            let count = prepared.places.count;
            let message = format!(
                "the statement has {count} parameters, and {} came",
                literals.len()
            );
            return Err(Status::invalid_argument(message));
        }
        prepared.literals = Some(literals.into());
        self.prepared
            .keep_as(&handle, &who.name, prepared)
            .map_err(status)?;
        Ok(DoPutPreparedStatementResult {
            prepared_statement_handle: Some(handle),
        })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let who = self.principal(request.metadata()).await?;
        let prepared = self
            .prepared
            .find(&query.prepared_statement_handle, &who.name);
        let prepared = prepared.ok_or_else(no_statement)?;
        if prepared.places.count > 0 && prepared.literals.is_none() {
            return Err(Status::failed_precondition(
                "the statement's parameters have no values yet",
            ));
        }
        let (schema, ticket) = self.submit(&who, &prepared.filled()).await?;
        flight(&schema, ticket, request.into_inner())
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        let who = self.principal(request.metadata()).await?;
        let handle = query.prepared_statement_handle;
        let prepared = self
            .prepared
            .find(&handle, &who.name)
            .ok_or_else(no_statement)?;
        self.fetch(&who, &handle, &prepared.filled()).await
    }

    async fn do_action_cancel_query(
        &self,
        query: ActionCancelQueryRequest,
        request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        let who = self.principal(request.metadata()).await?;
        let info = FlightInfo::decode(query.info)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        // Its numbers are those of the action that took its place.
        let result = self.cancel(&who, Some(info)) as i32;
        Ok(ActionCancelQueryResult { result })
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> Result<Response<<Self as FlightService>::DoActionStream>, Status> {
        let who = self.principal(request.metadata()).await?;
        let action = request.into_inner();
        if action.r#type != CANCEL_FLIGHT_INFO {
            return Err(Status::unimplemented("there is no such action here"));
        }
        let asked = CancelFlightInfoRequest::decode(action.body);
        let asked = asked.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let result = CancelFlightInfoResult {
            status: self.cancel(&who, asked.info) as i32,
        };
        let result = arrow_flight::Result {
            body: result.encode_to_vec().into(),
        };
        Ok(Response::new(Box::pin(stream::once(async { Ok(result) }))))
    }

    async fn list_custom_actions(&self) -> Option<Vec<Result<ActionType, Status>>> {
        Some(vec![Ok(ActionType {
            r#type: CANCEL_FLIGHT_INFO.to_owned(),
            description: "Cancels the statement of a flight.".to_owned(),
        })])
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.into_builder().schema();
        self.listed(query, &schema, request).await
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        metadata::catalogs(query).map(one).map_err(metadata::failed)
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.clone().into_builder().schema();
        self.listed(query, &schema, request).await
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        metadata::schemas(query).map(one).map_err(metadata::failed)
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.clone().into_builder().schema();
        self.listed(query, &schema, request).await
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        let who = self.principal(request.metadata()).await?;
        let tables = self.gate.desk.tables(&who).await.map_err(status)?;
        metadata::tables(query, &tables)
            .map(one)
            .map_err(metadata::failed)
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.into_builder().schema();
        self.listed(query, &schema, request).await
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        metadata::table_types(query)
            .map(one)
            .map_err(metadata::failed)
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.clone().into_builder(&metadata::SQL_INFO).schema();
        self.listed(query, &schema, request).await
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        query
            .into_builder(&metadata::SQL_INFO)
            .build()
            .map(one)
            .map_err(metadata::failed)
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let schema = query.into_builder(&metadata::TYPES).schema();
        self.listed(query, &schema, request).await
    }

    async fn do_get_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        query
            .into_builder(&metadata::TYPES)
            .build()
            .map(one)
            .map_err(metadata::failed)
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(query, &metadata::primary_keys(), request).await
    }

    async fn do_get_primary_keys(
        &self,
        _query: CommandGetPrimaryKeys,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        Ok(none(metadata::primary_keys()))
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(query, &metadata::foreign_keys(), request).await
    }

    async fn do_get_exported_keys(
        &self,
        _query: CommandGetExportedKeys,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        Ok(none(metadata::foreign_keys()))
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(query, &metadata::foreign_keys(), request).await
    }

    async fn do_get_imported_keys(
        &self,
        _query: CommandGetImportedKeys,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        Ok(none(metadata::foreign_keys()))
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.listed(query, &metadata::foreign_keys(), request).await
    }

    async fn do_get_cross_reference(
        &self,
        _query: CommandGetCrossReference,
        request: Request<Ticket>,
    ) -> Result<DoGet, Status> {
        self.principal(request.metadata()).await?;
        Ok(none(metadata::foreign_keys()))
    }

    async fn do_put_statement_update(
        &self,
        _ticket: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.principal(request.metadata()).await?;
        Err(writes("an update"))
    }

    async fn do_put_statement_ingest(
        &self,
        _ticket: CommandStatementIngest,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.principal(request.metadata()).await?;
        Err(writes("an ingestion"))
    }

    async fn do_put_prepared_statement_update(
        &self,
        _query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.principal(request.metadata()).await?;
        Err(writes("an update"))
    }

    async fn do_put_substrait_plan(
        &self,
        _query: CommandStatementSubstraitPlan,
        _request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        Err(no_substrait())
    }

    async fn get_flight_info_substrait_plan(
        &self,
        _query: CommandStatementSubstraitPlan,
        _request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        Err(no_substrait())
    }

    async fn do_action_create_prepared_substrait_plan(
        &self,
        _query: ActionCreatePreparedSubstraitPlanRequest,
        _request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        Err(no_substrait())
    }

    async fn do_action_begin_transaction(
        &self,
        _query: ActionBeginTransactionRequest,
        _request: Request<Action>,
    ) -> Result<ActionBeginTransactionResult, Status> {
        Err(Status::unimplemented(
            "there are no transactions: each statement reads one release",
        ))
    }

    async fn do_action_begin_savepoint(
        &self,
        _query: ActionBeginSavepointRequest,
        _request: Request<Action>,
    ) -> Result<ActionBeginSavepointResult, Status> {
        Err(Status::unimplemented(
            "there are no transactions: each statement reads one release",
        ))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

fn no_substrait() -> Status {
    Status::unimplemented("plans of Substrait are not taken: send SQL")
}
