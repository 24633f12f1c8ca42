// What is known of the whole project: its jobs, counts, storyboards and problems (GET /api/project).
//
//   await load();  project.current     null until the first answer
//   onProject((current) => …)          called at every change, and at once where it is known already; gives off()

import {get} from "./api.js";
import {paced} from "./dom.js";
import {live} from "./live.js";
import {fail} from "./notices.js";

const listeners = new Set();

export const project = {current: null, version: undefined};

export function onProject(listener) {
  listeners.add(listener);
  if (project.current) listener(project.current);
  return () => listeners.delete(listener);
}

export async function load() {
  take(await get("/api/project"));
  return project.current;
}

const again = paced(() => load().catch((error) => error.status && fail(error)), 1000);

export function follow() {
  live.on("up", ({again: lost}) => lost && again());
  live.on("changed", (message) => {
    if (!message.tasks) again();
    else if (project.current && message.counts)
      take({...project.current, states: message.counts, version: message.version});
  });
}

function take(found) {
  project.current = found;
  for (const listener of [...listeners]) listener(found);
}
