// Contender: the rules of Gekko M4's own simulator at moderate volatility, written anew.
// What its original logs and fetches is left out, so that only the making of trades is measured.

import { createRequire } from "node:module";
import path from "node:path";

const [work, told, folder] = process.argv.slice(2);
const task = JSON.parse(told);
const require = createRequire(path.join(folder, "here.js"));
const moment = require("moment");
const underscore = require("underscore");

const RUNS = 3;
const ENOUGH_MS = 5000;
const SMALL_ROWS = 100_000;
const CLUSTER = { ra: 245.897, dec: -26.526 };
const WIDTH = 1; // of price moves
const BATCH = 4; // trades, about

const mean3 = (low, high) => {
  let sum = 0;
  for (let draw = 0; draw < 3; draw++) sum += Math.random() * (high - low) + low;
  return sum / 3;
};
const nextPrice = (price) => {
  const influence = 0.1 * ((CLUSTER.ra + CLUSTER.dec) % 5);
  return Math.max(0.01, price + influence + mean3(-WIDTH, WIDTH));
};
const batchSize = () => Math.max(1, Math.round(BATCH + mean3(-1, 1)));
const nextAmount = () => Math.max(0.1, Math.round(5 * mean3(0.5, 1.5) * 100) / 100);

/** As users call it: a promise a batch, and a clock that is a moment. */
class Trader {
  constructor() {
    this.at = moment.unix(task.since / 1000).subtract(1, "s");
    this.price = 10;
    this.tid = 0;
  }

  async fetchLatestPrice() {
    this.price = nextPrice(this.price);
  }

  async getTrades(callback) {
    await this.fetchLatestPrice();
    const trades = underscore.range(batchSize()).map(() => ({
      date: this.at.add(1, "seconds").unix(),
      price: this.price,
      amount: nextAmount(),
      tid: ++this.tid,
    }));
    callback(null, trades);
  }
}

const asUsed = async (rows) => {
  const trader = new Trader();
  const all = [];
  while (all.length < rows) await trader.getTrades((_, trades) => all.push(...trades));
  return all;
};

/** The same rules as one plain loop. */
const asLoop = async (rows) => {
  const all = [];
  let [date, price, tid] = [task.since / 1000 - 1, 10, 0];
  while (all.length < rows) {
    price = nextPrice(price);
    for (let left = batchSize(); left > 0; left--) {
      all.push({ date: ++date, price, amount: nextAmount(), tid: ++tid });
    }
  }
  return all;
};

const check = (trades, rows) => {
  const right = trades.every(
    ({ date, price, amount, tid }, place) =>
      date === task.since / 1000 + place && tid === place + 1 && price >= 0.01 && amount >= 0.1,
  );
  return right && trades.length >= rows && trades.length < rows + 2 * BATCH;
};

const make = { simulator: asUsed, loop: asLoop }[work];
await make(Math.min(task.rows, SMALL_ROWS));
const runs = [];
const began = performance.now();
let answer = null;
while (runs.length < RUNS && (runs.length === 0 || performance.now() - began < ENOUGH_MS)) {
  const [cpu, wall] = [process.cpuUsage(), performance.now()];
  const trades = await make(task.rows);
  const wallS = (performance.now() - wall) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  if (!check(trades, task.rows)) answer = { wrong: `${work}: not the trades that were asked for` };
  runs.push({ wall_s: wallS, cpu_s: (user + system) / 1e6, rows: trades.length });
}
const versions = {
  node: process.versions.node,
  moment: moment.version,
  underscore: underscore.VERSION,
};
console.log(JSON.stringify(answer ?? { runs, versions }));
