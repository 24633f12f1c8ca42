// What the page has to say. Everything is announced to screen readers.
//
//   tell("Kept.")                        a line that goes by itself
//   fail(error, "Could not be kept")     stays until it is closed; takes an ApiError or any error
//   announce("12 images")                for screen readers alone

import {el, fill} from "./dom.js";

const STAYS = 5000;
const AT_MOST = 4;
let box = null;
let polite = null;
let urgent = null;

// Called once by app.js.
export function begin() {
  box = el("section.notices", {"aria-label": "Notices"});
  polite = el("div.unseen", {role: "status", "aria-live": "polite"});
  urgent = el("div.unseen", {role: "alert"});
  document.body.append(box, polite, urgent);
}

export function announce(text) {
  say(polite, text);
}

export function tell(text) {
  const note = line("note", text, "");
  announce(text);
  let timer = setTimeout(() => note.remove(), STAYS);
  note.addEventListener("pointerenter", () => clearTimeout(timer));
  note.addEventListener("pointerleave", () => (timer = setTimeout(() => note.remove(), STAYS)));
}

export function fail(error, what = "") {
  const message = [what, error?.message ?? String(error)].filter(Boolean).join(": ");
  const hint = error?.hint ?? "";
  if ([...box.querySelectorAll(".notice-text")].some((one) => one.textContent === message)) return;
  line("failure", message, hint);
  say(urgent, [message, hint].filter(Boolean).join(" "));
}

function line(kind, text, hint) {
  const note = el(
    `div.notice.${kind}`,
    {},
    el("div", {}, el("p.notice-text", {}, text), hint && el("p.notice-hint", {}, hint)),
    el("button.plain", {type: "button", "aria-label": "Close this notice", onclick: () => note.remove()}, "Close"),
  );
  box.append(note);
  while (box.children.length > AT_MOST) box.firstElementChild.remove();
  return note;
}

// The same text again is a change only where the region was empty in between.
function say(region, text) {
  fill(region);
  setTimeout(() => fill(region, text), 50);
}
