"""What happens to accounts, from Binance to Kafka: their keys, their streams, their answers over REST."""
