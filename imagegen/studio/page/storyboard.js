// The storyboard: the script's sentences in their order, each with its picture.

import {el, paced, settled} from "./dom.js";
import {keys} from "./keys.js";
import {live} from "./live.js";
import {fail, tell} from "./notices.js";
import {title, to} from "./router.js";
import {cameFrom} from "./sheet-stand.js";
import {calls as callsOf} from "./storyboard-calls.js";
import {Cast} from "./storyboard-cast.js";
import {openCharacters} from "./storyboard-characters.js";
import {Deeds} from "./storyboard-deeds.js";
import {Drag} from "./storyboard-drag.js";
import {Drafts} from "./storyboard-drafts.js";
import {Head} from "./storyboard-head.js";
import {LongList} from "./storyboard-list.js";
import {follow} from "./storyboard-live.js";
import {Lost} from "./storyboard-lost.js";
import {Row} from "./storyboard-row.js";
import {Rows} from "./storyboard-rows.js";
import {openSettings} from "./storyboard-settings.js";
import {told} from "./storyboard-told.js";

const KEYS = {
  "Ctrl Enter": ["In a text: save and generate"],
  Escape: ["In a text: as it was before"],
  "Alt ArrowUp ArrowDown": ["On a sentence: move it"],
};

// What was typed outlives the view, and so does the place in the script.
const typed = new Map();
const places = new Map();
addEventListener("beforeunload", (event) => {
  const open = [...typed.values()].flatMap((drafts) => drafts.unsaved());
  if (open.length) event.preventDefault();
});

function draftsOf(project, calls) {
  if (!typed.has(project))
    typed.set(project, new Drafts({save: calls.change, fetch: calls.sentence, saved: () => {}, changed: () => {}}));
  return typed.get(project);
}

export async function show(main, project) {
  const calls = callsOf(project);
  const view = new View(project, calls, draftsOf(project, calls));
  main.append(view.node);
  await view.begin();
  return view;
}

class View {
  constructor(project, calls, drafts) {
    Object.assign(this, {project, calls, drafts, board: null, offs: []});
    this.rows = new Rows(
      calls.sentences,
      () => this.arrived(),
      (error) => this.missed(error),
    );
    this.deeds = new Deeds({calls, rows: this.rows, drafts, list: () => this.list, reload: () => this.reload()});
    this.head = new Head({
      generateAll: () => this.deeds.generateAll(),
      cancelAll: () => this.deeds.cancelAll(),
      settings: () => this.settings(),
      characters: () => this.characters(),
      add: () => this.deeds.add(null),
    });
    this.lost = new Lost(drafts, (given) =>
      this.deeds.put(given, null).then(
        () => true,
        (error) => fail(error),
      ),
    );
    this.trouble = el("p.board-trouble", {role: "status"});
    this.ol = el("ol.board-list", {role: "list", "aria-label": "Sentences"});
    this.empty = el(
      "div.empty",
      {hidden: true},
      el("h2", {}, "No sentences yet"),
      el("p", {}, "Write the first one here, or bring a whole script in:"),
      el("pre", {}, "imagegen storyboard import script.md"),
    );
    const help = el(
      "p.unseen#board-grip-help",
      {},
      "Drag, or press the up and down arrow keys, to move the sentence; Enter asks for a place by its number.",
    );
    this.node = el(
      "div.board",
      {hidden: true},
      this.head.node,
      this.lost.node,
      this.trouble,
      help,
      this.ol,
      this.empty,
    );
    this.cast = new Cast((id, characters) => this.deeds.choose(id, characters));
    this.reload = paced(() => this.load().catch((error) => error.status && fail(error)), 700);
    this.redraw = paced(() => this.drawHead(), 200);
  }

