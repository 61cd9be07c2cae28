import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeconfigFiles, mergedKubeconfigs } from "../../../../src/cli/kubectl/kubeconfig/files.ts";
import {
  emptyKubeconfig,
  type Kubeconfig,
  kubeconfigText,
  parseKubeconfig,
  withEntry,
} from "../../../../src/cli/kubectl/kubeconfig/model.ts";
import { setProperty, unsetProperty } from "../../../../src/cli/kubectl/kubeconfig/property.ts";

const ONE = `apiVersion: v1
kind: Config
current-context: one
clusters: [{ name: c, cluster: { server: "https://one", certificate-authority: ca.pem, unknown: 1 } }]
contexts: [{ name: one, context: { cluster: c, user: u, namespace: n } }]
users: [{ name: u, user: { token: t } }]
`;
const TWO = `apiVersion: v1
kind: Config
current-context: two
preferences: { colors: true }
clusters: [{ name: c, cluster: { server: "https://two" } }, { name: d, cluster: { server: "https://d" } }]
contexts: [{ name: two, context: { cluster: d, user: v } }]
users: [{ name: v, user: { exec: { command: x, apiVersion: client.authentication.k8s.io/v1beta1 } } }]
`;
const config = (): Kubeconfig => parseKubeconfig(ONE, "/k/one");

test("a file is written in the order of names, without what is unknown and with what must be there", () => {
  expect(kubeconfigText(config())).toBe(`apiVersion: v1
clusters:
- cluster:
    certificate-authority: ca.pem
    server: https://one
  name: c
contexts:
- context:
    cluster: c
    namespace: "n"
    user: u
  name: one
current-context: one
kind: Config
users:
- name: u
  user:
    token: t
`);
  expect(kubeconfigText(emptyKubeconfig())).toBe(
    'apiVersion: v1\nclusters: null\ncontexts: null\ncurrent-context: ""\nkind: Config\nusers: null\n',
  );
  expect(kubeconfigText(parseKubeconfig(TWO, "two"))).toContain(
    "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n      args: null\n      command: x\n      env: null\n      interactiveMode: IfAvailable\n      provideClusterInfo: false\n",
  );
});

test("what stands in an earlier file counts, entry by entry", () => {
  const merged = mergedKubeconfigs([config(), parseKubeconfig(TWO, "/k/two")]);
  expect(merged.current).toBe("one");
  expect(merged.preferences).toEqual({ colors: true });
  expect(merged.clusters.get("c")).toEqual({
    value: { server: "https://one", "certificate-authority": "ca.pem" },
    origin: "/k/one",
  });
  expect([merged.clusters.get("d")?.origin, [...merged.contexts.keys()].sort()]).toEqual(["/k/two", ["one", "two"]]);
  expect(mergedKubeconfigs([])).toEqual(emptyKubeconfig());
});

test.each([
  ["kind: Pod", 'error: error loading config file "f": no kind "Pod" is registered for version "v1"'],
  ["- 1", 'error: error loading config file "f": couldn\'t get version/kind'],
  ["clusters: 3", "json: cannot unmarshal number into Go struct field Config.clusters"],
  ["clusters: [{ name: c, cluster: { server: 3 } }]", "cannot unmarshal number into Go struct field clusters.server"],
  ["{bad", 'error loading config file "f": yaml: '],
])("%p is no kubeconfig", (text, words) => {
  expect(() => parseKubeconfig(text, "f")).toThrow(words);
});

