/**
 * Signatures with the real counterparts: what naru signs skopeo accepts and the other way round, in Debian's registry (no
 * referrers API) and in naru's; everything that must not be accepted is not; a daemon with a policy pulls and runs only
 * what it should.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../src/model/image.ts";
import { eventually, importBusybox, NARU, run, startDaemon, type TestDaemon } from "../support/daemon.ts";
import { type DebianRegistry, startDebianRegistry } from "../support/debian-registry.ts";
import { type NaruRegistry, startNaruRegistry } from "../support/naru-registry.ts";
import { pushImage, testRepository } from "../support/registry-content.ts";
import { runTool } from "../support/registry-tools.ts";
import { SigningSkopeo } from "../support/signing-clients.ts";

const PASSPHRASE = "correct horse";
const env = { NARU_KEY_PASSPHRASE: PASSPHRASE };
let folder: string;
let daemon: TestDaemon;
let debian: DebianRegistry;
let own: NaruRegistry;
let skopeo: SigningSkopeo;
const path = (name: string) => join(folder, name);
const naru = (words: string[], more: Record<string, string> = {}) =>
  run([NARU, ...words], { env: { ...env, ...more }, cwd: folder });
const signedBy = (key: string, more: object = {}) => ({
  default: [{ type: "reject" }],
  transports: { docker: { "": [{ type: "sigstoreSigned", keyPath: path(`${key}.pub`), ...more }] } },
});

async function push(name: string): Promise<Digest> {
  await mustRun(daemon.docker(["tag", "busybox", name]));
  await mustRun(daemon.docker(["push", "-q", name]));
  const [host = "", rest = ""] = [name.slice(0, name.indexOf("/")), name.slice(name.indexOf("/") + 1)];
  const [repository = "", tag = ""] = rest.split(":");
  return (await testRepository(host, repository).resolve(tag)).digest;
}
async function mustRun(work: ReturnType<typeof run>): Promise<string> {
  const { code, stdout, stderr } = await work;
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "naru-signatures-"));
  [daemon, debian, own] = await Promise.all([startDaemon(), startDebianRegistry(), startNaruRegistry()]);
  skopeo = await SigningSkopeo.prepare(folder, [debian.host, own.host]);
  await importBusybox(daemon);
  for (const [name, algorithm] of [
    ["alice", "ecdsa"],
    ["bob", "rsa"],
    ["carol", "ed25519"],
  ] as const) {
    await mustRun(naru(["key", "generate", name, "--algorithm", algorithm]));
  }
});
afterAll(async () => {
  await daemon?.stop();
  await debian?.[Symbol.asyncDispose]();
  await own?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe("keys", () => {
  test("the private file is for its owner only, and neither file is ever written over", async () => {
    expect((await stat(path("alice.key"))).mode & 0o777).toBe(0o600);
    const before = await readFile(path("alice.key"), "utf8");
    const again = await naru(["key", "generate", "alice"]);
    expect({ code: again.code, stderr: again.stderr }).toEqual({
      code: 1,
      stderr: "cannot write alice.pub: it exists already\n",
    });
    await cp(path("alice.key"), path("half.key"));
    expect((await naru(["key", "generate", "half"])).stderr).toBe("cannot write half.key: it exists already\n");
    expect(await Bun.file(path("half.pub")).exists()).toBe(false);
    expect(await readFile(path("alice.key"), "utf8")).toBe(before);
    expect(await mustRun(naru(["key", "public", "alice.key"]))).toBe(await readFile(path("alice.pub"), "utf8"));
  });

  test("a passphrase comes from the environment, from standard input or from the terminal, and must be right", async () => {
    const bare = { NARU_KEY_PASSPHRASE: undefined as never };
    expect((await naru(["key", "public", "alice.key"], { COSIGN_PASSWORD: "x", ...bare })).stderr).toContain(
      "the passphrase is wrong",
    );
    await mustRun(naru(["key", "public", "alice.key"], { COSIGN_PASSWORD: PASSPHRASE, ...bare }));
    const piped = run([NARU, "key", "public", "--passphrase-stdin", "alice.key"], {
      stdin: `${PASSPHRASE}\n`,
      cwd: folder,
    });
    await mustRun(piped);
    expect((await naru(["key", "public", "alice.key"], bare)).stderr).toContain(
      "set NARU_KEY_PASSPHRASE (or COSIGN_PASSWORD)",
    );
    expect((await typeAt(["key", "generate", "typed"], ["secret", "secret"])).code).toBe(0);
    const seen = await typeAt(["key", "public", "typed.key"], ["secret"]);
    expect(seen.text).toContain(await readFile(path("typed.pub"), "utf8").then((pem) => pem.split("\n")[1]!));
    expect(seen.text).not.toContain("secret");
    const different = await typeAt(["key", "generate", "other"], ["secret", "Secret"]);
    expect(different.text).toContain("the passphrases differ; nothing was written");
    // Corrected while typing; given up by Ctrl-C.
    expect((await typeAt(["key", "public", "typed.key"], ["nonsense\x15secxé\x7f\x7fret"])).code).toBe(0);
    expect((await typeAt(["key", "public", "typed.key"], ["sec\x03"])).code).toBe(130);
  });

  /** Answers each prompt for a passphrase. */
  async function typeAt(words: string[], answers: string[]): Promise<{ code: number; text: string }> {
    let text = "";
    const child = Bun.spawn([NARU, ...words], {
      cwd: folder,
      env: { ...process.env, NARU_KEY_PASSPHRASE: undefined },
      terminal: {
        cols: 200,
        rows: 24,
        data: (_terminal, bytes) => {
          text += Buffer.from(bytes).toString();
        },
      },
    });
    for (const [index, answer] of answers.entries()) {
      await eventually(() => (text.match(/: (\r\n)?/g)?.length ?? 0) > index && /: $/.test(text));
      await Bun.sleep(50);
      child.terminal?.write(`${answer}\r`);
      await eventually(() => text.includes("\r\n") || child.exitCode !== null);
    }
    const code = await child.exited;
    return { code, text: text.replaceAll("\r\n", "\n") };
  }

  test("a key of openssl's is taken over", async () => {
    const made = await run([
      "openssl",
      "ecparam",
      "-name",
      "prime256v1",
      "-genkey",
      "-noout",
      "-out",
      path("plain.pem"),
    ]);
    expect(made.code).toBe(0);
    await mustRun(naru(["key", "import", "plain.pem", "plain"]));
    const theirs = await run(["openssl", "ec", "-in", path("plain.pem"), "-pubout"]);
    expect(await readFile(path("plain.pub"), "utf8")).toBe(theirs.stdout);
  });
});

