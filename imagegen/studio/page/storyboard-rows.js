// The sentences as this page knows them: a long list with holes, filled by windows where it is looked at. What the
// server tells to have changed stays shown until the new answer is there.

import {paced} from "./dom.js";

const WINDOW = 40;
const AT_A_TIME = 2;
const IN_VAIN = 4; // answers in a row that still lack something: then wait, rather than ask without end

export class Rows {
  // `fetch(offset, limit)` answers {total, sentences}. `changed()` is called after the list changed, `failed(error)`
  // when a window could not be fetched: it is asked for again after a pause, or at once after `retry()`.
  constructor(fetch, changed, failed, pause = 3000) {
    this.fetch = fetch;
    this.changed = changed;
    this.failed = failed;
    this.pause = pause;
    this.order = [];
    this.rows = new Map();
    this.places = new Map();
    this.seen = new Map();
    this.written = new Map();
    this.generation = 1;
    this.clock = 0;
    this.shape = 0;
    this.known = false;
    this.wanted = [0, WINDOW];
    this.asked = new Map();
    this.vain = 0;
    this.timer = 0;
    this.closed = false;
    this.soon = paced(() => this.pump(), 120);
    // A sentence that was never seen here may have been moved to where is looked at.
    this.doubt = paced(() => {
      this.generation += 1;
      this.pump();
    }, 1000);
  }

  get total() {
    return this.order.length;
  }

  at(index) {
    return this.rows.get(this.order[index]);
  }

  get(id) {
    return this.rows.get(id);
  }

  indexOf(id) {
    return this.places.get(id) ?? -1;
  }

  // What is looked at: windows that touch it are fetched where they are not known or no longer true.
  need(first, end) {
    this.wanted = [first, Math.max(end, first + 1)];
    this.pump();
  }

  // What the server says has changed: these sentences, or (null) anything.
  outdated(ids) {
    const known = ids?.filter((id) => this.places.has(id));
    if (ids === null) this.generation += 1;
    else if (known.length < ids.length) this.doubt();
    for (const id of known ?? []) this.seen.delete(id);
    this.soon();
  }

  retry() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.pump();
  }

  close() {
    this.closed = true;
    this.soon.cancel();
    this.doubt.cancel();
    clearTimeout(this.timer);
  }

  lacks(start) {
    if (!this.known) return true;
    const end = Math.min(start + WINDOW, this.total);
    for (let index = start; index < end; index += 1) {
      const id = this.order[index];
      if (id === undefined || this.seen.get(id) !== this.generation) return true;
    }
    return this.total === 0 && this.generation !== this.emptyAt;
  }

  pump() {
    if (this.closed || this.timer) return;
    const first = Math.floor(this.wanted[0] / WINDOW) * WINDOW;
    for (let start = first; start < this.wanted[1]; start += WINDOW) {
      if (this.asked.size >= AT_A_TIME) return;
      if (!this.asked.has(start) && this.lacks(start)) this.ask(start);
      if (!this.known) return;
    }
  }

  async ask(start) {
    const begun = {clock: (this.clock += 1), generation: this.generation, shape: this.shape};
    this.asked.set(start, begun);
    try {
      const answer = await this.fetch(start, WINDOW);
      this.asked.delete(start);
      if (this.closed) return;
      if (begun.shape === this.shape) this.take(start, answer, begun);
    } catch (error) {
      this.asked.delete(start);
      if (this.closed) return;
      this.timer = setTimeout(() => this.retry(), this.pause);
      this.failed(error);
      return;
    }
    this.vain = this.lacks(start) ? this.vain + 1 : 0;
    if (this.vain > IN_VAIN) this.timer = setTimeout(() => this.retry(), this.pause);
    this.pump();
    this.changed();
  }

  take(start, answer, begun) {
    let reordered = this.known && answer.total !== this.total;
    this.known = true;
    if (answer.total === 0) this.emptyAt = begun.generation;
    for (const id of this.order.splice(answer.total)) this.forgetPlace(id, answer.total);
    this.order.length = answer.total;
    answer.sentences.forEach((row, at) => {
      const index = start + at;
      const before = this.order[index];
      if (before !== row.id) {
        reordered ||= before !== undefined || this.places.has(row.id);
        const old = this.places.get(row.id);
        if (old !== undefined && this.order[old] === row.id) this.order[old] = undefined;
        if (before !== undefined) this.forgetPlace(before, index);
        this.order[index] = row.id;
        this.places.set(row.id, index);
      }
      if ((this.written.get(row.id) ?? 0) > begun.clock) this.seen.delete(row.id);
      else {
        this.rows.set(row.id, row);
        this.seen.set(row.id, begun.generation);
      }
    });
    if (reordered && begun.generation === this.generation) {
      this.generation += 1;
      for (const row of answer.sentences) if (this.seen.has(row.id)) this.seen.set(row.id, this.generation);
    }
  }

  forgetPlace(id, index) {
    if (id !== undefined && (this.places.get(id) ?? -1) >= index) this.places.delete(id);
  }

  // Where a row is whose place was lost: the server answered it by itself. null: it is no more.
  found(id, row) {
    if (row && row.position < this.total) {
      this.order[row.position] = id;
      this.places.set(id, row.position);
      this.seen.delete(id);
    } else this.rows.delete(id);
    this.changed();
  }

  // A row as the server answered it to a change made here; newer than any window that was asked for before.
  put(row) {
    this.written.set(row.id, (this.clock += 1));
    this.rows.set(row.id, row);
    if (this.places.has(row.id)) this.seen.set(row.id, this.generation);
    this.changed();
  }

  move(id, to) {
    const from = this.indexOf(id);
    if (from < 0 || from === to) return;
    this.order.splice(from, 1);
    this.order.splice(to, 0, id);
    this.reshape();
  }

  insert(row, index) {
    this.order.splice(index, 0, row.id);
    this.reshape();
    this.put(row);
  }

  remove(id) {
    const index = this.indexOf(id);
    if (index < 0) return;
    this.order.splice(index, 1);
    this.rows.delete(id);
    this.reshape();
  }

  // The order was changed here: answers that were asked for before it are of the old order.
  reshape() {
    this.shape += 1;
    this.known = true;
    this.places.clear();
    this.order.forEach((id, index) => id !== undefined && this.places.set(id, index));
    this.changed();
  }
}
