// The fields of a sentence that are edited in place: as text on the page, as JSON on the wire.

const LARGEST_SEED = 2n ** 64n - 1n;

export const LABELS = {text: "Text", image_prompt: "Image prompt", seed: "Seed"};

export function read(row, field) {
  const value = row[field];
  return value === null || value === undefined ? "" : String(value);
}

// A seed beyond what a JSON number holds exactly travels as a string of digits.
export function write(field, text) {
  if (field !== "seed") return text;
  const digits = text.trim();
  if (digits === "") return null;
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;
}

// What is wrong with a text, in words; empty where nothing is.
export function problem(field, text) {
  if (field !== "seed") return "";
  const digits = text.trim();
  if (digits === "" || (/^\d{1,20}$/.test(digits) && BigInt(digits) <= LARGEST_SEED)) return "";
  return `A seed is a whole number from 0 to ${LARGEST_SEED}, or empty: then it is derived.`;
}