describe.each(["debian", "own"] as const)("in the registry %s", (which) => {
  const host = () => (which === "debian" ? debian.host : own.host);

  test.each(["alice", "bob", "carol"])(
    "skopeo accepts what naru signs with %s's key, and refuses others",
    async (name) => {
      const image = `${host()}/by-${name}:1`;
      await push(image);
      expect(await skopeo.accepts(image, signedBy(name))).toMatchObject({
        isAccepted: false,
        words: expect.stringContaining("no signature exists"),
      });
      await mustRun(naru(["sign", "--key", `${name}.key`, "-a", "env=prod", image]));
      expect(await skopeo.accepts(image, signedBy(name))).toEqual({ isAccepted: true, words: "" });
      const other = name === "alice" ? "bob" : "alice";
      expect(await skopeo.accepts(image, signedBy(other))).toMatchObject({ isAccepted: false });
      // The name that was signed counts too.
      const elsewhere = { signedIdentity: { type: "exactRepository", dockerRepository: `${host()}/elsewhere` } };
      expect(await skopeo.accepts(image, signedBy(name, elsewhere))).toMatchObject({ isAccepted: false });
    },
  );

  test("naru verifies what skopeo signs, with skopeo's key and with naru's", async () => {
    await writeFile(path("skopeo-passphrase"), PASSPHRASE);
    if (!(await Bun.file(path("sk.pub")).exists())) {
      await mustRun(
        skopeo.run([
          "generate-sigstore-key",
          "--output-prefix",
          path("sk"),
          "--passphrase-file",
          path("skopeo-passphrase"),
        ]),
      );
    }
    await push(`${host()}/source:1`);
    for (const [key, tag] of [
      ["sk.private", "sk"],
      ["alice.key", "alice"],
    ] as const) {
      const image = `${host()}/by-skopeo:${tag}`;
      const words = ["copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"];
      words.push("--sign-by-sigstore-private-key", path(key), "--sign-passphrase-file", path("skopeo-passphrase"));
      await mustRun(skopeo.run([...words, `docker://${host()}/source:1`, `docker://${image}`]));
      const [payload] = JSON.parse(await mustRun(naru(["verify", "--key", `${tag}.pub`, image])));
      expect(payload.critical.identity["docker-reference"]).toBe(image);
      expect(payload.optional.creator).toMatch(/^containers\/image/);
    }
    // And naru signs with skopeo's key, beside skopeo's signature.
    const image = `${host()}/by-skopeo:alice`;
    await mustRun(naru(["sign", "--key", "sk.private", image]));
    expect((await skopeo.accepts(image, signedBy("sk"))).isAccepted).toBe(true);
    await mustRun(naru(["verify", "--all-keys", "--key", "sk.pub", "--key", "alice.pub", image]));
  });

  test("cosign verifies what naru signs, under the tag and as a bundle; naru what cosign signs, in all of its forms", async () => {
    const cosign = (words: string[], outcome?: "refused") => runTool(folder, ["cosign", ...words], outcome);
    const verify = ["verify", "--insecure-ignore-tlog", "--allow-http-registry"];
    const sign = ["sign", "-y", "--use-signing-config=false", "--tlog-upload=false", "--allow-http-registry"];
    if (!(await Bun.file(path("cosign.pub")).exists())) await cosign(["generate-key-pair"]);
    const naruSays = (image: string, key: string) => naru(["verify", "--key", `${key}.pub`, image]);
    const all = [
      ["alice", "tag"],
      ["bob", "bundle"],
      ["carol", "bundle"],
    ] as const;
    // Debian's registry differs in where its clients list what refers to an image.
    for (const [key, store] of which === "own" ? all : all.slice(0, 2)) {
      const image = `${host()}/cosign-${key}:1`;
      await push(image);
      await mustRun(naru(["sign", "--key", `${key}.key`, "--store", store, "-a", "env=prod", image]));
      const again = await naru(["sign", "--key", `${key}.key`, "--store", store, "-a", "env=prod", image]);
      expect(again.stdout).toContain("is signed with this already");
      const [claims] = JSON.parse(await cosign([...verify, "--key", `${key}.pub`, "-a", "env=prod", image]));
      expect(claims.optional.env).toBe("prod");
      await cosign([...verify, "--key", `${key}.pub`, "-a", "env=test", image], "refused");
      await cosign([...verify, "--key", "cosign.pub", image], "refused");
      await mustRun(naruSays(image, key));
    }
    // Bundles of cosign 3, the tag of its predecessors, and cosign 2's referrers.
    const forms = [
      [],
      ["--new-bundle-format=false"],
      ["--new-bundle-format=false", "--registry-referrers-mode=oci-1-1"],
    ];
    for (const [index, form] of forms.slice(0, which === "own" ? undefined : 1).entries()) {
      const image = `${host()}/by-cosign-${index}:1`;
      const digest = await push(image);
      expect((await naruSays(image, "cosign")).code).toBe(10);
      await cosign([...sign, "--key", "cosign.key", ...form, image]);
      const [claims] = JSON.parse(await mustRun(naruSays(image, "cosign")));
      expect(claims.critical.image["docker-manifest-digest"]).toBe(digest);
      expect((await naruSays(image, "alice")).code).toBe(12);
    }
    // What else cosign attaches is no signature, and stays readable.
    const image = `${host()}/cosign-alice:1`;
    await writeFile(path("predicate.json"), '{"some":"claim"}');
    const claim = ["--predicate", "predicate.json", "--type", "custom", "--key", "cosign.key"];
    await cosign(["attest", ...sign.slice(1), ...claim, image]);
    await cosign(["verify-attestation", ...verify.slice(1), "--type", "custom", "--key", "cosign.pub", image]);
    expect((await naruSays(image, "cosign")).code).toBe(12);
    await cosign(["attach", "sbom", "--allow-http-registry", "--type", "spdx", "--sbom", "predicate.json", image]);
    expect(await cosign(["tree", "--allow-http-registry", image])).toContain(".sbom");
    await mustRun(naruSays(image, "alice"));
  });

  test("as a referrer, beside the tag or alone", async () => {
    const image = `${host()}/referred:1`;
    const digest = await push(image);
    await mustRun(naru(["sign", "--key", "alice.key", "--store", "referrer", image]));
    const repository = testRepository(host(), "referred");
    expect(await Array.fromAsync(repository.listTags())).not.toContain(`sha256-${digest.slice(7)}.sig`);
    await mustRun(naru(["verify", "--key", "alice.pub", image]));
    await mustRun(naru(["sign", "--key", "bob.key", "--store", "both", image]));
    expect(await Array.fromAsync(repository.listTags())).toContain(`sha256-${digest.slice(7)}.sig`);
    await mustRun(naru(["verify", "--all-keys", "--key", "bob.pub", "--key", "alice.pub", image]));
    // Signatures lie among the tags, and are none of the repository's images.
    const all = await daemon.docker(["pull", "-a", `${host()}/referred`]);
    expect({ code: all.code, stderr: all.stderr }).toEqual({ code: 0, stderr: "" });
    expect(all.stdout).toContain(`Skipping sha256-${digest.slice(7)}.sig: it is not an image for containers`);
    const referrers = await repository.listReferrers(digest, {
      artifactType: "application/vnd.dev.cosign.artifact.sig.v1+json",
    });
    expect(referrers.length).toBeGreaterThanOrEqual(1);
  });
});

