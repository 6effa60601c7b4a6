-- One row per customer record as sent by fulfilment or the website.
-- A person may be sent many times.
CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`customer_landing` (
  `customername` string,
  `email` string COMMENT 'says who the record is about',
  `phone` string,
  `birthday` string,
  `serialnumber` string COMMENT 'of the Step Trainer, as fulfilment wrote it; may be wrong',
  `registrationdate` bigint,
  `lastupdatedate` bigint,
  `sharewithresearchasofdate` bigint COMMENT 'absent, null, zero, blank or negative: not given',
  `sharewithpublicasofdate` bigint,
  `sharewithfriendsasofdate` bigint
)
COMMENT 'One customer record as sent by fulfilment or the website.'
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://stedi/customer/landing/'
TBLPROPERTIES (
  'classification' = 'json',
  'stedi.topic' = 'stedi/customer',
  'stedi.subject' = 'email',
  'stedi.device' = 'serialnumber',
  'stedi.time' = 'lastupdatedate',
  'stedi.consent.research' = 'sharewithresearchasofdate',
  'stedi.consent.public' = 'sharewithpublicasofdate',
  'stedi.consent.friends' = 'sharewithfriendsasofdate',
  'stedi.personal' = 'customername,email,phone,birthday,serialnumber',
  'stedi.required' = 'email,lastupdatedate'
);
