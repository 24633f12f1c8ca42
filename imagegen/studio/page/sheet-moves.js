// Where a key leads from a place in a grid: rules of the WAI-ARIA grid pattern. Undefined for other keys.

export function step({key, ctrlKey, metaKey}, place, {columns, total, page}) {
  const row = place - (place % columns);
  const last = total - 1;
  const inside = (wanted) => Math.max(0, Math.min(last, wanted));
  const wanted = {
    ArrowLeft: () => inside(place - 1),
    ArrowRight: () => inside(place + 1),
    ArrowUp: () => (place >= columns ? place - columns : place),
    ArrowDown: () => (place + columns <= last || row + columns <= last ? inside(place + columns) : place),
    PageUp: () => (place >= page ? place - page : place % columns),
    PageDown: () => inside(place + page),
    Home: () => (ctrlKey || metaKey ? 0 : row),
    End: () => (ctrlKey || metaKey ? last : inside(row + columns - 1)),
  }[key];
  return total ? wanted?.() : undefined;
}
