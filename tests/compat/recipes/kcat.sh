# Every raw trade with its key, timestamp and headers, and the bytes that Binance sent.
kcat -b localhost:9092 -C -e -q -t binance.spot.raw.trade -f '%k\t%T\t%h\t%s\n'
