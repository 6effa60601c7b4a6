//! The tables of `pg_catalog` and `information_schema`, with the columns that tools read.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int16Array, Int32Array, Int64Array, StringArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;

/// A table without its rows. Each column is `name:kind=default`: kinds are `o` (an oid), `i`,
/// `s` and `l` (integers of 4, 2 and 8 bytes), `f`, `b` and `t`; `?` stands for null.
pub(super) struct TableSpec {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    columns: &'static str,
}

/// A value of a row.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// Rows of a table: for each the columns that differ from their defaults.
pub(super) type CatalogRow = Vec<(&'static str, Cell)>;

const PG: &str = "pg_catalog";
const INFORMATION: &str = "information_schema";

const fn pg(name: &'static str, columns: &'static str) -> TableSpec {
    TableSpec {
        schema: PG,
        name,
        columns,
    }
}

const fn information(name: &'static str, columns: &'static str) -> TableSpec {
    TableSpec {
        schema: INFORMATION,
        name,
        columns,
    }
}

/// The tables that can have rows.
pub(super) const FILLED: &[TableSpec] = &[
    pg("pg_namespace", "oid:o nspname:t nspowner:o=10 nspacl:t?"),
    pg(
        "pg_class",
        "oid:o relname:t relnamespace:o reltype:o reloftype:o relowner:o=10 relam:o=2 \
         relfilenode:o reltablespace:o relpages:i reltuples:f=-1 relallvisible:i \
         reltoastrelid:o relhasindex:b relisshared:b relpersistence:t=p relkind:t=r relnatts:s \
         relchecks:s relhasrules:b relhastriggers:b relhassubclass:b relrowsecurity:b \
         relforcerowsecurity:b relispopulated:b=true relreplident:t=d relispartition:b \
         relrewrite:o relfrozenxid:o relminmxid:o relacl:t? reloptions:t? relpartbound:t?",
    ),
    pg(
        "pg_attribute",
        "attrelid:o attname:t atttypid:o attstattarget:i=-1 attlen:s attnum:s attndims:i \
         attcacheoff:i=-1 atttypmod:i=-1 attbyval:b attalign:t=i attstorage:t=x \
         attcompression:t attnotnull:b atthasdef:b atthasmissing:b attidentity:t \
         attgenerated:t attisdropped:b attislocal:b=true attinhcount:i attcollation:o attacl:t? \
         attoptions:t? attfdwoptions:t? attmissingval:t?",
    ),
    pg(
        "pg_type",
        "oid:o typname:t typnamespace:o=11 typowner:o=10 typlen:s typbyval:b typtype:t=b \
         typcategory:t typispreferred:b typisdefined:b=true typdelim:t=, typrelid:o \
         typsubscript:t=- typelem:o typarray:o typinput:t typoutput:t typreceive:t typsend:t \
         typmodin:t=- typmodout:t=- typanalyze:t=- typalign:t=i typstorage:t=x typnotnull:b \
         typbasetype:o typtypmod:i=-1 typndims:i typcollation:o typdefaultbin:t? typdefault:t? \
         typacl:t?",
    ),
    pg(
        "pg_database",
        "oid:o=5 datname:t datdba:o=10 encoding:i=6 datlocprovider:t=c datistemplate:b \
         datallowconn:b=true datconnlimit:i=-1 datfrozenxid:o datminmxid:o dattablespace:o=1663 \
         datcollate:t=C datctype:t=C daticulocale:t? datcollversion:t? datacl:t?",
    ),
    pg(
        "pg_roles",
        "oid:o=10 rolname:t rolsuper:b rolinherit:b=true rolcreaterole:b rolcreatedb:b \
         rolcanlogin:b=true rolreplication:b rolconnlimit:i=-1 rolpassword:t? rolvaliduntil:t? \
         rolbypassrls:b rolconfig:t?",
    ),
    pg(
        "pg_user",
        "usename:t usesysid:o=10 usecreatedb:b usesuper:b userepl:b usebypassrls:b passwd:t? \
         valuntil:t? useconfig:t?",
    ),
    pg(
        "pg_settings",
        "name:t setting:t unit:t? category:t short_desc:t extra_desc:t? context:t=internal \
         vartype:t=string source:t=default min_val:t? max_val:t? enumvals:t? boot_val:t? \
         reset_val:t? sourcefile:t? sourceline:i? pending_restart:b",
    ),
    pg("pg_am", "oid:o amname:t amhandler:t amtype:t=t"),
    pg(
        "pg_tablespace",
        "oid:o=1663 spcname:t=pg_default spcowner:o=10 spcacl:t? spcoptions:t?",
    ),
    pg(
        "pg_description",
        "objoid:o classoid:o objsubid:i description:t",
    ),
    pg(
        "pg_tables",
        "schemaname:t tablename:t tableowner:t tablespace:t? hasindexes:b hasrules:b \
         hastriggers:b rowsecurity:b",
    ),
    information(
        "tables",
        "table_catalog:t table_schema:t table_name:t table_type:t='BASE_TABLE' \
         self_referencing_column_name:t? reference_generation:t? user_defined_type_catalog:t? \
         user_defined_type_schema:t? user_defined_type_name:t? is_insertable_into:t=NO \
         is_typed:t=NO commit_action:t?",
    ),
    information(
        "columns",
        "table_catalog:t table_schema:t table_name:t column_name:t ordinal_position:i \
         column_default:t? is_nullable:t=YES data_type:t character_maximum_length:i? \
         character_octet_length:i? numeric_precision:i? numeric_precision_radix:i? \
         numeric_scale:i? datetime_precision:i? interval_type:t? interval_precision:i? \
         character_set_catalog:t? character_set_schema:t? character_set_name:t? \
         collation_catalog:t? collation_schema:t? collation_name:t? domain_catalog:t? \
         domain_schema:t? domain_name:t? udt_catalog:t? udt_schema:t=pg_catalog udt_name:t \
         scope_catalog:t? scope_schema:t? scope_name:t? maximum_cardinality:i? dtd_identifier:t? \
         is_self_referencing:t=NO is_identity:t=NO identity_generation:t? identity_start:t? \
         identity_increment:t? identity_maximum:t? identity_minimum:t? identity_cycle:t=NO \
         is_generated:t=NEVER generation_expression:t? is_updatable:t=NO",
    ),
    information(
        "schemata",
        "catalog_name:t schema_name:t schema_owner:t default_character_set_catalog:t? \
         default_character_set_schema:t? default_character_set_name:t? sql_path:t?",
    ),
];

/// The tables that never have rows here.
pub(super) const EMPTY: &[TableSpec] = &[
    pg("pg_attrdef", "oid:o adrelid:o adnum:s adbin:t"),
    pg(
        "pg_auth_members",
        "roleid:o member:o grantor:o admin_option:b",
    ),
    pg(
        "pg_available_extensions",
        "name:t default_version:t installed_version:t comment:t",
    ),
    pg(
        "pg_cast",
        "oid:o castsource:o casttarget:o castfunc:o castcontext:t castmethod:t",
    ),
    pg(
        "pg_collation",
        "oid:o collname:t collnamespace:o collowner:o collprovider:t collisdeterministic:b \
         collencoding:i collcollate:t collctype:t colliculocale:t collversion:t",
    ),
    pg(
        "pg_constraint",
        "oid:o conname:t connamespace:o contype:t condeferrable:b condeferred:b convalidated:b \
         conrelid:o contypid:o conindid:o conparentid:o confrelid:o confupdtype:t confdeltype:t \
         confmatchtype:t conislocal:b coninhcount:i connoinherit:b conkey:t confkey:t conpfeqop:t \
         conppeqop:t conffeqop:t confdelsetcols:t conexclop:t conbin:t",
    ),
    pg(
        "pg_depend",
        "classid:o objid:o objsubid:i refclassid:o refobjid:o refobjsubid:i deptype:t",
    ),
    pg("pg_enum", "oid:o enumtypid:o enumsortorder:f enumlabel:t"),
    pg(
        "pg_event_trigger",
        "oid:o evtname:t evtevent:t evtowner:o evtfoid:o evtenabled:t evttags:t",
    ),
    pg(
        "pg_extension",
        "oid:o extname:t extowner:o extnamespace:o extrelocatable:b extversion:t extconfig:t \
         extcondition:t",
    ),
    pg(
        "pg_foreign_data_wrapper",
        "oid:o fdwname:t fdwowner:o fdwhandler:o fdwvalidator:o fdwacl:t fdwoptions:t",
    ),
    pg(
        "pg_foreign_server",
        "oid:o srvname:t srvowner:o srvfdw:o srvtype:t srvversion:t srvacl:t srvoptions:t",
    ),
    pg("pg_foreign_table", "ftrelid:o ftserver:o ftoptions:t"),
    pg(
        "pg_get_keywords",
        "word:t catcode:t barelabel:b catdesc:t baredesc:t",
    ),
    pg("pg_group", "groname:t grosysid:o grolist:t"),
    pg(
        "pg_index",
        "indexrelid:o indrelid:o indnatts:s indnkeyatts:s indisunique:b indnullsnotdistinct:b \
         indisprimary:b indisexclusion:b indimmediate:b indisclustered:b indisvalid:b \
         indcheckxmin:b indisready:b indislive:b indisreplident:b indkey:t indcollation:t \
         indclass:t indoption:t indexprs:t indpred:t",
    ),
    pg(
        "pg_indexes",
        "schemaname:t tablename:t indexname:t tablespace:t indexdef:t",
    ),
    pg(
        "pg_inherits",
        "inhrelid:o inhparent:o inhseqno:i inhdetachpending:b",
    ),
    pg(
        "pg_language",
        "oid:o lanname:t lanowner:o lanispl:b lanpltrusted:b lanplcallfoid:o laninline:o lanvalidator:o lanacl:t",
    ),
    pg(
        "pg_locks",
        "locktype:t database:o relation:o pid:i mode:t granted:b",
    ),
    pg(
        "pg_matviews",
        "schemaname:t matviewname:t matviewowner:t tablespace:t hasindexes:b ispopulated:b definition:t",
    ),
    pg(
        "pg_opclass",
        "oid:o opcmethod:o opcname:t opcnamespace:o opcowner:o opcfamily:o opcintype:o opcdefault:b opckeytype:o",
    ),
    pg(
        "pg_operator",
        "oid:o oprname:t oprnamespace:o oprleft:o oprright:o oprresult:o oprcode:o",
    ),
    pg(
        "pg_partitioned_table",
        "partrelid:o partstrat:t partnatts:s partdefid:o partattrs:t",
    ),
    pg(
        "pg_policies",
        "schemaname:t tablename:t policyname:t permissive:t roles:t cmd:t qual:t with_check:t",
    ),
    pg(
        "pg_policy",
        "oid:o polname:t polrelid:o polcmd:t polpermissive:b polroles:t polqual:t polwithcheck:t",
    ),
    pg(
        "pg_proc",
        "oid:o proname:t pronamespace:o proowner:o prolang:o procost:f prorows:f provariadic:o \
         prosupport:t prokind:t prosecdef:b proleakproof:b proisstrict:b proretset:b \
         provolatile:t proparallel:t pronargs:s pronargdefaults:s prorettype:o proargtypes:t \
         proallargtypes:t proargmodes:t proargnames:t proargdefaults:t protrftypes:t prosrc:t \
         probin:t prosqlbody:t proconfig:t proacl:t",
    ),
    pg(
        "pg_publication",
        "oid:o pubname:t pubowner:o puballtables:b pubinsert:b pubupdate:b pubdelete:b pubtruncate:b pubviaroot:b",
    ),
    pg("pg_publication_namespace", "oid:o pnpubid:o pnnspid:o"),
    pg(
        "pg_publication_rel",
        "oid:o prpubid:o prrelid:o prqual:t prattrs:t",
    ),
    pg(
        "pg_publication_tables",
        "pubname:t schemaname:t tablename:t",
    ),
    pg(
        "pg_range",
        "rngtypid:o rngsubtype:o rngmultitypid:o rngcollation:o rngsubopc:o rngcanonical:t rngsubdiff:t",
    ),
    pg(
        "pg_rewrite",
        "oid:o rulename:t ev_class:o ev_type:t ev_enabled:t is_instead:b ev_qual:t ev_action:t",
    ),
    pg(
        "pg_rules",
        "schemaname:t tablename:t rulename:t definition:t",
    ),
    pg(
        "pg_seclabels",
        "objoid:o classoid:o objsubid:i provider:t label:t",
    ),
    pg(
        "pg_sequence",
        "seqrelid:o seqtypid:o seqstart:l seqincrement:l seqmax:l seqmin:l seqcache:l seqcycle:b",
    ),
    pg(
        "pg_sequences",
        "schemaname:t sequencename:t sequenceowner:t last_value:l",
    ),
    pg("pg_shdescription", "objoid:o classoid:o description:t"),
    pg(
        "pg_stat_activity",
        "datid:o datname:t pid:i usesysid:o usename:t application_name:t client_addr:t backend_start:t query_start:t state:t query:t backend_type:t",
    ),
    pg(
        "pg_stat_database",
        "datid:o datname:t numbackends:i xact_commit:l xact_rollback:l blks_read:l blks_hit:l tup_returned:l tup_fetched:l",
    ),
    pg(
        "pg_stat_user_tables",
        "relid:o schemaname:t relname:t seq_scan:l n_live_tup:l",
    ),
    pg(
        "pg_statio_user_tables",
        "relid:o schemaname:t relname:t heap_blks_read:l heap_blks_hit:l",
    ),
    pg(
        "pg_statistic_ext",
        "oid:o stxrelid:o stxname:t stxnamespace:o stxowner:o stxstattarget:i stxkeys:t stxkind:t stxexprs:t",
    ),
    pg(
        "pg_subscription",
        "oid:o subdbid:o subname:t subowner:o subenabled:b",
    ),
    pg(
        "pg_trigger",
        "oid:o tgrelid:o tgparentid:o tgname:t tgfoid:o tgtype:s tgenabled:t tgisinternal:b tgconstrrelid:o tgconstrindid:o tgconstraint:o",
    ),
    pg(
        "pg_ts_config",
        "oid:o cfgname:t cfgnamespace:o cfgowner:o cfgparser:o",
    ),
    pg(
        "pg_user_mappings",
        "umid:o srvid:o srvname:t umuser:o usename:t umoptions:t",
    ),
    pg(
        "pg_views",
        "schemaname:t viewname:t viewowner:t definition:t",
    ),
    information(
        "character_sets",
        "character_set_catalog:t character_set_schema:t character_set_name:t",
    ),
    information(
        "check_constraints",
        "constraint_catalog:t constraint_schema:t constraint_name:t check_clause:t",
    ),
    information(
        "constraint_column_usage",
        "table_catalog:t table_schema:t table_name:t column_name:t constraint_catalog:t constraint_schema:t constraint_name:t",
    ),
    information(
        "key_column_usage",
        "constraint_catalog:t constraint_schema:t constraint_name:t table_catalog:t table_schema:t table_name:t column_name:t ordinal_position:i position_in_unique_constraint:i",
    ),
    information(
        "referential_constraints",
        "constraint_catalog:t constraint_schema:t constraint_name:t unique_constraint_catalog:t unique_constraint_schema:t unique_constraint_name:t match_option:t update_rule:t delete_rule:t",
    ),
    information(
        "role_table_grants",
        "grantor:t grantee:t table_catalog:t table_schema:t table_name:t privilege_type:t is_grantable:t",
    ),
    information(
        "routines",
        "specific_schema:t specific_name:t routine_catalog:t routine_schema:t routine_name:t routine_type:t data_type:t",
    ),
    information(
        "sequences",
        "sequence_catalog:t sequence_schema:t sequence_name:t data_type:t",
    ),
    information(
        "table_constraints",
        "constraint_catalog:t constraint_schema:t constraint_name:t table_catalog:t table_schema:t table_name:t constraint_type:t is_deferrable:t initially_deferred:t",
    ),
    information(
        "table_privileges",
        "grantor:t grantee:t table_catalog:t table_schema:t table_name:t privilege_type:t is_grantable:t",
    ),
    information(
        "triggers",
        "trigger_catalog:t trigger_schema:t trigger_name:t event_object_schema:t event_object_table:t",
    ),
    information(
        "views",
        "table_catalog:t table_schema:t table_name:t view_definition:t check_option:t is_updatable:t",
    ),
];

impl TableSpec {
    /// The table with `rows`.
    pub(super) fn batch(&self, rows: &[CatalogRow]) -> Result<RecordBatch> {
        let (mut fields, mut arrays) = (Vec::new(), Vec::new());
        for column in self.columns.split_whitespace() {
            let (name, kind) = column.split_once(':').unwrap_or((column, "t"));
            let (kind, default) = match kind.split_once('=') {
                Some((kind, default)) => (kind, Some(default)),
                None => (kind, None),
            };
            let is_null = kind.ends_with('?');
            let cells = rows.iter().map(|row| {
                let given = row.iter().find(|(of, _)| *of == name);
                given.map_or(
                    if is_null { Some(Cell::Null) } else { None },
                    |(_, cell)| Some(cell.clone()),
                )
            });
            let array = array(&kind[..1], default, cells.collect());
            fields.push(Field::new(name, array.data_type().clone(), true));
            arrays.push(array);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
    }
}

/// An array of `cells`; `None` is the default.
fn array(kind: &str, default: Option<&str>, cells: Vec<Option<Cell>>) -> ArrayRef {
    let number: i64 = default.and_then(|text| text.parse().ok()).unwrap_or(0);
    let numbers = cells.iter().map(|cell| match cell {
        None => Some(number),
        Some(Cell::Number(number)) => Some(*number),
        Some(_) => None,
    });
    match kind {
        "o" | "l" => Arc::new(numbers.collect::<Int64Array>()),
        "i" => Arc::new(
            numbers
                .map(|number| number.map(|number| number as i32))
                .collect::<Int32Array>(),
        ),
        "s" => Arc::new(
            numbers
                .map(|number| number.map(|number| number as i16))
                .collect::<Int16Array>(),
        ),
        "f" => Arc::new(
            numbers
                .map(|number| number.map(|number| number as f32))
                .collect::<Float32Array>(),
        ),
        "b" => {
            let cells = cells.iter().map(|cell| match cell {
                None => Some(default == Some("true")),
                Some(Cell::Bool(value)) => Some(*value),
                Some(_) => None,
            });
            Arc::new(cells.collect::<BooleanArray>())
        }
        _ => {
            let default = match default {
                // A blank would end the column in the list.
                Some("'BASE_TABLE'") => "BASE TABLE",
                default => default.unwrap_or_default(),
            };
            let cells = cells.iter().map(|cell| match cell {
                None => Some(default),
                Some(Cell::Text(text)) => Some(text.as_str()),
                Some(_) => None,
            });
            Arc::new(cells.collect::<StringArray>())
        }
    }
}

/// Whether a table, as a statement names it, never has rows.
pub(super) fn is_empty(schema: Option<&str>, name: &str) -> bool {
    EMPTY.iter().any(|spec| {
        spec.name == name
            && match schema {
                Some(schema) => spec.schema == schema,
                None => spec.schema == PG,
            }
    })
}

/// Whether a name is that of a table of `pg_catalog`.
pub(super) fn is_pg_table(name: &str) -> bool {
    let all = FILLED.iter().chain(EMPTY);
    all.filter(|spec| spec.schema == PG)
        .any(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_made() {
        for spec in FILLED.iter().chain(EMPTY) {
            let batch = spec.batch(&[Vec::new()]).unwrap();
            assert_eq!(batch.num_rows(), 1, "{}", spec.name);
            for field in batch.schema().fields() {
                assert_ne!(
                    *field.data_type(),
                    arrow::datatypes::DataType::Null,
                    "{} {}",
                    spec.name,
                    field.name()
                );
            }
        }
    }
}
