// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of Compose files look like those of JavaScript
import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { NARU } from "../support/daemon.ts";

const CLIENTS = resolve(import.meta.dir, "../../.cache/clients");
const root = await mkdtemp(join(tmpdir(), "naru-compose-"));
afterAll(() => rm(root, { recursive: true, force: true }));

interface Project {
  files: Record<string, string>;
  args?: string[];
  before?: string[];
  env?: Record<string, string>;
  fails?: boolean;
}
const one = (yaml: string, args: string[] = [], env: Record<string, string> = {}): Project => ({
  files: { "compose.yaml": yaml },
  args,
  env,
});
const service = (lines: string, rest = "") => `services:\n  a:\n    image: x\n${lines.replace(/^/gm, "    ")}\n${rest}`;
const failing = (yaml: string): Project => ({ ...one(yaml), fails: true });

/** Every key of a service, each in one of its short forms. */
const FULL = await Bun.file(join(import.meta.dir, "compose-full.yaml")).text();

const PROJECTS: Record<string, Project> = {
  everything: one(FULL),
  "everything as JSON": one(FULL, ["--format", "json"]),
  "everything, not interpolated": one(FULL, ["--no-interpolate"]),
  "hashes of everything": one(FULL, ["--hash", "*"]),
  "not normalized": one(service("ports: [80]\nnetworks: [n]", "networks: {n: }\n"), ["--no-normalize"]),
  "paths as they are": one(service("volumes: ['./a:/b']\nbuild: ./c"), ["--no-path-resolution"]),
  "a hash beside the path of a key": one(service("build: {context: ., ssh: ['git=./key']}"), ["--hash", "*"]),
  "what no service uses": {
    ...one(service("networks: [n]", "networks: {n: , unused: }\nvolumes: {v: }\n")),
    before: ["--all-resources"],
  },
  "paths that end with a slash": one(service("volumes: ['./:/a', './b/:/b', '/c/:/c']\nbuild: ./d/\nenv_file: []")),
  networks: one(service("networks: [n]", "networks: {n: }\n"), ["--networks"]),
  profiles: one(`${service("profiles: [p]")}  b:\n    image: y\n`, ["--profiles"]),
  "a profile enabled": { ...one(`${service("profiles: [p]")}  b:\n    image: y\n`), before: ["--profile", "p"] },
  "profiles by variable": one(`${service("profiles: [p]")}  b:\n    image: y\n`, [], { COMPOSE_PROFILES: "p" }),
  interpolation: one(
    service(
      "environment:\n  A: ${X}\n  B: ${X:-d}\n  C: ${N:-${M-deep}}\n  D: ${X:+set}\n  E: ${N+set}\n  F: $$X\n  G: $X-y",
    ),
    [],
    { X: "1" },
  ),
  "typed after interpolation": one(
    service("read_only: ${R:-true}\ncpus: ${C:-0.5}\nmem_limit: ${M:-1g}\nports: ['${P:-80}:80']"),
  ),
  anchors: one(
    "x-base: &base\n  image: x\n  environment: {A: 1}\nservices:\n  a:\n    <<: *base\n    command: b\n  c: *base\n",
  ),
  quoting: one(
    service(
      "labels:\n  a: 'yes'\n  b: '1.0'\n  c: 'x: y'\n  d: '# c'\n  e: \"tab\\tx\"\n  f: ' lead'\n  g: \"l1\\nl2\"\n  h: '@x'\n  i: 'null'\n  j: '1:30'\n  k: '~'\n  l: 'é ✓'\n  m: \"it's\"\n  n: '- x'\n  o: '-x'\n  p: '0x1f'",
    ),
  ),
  "numbers in keys": one("services:\n  w10: {image: x}\n  w9: {image: x}\n  w1: {image: x}\n  w: {image: x}\n"),
  ".env": { files: { "compose.yaml": service("environment: [A, 'B=$A']"), ".env": "A=from-env # comment\n" } },
  "env files by variable": {
    files: { "compose.yaml": service("hostname: $A-$B"), "1.env": "A=1\nB=1\n", "2.env": "B='2 x'\n", ".env": "A=dot" },
    env: { COMPOSE_ENV_FILES: "1.env,2.env" },
  },
  "no .env": {
    files: { "compose.yaml": service("hostname: a$A"), ".env": "A=dot" },
    env: { COMPOSE_DISABLE_ENV_FILE: "1" },
  },
  "settings in .env": {
    files: {
      "compose.yaml": `${service("profiles: [p]")}  b:\n    image: y\n`,
      ".env": "COMPOSE_PROFILES=p\nCOMPOSE_PROJECT_NAME=other\n",
    },
  },
  "a limit that is none": { ...failing(service("")), env: { COMPOSE_PARALLEL_LIMIT: "many" } },
  "--env-file": {
    files: { "compose.yaml": service("hostname: $A-$B"), "1.env": "A=1\nB=1\n", "2.env": "B='2 x'\n" },
    before: ["--env-file", "1.env", "--env-file", "2.env"],
  },
  env_file: {
    files: {
      "compose.yaml": service(
        "env_file: [a.env, {path: no.env, required: false}, {path: r.env, format: raw}]\nenvironment: {D: over}",
      ),
      "a.env": "export A=1\nB=\"x\\ny\"\nC='$A'\nD=low\nE=${A}2\n# c\nF: colon\nG=a#b\nH=a #b\n",
      "r.env": "R='as is'\n",
    },
  },
  "override file": {
    files: {
      "compose.yaml": service(
        "ports: ['80:80', '81:81']\nvolumes: ['./a:/x']\ncommand: a b\nenvironment: {A: 1, B: 2}\ndns: 1.1.1.1",
      ),
      "compose.override.yaml":
        "services:\n  a:\n    ports: ['80:80', '82:82']\n    volumes: ['./b:/x']\n    command: c\n    environment: [B=3]\n    dns: [2.2.2.2]\n",
    },
  },
  "several files": {
    files: {
      "1.yaml": service("labels: [a=1]\nlogging: {driver: x, options: {a: b}}"),
      "2.yaml": "services:\n  a:\n    labels: {b: 2}\n    logging: {driver: y}\n  b: {image: z}\n",
    },
    before: ["-f", "1.yaml", "-f", "2.yaml"],
  },
  COMPOSE_FILE: {
    files: { "1.yaml": service("tty: true"), "2.yaml": "services: {a: {tty: false, init: true}}\n" },
    env: { COMPOSE_FILE: "1.yaml:2.yaml" },
  },
  "reset and override": {
    files: {
      "compose.yaml": service("ports: ['80:80']\nenvironment: {A: 1, B: 2}\ncap_add: [X]"),
      "compose.override.yaml":
        "services:\n  a:\n    ports: !override ['90:90']\n    environment:\n      A: !reset null\n    cap_add: !reset []\n",
    },
  },
  extends: {
    files: {
      "compose.yaml":
        "services:\n  a:\n    extends: {file: sub/base.yaml, service: b}\n    environment: {B: 2}\n  c:\n    extends: a\n    command: x\n",
      "sub/base.yaml": "services:\n  b:\n    build: .\n    volumes: ['./v:/v']\n    environment: [A=1]\n",
    },
  },
  include: {
    files: {
      "compose.yaml":
        "include: [sub/compose.yaml, {path: [o.yaml], project_directory: ./p}]\nservices:\n  a: {image: x, depends_on: [b]}\n",
      "sub/compose.yaml": "services:\n  b: {build: ., image: '$T'}\n",
      "sub/.env": "T=tag\n",
      "p/keep": "",
      "o.yaml": "services:\n  c: {image: x, volumes: ['./d:/d']}\n",
    },
  },
  "a folder of its own": {
    files: { "deep/compose.yaml": service("volumes: ['./a:/b']") },
    before: ["-f", "deep/compose.yaml", "--project-directory", "other"],
  },
  "services chosen": one(
    "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, volumes: ['v:/v']}\n  c: {image: x, volumes: ['w:/w']}\nvolumes: {v: , w: }\n",
    ["a"],
  ),
  "several documents in one file": {
    files: {
      "compose.yaml":
        "services: {a: {image: x, labels: {l: '1'}}}\n---\nservices: {a: {labels: {m: '2'}}, b: {extends: {service: c, file: sub/base.yaml}}}\n",
      "sub/base.yaml": "services: {c: {image: y}}\n---\nservices: {c: {command: z}}\n",
    },
  },
  "not interpolated: short forms that say nothing yet": one(
    service(
      "ports: ['${P:-80}:80', '81:81']\nvolumes: ['${V}', './a:/b']\ndevices: ['${D}', '/dev/null']\nnetworks: ['${N}']",
    ),
    ["--no-interpolate"],
  ),
  "what JSON escapes": one(
    service("command: a && b > c\nlabels: {l: '<&>'}\npost_start: [{command: \"echo '<' | cat\"}]"),
    ["--format", "json"],
  ),
  "variables as JSON": one(service("hostname: ${A:-b}\ncommand: '${C:?needed}'"), ["--variables", "--format", "json"]),
  "no variables as JSON": one(service("hostname: a"), ["--variables", "--format", "json"]),
  "a command line without an end": failing(service("command: a 'b")),
  "an unknown key": {
    ...failing(service("command: a")),
    files: { "compose.yaml": "services:\n  a:\n    imagine: x\n" },
  },
  "a dependency that is not there": failing(service("depends_on: [zz]")),
  "a cycle": failing("services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"),
  "extends in a circle": failing("services:\n  a: {extends: b}\n  b: {extends: a}\n"),
  "an undefined network": failing(service("networks: [zz]")),
  "an undefined volume": failing(service("volumes: ['zz:/a']")),
  "a required variable": failing(service("hostname: ${NO:?say it}")),
  "a bad duration": failing(service("stop_grace_period: 5x")),
  "no image": failing("services:\n  a: {command: x}\n"),
};

