// What came of the images that were under way, wherever they were started: said together, not one by one.

import {get, path} from "./api.js";
import {plural} from "./dom.js";
import {live} from "./live.js";
import {announce, fail} from "./notices.js";

const TOGETHER = 1500; // milliseconds

let made = 0;
let failed = [];
const shown = new Set(); // failures that a view shows by itself
let timer = 0;

export function begin() {
  live.on("job_complete", () => {
    made += 1;
    soon();
  });
  live.on("job_failed", (message) => {
    failed.push(message);
    soon();
  });
}

// A view shows and announces this failure where the user looks: no notice needs to lie over it.
export function isShown(message) {
  shown.add(message.jobId);
}

function soon() {
  timer ||= setTimeout(say, TOGETHER);
}

async function say() {
  timer = 0;
  if (made) announce(`${plural(made, "image")} made`);
  const elsewhere = failed.filter(({jobId}) => !shown.has(jobId));
  made = 0;
  failed = [];
  shown.clear();
  const last = elsewhere.at(-1);
  if (!last) return;
  const what = `${await named(last.task)}: ${last.error}`;
  fail({
    message: elsewhere.length > 1 ? `${plural(elsewhere.length, "image")} failed, the last of them ${what}` : what,
    hint: last.hint,
  });
}

// A sentence's task is nothing that anybody would recognize.
async function named(task) {
  try {
    const {job, name} = await get(path`/api/items/${task}`);
    return `${job} ${name}`;
  } catch {
    return task;
  }
}
