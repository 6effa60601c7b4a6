//! Functions and syntax of Trino, with the values that Trino's documentation gives, or
//! that follow from it. Each case is one SELECT and its result as CSV writes it.

#[path = "trino/definitions.rs"]
mod definitions;
#[path = "trino/dice.rs"]
mod dice;
#[path = "trino/idioms.rs"]
mod idioms;
#[path = "trino/statements.rs"]
mod statements;

use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use catalog::Project;
use futures::TryStreamExt;
use query::{Query, Session, Setup};

pub(crate) async fn answer(session: &Session, sql: &str) -> Result<String, String> {
    let told = |error: query::Error| {
        let hint = error.advice().unwrap_or_default();
        format!("error: {error}; hint: {hint}")
    };
    let query = session.query(sql).await.map_err(told)?;
    let stream = query.stream().map_err(told)?;
    let batches: Vec<RecordBatch> = stream
        .try_collect()
        .await
        .map_err(|error| told(Query::failed(error)))?;
    let options = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in &batches {
        let columns = batch.columns().iter();
        let columns: Vec<_> = columns
            .map(|column| ArrayFormatter::try_new(column.as_ref() as &dyn Array, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let values = columns.iter().map(|column| column.value(row).to_string());
            lines.push(values.collect::<Vec<_>>().join("|"));
        }
    }
    Ok(lines.join("\n"))
}

/// Cases are lines of `expression => value`; `!` before the value asks for an error that
/// has it in it.
async fn check(cases: &str) {
    let setup = Setup::nowhere(Project::parse(Vec::new()).unwrap());
    let session = Session::to_plan_in(&setup).unwrap();
    let mut faults = Vec::new();
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (expression, expected) = case.rsplit_once(" => ").expect(case);
        let is_whole = ["select ", "show ", "describe "];
        let sql = match is_whole.iter().any(|word| expression.starts_with(word)) {
            true => expression.to_owned(),
            false => format!("select {expression}"),
        };
        let found = answer(&session, &sql).await;
        let is_right = match (expected.strip_prefix('!'), &found) {
            (Some(part), Err(error)) => error.contains(part),
            (None, Ok(value)) => value.replace('\n', "\\n") == expected,
            _ => false,
        };
        if !is_right {
            let found = found.unwrap_or_else(|error| error);
            faults.push(format!(
                "{expression}\n    expected {expected}\n    found    {found}"
            ));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[tokio::test]
async fn strings() {
    check(
        "
        chr(65) => A
        codepoint('A') => 65
        codepoint('AB') => !one character
        concat('a', 'b', 'c') => abc
        concat('a', null, 'c') => NULL
        'a' || null => NULL
        concat(array[1], array[2, 3]) => [1, 2, 3]
        concat_ws('-', 'a', null, 'b') => a-b
        concat_ws(null, 'a', 'b') => NULL
        hamming_distance('abc', 'abd') => 1
        hamming_distance('abc', 'ab') => !same length
        length('h\u{e9}llo') => 5
        length(to_utf8('h\u{e9}llo')) => 6
        levenshtein_distance('kitten', 'sitting') => 3
        lower('ABC') => abc
        lpad('5', 3, '0') => 005
        lpad('12345', 3, '0') => 123
        rpad('5', 3, '0') => 500
        rpad('5', -1, '0') => !padded to a size
        lpad('5', 3, '') => !one character
        lpad('ab', 5, 'xy') => xyxab
        ltrim('  a ') || '.' => a .
        rtrim(' a  ') || '.' =>  a.
        trim('  a ') || '.' => a.
        trim(both '/' from '/a/') => a
        trim(leading 'x' from 'xxaxx') => axx
        luhn_check('79927398713') => true
        luhn_check('79927398714') => false
        normalize('e\u{301}') = '\u{e9}' => true
        position('b' in 'abc') => 2
        replace('hello', 'l') => heo
        replace('hello', 'l', 'L') => heLLo
        reverse('abc') => cba
        soundex('Robert') => R163
        soundex('Rupert') => R163
        soundex('Ashcraft') => A261
        split('a,b,c', ',') => [a, b, c]
        split('a,b,c', ',', 2) => [a, b,c]
        split_part('a-b-c', '-', 2) => b
        split_part('a-b-c', '-', 9) => NULL
        split_part('a-b-c', '-', 0) => !must be positive
        split_to_map('a=1;b=2', ';', '=') => {a: 1, b: 2}
        strpos('abcabc', 'c') => 3
        strpos('abcabc', 'c', 2) => 6
        strpos('abcabc', 'c', -1) => 6
        strpos('abc', 'x') => 0
        starts_with('abc', 'ab') => true
        substr('hello', 2) => ello
        substr('hello', 2, 3) => ell
        substr('hello', -3) => llo
        substr('hello', -3, 2) => ll
        length(substr('hello', 0)) => 0
        length(substr('hello', -9)) => 0
        substring('hello', -3) => llo
        substring('hello' from 2 for 2) => el
        translate('abcd', 'abc', 'xy') => xyd
        upper('abc') => ABC
        to_hex(to_utf8('abc')) => 616263
        from_utf8(to_utf8('abc')) => abc
        typeof('a') => varchar
        cast('abcdef' as varchar(3)) => abc
        cast('a' as char(3)) => !char
        'a_c' like 'a\\_c' => false
        'a\\bc' like 'a\\_c' => true
        'a_c' like 'a#_c' escape '#' => true
        'abc' like 'a#_c' escape '#' => false
        'a%' like 'a$%' escape '$' => true
        'a' like 'a' escape 'ab' => !one character
        'a' like '#a' escape '#' => !escape character
        'abc' similar to 'a%' => !SIMILAR TO is not
        U&'\\0041' => A
        format('%s has %d, %,d, %.2f, %05d, %-3s|', 'a', 5, 1234567, 1.005, 42, 'x') => a has 5, 1,234,567, 1.00, 00042, x  |
        format('%d', 'a') => !pattern
        length(format('%.1000f|%.1000s', 1.5, 'x')) => 1004
        format('%.1001f', 1.5) => !pattern
        format('%.1001s', 'x') => !pattern
        format('%.s', 'x') => !pattern
        length(format('%1000n%%|%1000s', 'x')) => 2002
        to_hex(sha1(to_utf8('a'))) => 86F7E437FAA5A7FCE15D1DDCB9EAEAEA377667B8
        crc32(to_utf8('123456789')) => 3421780262
        to_hex(hmac_md5(to_utf8('what do ya want for nothing?'), to_utf8('Jefe'))) => 750C783E6AB0B503EAA86E310A5DB738
        to_hex(hmac_sha1(to_utf8('what do ya want for nothing?'), to_utf8('Jefe'))) => EFFCDF6AE5EB2FA2D27416D5F184DF9C259A7C79
        to_hex(hmac_sha256(to_utf8('what do ya want for nothing?'), to_utf8('Jefe'))) => 5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843
        length(hmac_sha512(to_utf8('a'), to_utf8('b'))) => 64
        length(to_hex(hmac_sha512(to_utf8('a'), to_utf8('b')))) => 128
        length(to_hex(sha512(to_utf8('')))) => 128
        from_big_endian_64(to_big_endian_64(5)) => 5
        typeof(1) => bigint
        typeof(array['a']) => array(varchar)
        ",
    )
    .await;
}

#[tokio::test]
async fn regular_expressions() {
    check(
        r"
        regexp_count('1a 2b 14m', '\s*[a-z]+\s*') => 3
        regexp_extract('1a 2b 14m', '\d+') => 1
        regexp_extract('1a 2b 14m', '(\d+)([a-z]+)', 2) => a
        regexp_extract('abc', '\d+') => NULL
        regexp_extract('abc', 'b', 3) => !groups
        regexp_extract_all('1a 2b 14m', '\d+') => [1, 2, 14]
        regexp_extract_all('1a 2b 14m', '(\d+)([a-z]+)', 2) => [a, b, m]
        regexp_like('1a 2b 14m', '\d+b') => true
        regexp_position('I have 23 apples', '\d+') => 8
        regexp_position('abc', '\d') => -1
        regexp_replace('1a 2b 14m', '\d+[ab] ') => 14m
        regexp_replace('1a 2b 14m', '(\d+)([ab]) ', '3c$2 ') => 3ca 3cb 14m
        regexp_replace('aaa', 'a', 'b') => bbb
        regexp_replace('a', 'a', '$1') => !group
        regexp_split('1a 2b 14m', '\s*[a-z]+\s*') => [1, 2, 14, ]
        regexp_like('a', '(?=a)') => !cannot be read
        ",
    )
    .await;
}

#[tokio::test]
async fn numbers() {
    check(
        "
        abs(-1) => 1
        cbrt(27.0) => 3.0
        ceiling(1.2) => 2.0
        degrees(pi()) => 180.0
        e() => 2.718281828459045
        floor(-1.2) => -2.0
        from_base('ff', 16) => 255
        to_base(255, 16) => ff
        is_nan(nan()) => true
        is_infinite(infinity()) => true
        is_finite(1.0) => true
        ln(e()) => 1.0
        log(2, 8) => 3.0
        log10(100) => 2.0
        log2(8) => 3.0
        mod(7, 3) => 1
        mod(-7, 3) => -1
        power(2, 3) => 8.0
        pow(2, 3) => 8.0
        round(1.25, 1) => 1.3
        round(-1.5) => -2.0
        sign(-3) => -1
        sqrt(4) => 2.0
        truncate(1.9) => 1.0
        width_bucket(5.0, 0.0, 10.0, 5) => 3
        width_bucket(-1.0, 0.0, 10.0, 5) => 0
        width_bucket(10.0, 0.0, 10.0, 5) => 6
        greatest(1, 3, 2) => 3
        greatest(1, null, 2) => NULL
        least(1, 3, 2) => 1
        least('b', 'a') => a
        least(1, null) => NULL
        bit_count(9, 64) => 2
        bit_count(9, 8) => 2
        bit_count(-7, 64) => 62
        bitwise_and(19, 25) => 17
        bitwise_or(19, 25) => 27
        bitwise_xor(19, 25) => 10
        bitwise_not(19) => -20
        bitwise_left_shift(1, 2) => 4
        bitwise_right_shift(8, 3) => 1
        bitwise_right_shift_arithmetic(-8, 3) => -1
        human_readable_seconds(96) => 1 minute, 36 seconds
        human_readable_seconds(3762) => 1 hour, 2 minutes, 42 seconds
        human_readable_seconds(56363463) => 93 weeks, 1 day, 8 hours, 31 minutes, 3 seconds
        7 / 2 => 3
        9223372036854775807 + 1 => !out of the range
        select k * 2 from (values (9223372036854775807)) t(k) => !out of the range
        select k - 1 from (values (5), (null)) t(k) => 4\\nNULL
        cast(2.5 as integer) => 3
        cast(-2.5 as bigint) => -3
        cast(decimal '2.4' as bigint) => 2
        cast(3000000000 as integer) => !converted to integer
        typeof(decimal '1.20') => decimal(3,2)
        2 ^ 3 => !^ is not supported
        random(10) between 0 and 9 => true
        ",
    )
    .await;
}

#[tokio::test]
async fn times() {
    check(
        "
        year(date '2020-02-29') => 2020
        quarter(date '2020-05-01') => 2
        month(timestamp '2020-02-29 10:11:12') => 2
        week(date '2021-01-03') => 53
        year_of_week(date '2021-01-03') => 2020
        yow(date '2021-01-03') => 2020
        day(date '2020-02-29') => 29
        day_of_week(date '2020-03-01') => 7
        dow(date '2020-03-02') => 1
        extract(dow from date '2020-03-01') => 7
        extract(day_of_week from date '2020-03-01') => 7
        extract(year from date '2020-03-01') => 2020
        day_of_year(date '2020-03-01') => 61
        hour(timestamp '2020-02-29 10:11:12.345') => 10
        minute(timestamp '2020-02-29 10:11:12.345') => 11
        second(timestamp '2020-02-29 10:11:12.345') => 12
        millisecond(timestamp '2020-02-29 10:11:12.345') => 345
        date('2020-02-29') => 2020-02-29
        date(timestamp '2020-02-29 23:00:00') => 2020-02-29
        date('nonsense') => !no date
        last_day_of_month(date '2020-02-01') => 2020-02-29
        date_add('second', 86, timestamp '2020-03-01 00:00:00') => 2020-03-01T00:01:26
        date_add('hour', 9, timestamp '2020-03-01 00:00:00') => 2020-03-01T09:00:00
        date_add('day', -1, timestamp '2020-03-01 00:00:00') => 2020-02-29T00:00:00
        date_add('month', 1, date '2020-01-31') => 2020-02-29
        date_add('fortnight', 1, date '2020-01-31') => !unit of time
        date_diff('second', timestamp '2020-03-01 00:00:00', timestamp '2020-03-02 00:00:00') => 86400
        date_diff('hour', timestamp '2020-03-01 00:00:00', timestamp '2020-03-02 00:00:00') => 24
        date_diff('day', date '2020-03-01', date '2020-03-02') => 1
        date_diff('day', timestamp '2020-03-01 10:00:00', timestamp '2020-03-02 09:00:00') => 0
        date_diff('month', timestamp '2020-06-01 12:30:45', timestamp '2020-08-01 12:30:44') => 1
        date_diff('month', date '2020-08-01', date '2020-06-02') => -1
        date_diff('year', date '2019-03-01', date '2020-02-28') => 0
        date_trunc('hour', timestamp '2001-08-22 03:04:05.321') => 2001-08-22T03:00:00
        date_trunc('week', timestamp '2001-08-22 03:04:05.321') => 2001-08-20T00:00:00
        date_trunc('quarter', timestamp '2001-08-22 03:04:05.321') => 2001-07-01T00:00:00
        date_trunc('year', date '2001-08-22') => 2001-01-01
        from_unixtime(0) => 1970-01-01T00:00:00Z
        from_unixtime(1.5) => 1970-01-01T00:00:01.500Z
        from_unixtime(1e300) => !out of range
        from_unixtime(nan()) => !out of range
        to_unixtime(timestamp '1970-01-01 00:00:01') => 1.0
        to_iso8601(date '2020-02-29') => 2020-02-29
        to_iso8601(from_unixtime(0)) => 1970-01-01T00:00:00.000Z
        from_iso8601_timestamp('2020-05-11T11:15:05+02:00') => 2020-05-11T09:15:05Z
        from_iso8601_timestamp('2020-05-11') => 2020-05-11T00:00:00Z
        from_iso8601_date('2020-05-11') => 2020-05-11
        at_timezone(from_unixtime(0), 'America/New_York') => 1969-12-31T19:00:00-05:00
        from_unixtime(0) at time zone 'America/New_York' => 1969-12-31T19:00:00-05:00
        timestamp '2020-01-01 00:00:00' at time zone 'America/New_York' => 2019-12-31T19:00:00-05:00
        with_timezone(timestamp '2020-01-01 00:00:00', 'America/New_York') => 2020-01-01T00:00:00-05:00
        hour(at_timezone(from_unixtime(0), '+02:00')) => 2
        timezone_hour(at_timezone(from_unixtime(0), '+02:00')) => 2
        at_timezone(from_unixtime(0), 'Nowhere') => !not known
        current_timezone() => UTC
        date_format(timestamp '2022-10-20 05:10:00', '%m-%d-%Y %H') => 10-20-2022 05
        date_format(timestamp '2022-10-20 05:10:09', '%M %e %i %s %p %W %j') => October 20 10 09 AM Thursday 293
        date_format(timestamp '2022-10-20 15:10:09.123', '%h:%i:%S.%f') => 03:10:09.123000
        date_format(date '2022-10-20', '%U') => !not supported
        date_parse('2022/10/20/05', '%Y/%m/%d/%H') => 2022-10-20T05:00:00
        date_parse('20-Oct-22', '%d-%b-%y') => 2022-10-20T00:00:00
        date_parse('x', '%Y') => !format
        date_format(timestamp '2022-10-20 15:10:09', '%T, %r') => 15:10:09, 03:10:09 PM
        format_datetime(timestamp '2022-10-20 05:10:00', 'yyyy-MM-dd HH:mm') => 2022-10-20 05:10
        format_datetime(date '2022-10-20', 'EEE, d MMM yyyy') => Thu, 20 Oct 2022
        parse_datetime('2022-10-20 05:10', 'yyyy-MM-dd HH:mm') => 2022-10-20T05:10:00Z
        parse_datetime('2022-10-20 05:10 +0200', 'yyyy-MM-dd HH:mm Z') => 2022-10-20T03:10:00Z
        date '2020-01-31' + interval '1' day => 2020-02-01
        date '2020-01-31' + interval '1' month => 2020-02-29
        date '2024-02-29' - interval '1' year => 2023-02-28
        interval '1 2' day to hour => !INTERVAL
        cast(timestamp '2020-01-01 01:02:03.5' as varchar) => 2020-01-01 01:02:03.500
        cast(from_unixtime(0) as varchar) => 1970-01-01 00:00:00.000 UTC
        from_unixtime(0, 'America/New_York') => 1969-12-31T19:00:00-05:00
        to_char(date '2020-01-01', 'yyyy') => !a format of to_char
        ",
    )
    .await;
}

#[tokio::test]
async fn json_and_urls() {
    check(
        r#"
        json_extract_scalar('{"a": {"b": [1, "two"]}}', '$.a.b[1]') => two
        json_extract_scalar('{"a": 1}', '$.a') => 1
        json_extract_scalar('{"a": {"b": 1}}', '$.a') => NULL
        json_extract_scalar('{"a b": true}', '$["a b"]') => true
        json_extract('{"b": 1, "a": [1, 2]}', '$') => {"a":[1,2],"b":1}
        json_extract('{"a": [1, 2]}', '$.a') => [1,2]
        json_extract('no', '$.a') => NULL
        json_extract('{}', '$..a') => !path
        json_array_length('[1, 2, 3]') => 3
        json_array_length('{}') => NULL
        json_array_contains('[1, 2, 3]', 2) => true
        json_array_get('["a", [3, 9], "c"]', 1) => [3,9]
        json_array_get('["a", "c"]', -1) => c
        json_size('{"x": {"a": 1, "b": 2}}', '$.x') => 2
        json_parse('{"a":  1}') => {"a":1}
        json_parse('{') => !not JSON
        json_format(json_parse('[1, 2]')) => [1,2]
        is_json_scalar('1') => true
        is_json_scalar('[1]') => false
        url_extract_host('http://example.com:8080/a/b?k=v#f') => example.com
        url_extract_port('http://example.com:8080/a/b?k=v#f') => 8080
        url_extract_path('http://example.com:8080/a/b?k=v#f') => /a/b
        url_extract_protocol('http://example.com/') => http
        url_extract_query('http://example.com/?k=v') => k=v
        url_extract_fragment('http://example.com/#f') => f
        url_extract_parameter('http://example.com/?k=v&l=w', 'l') => w
        url_encode('a b/c') => a+b%2Fc
        url_decode('a+b%2Fc') => a b/c
        to_base64(to_utf8('abc')) => YWJj
        from_utf8(from_base64('YWJj')) => abc
        from_utf8(from_hex('616263')) => abc
        to_hex(md5(to_utf8('abc'))) => 900150983CD24FB0D6963F7D28E17F72
        to_hex(sha256(to_utf8(''))) => E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855
        to_hex(xxhash64(to_utf8('abc'))) => 44BC2CF5AD770999
        md5('abc') => !does not take
        "#,
    )
    .await;
}

#[tokio::test]
async fn arrays_maps_and_lambdas() {
    check(
        "
        array[1, 2, 3][1] => 1
        array[1, 2, 3][4] => !no element
        array[1, 2, 3][0] => !index is 0
        map(array['a'], array[1])['a'] => 1
        map(array[7], array[1])[8] => !no such key
        element_at(array[1, 2, 3], 4) => NULL
        element_at(array[1, 2, 3], -1) => 3
        element_at(map(array['a', 'b'], array[1, 2]), 'b') => 2
        element_at(map(array['a', 'b'], array[1, 2]), 'c') => NULL
        contains(array[1, 2, 3], 2) => true
        contains(array[1, null], 2) => NULL
        array_position(array[1, 2, 3], 2) => 2
        array_position(array[1, 2, 3], 9) => 0
        array_join(array['a', null, 'c'], '-') => a-c
        array_join(array['a', null, 'c'], '-', 'x') => a-x-c
        array_join(array[1, 2], ',') => 1,2
        arrays_overlap(array[1, 2], array[2, 3]) => true
        arrays_overlap(array[1, 2], array[3, null]) => NULL
        cardinality(array[1, 2, 3]) => 3
        sequence(1, 4) => [1, 2, 3, 4]
        sequence(4, 1) => [4, 3, 2, 1]
        sequence(0, 10, 5) => [0, 5, 10]
        sequence(0, 10, -5) => !step
        sequence(1, 100000000) => !elements
        sequence(date '2020-01-01', date '2020-01-03') => [2020-01-01, 2020-01-02, 2020-01-03]
        slice(array[1, 2, 3, 4], 2, 2) => [2, 3]
        slice(array[1, 2, 3, 4], -2, 2) => [3, 4]
        slice(array[1, 2], 5, 1) => []
        trim_array(array[1, 2, 3, 4], 1) => [1, 2, 3]
        array_sort(array[3, null, 1]) => [1, 3, NULL]
        array_max(array[1, 3, 2]) => 3
        array_min(array[1, 3, 2]) => 1
        array_remove(array[1, 2, 1], 1) => [2]
        repeat('a', 3) => [a, a, a]
        ngrams(array['a', 'b', 'c'], 2) => [[a, b], [b, c]]
        flatten(array[array[1], array[2, 3]]) => [1, 2, 3]
        transform(array[5, 6], x -> x + 1) => [6, 7]
        filter(array[5, -6, 7], x -> x > 0) => [5, 7]
        any_match(array[1, 2], x -> x > 1) => true
        all_match(array[1, 2], x -> x > 1) => false
        all_match(array[2, 3], x -> x > 1) => true
        none_match(array[1, 2], x -> x > 5) => true
        zip_with(array[1, 2, 3], array[10, 20], (x, y) -> x + coalesce(y, 0)) => [11, 22, 3]
        zip(array[1, 2], array['a']) => [{c0: 1, c1: a}, {c0: 2, c1: NULL}]
        reduce(array[5, 20, 50], 0, (s, x) -> s + x, s -> s) => 75
        reduce(array[5, 20], 1.5, (s, x) -> s + x, s -> s * 2) => 53.0
        reduce(array['a', 'b'], '', (s, x) -> s || x, s -> s) => ab
        select reduce(a, 0, (s, x) -> s + x, s -> 6 / s) from (values (array[1]), (null), (array[2])) t(a) => 6\\nNULL\\n3
        select reduce(a, 0, (s, x) -> s + x, s -> 6 / s) from (values (cast(null as array<integer>))) t(a) => NULL
        map_filter(map(array['a', 'b'], array[1, 2]), (k, v) -> v > 1) => {b: 2}
        transform_keys(map(array['a'], array[1]), (k, v) -> upper(k)) => {A: 1}
        transform_keys(map(array['a', 'b'], array[1, 2]), (k, v) -> 'x') => !two keys
        transform_values(map(array['a'], array[1]), (k, v) -> v * 10) => {a: 10}
        transform(array[1], x -> array[x, 2]) => [[1, 2]]
        map_concat(map(array['a'], array[1]), map(array['a', 'b'], array[2, 3])) => {a: 2, b: 3}
        map_entries(map(array['a'], array[1])) => [{c0: a, c1: 1}]
        map_from_entries(array[row('a', 1), row('b', 2)]) => {a: 1, b: 2}
        map(array['a', 'a'], array[1, 2]) => !two keys
        map(array['a'], array[1, 2]) => !different lengths
        map(array['a'], array[1])['b'] => !no such key
        array_max(array[1, null]) => NULL
        reverse(array[1, 2]) => [2, 1]
        array_distinct(array[1, 2, 1]) => [1, 2]
        array_union(array[1, 2], array[2, 3]) => [1, 2, 3]
        array_intersect(array[1, 2], array[2, 3]) => [2]
        array_except(array[1, 2], array[2]) => [1]
        cardinality(array[array[1, 2], array[3]]) => 2
        sequence(date '2020-01-31', date '2020-04-30', interval '1' month) => [2020-01-31, 2020-02-29, 2020-03-31, 2020-04-30]
        sequence(timestamp '2020-01-01 02:00:00', timestamp '2020-01-01 01:00:00', interval '-30' minute) => [2020-01-01T02:00:00, 2020-01-01T01:30:00, 2020-01-01T01:00:00]
        sequence(date '2020-01-01', date '2020-02-01', interval '0' day) => !step
        map_keys(map(array['a'], array[1])) => [a]
        map_values(map(array['a'], array[1])) => [1]
        ",
    )
    .await;
}

#[tokio::test]
async fn aggregates_conditions_and_order() {
    const T: &str = "(values (1, 'a', 10.0), (2, 'b', 20.0), (3, null, null)) t(k, v, x)";
    check(
        &"
        if(1 < 2, 'yes', 'no') => yes
        if(1 > 2, 'yes') => NULL
        try(cast('x' as bigint)) => NULL
        try(1 / 0) => NULL
        try(7 / 2) => 3
        try(7 % 0) => NULL
        try_cast('7' as bigint) => 7
        nullif(1, 1) => NULL
        coalesce(null, 2) => 2
        select count_if(k > 1) from T => 2
        select arbitrary(v) is not null from T => true
        select max_by(v, k) from T => NULL
        select max_by(v, x) from T => b
        select min_by(v, x) from T => a
        select max_by(v, x) filter (where k < 2) from T => a
        select bool_and(k > 0) from T => true
        select every(k > 1) from T => false
        select approx_percentile(k, 0.5) from T => 2.0
        select approx_percentile(k, 0.5) filter (where k > 2) from T => 3.0
        select approx_percentile(k, array[0.0, 1.0]) filter (where k < 3) from T => [1.0, 2.0]
        select max_by(v, max_by(k, x)) from T => !cannot be nested
        select max_by(v, x, 2) from T => [b, a]
        select min_by(v, x, 0) from T => !keep 1 to
        select max_by(v, k, 3) from (values ('a', 1), ('b', 2), ('c', 1), ('d', 2), ('e', 3)) t(v, k) => [e, b, d]
        select min_by(v, k, 3) from (values ('a', 1), ('b', 2), ('c', 1), ('d', 2), ('e', 0)) t(v, k) => [e, a, c]
        select map_agg(k, v) from T => {1: a, 2: b, 3: NULL}
        select multimap_agg(v, k) from T => {a: [1], b: [2]}
        select histogram(v) from T => {a: 1, b: 1}
        select skewness(k) from (values (1), (2), (4)) t(k) => 0.38180177416060623
        select skewness(k) from (values (1), (2)) t(k) => NULL
        select kurtosis(k) from (values (1), (2), (4), (10)) t(k) => 2.030769230769234
        select sum(k) from (values (9223372036854775807), (1)) t(k) => !out of the range
        select g, sum(k) from (values (1, 9223372036854775807), (1, 1)) t(g, k) group by g => !out of the range
        select sum(k) over (order by k rows 1 preceding) from T => 1\\n3\\n5
        select corr(k, k), covar_pop(k, k), covar_samp(k, k), regr_slope(k, k), regr_intercept(k, k) from T => 1.0|0.6666666666666666|1.0|1.0|0.0
        select bitwise_and_agg(k), bitwise_or_agg(k), bool_or(k > 2), stddev_pop(k) > 0 from T => 0|3|true|true
        select avg(k), min(k), max(k), sum(k), count(k), approx_distinct(k, 0.1) from T => 2.0|1|3|6|3|3
        select array_agg(distinct v order by v) from T where v is not null => [a, b]
        select sum(distinct k order by k) from T => !DISTINCT and ORDER BY
        select try(json_parse(j)) from (values ('{'), ('[1]')) t(j) => NULL\\n[1]
        select try(sum(k) / 0) from T => NULL
        select coalesce(try(cast(j as integer) + 1), -1) from (values ('5'), ('no')) t(j) => 6\\n-1
        select geometric_mean(k) from (values (2), (8)) t(k) => 4.0
        select listagg(v, ',') within group (order by v) from T => a,b
        select variance(k) from T => 1.0
        select var_pop(k) from (values (1), (3)) t(k) => 1.0
        select stddev_samp(k) from T => 1.0
        select array_agg(k order by k) from T => [1, 2, 3]
        select k from T order by x => 1\\n2\\n3
        select k from T order by x desc => 2\\n1\\n3
        select k from T order by x desc nulls first => 3\\n2\\n1
        select row_number() over (order by x desc) from T where k = 3 => 1
        select k from T order by k offset 1 limit 1 => 2
        select k from T order by k fetch first 2 rows only => 1\\n2
        select a from unnest(array[1, 2]) as t(a) => 1\\n2
        select sum(k) from T where v like 'a%' => 1
        "
        .replace(" T ", &format!(" {T} ")),
    )
    .await;
}

#[tokio::test]
async fn texts_and_numbers_do_not_mix() {
    check(
        "
        select k from (values (1)) t(k) where k <> '' => !`k` is a bigint
        select k from (values (1)) t(k) where k between '1' and '2' => !bigint
        select k from (values (1)) t(k) where k in ('1') => !bigint
        select k + '1' from (values (1)) t(k) => !bigint
        select k <> '', k from (values (1)) t(k) => !`k` is a bigint
        select 1 + k <> '', k from (values (1)) t(k) => !bigint
        select v from (values ('a')) t(v) where v = 1 => !bigint
        select v from (values ('a')) t(v) where v = 'a' => a
        select k from (values (1)) t(k) where cast(k as varchar) = '1' => 1
        ",
    )
    .await;
}

/// What DataFusion computes otherwise.
#[tokio::test]
async fn results_are_trinos() {
    check(
        "
        concat_ws(',', array['a', null, 'b']) => a,b
        concat_ws(',', 'a', 'b') => a,b
        typeof(floor(5)) => bigint
        typeof(ceiling(5)) => bigint
        select floor(k) from (values (7)) t(k) => 7
        floor(5.7) => 5.0
        is_nan(sqrt(-1)) => true
        sqrt(9) => 3.0
        cast('967-01-01' as date) => 0967-01-01
        select cast(b as date) from (values ('967-01-01')) t(b) => 0967-01-01
        try_cast('967-01-01' as date) => 0967-01-01
        try_cast('no date' as date) => NULL
        cast('no date' as date) => !TRY(
        cast(null as date) => NULL
        select 1 / k from (values (0)) t(k) => !nullif
        select 1 % k from (values (0)) t(k) => !nullif
        select cast(k as bigint) from (values ('a')) t(k) => !TRY_CAST
        ",
    )
    .await;
}

/// Faults of statements are told in plain words.
#[tokio::test]
async fn faults_are_told_in_plain_words() {
    check(
        "
        select 1_000 => !write 1000
        cast(array['1'] as array(integer)) => !array<integer>
        cast(array['1'] as array<integer>) => [1]
        cast(map(array['a'], array['1']) as map(varchar, integer)) => !map(array_of_keys
        select k from (values 1, 2) t(k) => !VALUES (1), (2)
        select k like '1%' from (values (1)) t(k) => !CAST(value AS varchar) LIKE
        select k, count(*) from (values (1, 2)) t(k, n) group by n => !column `k` is neither in GROUP BY
        select k, sum(n) from (values (1, 2)) t(k, n) => !column `k` is neither in GROUP BY
        select k from (values (1)) t(k) join (values (1)) u(k) on t.k = u.k => !column `k` is in several tables
        select k from (values (1)) t(k) order by 5 => !count from 1
        select k from (values (1)) t(k) where count(*) > 1 => !HAVING
        select 1 union select 1, 2 => !different numbers of columns
        select 1 except select 1, 2 => !different numbers of columns
        select t.k from (values (1)) c(k) => !alias of FROM
        select t.j from (values (1)) c(k) => !there is no column `j`
        ",
    )
    .await;
}

/// What DataFusion would cast from one to the other is refused, as in Trino.
#[tokio::test]
async fn types_do_not_mix() {
    check(
        "
        select k from (values (1)) t(k) where k <= current_date => !`k` is a bigint and cannot be used with a date
        select k from (values (1)) t(k) where k = date '2024-01-01' => !from_unixtime(k / 1000)
        select k from (values (1)) t(k) where k between date '2024-01-01' and date '2024-01-02' => !date
        select k from (values (1)) t(k) where k in (date '2024-01-01') => !date
        select k from (values (1)) t(k) where k > now() => !timestamp
        select k from (values (1)) t(k) where k in (select d from (values (date '2024-01-01')) u(d)) => !date
        select k from (values (1)) t(k) join (values (date '2024-01-01')) u(d) on k = d => !date
        select n from (values (1)) t(n) join (values (date '2024-01-01')) u(n) using (n) => !date
        select k from (values (1)) t(k) where from_unixtime(k / 1000) <= current_date => 1
        select d from (values (date '2024-01-01')) t(d) where d - date '2023-12-31' > 0 => 2024-01-01
        select d from (values (date '2024-01-01')) t(d) where d >= '2023-12-31' => 2024-01-01
        select d + interval '1' day > current_date from (values (date '2024-01-01')) t(d) => true
        date '2024-01-01' + 1 => !date_add
        date '2024-01-01' + interval '1' hour => !hours, minutes and seconds
        date '2024-01-01' - interval '5' minute => !hours, minutes and seconds
        date '2024-01-01' + interval '1' month => 2024-02-01
        'a' || 1 => !CAST(value AS varchar)
        'a' || true => !CAST(value AS varchar)
        'a' || current_date => !CAST(value AS varchar)
        'a' || 'b' || cast(1 as varchar) => ab1
        array[1] || array[2] => [1, 2]
        case when 1 > 2 then 1 else 'a' end => !bigint
        if(true, 'a', 1) => !bigint
        if(true, date '2024-01-01', 'a') => !date
        if(true, 1, 1.5) => 1.0
        if(1, 2, 3) => !no boolean
        case when 1 then 2 end => !no boolean
        case 1 when '1' then 2 end => !bigint
        case when null then 1 else 2 end => 2
        coalesce(null, 1, 'a') => !bigint
        nullif(1, 'a') => !bigint
        greatest(1, 'a') => !bigint
        greatest(1, 2) => 2
        select 1 as a union all select 'x' => !column `a` of a UNION
        select 1 as a union select current_date => !column `a` of a UNION
        select 1 as a union all select null => 1\\nNULL
        select 1 as a intersect select 'x' => !text
        true = 1 => !boolean
        length(5) => !take
        upper(true) => !take
        length('5') => 1
        contains(array[1, 2], '1') => !text
        contains(array[1, 2], 1) => true
        cast(timestamp '2024-01-01' as bigint) => !to_unixtime
        cast(date '2024-01-01' as bigint) => !to_unixtime
        cast(5 as date) => !from_unixtime
        try_cast(5 as timestamp) => !from_unixtime
        cast('2024-01-01' as date) => 2024-01-01
        ",
    )
    .await;
}

#[tokio::test]
async fn names_and_statements() {
    check(
        "
        select * from nowhere.customers => !no table
        show databases => curated\\nlanding\\nprivacy\\nsystem\\ntrusted
        show schemas like 'cur*' => curated
        show tables in nowhere => !no database
        select count(*) > 3 from information_schema.tables => true
        show functions like 'zip*' => zip|scalar\\nzip_with|lambda
        show functions like 'count_i*' => count_if|aggregate
        select k, x from (values (1, array[3, 4]), (2, null)) t(k, a) cross join unnest(a) as u(x) => 1|3\\n1|4
        select k, x, n from (values (1, array[3, 4])) t(k, a), unnest(t.a) with ordinality as u(x, n) => 1|3|1\\n1|4|2
        select k, x from (values (1, array[3]), (2, null)) t(k, a) left join unnest(a) as u(x) on true => 1|3\\n2|NULL
        select x, y from (values (array[2])) t(a) cross join unnest(a) as u(x) cross join unnest(array[x, 9]) as w(y) => 2|2\\n2|9
        select k, v from unnest(map(array['a', 'b'], array[1, 2])) as t(k, v) => a|1\\nb|2
        select a, b from unnest(array[row(1, 'x'), row(2, 'y')]) as t(a, b) => 1|x\\n2|y
        select * from unnest(array[1], array['a', 'b']) with ordinality as t(x, y, n) => 1|a|1\\nNULL|b|2
        select * from unnest(array[1]) as t(a, b) => !1 columns
        select * from unnest(1) as t(a) => !arrays and maps
        select k from (values (1, array[3])) t(k, a) left join unnest(a) as u(x) on x = 3 => !no condition
        cast(row(1, 2.5) as row(a bigint, b double)).b => 2.5
        count(distinct 1, 2) => !count of several values
        ",
    )
    .await;
}

/// A statement that is written in DataFusion's terms does not become many times as large.
#[tokio::test]
async fn a_rewritten_statement_stays_about_as_large() {
    let nested = |times: usize, call: &dyn Fn(String) -> String| {
        (0..times).fold("1".to_owned(), |inner, _| call(inner))
    };
    let tries = nested(20, &|inner| format!("try(1/{inner})"));
    let conditions = nested(30, &|inner| format!("if(true, {inner}, 2)"));
    let extremes = nested(20, &|inner| format!("max_by(1, {inner})"));
    let percentiles = nested(5, &|inner| {
        format!("approx_percentile({inner}, array[0.1, 0.9])")
    });
    let shares = vec!["0.5"; 101].join(", ");
    check(&format!(
        "
        {tries} => 1
        select k + k - 1 * k + 2 from (values (3)) t(k) => 5
        {conditions} => 1
        {extremes} => !cannot be nested
        {percentiles} => !holds an aggregate
        approx_percentile(1, array[{shares}]) => !at most 100
        "
    ))
    .await;
}

/// TRY gives null for a value that cannot be computed, and hides no limit of a statement.
#[tokio::test]
async fn try_gives_null_for_values_alone() {
    // Each level fails for every row, after the level within it did.
    let nested = (0..3).fold("s".to_owned(), |inner, _| {
        format!("try(json_parse('{{' || coalesce({inner}, s)))")
    });
    let many = "(select cast(n as varchar) as s from unnest(sequence(1, 3000)) as u(n)) t";
    let cases = "
        select try(rpad(s, 2000000000, 'x')) from (values ('a'), ('b')) t(s) => !make shorter
        select try(try(rpad(s, 2000000000, 'x'))) from (values ('a'), ('b')) t(s) => !make shorter
        select try(upper(rpad(s, 2000000000, 'x'))) from (values ('a'), ('b')) t(s) => !make shorter
        select try(length(concat_ws(s, 'a', date_format(date_parse(s, '%Y'), s)))) from (values ('a')) t(s) => NULL
        select try(9223372036854775807 + k) from (values (1), (0)) t(k) => NULL\\n9223372036854775807
        select try(1 / k + 1) from (values (0), (1)) t(k) => NULL\\n2
        select try(abs(cast(s as integer))) from (values ('x'), ('-3')) t(s) => NULL\\n3
        select try(abs(cast(k as decimal(3, 1)))) from (values (12345), (3)) t(k) => NULL\\n3.0
        select try(upper(chr(k))) from (values (-5), (97)) t(k) => NULL\\nA
        select try(decode(s, 'hex')) from (values ('zz')) t(s) => NULL
        select count(NESTED), count(*) from MANY => 0|3000
    ";
    let cases = cases.replace("NESTED", &nested).replace("MANY", many);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), check(&cases)).await;
    ended.expect("nested TRY takes too long");
}

/// Rows that each win over all that are kept, and rows that win over none.
#[tokio::test]
async fn as_many_extremes_are_kept_as_asked_for() {
    let rows = "(select a * 2 + b as n from unnest(sequence(1, 10000)) as u(a), \
        unnest(sequence(0, 1)) as w(b)) t";
    let cases = "
        select cardinality(max_by(n, n, 10000)), element_at(max_by(n, n, 10000), 1) from ROWS => 10000|20001
        select cardinality(min_by(n, n, 10000)), element_at(min_by(n, n, 10000), 10000) from ROWS => 10000|10001
    ";
    check(&cases.replace("ROWS", rows)).await;
}

/// Every function that the documentation lists is called in a case above.
#[test]
fn documented_functions_are_tested() {
    let page = include_str!("../../../docs/sql.md");
    let cases = include_str!("trino.rs");
    let section = page.split("## Functions").nth(1).unwrap();
    let table = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(2);
    let mut missing = Vec::new();
    for line in table {
        for quoted in line.split('`').skip(1).step_by(2) {
            let is_list = quoted.split(' ').all(|word| {
                word.starts_with(|c: char| c.is_ascii_lowercase())
                    && word
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            });
            let names = quoted.split(' ').filter(|_| is_list);
            let untested = |name: &&str| !cases.contains(&format!("{name}("));
            missing.extend(names.filter(untested).map(str::to_owned));
        }
    }
    assert!(missing.is_empty(), "no case calls {missing:?}");
}

/// Values of every type, as constants.
const VALUES: [&str; 19] = [
    "null",
    "0",
    "1",
    "-1",
    "2.5",
    "1e300",
    "9223372036854775807",
    "-9223372036854775807",
    "nan()",
    "'a'",
    "''",
    "'2024-02-29'",
    "'$.a'",
    "true",
    "date '2024-02-29'",
    "timestamp '2024-02-29 10:11:12'",
    "to_utf8('a')",
    "array[1, null, 3]",
    "map(array['a'], array[1])",
];

/// Whatever a function is called with ends in an answer or in an error in plain words,
/// for constants and for columns. `STEDI_TEST_CALLS` sets the number of calls.
#[tokio::test]
async fn every_call_ends_in_an_answer_or_an_error() {
    let setup = Setup::nowhere(Project::parse(Vec::new()).unwrap());
    let session = std::sync::Arc::new(Session::to_plan_in(&setup).unwrap());
    let names = "select distinct routine_name from information_schema.routines order by 1";
    let names = answer(&session, names).await.unwrap();
    let names: Vec<&str> = names.lines().collect();
    assert!(names.len() > 200, "{} functions", names.len());
    let calls = std::env::var("STEDI_TEST_CALLS").map_or(3_000, |text| text.parse().unwrap());
    let mut dice = dice::Dice::new(7);
    let mut throw = |below: usize| dice.throw(below);
    let mut faults = Vec::new();
    for _ in 0..calls {
        let name = names[throw(names.len())];
        let args: Vec<&str> = (0..throw(4)).map(|_| VALUES[throw(VALUES.len())]).collect();
        let sql = match (throw(2), args.is_empty()) {
            (0, _) | (_, true) => format!("select {name}({})", args.join(", ")),
            _ => {
                let columns: Vec<String> = (0..args.len()).map(|at| format!("c{at}")).collect();
                let columns = columns.join(", ");
                let row = args.join(", ");
                format!("select {name}({columns}) from (values ({row}), ({row})) t({columns})")
            }
        };
        let (asked, own) = (sql.clone(), std::sync::Arc::clone(&session));
        let task = tokio::spawn(async move { answer(&own, &asked).await });
        let limit = std::time::Duration::from_secs(20);
        let fault = match tokio::time::timeout(limit, task).await {
            Err(_) => "takes longer than 20 seconds".to_owned(),
            Ok(Err(_)) => "panicked".to_owned(),
            Ok(Ok(Err(error))) if error.contains("nternal error") || error.contains('\n') => error,
            Ok(Ok(_)) => continue,
        };
        faults.push(format!("{sql}: {fault}"));
    }
    faults.sort();
    faults.dedup();
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}
