import type { ApiClient } from "./client.ts";
import { isTerminal } from "./output.ts";

/** Rows and columns of the terminal on standard output; undefined when there is none. */
export function terminalSize(): { rows: number; columns: number } | undefined {
  if (!isTerminal(1)) return undefined;
  const [columns = 0, rows = 0] = process.stdout.getWindowSize();
  return rows === 0 && columns === 0 ? undefined : { rows, columns };
}

/**
 * Hands every key of the terminal on standard input to us as it is typed, without echo and without changing output.
 * Returns what puts the terminal back; that also happens when the process ends. stty does it, because setRawMode
 * of the runtime leaves the output translation on, which breaks full-screen programs.
 */
export function enterRawMode(): () => void {
  return changeTerminal("raw", "-echo", "-iexten");
}

/** As enterRawMode, but output and the keys for signals (Ctrl-C) stay as they are. */
export function enterKeyMode(): () => void {
  return changeTerminal("-icanon", "-echo");
}

function changeTerminal(...settings: string[]): () => void {
  if (!isTerminal(0)) return () => {};
  const stty = (...words: string[]) =>
    Bun.spawnSync(["stty", ...words], { stdin: "inherit", stdout: "pipe", stderr: "ignore" })
      .stdout.toString()
      .trim();
  const before = stty("-g");
  stty(...settings);
  let isChanged = true;
  const restore = () => {
    if (!isChanged) return;
    isChanged = false;
    stty(before);
  };
  process.on("exit", restore);
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.once(signal, () => dieBy(signal, restore));
  return restore;
}

/** Lets a signal end us as it would have, unless it is handed on to a container, after putting the terminal back. */
function dieBy(signal: NodeJS.Signals, restore: () => void): void {
  if (process.listenerCount(signal) > 0) return;
  restore();
  process.kill(process.pid, signal);
}

/**
 * Tells the daemon the size of our terminal now and whenever it changes. `forceRedraw` first claims one row more, so
 * that a shell to which one attaches again shows its prompt. Returns what ends that.
 */
export function followTerminalSize(client: ApiClient, resizePath: string, forceRedraw = false): () => void {
  const send = async (extraRows = 0) => {
    const size = terminalSize();
    if (!size) return;
    // A container that has just ended, or is not up yet, is no reason to disturb the user.
    await client.post(resizePath, { query: { h: size.rows + extraRows, w: size.columns } }).catch(() => {});
  };
  const follow = () => void send();
  if (forceRedraw) send(1).then(follow);
  else follow();
  process.on("SIGWINCH", follow);
  return () => process.off("SIGWINCH", follow);
}
