// Keys of the page, and the list of them under `?`.
//
//   const off = keys({"/": ["Search", () => search.focus()], ArrowLeft: ["Previous image", back]});
//   off();
//
// A key works where no field has the focus and no dialog is open. A handler that returns false leaves the
// event alone. An entry without a handler only stands in the list: {"Enter": ["Open"]}.

import {el} from "./dom.js";
import {show} from "./dialog.js";

const SHOWN = {ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc"};
const sets = [];
let open = null;

export function keys(set) {
  sets.push(set);
  return () => sets.includes(set) && sets.splice(sets.indexOf(set), 1);
}

export function begin() {
  keys({"?": ["Show the keys", showKeys]});
  document.addEventListener("keydown", pressed);
}

function pressed(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (document.querySelector("dialog[open]") || typing(event.target)) return;
  for (const set of [...sets].reverse()) {
    const handler = set[event.key]?.[1];
    if (handler && handler(event) !== false) {
      event.preventDefault();
      return;
    }
  }
}

// Whether a key belongs to the field that has the focus.
function typing(target) {
  return target.isContentEditable || target.matches?.("input:not([type=checkbox]), textarea, select");
}

export function showKeys() {
  if (open) return;
  const rows = sets
    .flatMap((set) => Object.entries(set))
    .map(([key, [does]]) =>
      el(
        "tr",
        {},
        el(
          "th",
          {scope: "row"},
          named(key).map((one) => el("kbd", {}, one)),
        ),
        el("td", {}, does),
      ),
    );
  open = show({title: "Keys", content: el("table.keys", {}, el("tbody", {}, rows))});
  open.closed.then(() => (open = null));
}

const named = (key) => (key === " " ? ["Space"] : key.split(" ").map((one) => SHOWN[one] ?? one));
