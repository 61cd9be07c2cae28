/** "did you mean …": the nearest known word, at most two edits away. */

const MAX_EDITS = 2;

/** Undefined when no word is near, or when one is the very word (then it was not the mistake). */
export function nearestWord(word: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let edits = MAX_EDITS + 1;
  for (const candidate of known) {
    if (candidate === word) return undefined;
    if (Math.abs(candidate.length - word.length) >= edits) continue;
    const distance = editDistance(word, candidate);
    if (distance >= edits) continue;
    edits = distance;
    nearest = candidate;
  }
  return nearest;
}

/** ` (did you mean X?)`, or nothing. */
export function suggestion(word: string, known: Iterable<string>): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
}

/** As suggestion(), for words whose case does not matter: the suggestion takes over the case of `word`. */
export function suggestionInCase(word: string, known: Iterable<string>): string {
  const nearest = nearestWord(
    word.toLowerCase(),
    [...known].map((candidate) => candidate.toLowerCase()),
  );
  if (nearest === undefined) return "";
  return ` (did you mean ${word === word.toUpperCase() ? nearest.toUpperCase() : nearest}?)`;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
