//! The calls of Flight SQL.

use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, ActionClosePreparedStatementRequest,
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, CommandGetCatalogs,
    CommandGetDbSchemas, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery,
    CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo,
    TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, FlightDescriptor,
    FlightInfo, HandshakeRequest, HandshakeResponse, Ticket,
};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use door::Place;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::bearers::Bearers;
use super::binding;
use super::columns::{RowStream, flight, ipc, none, one, plain};
use super::metadata;
use super::statements::{Prepared, Statements, no_statement};
use super::status::{status, writes};
use crate::fault::{Fault, Kind};
use crate::gate::{Gate, Guest};
use crate::principal::{Door, Principal};
use crate::sql_text::Places;

/// Name and password of a handshake: some drivers leave the padding out.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The action that cancels what a flight's tickets name.
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// The calls, and what they leave for the next ones.
pub(super) struct Service {
    gate: Gate,
    bearers: Bearers,
    statements: Statements,
}

impl Service {
    pub(super) fn new(gate: Gate) -> Self {
        Self {
            gate,
            bearers: Bearers::default(),
            statements: Statements::default(),
        }
    }

    /// Who calls, with the rights of this moment.
    async fn principal<T>(&self, request: &Request<T>) -> Result<Principal, Status> {
        if self.gate.users.is_none() {
            settle(request);
            return Ok(self.gate.local().who);
        }
        let header = request
            .metadata()
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
        let guest = guest.map_err(status)?;
        settle(request);
        Ok(guest.who)
    }

    async fn signed_in<T>(&self, request: &Request<T>) -> Result<Guest, Status> {
        let header = request
            .metadata()
            .get("authorization")
            .and_then(|header| header.to_str().ok());
        let basic = header.and_then(|header| header.strip_prefix("Basic "));
        let decoded = basic.and_then(|basic| BASIC.decode(basic).ok());
        let decoded = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
        let pair = decoded.as_deref().and_then(|pair| pair.split_once(':'));
        let (name, secret) = pair
            .ok_or_else(|| Status::unauthenticated("a handshake brings a name and a password"))?;
        self.gate
            .sign_in(Door::Flight, name, secret)
            .await
            .map_err(status)
    }

    /// A flight of a list: its ticket is the command itself.
    async fn listed(
        &self,
        command: impl ProstMessageExt,
        schema: &Schema,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.principal(&request).await?;
        let ticket = Ticket::new(command.as_any().encode_to_vec());
        flight(schema, ticket, request.into_inner())
    }
}

/// Keeps the place of the connection that a call came by.
fn settle<T>(request: &Request<T>) {
    if let Some(place) = request.extensions().get::<Arc<Place>>() {
        place.settle();
    }
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
            Some(_) => self.bearers.token(self.signed_in(&request).await?),
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
        let who = self.principal(&request).await?;
        let (schema, ticket) = self
            .statements
            .submit(&self.gate, &who, &query.query)
            .await?;
        flight(&schema, ticket, request.into_inner())
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<RowStream, Status> {
        let who = self.principal(&request).await?;
        let handle = ticket.statement_handle;
        let sql = self
            .statements
            .submitted
            .take(&handle, &who.name)
            .ok_or_else(no_statement)?;
        self.statements.fetch(&self.gate, &who, &handle, &sql).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let who = self.principal(&request).await?;
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
        let handle = self
            .statements
            .prepared
            .keep(&who.name, prepared)
            .map_err(status)?;
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
        let who = self.principal(&request).await?;
        self.statements
            .prepared
            .take(&query.prepared_statement_handle, &who.name);
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let who = self.principal(&request).await?;
        let handle = query.prepared_statement_handle;
        let mut prepared = self
            .statements
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
        self.statements
            .prepared
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
        let who = self.principal(&request).await?;
        let prepared = self
            .statements
            .prepared
            .find(&query.prepared_statement_handle, &who.name);
        let prepared = prepared.ok_or_else(no_statement)?;
        if prepared.places.count > 0 && prepared.literals.is_none() {
            return Err(Status::failed_precondition(
                "the statement's parameters have no values yet",
            ));
        }
        let (schema, ticket) = self
            .statements
            .submit(&self.gate, &who, &prepared.filled())
            .await?;
        flight(&schema, ticket, request.into_inner())
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<RowStream, Status> {
        let who = self.principal(&request).await?;
        let handle = query.prepared_statement_handle;
        let prepared = self
            .statements
            .prepared
            .find(&handle, &who.name)
            .ok_or_else(no_statement)?;
        self.statements
            .fetch(&self.gate, &who, &handle, &prepared.filled())
            .await
    }

    async fn do_action_cancel_query(
        &self,
        query: ActionCancelQueryRequest,
        request: Request<Action>,
    ) -> Result<ActionCancelQueryResult, Status> {
        let who = self.principal(&request).await?;
        let info = FlightInfo::decode(query.info)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        // Its numbers are those of the action that took its place.
        let result = self.statements.cancel(&who, Some(info)) as i32;
        Ok(ActionCancelQueryResult { result })
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> Result<Response<<Self as FlightService>::DoActionStream>, Status> {
        let who = self.principal(&request).await?;
        let action = request.into_inner();
        if action.r#type != CANCEL_FLIGHT_INFO {
            return Err(Status::unimplemented("there is no such action here"));
        }
        let asked = CancelFlightInfoRequest::decode(action.body);
        let asked = asked.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let result = CancelFlightInfoResult {
            status: self.statements.cancel(&who, asked.info) as i32,
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
    ) -> Result<RowStream, Status> {
        self.principal(&request).await?;
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
    ) -> Result<RowStream, Status> {
        let who = self.principal(&request).await?;
        let tables = self.gate.desk.tables(&who).await.map_err(status)?;
        metadata::schemas(query, &tables)
            .map(one)
            .map_err(metadata::failed)
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
    ) -> Result<RowStream, Status> {
        let who = self.principal(&request).await?;
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
    ) -> Result<RowStream, Status> {
        self.principal(&request).await?;
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
    ) -> Result<RowStream, Status> {
        self.principal(&request).await?;
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
    ) -> Result<RowStream, Status> {
        self.principal(&request).await?;
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
    ) -> Result<RowStream, Status> {
        self.principal(&request).await?;
        Ok(none(metadata::primary_keys()))
    }

    async fn do_put_statement_update(
        &self,
        _ticket: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.principal(&request).await?;
        Err(writes("an update"))
    }

    async fn do_put_statement_ingest(
        &self,
        _ticket: CommandStatementIngest,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.principal(&request).await?;
        Err(writes("an ingestion"))
    }

    async fn do_put_prepared_statement_update(
        &self,
        _query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<i64, Status> {
        self.principal(&request).await?;
        Err(writes("an update"))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_come_with_padding_or_without() {
        for (text, padded) in [("a:b", "YTpi"), ("ada:", "YWRhOg=="), ("ada:b", "YWRhOmI=")] {
            for sent in [padded, padded.trim_end_matches('=')] {
                assert_eq!(BASIC.decode(sent).as_deref(), Ok(text.as_bytes()), "{sent}");
            }
        }
    }
}
