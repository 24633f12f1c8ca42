// Above the list: the project's name, how many sentences stand how, and what can be done with all of them.

import {el, hide, plural, set, write} from "./dom.js";

export class Head {
  constructor({generateAll, cancelAll, settings, characters, add}) {
    this.title = el("h1", {}, "Storyboard");
    this.summary = el("p.muted.numbers.board-summary");
    this.go = el("button.primary", {type: "button", onclick: generateAll}, "Generate");
    this.stop = el("button", {type: "button", hidden: true, onclick: cancelAll}, "Cancel all");
    this.node = el(
      "header.board-top",
      {},
      el("div.board-title", {}, this.title, this.summary),
      el(
        "div.board-buttons",
        {},
        el("button.plain", {type: "button", onclick: add}, "Add sentence"),
        el("button.plain", {type: "button", "aria-haspopup": "dialog", onclick: characters}, "Characters"),
        el("button.plain", {type: "button", "aria-haspopup": "dialog", onclick: settings}, "Settings"),
        this.stop,
        this.go,
      ),
    );
  }

  // `busy`: how many are under way, `own`: how many of them are so here.
  show({name, counts}, {busy, own}, unsaved) {
    write(this.title, name);
    const parts = [
      plural(counts.total, "sentence"),
      counts.dirty ? `${counts.dirty.toLocaleString("en")} dirty` : "all up to date",
      counts.failed ? `${counts.failed.toLocaleString("en")} failed` : "",
      busy ? `${busy.toLocaleString("en")} under way` : "",
      unsaved ? `${unsaved.toLocaleString("en")} not saved` : "",
    ];
    write(this.summary, (counts.total ? parts : [parts[0], parts[4]]).filter(Boolean).join(" · "));
    const left = Math.max(0, counts.dirty - busy);
    write(this.go, left ? `Generate ${left.toLocaleString("en")} dirty` : busy ? "All under way" : "Nothing dirty");
    set(this.go, {"aria-disabled": String(!left)});
    hide(this.stop, !own, this.go);
  }
}
