SET 'execution.runtime-mode' = 'batch';
SET 'sql-client.execution.result-mode' = 'tableau';
SET 'table.display.max-column-width' = '60';
SET 'table.local-time-zone' = 'UTC';

-- Raw: JSON as Binance sent it. Decimals are read from text; names are case-sensitive, t is the id and T the time.
CREATE TABLE raw_trade (
  s STRING,
  t BIGINT,
  p DECIMAL(18, 8),
  q DECIMAL(18, 8),
  T BIGINT,
  trade_time AS TO_TIMESTAMP_LTZ(T, 3),
  record_time TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
  headers MAP<STRING, BYTES> METADATA,
  WATERMARK FOR trade_time AS trade_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'binance.spot.raw.trade',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
);

-- Each trade once: of the records of one identity any will do. The product of two DECIMAL(18, 8) keeps all its places;
-- of wider ones Flink cuts some.
CREATE TEMPORARY VIEW raw_once AS
SELECT s, t, p, q, trade_time
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY s, t ORDER BY trade_time) AS n FROM raw_trade)
WHERE n = 1;

SELECT 'raw' AS source, s AS symbol, window_start AS open_time, COUNT(*) AS trades, MAX(p) AS high, MIN(p) AS low,
       SUM(q) AS base_volume, SUM(p * q) AS quote_volume
FROM TABLE(TUMBLE(TABLE raw_once, DESCRIPTOR(trade_time), INTERVAL '1' MINUTE))
GROUP BY s, window_start, window_end;

-- Derived: Avro. The format reads timestamp-millis as TIMESTAMP(3); it asks the registry for the writer's schema.
CREATE TABLE trade (
  kind STRING NOT NULL,
  symbol STRING NOT NULL,
  source STRING NOT NULL,
  epoch INT NOT NULL,
  trade_id BIGINT NOT NULL,
  trade_time TIMESTAMP(3) NOT NULL,
  price DECIMAL(20, 8),
  base_quantity DECIMAL(20, 8),
  quote_quantity DECIMAL(38, 16),
  WATERMARK FOR trade_time AS trade_time - INTERVAL '5' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = 'binance.spot.trade.v1',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'avro-confluent',
  'avro-confluent.url' = 'http://localhost:8081/apis/ccompat/v7'
);

CREATE TEMPORARY VIEW trade_once AS
SELECT symbol, trade_id, trade_time, price, base_quantity, quote_quantity
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY symbol, source, epoch, trade_id ORDER BY trade_time) AS n
      FROM trade WHERE kind = 'trade')
WHERE n = 1;

SELECT 'trade' AS source, symbol, window_start AS open_time, COUNT(*) AS trades, MAX(price) AS high, MIN(price) AS low,
       SUM(base_quantity) AS base_volume, SUM(quote_quantity) AS quote_volume
FROM TABLE(TUMBLE(TABLE trade_once, DESCRIPTOR(trade_time), INTERVAL '1' MINUTE))
GROUP BY symbol, window_start, window_end;

CREATE TABLE candle (
  symbol STRING NOT NULL,
  open_time TIMESTAMP(3) NOT NULL,
  `open` DECIMAL(20, 8) NOT NULL,
  high DECIMAL(20, 8) NOT NULL,
  low DECIMAL(20, 8) NOT NULL,
  `close` DECIMAL(20, 8) NOT NULL,
  base_volume DECIMAL(28, 8),
  quote_volume DECIMAL(38, 16),
  trade_count BIGINT NOT NULL,
  `final` BOOLEAN NOT NULL,
  input_offset BIGINT NOT NULL
) WITH (
  'connector' = 'kafka',
  'topic' = 'binance.spot.candle-1m.v1',
  'properties.bootstrap.servers' = 'localhost:9092',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'avro-confluent',
  'avro-confluent.url' = 'http://localhost:8081/apis/ccompat/v7'
);

-- Of each key the newest version, which need not be its last record (upsert-kafka would take the last).
SELECT 'candle' AS source, symbol, open_time, trade_count AS trades, `open`, high, low, `close`, base_volume, quote_volume
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY symbol, open_time ORDER BY input_offset DESC, `final` DESC) AS n FROM candle)
WHERE n = 1 AND `final`;