describe("a property", () => {
  const clusterAfter = (changed: Kubeconfig, name: string) => changed.clusters.get(name)?.value;
  test("is set where it is known, and makes entries that are not", () => {
    expect(setProperty(config(), "current-context", "x", false).current).toBe("x");
    expect(clusterAfter(setProperty(config(), "clusters.c.insecure-skip-tls-verify", "true", false), "c")).toEqual({
      server: "https://one",
      "certificate-authority": "ca.pem",
      "insecure-skip-tls-verify": true,
    });
    expect(clusterAfter(setProperty(config(), "clusters.a.b.server", "s", false), "a.b")).toEqual({ server: "s" });
    const raw = setProperty(config(), "clusters.c.certificate-authority-data", "hi", true);
    expect(clusterAfter(raw, "c")?.["certificate-authority-data"]).toBe("aGk=");
    expect(setProperty(config(), "users.u.act-as", "me", false).users.get("u")?.value).toEqual({
      token: "t",
      as: "me",
    });
    expect(setProperty(config(), "preferences.colors", "true", false).preferences).toEqual({ colors: true });
  });
  test.each([
    ["clusters.c.server", "", "error: you cannot use set to unset a property"],
    ["clusters.c", "x", "error: can't set a map to a value"],
    ["nope", "x", "error: unable to parse nope after [] at api.Config"],
    ["clusters.c.insecure-skip-tls-verify", "yes", 'strconv.ParseBool: parsing "yes"'],
    ["clusters.c.certificate-authority-data", "x-", "illegal base64 data at input byte 1"],
    ["users.u.exec.command", "x", "error: unable to parse one or more field values of users.u.exec.command"],
    ["users.u.act-as-groups", "x", "error: unrecognized slice type. string"],
  ])("%s=%p is refused", (property, text, words) => {
    expect(() => setProperty(config(), property, text, false)).toThrow(words);
  });
  test("is taken away: a field, an entry, all of them", () => {
    expect(clusterAfter(unsetProperty(config(), "clusters.c.server"), "c")).toEqual({
      "certificate-authority": "ca.pem",
    });
    expect(unsetProperty(config(), "users.u").users.size).toBe(0);
    expect(unsetProperty(config(), "contexts").contexts.size).toBe(0);
    expect(unsetProperty(config(), "current-context").current).toBe("");
    expect(() => unsetProperty(config(), "users.nope.token")).toThrow("error: current map key `nope` is invalid");
  });
});

describe("files", () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "naru-kubeconfig-"));
  });
  afterAll(async () => await rm(root, { recursive: true, force: true }));
  const setUp = async (name: string) => {
    const folder = join(root, name);
    await mkdir(folder);
    const [one, two] = [join(folder, "one"), join(folder, "two")];
    await writeFile(one, ONE, { mode: 0o640 });
    await writeFile(two, TWO);
    return { one, two, files: new KubeconfigFiles("", `${one}:${two}:${one}`) };
  };

  test("--kubeconfig alone, else the list of KUBECONFIG", async () => {
    const { one, two, files } = await setUp("paths");
    expect(files.paths).toEqual([one, two]);
    expect(new KubeconfigFiles("x", `${one}:${two}`).paths).toEqual(["x"]);
    expect(await new KubeconfigFiles("", `${root}/no:${two}`).defaultPath()).toBe(two);
    expect(await new KubeconfigFiles("", `${root}/no:${root}/none`).defaultPath()).toBe(`${root}/none`);
  });

  test("each entry is changed where it came from, new ones go to the first file", async () => {
    const { one, two, files } = await setUp("change");
    const entry = (server: string, origin: string) => ({ value: { server }, origin });
    await files.change((before) => {
      const changed = withEntry(before, "clusters", "d", entry("https://e", before.clusters.get("d")!.origin));
      return withEntry(withEntry(changed, "clusters", "new", entry("https://n", "")), "users", "v", undefined);
    });
    const [first, second] = [await readFile(one, "utf8"), await readFile(two, "utf8")];
    expect(first).toContain("server: https://n\n  name: new");
    expect([second.includes("https://e"), second.includes("https://n"), second.endsWith("users: null\n")]).toEqual([
      true,
      false,
      true,
    ]);
    expect((await stat(one)).mode & 0o777).toBe(0o640);
    expect(await Bun.file(`${one}.lock`).exists()).toBe(false);
  });

  test("nothing is written when nothing changes, or the file is locked", async () => {
    const { one, files } = await setUp("locked");
    await files.change((before) => before);
    expect(await readFile(one, "utf8")).toBe(ONE);
    await writeFile(`${one}.lock`, "");
    const change = files.change((before) => ({ ...before, current: "x" }));
    await expect(change).rejects.toThrow(`error: open ${one}.lock: file exists`);
    expect(await readFile(one, "utf8")).toBe(ONE);
  });

  test("certificates are named relative to the file, which stays a link where it is one", async () => {
    const { one } = await setUp("relative");
    const link = join(root, "link");
    await symlink(one, link);
    await new KubeconfigFiles(one).change((before) =>
      withEntry(before, "users", "u", {
        value: { "client-key": join(root, "relative", "sub", "key"), "client-certificate": "/etc/cert" },
        origin: one,
      }),
    );
    const text = await readFile(one, "utf8");
    expect([text.includes("client-key: sub/key\n"), text.includes("client-certificate: /etc/cert\n")]).toEqual([
      true,
      true,
    ]);
    await new KubeconfigFiles(link).change((before) => ({ ...before, current: "" }));
    expect(await readFile(one, "utf8")).toContain('current-context: ""\n');
  });
});
