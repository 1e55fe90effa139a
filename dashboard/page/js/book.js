// One book from two records: the levels of the last snapshot, and the best prices, which are newer.

import { scaled } from "./decimals.js";

/** Return {bids, asks}, best first, as the newest records say; a level is [price, quantity]. */
export function sidesOf(book) {
  const { top } = book;
  const newer =
    top !== null &&
    top.state !== "syncing" &&
    (book.snapshot_update_id === null || top.update_id > book.snapshot_update_id);
  if (!newer) return { bids: book.bids, asks: book.asks };
  return {
    bids: withBest(book.bids, top.bid_price, top.bid_quantity, (price, best) => price < best),
    asks: withBest(book.asks, top.ask_price, top.ask_quantity, (price, best) => price > best),
  };
}

/** Return the levels with what is summed up to each, times 10^8, in a third place. */
export function cumulated(levels) {
  let sum = 0n;
  return levels.map(([price, quantity]) => {
    sum += scaled(quantity, 8);
    return [price, quantity, sum];
  });
}

/** What stood before the new best price is gone; what stands behind it is as it was at the snapshot. */
function withBest(levels, price, quantity, behind) {
  if (price === null) return [];
  const best = scaled(price, 8);
  return [[price, quantity], ...levels.filter(([other]) => behind(scaled(other, 8), best))];
}
