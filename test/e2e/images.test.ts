/** Images on the machine: import, commit, save, load, tag, remove; with real tools reading what naru writes; hostile archives. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { importBusybox, run, startDaemon, type TestDaemon } from "../support/daemon.ts";

let daemon: TestDaemon;
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "naru-images-"));
  daemon = await startDaemon();
  await importBusybox(daemon);
});
afterAll(async () => {
  await daemon?.stop();
  await rm(scratch, { recursive: true, force: true });
});
const out = async (words: string[]) => (await daemon.docker(words)).stdout.trim();

test("commit keeps changes, deletions and configuration; history and diff tell them", async () => {
  await out([
    "run",
    "--name",
    "work",
    "-e",
    "KEPT=1",
    "busybox",
    "sh",
    "-c",
    "echo new >/root/new; rm /etc/group; mkdir /opt; ln -s new /root/link",
  ]);
  expect((await out(["diff", "work"])).split("\n").sort()).toEqual([
    "A /opt",
    "A /root/link",
    "A /root/new",
    "C /etc",
    "C /root",
    "D /etc/group",
  ]);
  const id = await out(["commit", "-m", "why", "-a", "who", "-c", "ENV ADDED=2", "work", "made:1"]);
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
  const seen = await out(["run", "--rm", "made:1", "sh", "-c", "cat /root/link; ls /etc/group 2>&1; echo $KEPT$ADDED"]);
  expect(seen).toBe("new\nls: /etc/group: No such file or directory\n12");
  expect(await out(["history", "--format", "{{.Comment}}", "made:1"])).toMatch(/^why\nImported from -$/);
  await out(["rm", "work"]);
});

test("save and load: the same image on another daemon, and skopeo reads the archive", async () => {
  const archive = join(scratch, "made.tar");
  expect((await daemon.docker(["save", "-o", archive, "made:1", "busybox"])).code).toBe(0);
  for (const transport of ["docker-archive", "oci-archive"]) {
    const source = transport === "docker-archive" ? `${transport}:${archive}:made:1` : `${transport}:${archive}:1`;
    const inspected = await run(["skopeo", "inspect", source]);
    expect({ transport, code: inspected.code, stderr: inspected.stderr }).toEqual({ transport, code: 0, stderr: "" });
  }
  await using other = await startDaemon();
  const loaded = await other.docker(["load", "-i", archive]);
  expect(loaded.stdout.split("\n").filter(Boolean).sort()).toEqual([
    "Loaded image: busybox:latest",
    "Loaded image: made:1",
  ]);
  expect((await other.docker(["run", "--rm", "made:1", "cat", "/root/new"])).stdout).toBe("new\n");
  expect((await other.docker(["images", "-q", "--no-trunc", "made:1"])).stdout.trim()).toBe(
    await out(["images", "-q", "--no-trunc", "made:1"]),
  );
});

test("a save archive of skopeo's making loads", async () => {
  const archive = join(scratch, "from-skopeo.tar");
  await daemon.docker(["save", "-o", join(scratch, "in.tar"), "made:1"]);
  const copied = await run([
    "skopeo",
    "copy",
    "-q",
    `docker-archive:${join(scratch, "in.tar")}`,
    `docker-archive:${archive}:other:2`,
  ]);
  expect(copied).toMatchObject({ code: 0 });
  expect(await out(["load", "-i", archive])).toBe("Loaded image: other:2");
  expect(await out(["run", "--rm", "other:2", "cat", "/root/new"])).toBe("new");
});

test("a repository's bare name saves all of its tags, also without one that is latest", async () => {
  for (const tag of ["a", "b"]) await out(["tag", "busybox", `many/tags:${tag}`]);
  const archive = join(scratch, "many.tar");
  expect(await daemon.docker(["save", "-o", archive, "many/tags"])).toMatchObject({ code: 0, stderr: "" });
  const manifest = JSON.parse((await run(["tar", "-xOf", archive, "manifest.json"])).stdout);
  expect(manifest.map(({ RepoTags }: { RepoTags: string[] }) => RepoTags)).toEqual([["many/tags:a", "many/tags:b"]]);
  await out(["rmi", "many/tags:a", "many/tags:b"]);
});

test("export gives a root file system that import takes back", async () => {
  await out(["create", "--name", "exported", "made:1"]);
  const archive = join(scratch, "root.tar");
  expect((await daemon.docker(["export", "-o", archive, "exported"])).code).toBe(0);
  const listed = await run(["tar", "-tf", archive]);
  expect(listed.stdout).toContain("root/new\n");
  expect(listed.stdout).not.toContain("etc/group");
  await out(["import", "-c", 'CMD ["cat","/root/new"]', archive, "again"]);
  expect(await out(["run", "--rm", "again"])).toBe("new");
  await out(["rm", "exported"]);
});

test("tags, removal and what keeps an image alive", async () => {
  await out(["tag", "busybox", "keep:a"]);
  await out(["create", "--name", "user", "keep:a"]);
  const conflict = await daemon.docker(["rmi", "again"]);
  expect(conflict.code).toBe(0);
  expect(await out(["rmi", "keep:a"])).toBe("Untagged: keep:a");
  const id = await out(["images", "-q", "busybox"]);
  const inUse = await daemon.docker(["rmi", "busybox"]);
  expect(inUse.stderr).toMatch(/unable to (remove repository reference|delete)/);
  expect(await out(["images", "-q", "busybox"])).toBe(id);
  await out(["rm", "user"]);
});

test("hello-world is built in and explains itself", async () => {
  const result = await daemon.docker(["run", "--rm", "hello-world"]);
  expect(result.code).toBe(0);
  expect(result.stdout).toMatch(/naru/);
});

describe("hostile archives are refused and leave nothing", () => {
  const python = (body: string) => `
import io, tarfile, sys, json, hashlib
def add(t, name, data=b"", **kw):
    i = tarfile.TarInfo(name); i.size = len(data)
    for k, v in kw.items(): setattr(i, k, v)
    t.addfile(i, io.BytesIO(data))
def tar(fill):
    b = io.BytesIO(); t = tarfile.open(fileobj=b, mode="w"); fill(t); t.close(); return b.getvalue()
def image(layer, config=None, tag="evil:1"):
    d = "sha256:" + hashlib.sha256(layer).hexdigest()
    c = json.dumps(config or {"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[d]}}).encode()
    def fill(t):
        add(t, "c.json", c); add(t, "l.tar", layer)
        add(t, "manifest.json", json.dumps([{"Config":"c.json","RepoTags":[tag],"Layers":["l.tar"]}]).encode())
    return tar(fill)
out = sys.stdout.buffer
${body}`;
  const named = (tag: string) => `out.write(image(tar(lambda t: add(t, "a", b"x")), tag="${tag}"))`;
  const CASES: Record<string, { verb: "load" | "import"; body: string; words?: string }> = {
    "a digest of the archive's choice as a name": {
      verb: "load",
      body: named(`busybox@sha256:${"0".repeat(64)}`),
      words: 'invalid tag "busybox@sha256:000',
    },
    "a name that reads like a digest": {
      verb: "load",
      body: named("sha256:1"),
      words: "refusing to create an ambiguous tag using digest algorithm as name",
    },
    "a configuration whose fields are of other types": {
      verb: "load",
      body: `
l = tar(lambda t: add(t, "a", b"x"))
out.write(image(l, {"architecture":"amd64","os":"linux","config":{"Env":"A=1"},"rootfs":{"type":"layers","diff_ids":["sha256:" + hashlib.sha256(l).hexdigest()]}}))`,
      words: "config.Env is no list of texts",
    },
    "path traversal in a layer": {
      verb: "load",
      body: 'out.write(image(tar(lambda t: add(t, "../../../../tmp/naru-escaped", b"x"))))',
    },
    "a symbolic link out of the root, then a write through it": {
      verb: "load",
      body: `
def fill(t):
    add(t, "d", type=tarfile.SYMTYPE, linkname="/tmp"); add(t, "d/naru-escaped", b"x")
out.write(image(tar(fill)))`,
    },
    "a hard link to a file outside": {
      verb: "import",
      body: 'out.write(tar(lambda t: add(t, "h", type=tarfile.LNKTYPE, linkname="../../../../etc/hostname")))',
    },
    "a layer whose digest is not the promised one": {
      verb: "load",
      body: 'out.write(image(tar(lambda t: add(t, "a", b"x")), {"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:" + "0"*64]}}))',
    },
    "a manifest that names a file outside": {
      verb: "load",
      body: 'out.write(tar(lambda t: add(t, "manifest.json", json.dumps([{"Config":"../../etc/passwd","RepoTags":["evil:1"],"Layers":[]}]).encode())))',
    },
    "a truncated archive": {
      verb: "load",
      body: 'out.write(image(tar(lambda t: add(t, "a", b"x" * 100000)))[:60000])',
    },
    "no archive at all": { verb: "load", body: 'out.write(b"this is not a tar" * 100)' },
  };
  for (const [name, { verb, body, words: refusal }] of Object.entries(CASES)) {
    test(name, async () => {
      const before = { images: await out(["images", "-aq"]), files: await tree(daemon.dataRoot) };
      const archive = await run([
        "python3",
        "-c",
        `${python(body)}`.replace(
          "out = sys.stdout.buffer",
          `out = open(${JSON.stringify(join(scratch, "evil.tar"))}, "wb")`,
        ),
      ]);
      expect(archive.stderr).toBe("");
      const words =
        verb === "load" ? ["load", "-i", join(scratch, "evil.tar")] : ["import", join(scratch, "evil.tar"), "evil:1"];
      const result = await daemon.docker(words);
      const escaped = await Bun.file("/tmp/naru-escaped").exists();
      await rm("/tmp/naru-escaped", { force: true });
      expect(escaped).toBe(false);
      if (refusal !== undefined) {
        expect(result.code).toBe(1);
        expect(result.stderr).toContain(refusal);
      }
      if (result.code === 0) {
        // Contained rather than refused: what lies inside the root is harmless; it must be removable without a trace.
        await out(["rmi", "-f", "evil:1"]);
      } else {
        expect(result.stderr.length).toBeGreaterThan(10);
      }
      expect(await out(["images", "-aq"])).toBe(before.images);
      expect(await tree(daemon.dataRoot)).toEqual(before.files);
    });
  }
});

/** Blobs and snapshots on disk, by name. */
async function tree(dataRoot: string): Promise<string[]> {
  const names: string[] = [];
  for (const folder of ["blobs/sha256", "snapshots"]) {
    names.push(...(await readdir(join(dataRoot, folder)).catch(() => [])).map((name) => `${folder}/${name}`));
  }
  return names.sort();
}

test("a question about an image of another platform is refused; nothing is lost", async () => {
  await out(["tag", "busybox", "platforms"]);
  for (const words of [["rmi"], ["history"], ["image", "inspect"], ["run", "--rm", "--pull", "never"]]) {
    const result = await daemon.docker([...words, "--platform", "linux/s390x", "platforms"]);
    expect(result.code).toBe(words[0] === "run" ? 125 : 1);
    expect(result.stderr).toMatch(
      /but its platform \(linux\/\w+\) does not match the specified platform \(linux\/s390x\)/,
    );
  }
  expect(await out(["rmi", "--platform", "linux", "platforms"])).toBe("Untagged: platforms:latest");
});
