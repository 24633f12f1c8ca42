// How a sentence stands, of what the row, its card and the live messages say; and what is to be done about it.

const BUSY = new Set(["queued", "generating"]);

export const taskOf = (row, board) => row.card?.task ?? (board?.job ? `${board.job}:${row.id}` : null);

// {state: a word that card.js has a shape for, busy, dirty, why, todo, theirs: a run on the command line is to make it,
// or does}. `message`: the live progress message, if any; `own`: whether the studio has a job of it.
export function condition(row, message, own = true) {
  const status = message?.status ?? (BUSY.has(row.status) ? row.status : row.card?.status);
  const verdict = row.card?.state ?? (row.is_image_dirty ? (row.image_file ? "stale" : "missing") : "fresh");
  const dirty = Boolean(row.is_image_dirty);
  if (BUSY.has(status)) return {state: status, busy: true, dirty, why: "", todo: "", theirs: Boolean(message) && !own};
  if ((row.status === "failed" || status === "failed") && verdict !== "fresh") {
    const why = row.error || row.card?.error || "The last attempt failed.";
    return {
      state: "failed",
      busy: false,
      dirty,
      why,
      todo: row.hint || row.card?.hint || "Change what is wrong, then generate again.",
    };
  }
  return {
    state: verdict,
    busy: false,
    dirty,
    why: (row.card?.reasons ?? []).filter((reason) => reason !== NO_FILE).join("; "),
    todo: PROTECTED[verdict] ?? "",
  };
}

const NO_FILE = "there is no file"; // said already by "missing" and by the empty place of the picture

const PROTECTED = {
  edited:
    "The picture was changed by hand and is not overwritten. Open it to accept it or to restore the version before.",
  foreign: "The picture was not made here and is not overwritten. Open it to accept it, or move the file away.",
  damaged: "The file is not a whole picture and is not overwritten. Move it away, or restore the version before.",
};

// A fresh picture would be left as it is, a protected one refused. `typed`: there is text that is not saved yet.
// What waits in a run on the command line need not wait for that run.
export const canGenerate = ({state, busy, dirty, theirs}, typed) =>
  (!busy || (theirs && state === "queued")) && !(state in PROTECTED) && (state !== "fresh" || dirty || typed);
