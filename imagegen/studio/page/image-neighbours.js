// Which images stand before and after one: in the sheet it was opened from, else among all images.

import {listUnder} from "./itemlist.js";

// {before, after, place, total}: tasks or undefined. ``index`` is the item's place among all images, where known.
export async function neighbours(task, index) {
  let list = listUnder.latest;
  let place = list?.placeOf(task);
  if (place === undefined || list.at(place)?.task !== task) {
    if (typeof index !== "number") return {};
    list = listUnder({job: "", states: [], q: ""});
    place = index;
  }
  const cards = await Promise.all([list.card(place - 1), list.card(place), list.card(place + 1)]);
  const [before, , after] = cards.map((card) => card?.task);
  return {before, after, place, total: list.total};
}
