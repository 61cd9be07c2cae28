/** The web page of naru's registry: what it shows, who may do what, and that no other site can do it for them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MEDIA } from "../../src/model/media-types.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { blobOf, digestOf, sourceOf, testRepository } from "../support/registry-content.ts";

const RIGHTS = `
rights:
  - {who: [everyone], repositories: ["public/**"], may: [pull]}
  - {who: [ann], repositories: ["**"], may: [all]}
  - {who: [bob], repositories: ["**"], may: [pull]}
`;

let folder: string;
let registry: NaruRegistry;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-page-"));
  const hash = (password: string) => Bun.password.hash(password, { algorithm: "bcrypt", cost: 4 });
  await Bun.write(join(folder, "htpasswd"), `ann:${await hash("secret")}\nbob:${await hash("bobs")}\n`);
  await Bun.write(join(folder, "rights"), RIGHTS);
  registry = await startNaruRegistry({
    flags: ["--htpasswd", join(folder, "htpasswd"), "--rights", join(folder, "rights")],
  });
  await pushShop("public/web", "1.0");
  await pushShop("hidden/web", "1.0");
});
afterAll(async () => {
  await registry?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** An index of two platforms with history, configuration, a signature; its texts try to be HTML. */
async function pushShop(name: string, tag: string): Promise<void> {
  const repository = testRepository(registry.host, name, { credentials: { username: "ann", password: "secret" } });
  const put = async (bytes: Uint8Array) => {
    await repository.pushBlob({ digest: digestOf(bytes), size: bytes.length }, sourceOf(bytes));
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const image = async (architecture: string, more = {}) => {
    const layers = [];
    for (const size of [3_000_000, 1500])
      layers.push({ mediaType: MEDIA.layerGzip, ...(await put(blobOf(size).bytes)) });
    const config = {
      architecture,
      os: "linux",
      config: { Env: ["GREETING=<b>hi</b>"], Entrypoint: ["/bin/web"], ExposedPorts: { "8080/tcp": {} } },
      history: [
        { created_by: "/bin/sh -c #(nop) ADD file:1 in / " },
        { created_by: "ENV GREETING=<script>alert(1)</script>", empty_layer: true },
        { created_by: "RUN /bin/sh -c make # buildkit" },
      ],
      rootfs: { type: "layers", diff_ids: [] },
    };
    const manifest = json({
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, ...(await put(json(config))) },
      layers,
      ...more,
    });
    const descriptor = await repository.pushManifest(digestOf(manifest), {
      mediaType: MEDIA.manifest,
      bytes: manifest,
    });
    return { ...descriptor, platform: { os: "linux", architecture } };
  };
  const manifests = [await image("amd64"), await image("arm64")];
  const index = json({ schemaVersion: 2, mediaType: MEDIA.index, manifests });
  const subject = await repository.pushManifest(tag, { mediaType: MEDIA.index, bytes: index });
  await image("amd64", { subject, artifactType: "application/spdx+json" });
}

/** A browser as far as the page needs one: cookies, forms, redirects. */
class Visitor {
  #cookie = "";
  async get(
    path: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string; location: string | null }> {
    return await this.#send("GET", path, { headers });
  }
  async post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = { "sec-fetch-site": "same-origin" },
  ) {
    const body = new URLSearchParams(fields).toString();
    return await this.#send("POST", path, {
      body,
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    });
  }
  async logIn(user: string, password: string) {
    const form = await this.get("/login");
    return await this.post("/login", { proof: proofIn(form.text), user, password, next: "/" });
  }
  async #send(method: string, path: string, init: { headers: Record<string, string>; body?: string }) {
    const headers = { ...init.headers, ...(this.#cookie && { cookie: this.#cookie }) };
    const response = await registry.request(method, path, { ...init, headers });
    const set = response.headers.get("set-cookie");
    if (set !== null) this.#cookie = set.split(";")[0]!;
    return { status: response.status, text: await response.text(), location: response.headers.get("location") };
  }
}

const proofIn = (text: string) => /name="proof" value="([^"]+)"/.exec(text)?.[1] ?? "";

test("anonymous visitors see what they may pull, and nothing else exists", async () => {
  const visitor = new Visitor();
  const list = await visitor.get("/");
  expect(list.text).toContain('href="/r/public/web"');
  expect(list.text).not.toContain("hidden/");
  expect((await visitor.get("/r/hidden/web")).location).toBe("/login?next=%2Fr%2Fhidden%2Fweb");
  expect((await visitor.get("/r/hidden/nothing")).location).toBe("/login?next=%2Fr%2Fhidden%2Fnothing");
  expect((await visitor.get("/?q=web")).text).toContain("public/");
  expect((await visitor.get("/?q=%3Cb%3E")).text).toContain("No repository here has “&lt;b&gt;”");
  expect((await visitor.get("/r/public/web:none")).status).toBe(404);
  expect((await visitor.get("/r/UPPER")).status).toBe(404);
});

