// Live messages, brought to the rows they are about.

import {live} from "./live.js";
import {announce} from "./notices.js";
import {isShown} from "./outcomes.js";
import {told} from "./storyboard-told.js";

// Answers what ends it: functions to call.
export function follow(view) {
  const {rows, drafts} = view;
  const sentenceOf = (task) =>
    view.board?.job && task.startsWith(`${view.board.job}:`) ? task.slice(view.board.job.length + 1) : null;
  const redraw = (id) => {
    const shown = view.list.viewOf(id);
    const row = rows.get(id);
    if (shown && row) shown.show(row, shown.index, rows.total);
  };

  function over(message, words) {
    const id = message.sentenceId ?? sentenceOf(message.task);
    const row = id && rows.get(id);
    if (!row) return;
    const failed = message.type === "job_failed";
    const status = failed ? "failed" : message.type === "job_complete" ? "completed" : "idle";
    const told = failed ? {error: message.error ?? "", hint: message.hint ?? ""} : {};
    rows.put({...row, ...told, status, card: row.card && {...row.card, status: null}});
    rows.outdated([id]);
    view.reload();
    const shown = view.list.viewOf(id);
    if (!shown) return;
    const {top, bottom} = shown.node.getBoundingClientRect();
    if (failed && bottom > 0 && top < innerHeight) isShown(message);
    announce(`Sentence ${rows.indexOf(id) + 1}: ${words(message)}`);
  }

  return [
    live.on("busy", (tasks) => {
      if (tasks === null) view.list.redraw();
      else for (const task of tasks) redraw(sentenceOf(task));
      view.redraw();
    }),
    live.on("job_complete", (message) => over(message, () => "the picture is ready.")),
    live.on("job_failed", (message) =>
      over(message, ({error, hint}) => `failed. ${told({message: error ?? "", hint})}`),
    ),
    live.on("job_cancelled", (message) => over(message, () => "cancelled.")),
    live.on("storyboard", (message) => {
      if (message.projectId !== view.project) return;
      rows.outdated(message.sentences ?? null);
      view.reload();
    }),
    live.on("changed", (message) => {
      if (message.tasks === null) rows.outdated(null);
      else {
        const known = message.tasks.map(sentenceOf).filter((id) => id && rows.indexOf(id) >= 0);
        if (known.length) rows.outdated(known);
      }
      view.reload();
    }),
    live.on("up", ({again}) => {
      if (!again) return;
      rows.outdated(null);
      rows.retry();
      drafts.resume();
      view.reload();
    }),
  ];
}