  async begin() {
    try {
      await this.load();
    } catch (error) {
      if (error.status === 404) return this.absent(error);
      fail(error, "The storyboard could not be opened");
    }
    this.node.hidden = false;
    const sticky = matchMedia("(min-width: 641px)");
    const frame = document.querySelector(".frame");
    this.list = new LongList(this.ol, this.rows, {
      make: (row) => new Row(row.id, {drafts: this.drafts, board: () => this.board, deeds: this.forRows()}),
      covered: () => (sticky.matches ? this.head.node.offsetHeight : 0) + (frame?.offsetHeight ?? 0),
      missed: settled((id) => this.seek(id), 200),
    });
    this.drag = new Drag(this.list, (id, to) => this.deeds.move(id, to));
    Object.assign(this.drafts, {saved: (row) => this.rows.put(row), changed: (draft) => this.changed(draft)});
    this.offs = [...follow(this), keys(KEYS)];
    this.lost.show();
    this.back = places.get(this.project);
    if (this.back) this.rows.need(this.back.index, this.back.index + 1);
    else this.list.render();
  }

  forRows() {
    const {deeds} = this;
    return {
      generate: (id) => deeds.generate(id),
      cancel: (id) => deeds.cancel(id),
      shift: (id, step) => deeds.shift(id, step),
      add: (id) => deeds.add(id),
      remove: (id) => deeds.remove(id),
      place: (id) => deeds.place(id),
      grab: (id, event) => this.drag.grab(this.rows.get(id), event),
      cast: (id, button) =>
        this.cast.open(this.rows.get(id), button, this.board?.characters ?? [], () => this.characters()),
    };
  }

  absent(error) {
    this.node.hidden = false;
    this.node.replaceChildren(
      el("div.empty", {}, el("h1", {}, "There is no such storyboard"), el("p", {}, told(error))),
    );
  }

  async load() {
    const board = await this.calls.board();
    if (this.left) return;
    this.board = board;
    title(this.board.name);
    this.drawHead();
    this.people?.refresh();
    this.list?.redraw();
  }

  drawHead() {
    if (!this.board) return;
    const mine = `${this.board.job}:`;
    const count = (tasks) => tasks.filter((task) => task.startsWith(mine)).length;
    const before = live.connected ? 0 : (this.board.counts.busy ?? 0);
    this.head.show(
      this.board,
      {busy: Math.max(count(live.tasks()), before), own: Math.max(count(live.ownTasks()), before)},
      this.drafts.unsaved().length,
    );
  }

  // New rows came, or the order is another.
  arrived() {
    this.trouble.textContent = "";
    this.empty.hidden = !(this.rows.known && this.rows.total === 0);
    this.comeBack();
    for (const id of this.drafts.ids()) {
      const row = this.rows.get(id);
      if (row) this.drafts.fresh(row);
    }
  }

  comeBack() {
    if (this.back && this.rows.known) this.list.returnTo(this.back);
    else if (!this.back) this.list?.soon();
    if (this.rows.known) this.back = null;
  }

  missed(error) {
    this.trouble.textContent = `${error.message} What is shown may be old; trying again.`;
  }

  // A row under the writer's hands is not where it was: where is it now, or was it removed?
  async seek(id) {
    try {
      this.rows.found(id, await this.calls.sentence(id));
    } catch (error) {
      if (error.status !== 404) return;
      this.rows.found(id, null);
      if (!this.drafts.all(id).length) tell("The sentence you were at was removed.");
      this.drafts.flush(id);
    }
  }

  changed(draft) {
    const view = this.list?.viewOf(draft.id);
    const row = this.rows.get(draft.id);
    if (view && row && view.index !== undefined) view.show(row, view.index, this.rows.total);
    this.lost.show();
    this.redraw();
  }

  settings() {
    if (!this.board) return;
    openSettings(this.board, async (changes) => {
      this.board = await this.calls.changeBoard(changes);
      this.rows.outdated(null);
      this.reload();
    });
  }

  characters() {
    if (!this.board) return;
    this.people = openCharacters(
      () => this.board,
      this.calls,
      () => this.load(),
    );
  }

  leave() {
    this.left = true;
    if (this.list) places.set(this.project, this.list.whereabouts());
    if (this.board) cameFrom(to("storyboard", this.project), this.board.name);
    for (const off of this.offs) off();
    for (const id of this.drafts.ids()) this.drafts.flush(id);
    Object.assign(this.drafts, {saved: () => {}, changed: () => {}});
    this.rows.close();
    this.node.remove();
    this.list?.close();
    this.cast.leave();
    this.reload.cancel();
    this.redraw.cancel();
  }
}
