// The symbols of which anything is known.

const MARKETS = { spot: "Spot", usdm: "USD-M", coinm: "COIN-M" };

/** Return a market's name for people. */
export function marketName(market) {
  return MARKETS[market] ?? market;
}

/**
 * Ask for all symbols: {market, symbol, state}.
 *
 * @param markets that the server reads; null: not known, then those count that have a book.
 */
export async function fetchSymbols(markets) {
  const wanted = markets ?? [...new Set(((await ask("api/v1/books"))?.books ?? []).map((book) => book.market))];
  const answers = await Promise.all(wanted.map((market) => ask(`api/v1/markets/${market}/symbols`)));
  return answers
    .filter((answer) => answer !== null)
    .flatMap(({ market, symbols }) => symbols.map(({ symbol, book_state: state }) => ({ market, symbol, state })));
}

async function ask(address) {
  try {
    const answer = await fetch(address);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // no server: the feed says so
  }
}
