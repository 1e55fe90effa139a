SET format_avro_schema_registry_url = 'http://localhost:8081/apis/ccompat/v7';

-- Names are case-sensitive: t is the trade id, T the time. Text parses into Decimal exactly.
CREATE TABLE raw_trade (s String, t Int64, p Decimal(20, 8), q Decimal(20, 8), T DateTime64(3, 'UTC'), m Bool)
ENGINE = ReplacingMergeTree ORDER BY (s, t);

INSERT INTO raw_trade SELECT s, t, p, q, fromUnixTimestamp64Milli(T, 'UTC'), m
FROM file('{folder}/raw-trade.jsonl', 'JSONEachRow', 's String, t Int64, p Decimal(20, 8), q Decimal(20, 8), T Int64, m Bool');

-- FINAL: each identity once. multiplyDecimal: the product keeps all its 16 places.
SELECT 'raw' AS source, s AS symbol, toUnixTimestamp(toStartOfMinute(T)) * 1000 AS open_time, count() AS trades,
       argMin(p, t) AS open, max(p) AS high, min(p) AS low, argMax(p, t) AS close, sum(q) AS base_volume,
       sum(multiplyDecimal(p, q, 16)) AS quote_volume
FROM raw_trade FINAL GROUP BY s, toStartOfMinute(T) AS minute ORDER BY symbol, open_time;

CREATE TABLE trade (symbol String, source String, epoch Int32, kind String, trade_id Int64,
    trade_time DateTime64(3, 'UTC'), price Nullable(Decimal(20, 8)), base_quantity Nullable(Decimal(20, 8)),
    quote_quantity Nullable(Decimal(38, 16)))
ENGINE = ReplacingMergeTree ORDER BY (symbol, source, epoch, kind, trade_id);

INSERT INTO trade SELECT * FROM file('{folder}/trade.avro', 'AvroConfluent', 'symbol String, source String, epoch Int32,
    kind String, trade_id Int64, trade_time DateTime64(3, ''UTC''), price Nullable(Decimal(20, 8)),
    base_quantity Nullable(Decimal(20, 8)), quote_quantity Nullable(Decimal(38, 16))');

SELECT 'trade' AS source, symbol, toUnixTimestamp(toStartOfMinute(trade_time)) * 1000 AS open_time, count() AS trades,
       argMin(price, trade_id) AS open, max(price) AS high, min(price) AS low, argMax(price, trade_id) AS close,
       sum(base_quantity) AS base_volume, sum(quote_quantity) AS quote_volume
FROM trade FINAL WHERE kind = 'trade' GROUP BY symbol, toStartOfMinute(trade_time) ORDER BY symbol, open_time;

-- ReplacingMergeTree(version) keeps, of each key, the row with the largest version: input_offset, then final.
CREATE TABLE candle (symbol String, open_time DateTime64(3, 'UTC'), open Decimal(20, 8), high Decimal(20, 8),
    low Decimal(20, 8), close Decimal(20, 8), base_volume Nullable(Decimal(28, 8)),
    quote_volume Nullable(Decimal(38, 16)), trade_count Int64, final Bool, complete Bool, input_offset Int64,
    version UInt64 MATERIALIZED toUInt64(input_offset + 1) * 2 + final)
ENGINE = ReplacingMergeTree(version) ORDER BY (symbol, open_time);

INSERT INTO candle SELECT * FROM file('{folder}/candle-1m.avro', 'AvroConfluent', 'symbol String,
    open_time DateTime64(3, ''UTC''), open Decimal(20, 8), high Decimal(20, 8), low Decimal(20, 8),
    close Decimal(20, 8), base_volume Nullable(Decimal(28, 8)), quote_volume Nullable(Decimal(38, 16)),
    trade_count Int64, final Bool, complete Bool, input_offset Int64');

SELECT 'candle' AS source, symbol, toUnixTimestamp64Milli(open_time) AS open_time, trade_count AS trades, open, high,
       low, close, base_volume, quote_volume
FROM candle FINAL WHERE final ORDER BY symbol, candle.open_time;
