-- The sink appends every record, repeats and older versions too. Each trade once:
SELECT 'trade' AS source, symbol, epoch_ms(time_bucket(INTERVAL 1 minute, trade_time)) AS open_time,
       count(*) AS trades, arg_min(price, trade_id) AS open, max(price) AS high, min(price) AS low,
       arg_max(price, trade_id) AS close, sum(base_quantity) AS base_volume, sum(quote_quantity) AS quote_volume
FROM (SELECT DISTINCT ON (symbol, source, epoch, trade_id) * FROM trade WHERE kind = 'trade')
GROUP BY ALL ORDER BY ALL;

-- Of each key the newest version.
SELECT 'candle' AS source, symbol, epoch_ms(open_time) AS open_time, trade_count AS trades, open, high, low, close,
       base_volume, quote_volume
FROM (FROM candle QUALIFY row_number() OVER (PARTITION BY symbol, open_time ORDER BY input_offset DESC, final DESC) = 1)
WHERE final ORDER BY symbol, open_time;
