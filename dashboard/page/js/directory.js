// The symbols of which anything is known.

const MARKETS = { spot: "Spot", usdm: "USD-M", coinm: "COIN-M" };

/** Return a market's name for people. */
export function marketName(market) {
  return MARKETS[market] ?? market;
}

/** Ask for all symbols of some markets: {market, symbol, state}; those whose topics are not read yet are left out. */
export async function fetchSymbols(markets) {
  const answers = await Promise.all(markets.map(fetchMarket));
  return answers.flat();
}

async function fetchMarket(market) {
  try {
    const answer = await fetch(`api/v1/markets/${market}/symbols`);
    if (!answer.ok) return [];
    const { symbols } = await answer.json();
    return symbols.map(({ symbol, book_state: state }) => ({ market, symbol, state }));
  } catch {
    return []; // no server: the feed says so
  }
}
