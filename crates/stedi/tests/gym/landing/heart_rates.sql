-- One row per reading of a heart-rate strap.
CREATE EXTERNAL TABLE heart_rates (
  strap string,
  measured_at bigint,
  bpm bigint
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://gym/straps/'
TBLPROPERTIES (
  'stedi.device' = 'strap',
  'stedi.time' = 'measured_at'
);
