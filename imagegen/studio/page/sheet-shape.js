// The measures of the contact sheet, in pixels.

export const GAP = 12;
const WIDTHS = {small: 140, medium: 220, large: 380}; // of a cell, about
const RATIOS = [0.8, 16 / 9]; // of a cell's place for its picture: the narrowest, the widest

// {columns, rowHeight}; ``ratio`` is a usual picture's or null, ``text`` the height of what stands below it.
export function shapeOf({width, size, ratio, text}) {
  const larger = Math.min(1.4, Math.max(1, width / 1800)); // on a wide screen
  const columns = Math.max(1, Math.round(width / (WIDTHS[size] * larger)));
  const cell = (width - GAP * (columns - 1)) / columns;
  const picture = cell / Math.min(RATIOS[1], Math.max(RATIOS[0], ratio ?? 4 / 3));
  return {columns, rowHeight: Math.round(picture + text + GAP)};
}

// The rows from the first to the last that lie between two heights, with some to spare.
export function rowsBetween(top, bottom, {rowHeight, count, margin}) {
  const first = Math.min(Math.max(0, count - 1), Math.max(0, Math.floor(top / rowHeight) - margin));
  const last = Math.min(count - 1, Math.max(first, Math.floor(bottom / rowHeight) + margin));
  return [first, last];
}
