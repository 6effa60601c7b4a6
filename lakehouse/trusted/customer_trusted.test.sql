-- Who is in customer_trusted: people with a research consent in force now.

-- test: Consent in force lets a person in; absent, null, zero, blank, negative and future dates keep people out.
now '2023-06-01';
given customer_landing json $$
{"email": "ada@example.com", "lastUpdateDate": 1672531200000, "shareWithResearchAsOfDate": 1672531200000}
{"email": "absent@example.com", "lastUpdateDate": 1672531200000}
{"email": "null@example.com", "lastUpdateDate": 1672531200000, "shareWithResearchAsOfDate": null}
{"email": "zero@example.com", "lastUpdateDate": 1672531200000, "shareWithResearchAsOfDate": 0}
{"email": "blank@example.com", "lastUpdateDate": 1672531200000, "shareWithResearchAsOfDate": " "}
{"email": "negative@example.com", "lastUpdateDate": 1672531200000, "shareWithResearchAsOfDate": -1}
$$;
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('now@example.com',    date '2023-01-01', date '2023-06-01'),
    ('future@example.com', date '2023-01-01', timestamp '2023-06-01 00:00:00.001');
expect customer_trusted (email, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01'),
    ('now@example.com', date '2023-06-01');
expect ledger customer_trusted rows_in = 8, no_consent = 6, rows_out = 2;

-- test: Consent to show data to everybody or to friends is no consent to research.
given customer_landing (email, lastupdatedate, sharewithpublicasofdate, sharewithfriendsasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01', null),
    ('bob@example.com', date '2023-01-01', null, date '2023-01-01');
expect customer_trusted empty;

-- test: A newer record without the date withdraws, also when it arrives first.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-02-01', null),
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01');
expect customer_trusted (email) values ('bob@example.com');

-- test: Of records of one time the one without consent wins.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('ada@example.com', date '2023-01-01', null);
expect customer_trusted empty;

-- test: Consent that is given again counts from the new record on, not from the old date.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('ada@example.com', date '2023-02-01', null),
    ('ada@example.com', date '2023-03-01', date '2023-01-01');
expect customer_trusted (email, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-03-01');

-- test: A person has one row, the newest record, with the address as that record spells it.
given customer_landing (email, customername, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com',   'Ada Old', date '2023-01-01', date '2023-01-01'),
    (' ADA@Example.com ', 'Ada New', date '2023-02-01', date '2023-01-01');
expect customer_trusted (email, customername) values
    (' ADA@Example.com ', 'Ada New');
expect ledger customer_trusted rows_in = 2, superseded = 1, rows_out = 1;

-- test: Of records that are equally new one is chosen by what it says, whatever their order.
given customer_landing (email, customername, registrationdate, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', 'Ada', date '2022-01-01', date '2023-01-01', date '2023-01-01'),
    ('ada@example.com', 'Ada', date '2022-02-01', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'Bob', date '2022-02-01', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', 'Bob', date '2022-01-01', date '2023-01-01', date '2023-01-01');
expect customer_trusted (email, registrationdate) values
    ('ada@example.com', date '2022-02-01'),
    ('bob@example.com', date '2022-02-01');

-- test: A blank address is nobody's.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('   ',             date '2023-01-01', date '2023-01-01'),
    ('ada@example.com', date '2023-01-01', date '2023-01-01');
expect customer_trusted (email) values ('ada@example.com');
expect ledger customer_trusted rows_in = 2, filtered = 1, no_consent = 0, rows_out = 1;

-- test: A withdrawal by hand takes a person out with the next run, and a grant brings them back.
now '2023-06-01';
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01');
expect customer_trusted (email) values ('ada@example.com'), ('bob@example.com');
withdraw research from ' ADA@example.com' at '2023-05-01';
expect customer_trusted (email) values ('bob@example.com');
grant research to 'ada@example.com' at '2023-06-02';
expect customer_trusted (email) values ('bob@example.com');
now '2023-06-02';
expect customer_trusted (email, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-06-02'),
    ('bob@example.com', date '2023-01-01');

-- test: Consent that was dated in the future is in force once its time has come.
now '2023-06-01';
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-07-01');
expect customer_trusted empty;
now '2023-07-01';
expect customer_trusted (email) values ('ada@example.com');

-- test: A record that cannot be read keeps its person out: it may have been the withdrawal.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', date '2023-01-01');
given customer_landing json $$
{"email": "ada@example.com", "lastUpdateDate": "yesterday"}
$$;
expect customer_trusted (email) values ('bob@example.com');
expect ledger customer_landing rows_in = 3, quarantined = 1, rows_out = 2;
expect system.quarantine (table_name, line) values ('customer_landing', 1);

-- test: Rows of people who do not agree are refused, whatever a model's author forgets.
given customer_landing (email, lastupdatedate, sharewithresearchasofdate) values
    ('ada@example.com', date '2023-01-01', date '2023-01-01'),
    ('bob@example.com', date '2023-01-01', null);
given model trusted.everybody as
/*
grain = "One customer record."
subject = "email"
personal = ["email"]
*/
select email, lastupdatedate from customer_landing;
expect refused by 'privacy: consent in force' of everybody, 1 row;
expect customer_trusted empty;
