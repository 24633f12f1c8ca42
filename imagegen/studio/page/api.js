// The studio's HTTP interface.
//
//   const found = await get("/api/items", {query: {job, state: ["stale"]}, signal});
//   await send("POST", "/api/builds", {tasks});
//   path`/api/items/${task}/candidate`        a path with its parts encoded
//
// Whatever goes wrong is an ApiError with status (0: no answer), message and hint; what was aborted through the
// signal stays an AbortError (aborted(error) tells). Whole numbers beyond 2**53 (seeds) arrive as text.

export class ApiError extends Error {
  constructor(status, message, hint = "", answer = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.hint = hint;
    this.answer = answer; // all that the server said
  }
}

export const aborted = (error) => error?.name === "AbortError";

export function path(parts, ...values) {
  return parts.reduce((whole, part, number) => whole + encodeURIComponent(values[number - 1]) + part);
}

export function get(address, {query, signal} = {}) {
  return ask("GET", address + written(query), undefined, signal);
}

export function send(method, address, body, {signal} = {}) {
  return ask(method, address, body, signal);
}

function written(query) {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") pairs.append(key, one);
  }
  const text = pairs.toString();
  return text && `?${text}`;
}

async function ask(method, address, body, signal) {
  let answer;
  let text;
  try {
    answer = await fetch(address, {
      method,
      signal,
      headers: body === undefined ? {} : {"Content-Type": "application/json"},
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await answer.text();
  } catch (error) {
    if (aborted(error)) throw error;
    throw new ApiError(0, "The studio does not answer.", "Is it still running? Start it with `imagegen studio`.");
  }
  const found = parsed(text);
  if (answer.ok) return found;
  if (answer.status === 401) {
    throw new ApiError(401, "This page is not signed in.", "Open the link again that `imagegen studio` printed.");
  }
  throw new ApiError(answer.status, found?.error || `The studio answered ${answer.status}.`, found?.hint || "", found);
}

function parsed(text) {
  try {
    return text ? JSON.parse(text, exact) : null;
  } catch {
    return null; // no JSON: some other program's page; the status says the rest
  }
}

// A seed of 64 bits keeps its digits: as text, where the browser tells the source.
function exact(_key, value, context) {
  if (typeof value !== "number" || !Number.isInteger(value) || Number.isSafeInteger(value)) return value;
  return /^\d+$/.test(context?.source ?? "") ? context.source : value;
}