describe("verify", () => {
  test("cosign's exit codes, and words that tell what is wrong", async () => {
    const image = `${debian.host}/checked:1`;
    const digest = await push(image);
    const shown = `${debian.host}/checked@${digest}`;
    const check = async (...words: string[]) => {
      const { code, stderr, stdout } = await naru(["verify", ...words]);
      return { code, stderr, stdout };
    };
    expect(await check("--key", "alice.pub", image)).toEqual({
      code: 10,
      stdout: "",
      stderr: `${shown} has no signatures; sign it with \`naru sign --key FILE ${image}\`\n`,
    });
    expect(await check("--key", "alice.pub", `${debian.host}/checked:2`)).toMatchObject({
      code: 11,
      stderr: expect.stringContaining("not found"),
    });
    await mustRun(naru(["sign", "--key", "alice.key", "-a", "env=prod", image]));
    expect(await check("--key", "bob.pub", image)).toMatchObject({
      code: 12,
      stderr: expect.stringContaining("was not made with the given key, or was changed afterwards"),
    });
    expect(await check("--key", "alice.pub", "-a", "env=test", image)).toMatchObject({
      code: 12,
      stderr: expect.stringContaining("lacks an annotation"),
    });
    expect(await check("--key", "alice.pub", "--key", "bob.pub", "--all-keys", image)).toMatchObject({ code: 12 });
    expect(await check("--key", "alice.pub", "--identity", "registry.test/x", image)).toMatchObject({
      code: 12,
      stderr: expect.stringContaining("made for another name"),
    });
    expect(
      await check("-q", "--key", "bob.pub", "--key", "alice.pub", "-a", "env=prod", "--identity", "exact", image),
    ).toEqual({ code: 0, stdout: "", stderr: "" });
    const good = await check("--key", "alice.pub", image);
    expect(JSON.parse(good.stdout)).toEqual([
      {
        critical: {
          identity: { "docker-reference": image },
          image: { "docker-manifest-digest": digest },
          type: "cosign container image signature",
        },
        optional: { creator: expect.stringMatching(/^naru /), timestamp: expect.any(Number), env: "prod" },
      },
    ]);
    expect(await check("--key", "alice.key", image)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("naru key public alice.key"),
    });
    expect(await check(image)).toMatchObject({ code: 1, stderr: "name the public key to verify with: --key FILE\n" });
  });

  test("another image's signature put in this one's place is refused by naru and by skopeo", async () => {
    const repository = testRepository(debian.host, "copied");
    const good = await pushImage(repository, "good");
    const evil = await pushImage(repository, "evil", { architecture: "arm64" });
    await mustRun(naru(["sign", "--key", "alice.key", `${debian.host}/copied:good`]));
    const tagOf = (digest: string) => `${digest.replace(":", "-")}.sig`;
    const { bytes, descriptor } = await repository.fetchManifest(tagOf(good.digest));
    await repository.pushManifest(tagOf(evil.digest), { mediaType: descriptor.mediaType, bytes });
    const verified = await naru(["verify", "--key", "alice.pub", `${debian.host}/copied:evil`]);
    expect({ code: verified.code, stderr: verified.stderr }).toMatchObject({
      code: 12,
      stderr: expect.stringContaining(`it signs another image: ${good.digest}`),
    });
    expect((await skopeo.accepts(`${debian.host}/copied:evil`, signedBy("alice"))).isAccepted).toBe(false);
  });

  test("--recursive signs an index and each of its images, which skopeo asks for", async () => {
    const repository = testRepository(debian.host, "index");
    const manifests = [await pushImage(repository, ""), await pushImage(repository, "", { architecture: "arm64" })].map(
      (descriptor, index) => ({
        ...descriptor,
        platform: { os: "linux", architecture: index === 0 ? "amd64" : "arm64" },
      }),
    );
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    const index = await repository.pushManifest("1", { mediaType, bytes });
    const signed = await mustRun(naru(["sign", "--recursive", "-q", "--key", "alice.key", `${debian.host}/index:1`]));
    expect(signed.trim().split("\n")).toEqual([...manifests.map(({ digest }) => digest), index.digest]);
    for (const { digest } of [index, ...manifests]) {
      await mustRun(naru(["verify", "-q", "--key", "alice.pub", `${debian.host}/index@${digest}`]));
    }
    expect(await skopeo.accepts(`${debian.host}/index:1`, signedBy("alice"))).toMatchObject({ isAccepted: true });
  });
});

