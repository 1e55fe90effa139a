-- Column names ignore case, and a trade has both t and T: take the lines as JSON and name the fields by path.
CREATE TABLE raw_trade AS
SELECT DISTINCT ON (s, t) *
FROM (SELECT json->>'$.s' AS s, (json->>'$.t')::BIGINT AS t, (json->>'$.T')::BIGINT AS trade_time,
             (json->>'$.p')::DECIMAL(19, 8) AS p, (json->>'$.q')::DECIMAL(19, 8) AS q
      FROM read_ndjson_objects('{lines}'));

-- DECIMAL(19, 8) twice makes DECIMAL(38, 16); wider ones are an error.
SELECT 'raw' AS source, s AS symbol, trade_time // 60000 * 60000 AS open_time, count(*) AS trades,
       arg_min(p, t) AS open, max(p) AS high, min(p) AS low, arg_max(p, t) AS close, sum(q) AS base_volume,
       sum(p * q) AS quote_volume
FROM raw_trade GROUP BY ALL ORDER BY ALL;

-- Each identity once.
CREATE TABLE trades AS
SELECT DISTINCT ON (symbol, source, epoch, trade_id) * FROM trade WHERE kind = 'trade';

SELECT 'trade' AS source, symbol, epoch_ms(time_bucket(INTERVAL 1 minute, trade_time)) AS open_time,
       count(*) AS trades, arg_min(price, trade_id) AS open, max(price) AS high, min(price) AS low,
       arg_max(price, trade_id) AS close, sum(base_quantity) AS base_volume, sum(quote_quantity) AS quote_volume
FROM trades GROUP BY ALL ORDER BY ALL;

-- Of each key the newest version, which need not be its last record.
SELECT 'candle' AS source, symbol, epoch_ms(open_time) AS open_time, trade_count AS trades, open, high, low, close,
       base_volume, quote_volume
FROM (FROM candle QUALIFY row_number() OVER (PARTITION BY symbol, open_time ORDER BY input_offset DESC, final DESC) = 1)
WHERE final ORDER BY symbol, open_time;
