// What was typed and is not yet on the server. It lives apart from the rows on the screen, so that scrolling, a live
// update, a lost connection or leaving the view takes no word away.
//
// A draft's state: typed (saved after a pause), saving, saved (for a moment), waiting (no connection: saved later),
// refused (the server says what is wrong), conflict (somebody else changed it: the user chooses), gone (the
// sentence was removed).

import {told} from "./storyboard-told.js";
import * as fields from "./storyboard-values.js";

const PAUSE = 1200;
const SHOWN = 2500;
const AGAIN = 4000;

export class Drafts {
  // `save(id, changes, expected)` answers the new row or throws {status, message, hint, answer}; `fetch(id)` a row.
  // `saved(row)` is told of every row that came back, `changed(draft)` of every draft whose state is another.
  constructor({save, fetch, saved, changed}) {
    Object.assign(this, {save, fetch, saved, changed});
    this.drafts = new Map();
    this.running = new Map();
    this.timers = new Map();
  }

  of(id, field) {
    return this.drafts.get(`${id} ${field}`);
  }

  all(id) {
    return [...this.drafts.values()].filter((draft) => id === undefined || draft.id === id);
  }

  unsaved(id) {
    return this.all(id).filter((draft) => draft.state !== "saved");
  }

  // The sentences with something that is not saved.
  ids() {
    return [...new Set(this.unsaved().map((draft) => draft.id))];
  }

  // `row` is the sentence as it is on the server, as far as this page knows.
  type(row, field, text) {
    const key = `${row.id} ${field}`;
    let draft = this.drafts.get(key);
    if (!draft || draft.state === "saved") {
      if (draft) draft.state = "dropped";
      draft = {id: row.id, field, row, base: fields.read(row, field), text, state: "typed", problem: ""};
      this.drafts.set(key, draft);
    }
    draft.text = text;
    if (draft.state === "conflict" || draft.state === "gone") return this.tell(draft, draft.state);
    draft.problem = fields.problem(field, text);
    if (draft.problem) return this.tell(draft, "refused");
    if (text === draft.base && draft.sent === undefined) return this.drop(draft);
    this.tell(draft, "typed");
    this.later(row.id, PAUSE);
  }

  later(id, pause) {
    clearTimeout(this.timers.get(id));
    this.timers.set(
      id,
      setTimeout(() => this.flush(id), pause),
    );
  }

  tell(draft, state) {
    draft.state = state;
    this.changed(draft);
  }

  drop(draft) {
    const key = `${draft.id} ${draft.field}`;
    if (this.drafts.get(key) === draft) this.drafts.delete(key);
    draft.state = "dropped";
    this.changed(draft);
  }

  // Saves what was typed into a sentence now. True where the server has all of it.
  async flush(id) {
    clearTimeout(this.timers.get(id));
    while (this.running.has(id)) await this.running.get(id);
    const ready = this.all(id).filter((draft) => draft.state === "typed" || draft.state === "waiting");
    if (ready.length) {
      const run = this.send(id, ready).finally(() => this.running.delete(id));
      this.running.set(id, run);
      await run;
      if (this.all(id).some((draft) => draft.state === "typed")) this.later(id, PAUSE);
    }
    return this.unsaved(id).length === 0;
  }

  async send(id, ready) {
    const changes = {};
    const expected = {};
    for (const draft of ready) {
      draft.sent = draft.text;
      changes[draft.field] = fields.write(draft.field, draft.text);
      expected[draft.field] = fields.write(draft.field, draft.base);
      this.tell(draft, "saving");
    }
    try {
      const row = await this.save(id, changes, expected);
      this.saved(row);
      for (const draft of ready) this.done(draft, row);
    } catch (error) {
      await this.undone(id, ready, error);
    } finally {
      for (const draft of ready) draft.sent = undefined;
    }
  }

  done(draft, row) {
    draft.row = row;
    draft.base = fields.read(row, draft.field);
    if (draft.text !== draft.sent && draft.text !== draft.base) return this.tell(draft, "typed");
    draft.text = draft.base;
    this.tell(draft, "saved");
    setTimeout(() => draft.state === "saved" && this.drop(draft), SHOWN);
  }

  async undone(id, ready, error) {
    if (error.status === 409) {
      const row = error.answer?.sentence ?? (await this.fetch(id).catch(() => null));
      for (const draft of ready) {
        draft.sent = undefined;
        if (row) this.rebase(draft, row, true);
        else this.tell(draft, "waiting");
      }
      if (row) this.saved(row);
      if (!row || this.all(id).some((draft) => draft.state === "waiting")) this.later(id, AGAIN);
      return;
    }
    for (const draft of ready) {
      draft.problem = told(error);
      const passing = !error.status || error.status >= 500 || error.status === 401;
      this.tell(draft, error.status === 404 ? "gone" : passing ? "waiting" : "refused");
    }
    if (ready.some((draft) => draft.state === "waiting")) this.later(id, AGAIN);
  }

  // The row has come anew from the server: does what was typed still rest on what it rested on?
  fresh(row) {
    for (const draft of this.all(row.id)) if (draft.state !== "saved") this.rebase(draft, row, false);
  }

  rebase(draft, row, refused) {
    const theirs = fields.read(row, draft.field);
    draft.row = row;
    if (theirs === draft.text && draft.sent === undefined) return this.drop(draft);
    if (theirs === draft.base || theirs === draft.sent) {
      if (refused) this.tell(draft, "waiting");
      return;
    }
    if (draft.state === "conflict" && theirs === draft.theirs) return;
    draft.theirs = theirs;
    this.tell(draft, "conflict");
  }

  // The user has chosen between the two texts.
  settle(draft, mine) {
    if (!mine) return this.drop(draft);
    draft.base = draft.theirs;
    draft.problem = fields.problem(draft.field, draft.text);
    this.tell(draft, draft.problem ? "refused" : "typed");
    return this.flush(draft.id);
  }

  // The connection is back.
  resume() {
    for (const id of this.ids()) this.flush(id);
  }
}
