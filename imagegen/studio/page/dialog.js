// Questions that need an answer, and what is shown over the page. Esc closes; the focus goes back to where it was.
//
//   if (await ask({title: "Restore version 2?", body: "The present picture is kept.", confirm: "Restore"})) …
//   const shown = show({title: "Keys", content: node});  shown.close();  await shown.closed;

import {el} from "./dom.js";

let number = 0;

export function show({title, content, buttons = [], wide = false}) {
  const back = document.activeElement;
  const heading = el("h2", {id: `dialog-${(number += 1)}`}, title);
  const closing = el("button.plain", {type: "button", onclick: () => dialog.close()}, "Close");
  const dialog = el(
    "dialog",
    {"aria-labelledby": heading.id, class: wide ? "wide" : ""},
    el("div.dialog-head", {}, heading, buttons.length ? null : closing),
    el("div.dialog-body", {}, content),
    buttons.length ? el("div.dialog-foot", {}, buttons) : null,
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (back?.isConnected) back.focus();
      resolve(dialog.returnValue);
    });
  });
  document.body.append(dialog);
  dialog.showModal();
  return {dialog, closed, close: (answer = "") => dialog.close(answer)};
}

export async function ask({title, body = "", confirm, cancel = "Cancel", danger = false}) {
  const yes = el(
    `button.${danger ? "danger" : "primary"}`,
    {type: "button", onclick: () => shown.close("yes")},
    confirm,
  );
  const no = el("button", {type: "button", onclick: () => shown.close()}, cancel);
  const shown = show({title, content: typeof body === "string" ? el("p", {}, body) : body, buttons: [no, yes]});
  yes.focus();
  return (await shown.closed) === "yes";
}
