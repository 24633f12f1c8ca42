// What the user can do with sentences: each deed asks the server, shows its result at once where it can, and says what
// went wrong.

import {NOTHING_HERE} from "./building.js";
import {ask} from "./dialog.js";
import {plural} from "./dom.js";
import {live} from "./live.js";
import {announce, fail, tell} from "./notices.js";
import {openAdding} from "./storyboard-adding.js";
import {canGenerate, condition, taskOf} from "./storyboard-condition.js";
import {openPlacing} from "./storyboard-placing.js";

export class Deeds {
  // `list()` answers the LongList; `reload()` fetches the board's counts anew.
  constructor({calls, rows, drafts, list, reload}) {
    Object.assign(this, {calls, rows, drafts, list, reload});
    this.moves = Promise.resolve();
    this.choices = Promise.resolve();
  }

  number(id) {
    return (this.rows.indexOf(id) + 1).toLocaleString("en");
  }

  async generate(id) {
    if (!(await this.drafts.flush(id))) {
      fail(
        {message: "What was typed is not saved yet", hint: "The field says why."},
        `Sentence ${this.number(id)} is not generated`,
      );
      return;
    }
    const row = this.rows.get(id);
    const task = row && taskOf(row, null);
    const message = task ? live.of(task) : undefined;
    const state = row && condition(row, message, message && live.own(task));
    if (!row || !canGenerate(state)) {
      if (row) tell(this.whyNot(id, state));
      return;
    }
    this.rows.put({...row, status: "queued"});
    try {
      await this.calls.generate(id);
      announce(`Sentence ${this.number(id)} is queued.`);
    } catch (error) {
      fail(error, `Sentence ${this.number(id)} could not be generated`);
      this.rows.outdated([id]);
    }
  }

  whyNot(id, {busy, todo}) {
    if (busy) return `Sentence ${this.number(id)} is under way.`;
    return todo || `Sentence ${this.number(id)} is up to date. For another picture give it another seed.`;
  }

  async generateAll() {
    await Promise.all(this.drafts.ids().map((id) => this.drafts.flush(id)));
    try {
      const {jobs} = await this.calls.generateAll();
      tell(jobs.length ? `${plural(jobs.length, "picture")} queued.` : "Nothing is dirty.");
    } catch (error) {
      fail(error, "The pictures could not be queued");
    }
    this.reload();
  }

  async cancel(id) {
    try {
      const {cancelled} = await this.calls.cancel(id);
      if (cancelled) announce(`Sentence ${this.number(id)} is cancelled.`);
      else tell(NOTHING_HERE);
    } catch (error) {
      fail(error, `Sentence ${this.number(id)} could not be cancelled`);
    }
    this.rows.outdated([id]);
  }

  async cancelAll() {
    try {
      const {cancelled} = await this.calls.cancelAll();
      tell(cancelled ? `${plural(cancelled, "picture")} cancelled.` : NOTHING_HERE);
    } catch (error) {
      fail(error, "The pictures could not be cancelled");
    }
    this.rows.outdated(null);
    this.reload();
  }

  shift(id, step) {
    const to = this.rows.indexOf(id) + step;
    if (to < 0 || to >= this.rows.total)
      announce(step < 0 ? "It is the first sentence already." : "It is the last sentence already.");
    else this.move(id, to);
  }

  place(id) {
    openPlacing(this.rows.indexOf(id), this.rows.total, (to) => this.move(id, to));
  }

  // Shown at once; the server is told one move after the other.
  move(id, to) {
    const from = this.rows.indexOf(id);
    if (from < 0) return;
    this.list().heights.move(from, to);
    this.rows.move(id, to);
    this.list().reveal(to);
    announce(`Sentence moved from ${from + 1} to ${to + 1} of ${this.rows.total}.`);
    this.moves = this.moves.then(async () => {
      try {
        await this.calls.move(id, to);
      } catch (error) {
        fail(error, "The sentence could not be moved");
        this.rows.outdated(null);
      }
    });
  }

  add(after) {
    const last = this.rows.total - 1;
    const index = after ? this.rows.indexOf(after) : last;
    const place = this.rows.total ? (index === last ? "at the end" : `after sentence ${index + 1}`) : "";
    openAdding(place.trim(), (given) => this.put(given, after));
  }

  // Answers what is to be done once the dialog is gone: the new sentence is shown and has the focus.
  async put(given, after) {
    const row = await this.calls.add(after ? {...given, after} : given);
    const index = after ? this.rows.indexOf(after) + 1 : this.rows.total;
    if (!this.rows.get(row.id)) {
      this.list().heights.resize(this.rows.total);
      this.list().heights.insert(index);
      this.rows.insert(row, index);
    }
    this.reload();
    return () => {
      this.list().reveal(this.rows.indexOf(row.id));
      this.list().viewOf(row.id)?.fields[1].input.focus({preventScroll: true});
      announce(`Sentence ${this.number(row.id)} added.`);
    };
  }

  async remove(id) {
    const row = this.rows.get(id);
    const number = this.number(id);
    const body = `“${row.text || row.image_prompt}” Its picture stays on the disk.`;
    if (!(await ask({title: `Delete sentence ${number}?`, body, confirm: "Delete", danger: true}))) return;
    try {
      await this.calls.remove(id);
    } catch (error) {
      if (error.status !== 404) {
        fail(error, `Sentence ${number} could not be deleted`);
        return;
      }
    }
    for (const draft of this.drafts.all(id)) this.drafts.drop(draft);
    const index = this.rows.indexOf(id);
    if (index >= 0) {
      this.list().heights.remove(index);
      this.rows.remove(id);
    }
    this.list().render();
    this.focusNear(index);
    announce(`Sentence ${number} deleted.`);
    this.reload();
  }

  focusNear(index) {
    const near = this.rows.at(Math.min(Math.max(index, 0), this.rows.total - 1));
    if (near) this.list().viewOf(near.id)?.grip.focus({preventScroll: true});
  }

  // Shown at once; the server is told one choice after the other, each resting on the one before.
  choose(id, characters) {
    const before = this.rows.get(id);
    this.rows.put({...before, characters});
    this.choices = this.choices.then(async () => {
      try {
        await this.calls.change(id, {characters}, {characters: before.characters});
      } catch (error) {
        fail(error, "The characters could not be changed");
      }
      this.rows.outdated([id]);
    });
  }
}