test("signing goes by the user's own login, and says so without one", async () => {
  await using registry = await startDebianRegistry({ users: { alice: "pw" } });
  const image = `${registry.host}/private:1`;
  const config = path("docker-config");
  const auths = { [registry.host]: { auth: btoa("alice:pw") } };
  await Bun.write(join(config, "config.json"), JSON.stringify({ auths }));
  const credentials = { username: "alice", password: "pw" };
  await pushImage(testRepository(registry.host, "private", { credentials }), "1");
  const refused = await naru(["sign", "--key", "alice.key", image], { DOCKER_CONFIG: path("nothing") });
  expect({ code: refused.code, stderr: refused.stderr }).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/auth|denied|login/i),
  });
  await mustRun(naru(["sign", "--key", "alice.key", image], { DOCKER_CONFIG: config }));
  await mustRun(naru(["verify", "-q", "--key", "alice.pub", image], { DOCKER_CONFIG: config }));
});

test.each([
  [["trust", "sign", "x"], "sign with `naru sign --key FILE IMAGE`"],
  [["trust", "key", "generate", "x"], "make a key pair with `naru key generate NAME`"],
  [["trust", "signer", "add", "--key", "a", "b"], "list the keys of each repository in the signature policy"],
  [["trust"], "sign with `naru sign`, check with `naru verify`"],
])("docker's words %j are led on", async (words, counterpart) => {
  const { code, stderr } = await naru(words);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringContaining(`Docker Content Trust (Notary) is not supported; ${counterpart}`),
  });
});

