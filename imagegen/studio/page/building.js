// Making pictures and calling them off. Each says what came of it; false where it was refused.
//
//   await make(tasks);  await makeAll(job);  await cancel(tasks);  await cancelAll();

import {send} from "./api.js";
import {plural} from "./dom.js";
import {live} from "./live.js";
import {fail, tell} from "./notices.js";

export const NOTHING_HERE = "Nothing was under way here. A run on the command line is ended where it was started.";

export const make = (tasks) => queue({tasks});

export const makeAll = (job) => queue(job ? {job, all: true} : {all: true});

export const cancel = (tasks) => callOff({tasks});

export const cancelAll = () => callOff({all: true});

export const busy = (task) => live.of(task) !== undefined;

async function queue(wish) {
  try {
    const {jobs} = await send("POST", "/api/builds", wish);
    tell(jobs.length ? `${plural(jobs.length, "image")} queued` : "Nothing to make: all is fresh or under way");
    return true;
  } catch (error) {
    fail(error);
    return false;
  }
}

async function callOff(wish) {
  try {
    const {cancelled} = await send("POST", "/api/builds/cancel", wish);
    tell(cancelled ? `${plural(cancelled, "image")} called off` : NOTHING_HERE);
    return true;
  } catch (error) {
    fail(error);
    return false;
  }
}
