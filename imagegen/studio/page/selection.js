// The tasks that are selected, kept while the page is open.

const listeners = new Set();

export const selected = new Set();

export function onSelection(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function select(tasks, on = true) {
  for (const task of tasks) {
    if (on) selected.add(task);
    else selected.delete(task);
  }
  changed();
}

export function toggle(task) {
  select([task], !selected.has(task));
}

export function clear() {
  selected.clear();
  changed();
}

function changed() {
  for (const listener of [...listeners]) listener();
}