async function run(command: string[], folder: string, project: Project) {
  const env = { PATH: process.env.PATH, HOME: root, DOCKER_CONFIG: join(CLIENTS, "config"), ...project.env };
  const words = [...command, ...(project.before ?? []), "config", ...(project.args ?? [])];
  const child = Bun.spawn(words, { cwd: folder, env, stdout: "pipe", stderr: "pipe" });
  const [out, errors, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { out, errors: errors.replace(/^time=.*\n/gm, "").trim(), code };
}

let count = 0;
test.concurrent.each(Object.entries(PROJECTS))("config prints what docker compose prints: %s", async (_, project) => {
  const folder = join(root, `case${count++}`);
  await mkdir(join(folder, "sub"), { recursive: true });
  for (const [name, text] of Object.entries(project.files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await Bun.write(join(folder, name), text);
  }
  const [real, ours] = await Promise.all([
    run([join(CLIENTS, "usr/bin/docker"), "compose"], folder, project),
    run([NARU, "compose"], folder, project),
  ]);
  expect(ours.out).toBe(real.out);
  expect(real.code === 0).toBe(!project.fails);
  // naru adds line, column and the nearest key to docker compose's words.
  if (project.fails) expect(ours.errors).toStartWith(real.errors.replace(/\n[\s\S]*/, ""));
  expect(ours.code === 0).toBe(real.code === 0);
});

test("files from elsewhere are refused where that is wished", async () => {
  const folder = join(root, "elsewhere");
  const yaml = "include: ['https://host/x.git']\nservices: {a: {image: x}}\n";
  await Bun.write(join(folder, "compose.yaml"), yaml);
  const { errors } = await run([NARU, "compose"], folder, one(yaml, [], { COMPOSE_EXPERIMENTAL_GIT_REMOTE: "false" }));
  expect(errors).toContain("files from elsewhere are not fetched: COMPOSE_EXPERIMENTAL_GIT_REMOTE says so");
});

test("what lies in the folder where naru is called is not run", async () => {
  const folder = join(root, "hostile");
  await Bun.write(join(folder, "bunfig.toml"), 'preload = ["./run.ts"]\n');
  await Bun.write(join(folder, "run.ts"), 'console.log("run");\n');
  await Bun.write(join(folder, "compose.yaml"), "services: {a: {image: x}}\n");
  const { out } = await run([NARU, "compose"], folder, one("", ["--services"]));
  expect(out).toBe("a\n");
});

test("an unknown key is told with its place and the nearest key", async () => {
  const folder = join(root, "refusals");
  await Bun.write(join(folder, "compose.yaml"), "services:\n  a:\n    imag: x\n");
  const wrong = await run([NARU, "compose"], folder, one(""));
  expect(wrong.errors).toContain("did you mean 'image'? (line 3, column 5)");
});
