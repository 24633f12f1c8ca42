// How two texts differ, word by word: the longest common run of words, by the usual table.
//
//   difference("a red fox", "a grey fox")  ->  {old: [["a ", true], ["red ", false], …], new: […]}   true: in both

const MOST = 400; // words; longer texts are shown whole

export function difference(before, after) {
  const old = words(before);
  const now = words(after);
  if (old.length > MOST || now.length > MOST) return {old: [[before, false]], new: [[after, false]]};
  const table = lengths(old, now);
  const kept = {old: new Set(), now: new Set()};
  for (let i = 0, j = 0; i < old.length && j < now.length;) {
    if (old[i].trim() === now[j].trim()) {
      kept.old.add(i++);
      kept.now.add(j++);
    } else if (table[i + 1][j] >= table[i][j + 1]) i += 1;
    else j += 1;
  }
  return {old: runs(old, kept.old), new: runs(now, kept.now)};
}

const words = (text) => text.match(/\S+\s*|^\s+/g) ?? [];

// table[i][j]: how many words old[i…] and now[j…] have in common, in order.
function lengths(old, now) {
  const table = Array.from({length: old.length + 1}, () => new Uint16Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      table[i][j] =
        old[i].trim() === now[j].trim() ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

function runs(all, kept) {
  const found = [];
  all.forEach((word, index) => {
    const both = kept.has(index);
    if (found.at(-1)?.[1] === both) found.at(-1)[0] += word;
    else found.push([word, both]);
  });
  return found;
}
