const isLetter = (letter: string | undefined) => letter !== undefined && /\p{L}/u.test(letter);
const isDigit = (letter: string | undefined) => letter !== undefined && /\d/.test(letter);

/** Orders keys as go-yaml writes maps: numbers inside of names by their size, letters after everything else. */
export function compareGoKeys(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  let at = 0;
  while (at < left.length && at < right.length && left[at] === right[at]) at++;
  const [x, y] = [left[at], right[at]];
  if (x === undefined || y === undefined) return left.length - right.length;
  const afterDigit = isDigit(left[at - 1]);
  if (isLetter(x) && isLetter(y)) return x < y ? -1 : 1;
  if (isLetter(x) !== isLetter(y)) return isLetter(x) === afterDigit ? -1 : 1;
  const digits = (letters: string[]) => {
    let from = at;
    while (afterDigit && from > 0 && isDigit(letters[from - 1])) from--;
    const leadsNonZero = letters.slice(from, at).some((letter) => letter !== "0");
    let end = at;
    while (isDigit(letters[end])) end++;
    return {
      size: Number((leadsNonZero && (x === "0" || y === "0") ? "1" : "") + letters.slice(at, end).join("") || 0),
      end,
    };
  };
  const [p, q] = [digits(left), digits(right)];
  return p.size - q.size || p.end - q.end || (x < y ? -1 : 1);
}
