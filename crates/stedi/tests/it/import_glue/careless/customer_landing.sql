DROP TABLE IF EXISTS customers_landing;
CREATE EXTERNAL TABLE customers_landing (
  customername string, email string, phone string, birthday string, serialnumber string,
  registrationdate bigint, lastupdatedate bigint, sharewithresearchasofdate bigint,
  sharewithpublicasofdate bigint, sharewithfriendsasofdate bigint
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://other-bucket/customer/landing';
