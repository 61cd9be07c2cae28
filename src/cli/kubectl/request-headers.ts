/** Who a request comes from, and as whom it is made. */

import { readFile } from "node:fs/promises";
import { CliError } from "../cli-error.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { ClusterEntry, UserEntry } from "./kubeconfig/entries.ts";

/** Headers of every request: who asks, by token or name, and as whom. @throws CliError when whose groups are asked for is not said */
export async function requestHeaders(
  user: UserEntry,
  name: string,
  flags: GlobalValues,
  cluster: ClusterEntry,
): Promise<{ headers: Record<string, string>; repeated: Record<string, readonly string[]> }> {
  const headers: Record<string, string> = { "user-agent": "kubectl/naru" };
  if (flags["disable-compression"] || cluster["disable-compression"]) headers["accept-encoding"] = "identity";
  const fromFile = user.tokenFile === undefined ? undefined : (await readToken(user.tokenFile)).trim();
  const token = fromFile || user.token;
  if (token) headers.authorization = `Bearer ${token}`;
  else if (user.username) {
    headers.authorization = `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
  }
  const as = flags.as || user.as || "";
  const uid = flags["as-uid"] || user["as-uid"] || "";
  const groups = flags["as-group"].length > 0 ? flags["as-group"] : (user["as-groups"] ?? []);
  const extra =
    flags["as-user-extra"].length > 0 ? extrasOf(flags["as-user-extra"]) : Object.entries(user["as-user-extra"] ?? {});
  if (as === "" && (uid !== "" || groups.length > 0 || extra.length > 0)) {
    throw new CliError(`error: requesting uid, groups or user-extra for ${name} without impersonating a user`);
  }
  if (as !== "") headers["impersonate-user"] = as;
  if (uid !== "") headers["impersonate-uid"] = uid;
  const repeated: Record<string, readonly string[]> = {};
  const add = (header: string, values: readonly string[]) => {
    if (values.length === 1) headers[header] = values[0]!;
    else if (values.length > 1) repeated[header] = values;
  };
  add("impersonate-group", groups);
  for (const [key, values] of extra) add(`impersonate-extra-${encodeURIComponent(key)}`, values);
  return { headers, repeated };
}

/** "key=value" pairs, those of one key together. */
function extrasOf(pairs: readonly string[]): [string, string[]][] {
  const extras = new Map<string, string[]>();
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1) throw new CliError(`error: invalid --as-user-extra ${JSON.stringify(pair)}: expected key=value`);
    const key = pair.slice(0, equals);
    extras.set(key, [...(extras.get(key) ?? []), pair.slice(equals + 1)]);
  }
  return [...extras];
}

async function readToken(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CliError(`error: open ${path}: ${isMissing ? "no such file or directory" : (error as Error).message}`);
  }
}
