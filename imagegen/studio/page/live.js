// What happens in the project, as it happens.
//
//   const off = live.on("progress", (message) => …);     // any type of message of the contract; off() ends it
//   live.on("up", ({again}) => …)    connected; again: after a loss, so fetch what is visible again
//   live.on("down", ({attempt}) => …)
//   live.of(task)                    the latest progress message of a task that is queued or generating, or undefined
//   live.tasks()                     all such tasks
//   live.own(task), live.ownTasks()  those that the studio makes, and so can cancel; others a command line does
//   live.on("busy", (tasks) => …)    the tasks whose progress message came, changed or went; null for all
//
// The connection comes back by itself, with pauses that grow to five seconds.

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;
const OVER = new Set(["job_complete", "job_failed", "job_cancelled"]);

class Live {
  #address = "/api/live";
  #listeners = new Map();
  #active = new Map(); // task -> the latest message of each of its jobs, by job
  #socket = null;
  #timer = 0;
  #attempt = 0;
  #been = false;
  connected = false;

  start() {
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => document.hidden || this.#now());
    addEventListener("pageshow", (event) => event.persisted && this.#now());
    this.#connect();
  }

  on(type, listener) {
    if (!this.#listeners.has(type)) this.#listeners.set(type, new Set());
    this.#listeners.get(type).add(listener);
    return () => this.#listeners.get(type).delete(listener);
  }

  of(task) {
    const messages = [...(this.#active.get(task)?.values() ?? [])];
    return messages.find(({status}) => status === "generating") ?? messages.at(-1);
  }

  tasks() {
    return [...this.#active.keys()];
  }

  own(task) {
    return [...(this.#active.get(task)?.values() ?? [])].some(({own}) => own);
  }

  ownTasks() {
    return this.tasks().filter((task) => this.own(task));
  }

  #connect() {
    clearTimeout(this.#timer);
    const address = new URL(this.#address, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.addEventListener("message", (event) => this.#take(JSON.parse(event.data)));
    socket.addEventListener("close", () => socket === this.#socket && this.#lost());
  }

  #now() {
    if (this.connected || this.#socket?.readyState === WebSocket.CONNECTING) return;
    this.#attempt = 0;
    this.#connect();
  }

  #lost() {
    this.connected = false;
    this.#attempt += 1;
    this.#tell("down", {attempt: this.#attempt});
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#attempt - 1));
    this.#timer = setTimeout(() => this.#connect(), pause * (0.8 + 0.4 * Math.random()));
  }

  #take(message) {
    if (message.type === "hello") this.#greeted(message);
    else if (message.type === "progress") this.#keep(message);
    else if (OVER.has(message.type)) this.#drop(message);
    this.#tell(message.type, message);
    if (message.type === "progress" || OVER.has(message.type)) this.#tell("busy", [message.task]);
  }

  #keep(message) {
    if (!this.#active.has(message.task)) this.#active.set(message.task, new Map());
    this.#active.get(message.task).set(message.jobId, message);
  }

  // A run of the command line may be at a task that the studio has queued as well.
  #drop({task, jobId}) {
    const jobs = this.#active.get(task);
    jobs?.delete(jobId);
    if (!jobs?.size) this.#active.delete(task);
  }

  #greeted(message) {
    this.#active.clear();
    for (const one of message.active ?? []) this.#keep(one);
    const again = this.#been;
    this.#been = this.connected = true;
    this.#attempt = 0;
    this.#tell("up", {again});
    this.#tell("busy", null);
  }

  #tell(type, message) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(message);
  }
}

export const live = new Live();
