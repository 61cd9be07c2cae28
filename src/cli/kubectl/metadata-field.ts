/** What a field path of the downward API says of an object, as far as its metadata tells. */

interface NamedObject {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** @param path such as "metadata.name" or "metadata.labels['app']"; undefined for paths that only the node can tell of */
export function metadataField(metadata: NamedObject | undefined, path: string): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed !== null) return metadata?.[keyed[1] as "labels"]?.[keyed[2]!] ?? "";
  const [, plain] = /^metadata\.(name|namespace|uid)$/.exec(path) ?? [];
  if (plain !== undefined) return metadata?.[plain as "name"] ?? "";
  const [, pairs] = /^metadata\.(labels|annotations)$/.exec(path) ?? [];
  if (pairs === undefined) return undefined;
  const entries = Object.entries(metadata?.[pairs as "labels"] ?? {}).sort(([one], [other]) => (one < other ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join("\n");
}
