"""The private side of the exchange: accounts with keys, signed requests, order entry, and what accounts are told.

`keys` and `signatures` say who may speak, `admission` checks a request as the venue does, `endpoints` and `methods`
list what can be asked over REST and the WebSocket API, `service` answers it, `listen_keys` and `feeds` carry the
events, `api_session` is the WebSocket API's protocol, `side` puts it all together for the server.

Orders, balances and positions themselves are kept by the source (`sandbox.exchange.source.KeepsAccounts`).
"""
