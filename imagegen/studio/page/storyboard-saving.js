// What a field says about its draft: the line "Saved", and the choice where two people wrote the same text.

import {el, fill, write} from "./dom.js";
import {announce} from "./notices.js";

const WORDS = {typed: "Not saved yet", saving: "Saving…", saved: "Saved"};

const TROUBLE = new Set(["waiting", "refused", "conflict", "gone"]);

const words = (draft) => {
  if (draft.state === "waiting") return `Not saved yet. ${draft.problem} It is tried again.`.replace("  ", " ");
  if (draft.state === "refused") return `Not saved. ${draft.problem}`;
  if (draft.state === "conflict") return "Not saved: somebody else has changed this meanwhile.";
  if (draft.state === "gone") return "Not saved: this sentence was removed.";
  return WORDS[draft.state] ?? "";
};

export class Saving {
  constructor(field, settle) {
    this.field = field;
    this.settle = settle;
    this.line = el("p.board-saved.small");
    this.choice = el("div.board-conflict", {hidden: true, role: "group", "aria-label": "Two versions"});
  }

  show(draft) {
    write(this.line, draft ? words(draft) : "");
    this.line.dataset.state = draft?.state ?? "";
    const disputed = draft?.state === "conflict";
    if (disputed && this.theirs !== draft.theirs) this.offer(draft);
    if (!disputed && this.choice.contains(document.activeElement)) this.settle(null);
    this.choice.hidden = !disputed;
    this.theirs = disputed ? draft.theirs : undefined;
    this.announce(draft);
  }

  // What needs the user's attention is said once, however often it is tried again.
  announce(draft) {
    const said = TROUBLE.has(draft?.state) ? words(draft) : "";
    if (said && said !== this.said) announce(said);
    if (said || !draft || draft.state === "saved") this.said = said;
  }

  offer(draft) {
    fill(
      this.choice,
      el("p.small.muted", {}, "Theirs, on the server now (yours is above):"),
      el("blockquote", {}, draft.theirs || "(empty)"),
      el(
        "div.board-buttons",
        {},
        el("button", {type: "button", onclick: () => this.settle(true)}, "Keep mine"),
        el("button", {type: "button", onclick: () => this.settle(false)}, "Take theirs"),
      ),
    );
  }
}
