// Labelled fields for the storyboard's dialogs.

import {el} from "./dom.js";
import {told} from "./storyboard-told.js";

let number = 0;

// {node, input}: `kind` is "text", "number" or "area"; `hint` stands below.
export function labelled(label, {kind = "text", value = "", hint = "", ...attributes} = {}) {
  const id = `form-${(number += 1)}`;
  const common = {
    id,
    value: value ?? "",
    autocomplete: "off",
    "aria-describedby": hint ? `${id}-hint` : null,
    ...attributes,
  };
  const input = kind === "area" ? el("textarea", {rows: "2", ...common}) : el("input", {type: kind, ...common});
  const below = hint ? el("p.muted.small", {id: `${id}-hint`}, hint) : null;
  return {node: el("div.form-field", {}, el("label", {for: id}, label), input, below), input};
}

// Where a dialog says what went wrong.
export function problem() {
  const node = el("p.form-problem", {role: "alert"});
  return {
    node,
    show: (error) => (node.textContent = told(error)),
    clear: () => (node.textContent = ""),
  };
}
