// The actions of the sheet: make all that is not fresh, call off, and what is selected.

import {cancel, cancelAll, make, makeAll} from "./building.js";
import {el, hide, plural, set, write} from "./dom.js";
import {ask} from "./dialog.js";
import {live} from "./live.js";
import {clear, selected} from "./selection.js";

const MANY = 50;
const ALL = "Make all that is not fresh";
const LEFT_ALONE = "Pictures that are edited, foreign or damaged are left alone.";

export function makeActions(job) {
  const all = el("button.primary", {type: "button", onclick: allPressed}, ALL);
  const stop = el("button", {type: "button", onclick: stopPressed}, "Cancel all");
  let waiting = 0;

  async function allPressed() {
    const where = job() ? ` of ${job()}` : "";
    const body = `${plural(waiting, "image")}${where} will be made. ${LEFT_ALONE}`;
    if (waiting > MANY && !(await ask({title: `Make ${plural(waiting, "image")}?`, body, confirm: "Make them"})))
      return;
    await makeAll(job());
  }

  async function stopPressed() {
    const title = `Cancel ${plural(live.ownTasks().length, "image")}?`;
    if (
      await ask({
        title,
        body: "What is queued or being made is called off. Pictures that are done stay.",
        confirm: "Cancel them",
        cancel: "Go on",
      })
    )
      await cancelAll();
  }

  return {
    node: el("div.actions", {}, stop, all),
    show(counts) {
      const unmade = (counts?.missing ?? 0) + (counts?.stale ?? 0);
      const busy = live.tasks();
      const here = busy.filter((task) => !job() || task.startsWith(`${job()}:`));
      waiting = Math.max(0, unmade - here.length);
      set(all, {"aria-disabled": String(Boolean(counts) && unmade === 0)});
      write(all, `${ALL}${waiting ? ` (${waiting.toLocaleString("en")})` : ""}`);
      const own = live.ownTasks().length;
      hide(stop, own === 0, all);
      write(stop, `Cancel all (${own.toLocaleString("en")})`);
    },
  };
}

export function makeSelectionBar(back) {
  const count = el("p.numbers", {role: "status"});
  const go = el(
    "button.primary",
    {type: "button", onclick: async () => (await make([...selected])) && (clear(), back())},
    "Make",
  );
  const stop = el("button", {type: "button", onclick: () => cancel([...selected])}, "Cancel these");
  const none = el("button.plain", {type: "button", onclick: () => (clear(), back())}, "Clear");
  const node = el("section.selection", {"aria-label": "Selected images", hidden: true}, count, go, stop, none);
  return {
    node,
    show() {
      node.hidden = selected.size === 0;
      write(count, selected.size ? `${selected.size.toLocaleString("en")} selected` : "");
      hide(stop, ![...selected].some((task) => live.own(task)), none);
    },
  };
}
