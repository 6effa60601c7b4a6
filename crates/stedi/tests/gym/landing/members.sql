-- One row per member record, as the front desk or the app sends it.
CREATE EXTERNAL TABLE members (
  full_name string,
  member_email string,
  mobile string,
  born string,
  strap_serial string COMMENT 'of the heart-rate strap, as the front desk typed it',
  joined_at bigint,
  changed_at bigint,
  science_since bigint,
  buddies_since bigint
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://gym/people/'
TBLPROPERTIES (
  'stedi.subject' = 'member_email',
  'stedi.device' = 'strap_serial',
  'stedi.time' = 'changed_at',
  'stedi.consent.research' = 'science_since',
  'stedi.consent.friends' = 'buddies_since',
  'stedi.personal' = 'full_name,mobile,born'
);
