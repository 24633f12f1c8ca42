// The items under a filter, fetched in windows of 100 and only where somebody looks.
//
//   const list = new ItemList({job, states, q});
//   list.want(120, 180)      fetches the windows of these places, and gives up those that are not wanted any more
//   list.at(130)             a card, or undefined while it is not there
//   list.on(() => …)         total, counts or cards have changed; gives off()
//   await list.card(130)     one card, fetched where needed
//
// What is shown stays until its successor has come, so nothing flickers.

import {aborted, get} from "./api.js";
import {paced} from "./dom.js";
import {fail} from "./notices.js";

const WINDOW = 100;
const KEPT = 80; // windows

export class ItemList {
  #windows = new Map(); // number of the window -> {cards, old}
  #under = new Map(); // number of the window -> AbortController
  #places = new Map(); // task -> place
  #listeners = new Set();
  #wanted = [0, 0];
  #again = paced(() => this.#fetchWanted(), 400);
  total = null;
  counts = null;
  failure = null;
  ratio = null; // width to height of a usual picture among the first

  constructor(filter) {
    this.filter = filter;
  }

  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  at(place) {
    return this.#windows.get(Math.floor(place / WINDOW))?.cards[place % WINDOW];
  }

  placeOf(task) {
    return this.#places.get(task);
  }

  cardOf(task) {
    const card = this.at(this.placeOf(task) ?? -1);
    return card?.task === task ? card : undefined;
  }

  want(first, last) {
    this.#wanted = [Math.floor(Math.max(0, first) / WINDOW), Math.floor(Math.max(0, last) / WINDOW)];
    for (const [number, controller] of this.#under) if (!this.#isWanted(number)) controller.abort();
    this.#fetchWanted();
  }

  // Every window is to be fetched again; the wanted ones at once.
  refresh() {
    for (const window of this.#windows.values()) window.old = true;
    this.#again();
  }

  // Some items have changed. Under a filter others may have moved too.
  touch(tasks) {
    if (this.filter.q || this.filter.states?.length) return this.refresh();
    for (const task of tasks) {
      const window = this.#windows.get(Math.floor(this.placeOf(task) / WINDOW));
      if (window) window.old = true;
    }
    const first = this.#windows.get(this.#wanted[0]); // for the counts
    if (first) first.old = true;
    this.#again();
  }

  // What a message told before the next fetch does.
  patch(task, changes) {
    const card = this.cardOf(task);
    if (card) Object.assign(card, changes);
  }

  async card(place) {
    if (place < 0 || (this.total !== null && place >= this.total)) return undefined;
    const number = Math.floor(place / WINDOW);
    if (!this.#windows.has(number)) await this.#fetch(number);
    return this.at(place);
  }

  leave() {
    this.#again.cancel();
    for (const controller of this.#under.values()) controller.abort();
  }

  #isWanted(number) {
    return number >= this.#wanted[0] && number <= this.#wanted[1];
  }

  #fetchWanted() {
    for (let number = this.#wanted[0]; number <= this.#wanted[1]; number += 1) {
      if (this.total !== null && number > 0 && number * WINDOW >= this.total) break;
      const window = this.#windows.get(number);
      if (window && !window.old) continue;
      if (window?.old) this.#under.get(number)?.abort(); // its answer may be from before the change
      if (!this.#under.has(number) || window?.old) this.#fetch(number);
    }
  }

  async #fetch(number) {
    const controller = new AbortController();
    this.#under.set(number, controller);
    const {job, states, q} = this.filter;
    try {
      const query = {job, state: states, q, offset: number * WINDOW, limit: WINDOW};
      this.#take(number, await get("/api/items", {query, signal: controller.signal}));
    } catch (error) {
      if (!aborted(error)) this.#failed(error);
    } finally {
      if (this.#under.get(number) === controller) this.#under.delete(number);
    }
  }

  #take(number, found) {
    this.failure = null;
    this.total = found.total;
    this.counts = found.counts ?? null;
    this.ratio ??= usualRatio(found.items);
    this.#windows.delete(number);
    this.#windows.set(number, {cards: found.items, old: false});
    found.items.forEach((card, index) => this.#places.set(card.task, number * WINDOW + index));
    for (const old of [...this.#windows.keys()].slice(0, Math.max(0, this.#windows.size - KEPT))) {
      if (!this.#isWanted(old)) this.#windows.delete(old);
    }
    this.#tell();
  }

  // Without a connection the page says so already, and fetches again when it is back.
  #failed(error) {
    this.failure = error;
    if (error.status) fail(error);
    this.#tell();
  }

  #tell() {
    for (const listener of [...this.#listeners]) listener();
  }
}

function usualRatio(cards) {
  const ratios = cards.filter(({width, height}) => width && height).map(({width, height}) => width / height);
  return ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)] ?? null;
}

const lists = new Map();

// The list under a filter, kept over views while few filters are used: {job, states, q}.
export function listUnder(filter) {
  const key = JSON.stringify([filter.job, [...(filter.states ?? [])].sort(), filter.q]);
  const list = lists.get(key) ?? new ItemList(filter);
  lists.delete(key);
  lists.set(key, list);
  if (lists.size > 6) lists.delete(lists.keys().next().value);
  listUnder.latest = list;
  return list;
}