test("an image's page shows platforms, layers with their commands and sizes, configuration and what is attached", async () => {
  const { text } = await new Visitor().get("/r/public/web:1.0");
  for (const words of ["linux/amd64", "linux/arm64", "3.0 MB", "1.5 kB", "<b>ADD</b> file:1 in /", "<b>RUN</b> make"]) {
    expect(text).toContain(words);
  }
  for (const words of ["8080/tcp", "SBOM", "application/spdx+json", `docker pull ${registry.host}/public/web:1.0`]) {
    expect(text).toContain(words);
  }
  expect(text).toContain("GREETING=&lt;script&gt;alert(1)&lt;/script&gt;");
  expect(text).not.toContain("<script>alert");
  const other = /href="(\/r\/public\/web:1\.0\?platform=sha256:[a-f0-9]{64})">linux\/arm64/.exec(text)![1]!;
  expect((await new Visitor().get(other)).text).toContain("<dd>linux/arm64</dd>");
  const tags = await new Visitor().get("/r/public/web");
  expect(tags.text).toContain("1 tag");
  expect((await new Visitor().get("/r/public/web?tag=nothing")).text).toContain("No tag has “nothing”");
});

test("nothing from elsewhere is loaded, and no other site may frame it", async () => {
  const response = await registry.request("GET", "/");
  const policy = response.headers.get("content-security-policy")!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain("unsafe");
  const text = await response.text();
  const addresses = [...text.matchAll(/(?:href|src|action)="([^"]*)"/g)].map((match) => match[1]!);
  expect(addresses.filter((address) => !address.startsWith("/"))).toEqual([]);
  expect(text).not.toMatch(/ style=| on[a-z]+=/);
  for (const address of addresses.filter((path) => path.startsWith("/-/"))) {
    expect((await registry.request("GET", address)).status).toBe(200);
  }
});

test("login, rights to delete, logout; forms of other sites are refused", async () => {
  const bob = new Visitor();
  expect((await bob.logIn("bob", "wrong")).text).toContain("Wrong name or password.");
  expect((await bob.logIn("bob", "bobs")).location).toBe("/");
  expect((await bob.get("/")).text).toContain("hidden/");
  const seen = await bob.get("/r/hidden/web:1.0");
  expect(seen.text).not.toContain('name="do"');
  const refused = await bob.post("/r/hidden/web:1.0", { proof: proofIn(seen.text), do: "delete" });
  expect([refused.status, refused.text.includes("You have no right to delete in hidden/web")]).toEqual([403, true]);

  const ann = new Visitor();
  await ann.logIn("ann", "secret");
  const page = await ann.get("/r/hidden/web:1.0");
  const proof = proofIn(page.text);
  const wish = { proof, do: "delete" };
  const status = async () => (await ann.get("/r/hidden/web:1.0")).status;
  for (const [fields, headers] of [
    [{ do: "delete" }, { "sec-fetch-site": "same-origin" }],
    [{ ...wish, proof: proofIn(seen.text) }, { "sec-fetch-site": "same-origin" }],
    [wish, { "sec-fetch-site": "cross-site" }],
    [wish, { origin: "https://evil.example" }],
  ] as [Record<string, string>, Record<string, string>][]) {
    expect((await ann.post("/r/hidden/web:1.0", fields, headers)).status).toBe(403);
    expect(await status()).toBe(200);
  }
  expect((await ann.post("/r/hidden/web:1.0", wish)).location).toBe("/r/hidden/web");
  expect(await status()).toBe(404);

  expect((await ann.post("/r/hidden/web", { ...wish, confirm: "hidden" })).status).toBe(400);
  expect((await ann.post("/r/hidden/web", { ...wish, confirm: "hidden/web" })).location).toBe("/");
  expect((await ann.get("/")).text).not.toContain("hidden/");
  await ann.post("/logout", { proof });
  expect((await ann.get("/")).text).toContain('href="/login"');
});

test("a login leads back to this page only", async () => {
  const visitor = new Visitor();
  const form = await visitor.get("/login?next=//evil.example/x");
  expect(form.text).toContain('name="next" value="/"');
  const answer = await visitor.post("/login", {
    proof: proofIn(form.text),
    user: "ann",
    password: "secret",
    next: "/\\evil",
  });
  expect(answer.location).toBe("/");
});
