// What of the sheet is shown: job, verdicts, text, and how large. The filter stands in the address.
//
//   const filters = makeFilters(filterOf(query), {changed: (filter) => …, resized: (size) => …});
//   filters.node;  filters.search;  filters.count(counts);  filters.jobs(project.jobs)

import {STATES, mark} from "./card.js";
import {el, fill, set, settled, write} from "./dom.js";
import {to} from "./router.js";

const SIZE_KEY = "imagegen-size";

export function filterOf(query) {
  return {job: query.get("job") ?? "", states: query.getAll("state"), q: query.get("q") ?? ""};
}

export function addressOf({job, states, q}) {
  const query = new URLSearchParams();
  if (job) query.append("job", job);
  for (const state of states) query.append("state", state);
  if (q) query.append("q", q);
  return to("", query);
}

export const isFiltered = ({job, states, q}) => Boolean(job || states.length || q);

export function keptSize() {
  try {
    return localStorage.getItem(SIZE_KEY) ?? "medium";
  } catch {
    return "medium";
  }
}

export function makeFilters(filter, {changed, resized}) {
  const search = el("input", {
    type: "search",
    value: filter.q,
    placeholder: "Search name and prompt",
    "aria-label": "Search name and prompt",
    "aria-keyshortcuts": "/",
  });
  const job = el("select", {"aria-label": "Job"});
  const size = el(
    "select",
    {"aria-label": "Size of the pictures"},
    ["small", "medium", "large"].map((one) => el("option", {value: one}, `${one[0].toUpperCase()}${one.slice(1)}`)),
  );
  const chips = new Map([...STATES, "busy"].map((state) => [state, chip(state)]));
  const states = el(
    "div.chips",
    {role: "group", "aria-label": "Verdict"},
    [...chips.values()].map(({node}) => node),
  );

  function chip(state) {
    const count = el("span.chip-count.numbers");
    const shape = mark(state === "busy" ? "generating" : state);
    if (state === "busy") write(shape.lastElementChild, "under way");
    const node = el(
      "button.chip",
      {type: "button", "aria-pressed": String(filter.states.includes(state)), onclick: () => press(state)},
      shape,
      " ",
      count,
    );
    return {node, count};
  }

  function press(state) {
    const on = !filter.states.includes(state);
    filter = {...filter, states: on ? [...filter.states, state] : filter.states.filter((one) => one !== state)};
    set(chips.get(state).node, {"aria-pressed": String(on)});
    changed(filter);
  }

  const typed = settled(() => {
    if (search.value.trim() !== filter.q) changed((filter = {...filter, q: search.value.trim()}));
  }, 200);
  search.addEventListener("input", typed);
  job.addEventListener("change", () => changed((filter = {...filter, job: job.value})));
  size.value = keptSize();
  size.addEventListener("change", () => {
    keep(size.value);
    resized(size.value);
  });

  return {
    node: el("div.filters", {role: "search", "aria-label": "Filter the images"}, search, job, size, states),
    search,
    leave: () => typed.cancel(),
    clear() {
      filter = {job: "", states: [], q: ""};
      search.value = job.value = "";
      for (const {node} of chips.values()) set(node, {"aria-pressed": "false"});
      changed(filter);
    },
    count(counts) {
      for (const [state, {node, count}] of chips) {
        const number = counts?.[state] ?? 0;
        write(count, counts ? number.toLocaleString("en") : "");
        node.classList.toggle("none", number === 0);
      }
    },
    jobs(found) {
      const total = found.reduce((sum, one) => sum + one.count, 0);
      const options = [
        {name: "", text: `All jobs (${total.toLocaleString("en")})`},
        ...found.map(({name, count}) => ({name, text: `${name} (${count.toLocaleString("en")})`})),
      ];
      if (filter.job && !found.some(({name}) => name === filter.job))
        options.push({name: filter.job, text: `${filter.job} (0)`});
      fill(
        job,
        options.map(({name, text}) => el("option", {value: name}, text)),
      );
      job.value = filter.job;
      job.hidden = found.length < 2 && !filter.job;
    },
  };
}

function keep(size) {
  try {
    localStorage.setItem(SIZE_KEY, size);
  } catch {
    // storage is switched off: the size holds until the page is left
  }
}