test.each([
  { words: ["pull", "busybox"] },
  { words: ["push", "busybox"] },
  { words: ["run", "busybox"] },
  { words: ["create", "--disable-content-trust=false", "busybox"] },
] as { words: string[] }[])(
  "content trust that is wished for is not passed over in silence: $words",
  async ({ words }) => {
    const { code, stderr } = await daemon.naru(words, { env: { DOCKER_CONTENT_TRUST: "1" } });
    expect(code).not.toBe(0);
    expect(stderr).toContain("content trust with Notary (DOCKER_CONTENT_TRUST) is not supported");
  },
);

describe("a daemon with a policy", () => {
  let guarded: TestDaemon;
  const policy = () => path("daemon-policy.json");
  const say = async (words: string[]) => {
    const { code, stdout, stderr } = await guarded.docker(words);
    return { code, text: stdout + stderr };
  };
  async function setPolicy(document: object): Promise<void> {
    await writeFile(policy(), JSON.stringify(document));
    const count = (await guarded.logText()).split("configuration reloaded").length;
    process.kill(guarded.pid, "SIGHUP");
    await eventually(async () => (await guarded.logText()).split("configuration reloaded").length > count);
  }

  beforeAll(async () => {
    await writeFile(
      policy(),
      JSON.stringify({ default: "accept", images: { [debian.host]: { signedBy: ["alice.pub"] } } }),
    );
    guarded = await startDaemon({ flags: ["--signature-policy", policy()] });
    await importBusybox(guarded, "local");
  });
  afterAll(() => guarded?.stop());

  test("an unsigned image is not pulled, and nothing of it is fetched; signed it is, and runs", async () => {
    const image = `${debian.host}/guarded:1`;
    const digest = await push(image);
    const refused = await say(["pull", image]);
    expect(refused.code).toBe(1);
    expect(refused.text).toContain(
      `the pull of ${image} is refused by the signature policy ${policy()}: the rule for "${debian.host}" demands a signature by ${path("alice.pub")}, and it has none`,
    );
    expect(refused.text).not.toContain("Pulling fs layer");
    expect((await say(["images", "-q", image])).text).toBe("");
    expect((await say(["run", "--rm", image, "echo", "hi"])).code).toBe(125);
    await mustRun(naru(["sign", "--key", "bob.key", image]));
    expect((await say(["pull", image])).text).toContain(
      "its signature is not good: it was not made with the given key",
    );
    await mustRun(naru(["sign", "--key", "alice.key", image]));
    expect((await say(["pull", image])).code).toBe(0);
    expect(await say(["run", "--rm", image, "echo", "hi"])).toEqual({ code: 0, text: "hi\n" });
    expect((await say(["pull", `${debian.host}/guarded@${digest}`])).code).toBe(0);
  });

  test("an image that came another way does not run under a name that demands a signature", async () => {
    await say(["tag", "local", `${debian.host}/smuggled:1`]);
    const refused = await say(["run", "--rm", `${debian.host}/smuggled:1`, "echo", "hi"]);
    expect(refused.code).toBe(125);
    expect(refused.text).toContain("and none was kept here when it came; pull it, signed, from its registry");
    expect(await say(["run", "--rm", "local", "echo", "hi"])).toEqual({ code: 0, text: "hi\n" });
    const mounted = await say([
      "create",
      "--mount",
      `type=image,source=${debian.host}/smuggled:1,target=/x`,
      "local",
      "true",
    ]);
    expect(mounted.text).toContain("is refused by the signature policy");
    await writeFile(path("Dockerfile"), `FROM ${debian.host}/smuggled:1\nRUN echo built\n`);
    const built = await guarded.docker(["build", "-f", path("Dockerfile"), folder], { env: { DOCKER_BUILDKIT: "0" } });
    expect(built.code).toBe(1);
    expect(built.stdout + built.stderr).toContain("is refused by the signature policy");
  });

  test("a changed policy is heard of; a bad one leaves the old; it outlives the daemon", async () => {
    const image = `${debian.host}/guarded:1`;
    await setPolicy({
      default: [{ type: "reject" }],
      transports: { docker: { [debian.host]: [{ type: "sigstoreSigned", keyPath: path("bob.pub") }] } },
    });
    expect((await say(["run", "--rm", image, "echo", "hi"])).text).toContain("its signature is not good");
    expect((await say(["run", "--rm", "local", "echo", "hi"])).text).toContain("the default rule rejects it");
    expect((await say(["pull", image])).code).toBe(0);
    expect((await say(["run", "--rm", image, "echo", "hi"])).text).toBe("hi\n");
    await writeFile(policy(), '{"default": "perhaps"}');
    process.kill(guarded.pid, "SIGHUP");
    await eventually(async () => (await guarded.logText()).includes("reload refused"));
    expect(await guarded.logText()).toContain('\\"default\\" is \\"perhaps\\"');
    expect((await say(["run", "--rm", "local", "true"])).code).toBe(125);
    await setPolicy({ default: "reject", images: { [`${debian.host}/guarded`]: { signedBy: ["bob.pub"] } } });
    await guarded.kill();
    await guarded.restart();
    // What was kept with the pull counts still.
    expect((await say(["run", "--rm", image, "echo", "hi"])).text).toBe("hi\n");
    expect((await say(["run", "--rm", "local", "true"])).text).toContain("the default rule rejects it");
  });

  test("a policy that cannot be read stops the start, in words", async () => {
    await writeFile(path("broken.json"), JSON.stringify({ default: [{ type: "signedBy" }] }));
    const { code, stderr } = await run([
      NARU,
      "daemon",
      "--data-root",
      path("d"),
      "--exec-root",
      path("e"),
      "--pidfile",
      path("p"),
      "-H",
      `unix://${path("s")}`,
      "--signature-policy",
      path("broken.json"),
    ]);
    expect(code).toBe(1);
    expect(await run([NARU, "daemon", "--validate", "--signature-policy", path("broken.json")])).toEqual({
      code,
      stderr,
      stdout: "",
    });
    expect(stderr).toContain(
      `the signature policy ${path("broken.json")} cannot be used: "default" demands a signature by GPG ("signedBy"), which naru does not check`,
    );
  });

  test("cosign's signatures open the way as naru's do: those with a name under it, bundles where any name will do", async () => {
    const signed = ["by-cosign-0:1", "by-cosign-1:1", "by-cosign-2:1"].map((name) => `${own.host}/${name}`);
    const rule = (identity: string) => ({
      default: "reject",
      images: { [own.host]: { signedBy: ["cosign.pub"], identity } },
    });
    await setPolicy(rule("repository"));
    const [bundle = "", ...named] = signed;
    expect((await say(["pull", bundle])).text).toContain("it tells no name");
    for (const image of named) expect((await say(["pull", "-q", image])).code).toBe(0);
    await setPolicy(rule("any"));
    for (const image of signed) expect((await say(["pull", "-q", image])).code).toBe(0);
    expect((await say(["pull", `${own.host}/cosign-bob:1`])).text).toContain("its signature is not good");
    await setPolicy({ default: "accept", images: { [debian.host]: { signedBy: ["alice.pub"] } } });
  });
});
