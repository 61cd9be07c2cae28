/**
 * Base images without a registry: `mmdebstrap` puts a Debian or Ubuntu system together from the distribution's packages,
 * and its archive becomes an image while it is written.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NaruError } from "../lib/errors.ts";
import { canonicalReference, familiarName, parseReference } from "../lib/image-reference.ts";
import type { ImageStore, LocalImage, ProgressLine } from "./contract.ts";
import { type Distribution, resolveDistribution } from "./distributions.ts";

/** Field names as in the request of POST /naru/images/bootstrap. */
export interface BootstrapRequest {
  /** "debian:bookworm", "ubuntu:noble". */
  Distribution?: string | null;
  /** Name of the image; the distribution's when absent. */
  Reference?: string | null;
  /** Packages beside the base system. */
  Include?: string[] | null;
  /** Absent: as the machine's own apt sources say. */
  Mirror?: string | null;
  Cmd?: string[] | null;
  Entrypoint?: string[] | null;
  Env?: string[] | null;
  ExposedPorts?: string[] | null;
  WorkingDir?: string | null;
  User?: string | null;
  Labels?: Record<string, string> | null;
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What official images leave out, too; the licences stay. */
const DPKG_OPTIONS = [
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-exclude=/usr/share/locale/*",
  "path-include=/usr/share/locale/locale.alias",
  "path-exclude=/usr/share/lintian/*",
];

/** The manuals are left out, but packages with alternatives (Java's) fail to install without the places for them. */
const MANUAL_DIRECTORIES = [1, 5, 7, 8].map((section) => `"$1/usr/share/man/man${section}"`).join(" ");

/**
 * Makes the image; the last lines name it. Cancelling `signal` ends mmdebstrap and leaves nothing.
 * @throws invalid for an unknown distribution, unavailable when a program or keyring is missing or mmdebstrap fails
 */
export async function* bootstrapImage(
  images: ImageStore,
  request: BootstrapRequest,
  signal?: AbortSignal,
): AsyncGenerator<ProgressLine, void> {
  const distribution = await resolveDistribution(request.Distribution ?? "", request.Mirror ?? undefined);
  const reference = canonicalReference(parseReference(request.Reference || (request.Distribution ?? "")));
  checkPackages(request.Include ?? []);
  if (Bun.which("mmdebstrap") === null) {
    throw new NaruError(
      "unavailable",
      "the program 'mmdebstrap' is not installed: install the package mmdebstrap on the machine where the daemon runs",
    );
  }
  const workDir = await mkdtemp(join(tmpdir(), "naru-bootstrap-"));
  const bootstrap = new RunningBootstrap(workDir, distribution, request);
  try {
    await bootstrap.start(signal);
    const importing = images.importTar(bootstrap.archive(), {
      reference,
      message: `Bootstrapped ${distribution.name} ${distribution.suite} from packages`,
      changes: changesOf(request),
      signal,
    });
    // Its failure is looked at below, after the program's last words were passed on.
    importing.catch(() => {});
    for await (const line of bootstrap.progress()) yield { status: line };
    const image: LocalImage = await importing;
    yield { status: `Digest: ${image.id}` };
    yield { status: `Status: Bootstrapped ${familiarName(reference)}` };
  } finally {
    await bootstrap.end();
    await rm(workDir, { recursive: true, force: true });
  }
}

function checkPackages(packages: string[]): void {
  for (const name of packages) {
    if (!/^[a-z0-9][a-z0-9+.:~-]*$/.test(name)) {
      throw new NaruError("invalid", `${JSON.stringify(name)} is not the name of a package`);
    }
  }
}

function changesOf(request: BootstrapRequest): string[] {
  const env = request.Env ?? [];
  const hasPath = env.some((entry) => entry.startsWith("PATH="));
  const changes = [...(hasPath ? [] : [`PATH=${PATH}`]), ...env].map((entry) => {
    const equals = entry.indexOf("=");
    if (equals <= 0) throw new NaruError("invalid", `invalid environment variable: ${entry}`);
    return `ENV ${quote(entry.slice(0, equals))}=${quote(entry.slice(equals + 1))}`;
  });
  for (const [key, value] of Object.entries(request.Labels ?? {})) changes.push(`LABEL ${quote(key)}=${quote(value)}`);
  for (const port of request.ExposedPorts ?? []) changes.push(`EXPOSE ${port}`);
  if (request.WorkingDir) changes.push(`WORKDIR ${quote(request.WorkingDir)}`);
  if (request.User) changes.push(`USER ${quote(request.User)}`);
  if (request.Entrypoint?.length) changes.push(`ENTRYPOINT ${JSON.stringify(request.Entrypoint)}`);
  const cmd = request.Cmd ?? (request.Entrypoint?.length ? undefined : ["bash"]);
  if (cmd) changes.push(`CMD ${JSON.stringify(cmd)}`);
  return changes;
}

/** A word of a Dockerfile that means itself. */
function quote(text: string): string {
  return `"${text.replace(/[\\"$]/g, "\\$&")}"`;
}

class RunningBootstrap {
  private child: Bun.Subprocess<"ignore", "pipe", "pipe"> | undefined;
  private readonly complaints: string[] = [];
  private signal: AbortSignal | undefined;

  constructor(
    private readonly workDir: string,
    private readonly distribution: Distribution,
    private readonly request: BootstrapRequest,
  ) {}

  async start(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.signal = signal;
    // Services of installed packages must not be started: there is nobody to run them.
    const policy = join(this.workDir, "policy-rc.d");
    await writeFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    this.child = Bun.spawn(this.command(policy), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      // A group of its own, so that apt and dpkg end with it.
      detached: true,
      env: {
        PATH: process.env.PATH ?? PATH,
        HOME: this.workDir,
        TMPDIR: this.workDir,
        LC_ALL: "C.UTF-8",
        DEBIAN_FRONTEND: "noninteractive",
        SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? startOfDay(),
        ...proxySettings(),
      },
    });
    signal?.addEventListener("abort", () => this.kill(), { once: true });
    if (signal?.aborted) this.kill();
  }

  private command(policy: string): string[] {
    const { suite, sources, keyring } = this.distribution;
    const include = this.request.Include ?? [];
    return [
      "mmdebstrap",
      "--variant=minbase",
      "--mode=auto",
      "--format=tar",
      `--keyring=${keyring}`,
      '--aptopt=Apt::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
      // Ubuntu's base system has no apt by itself.
      `--include=${["apt", ...include].join(",")}`,
      `--setup-hook=mkdir -p "$1/usr/sbin" ${MANUAL_DIRECTORIES} && cp '${policy}' "$1/usr/sbin/policy-rc.d"`,
      suite,
      "-",
      ...sources,
    ];
  }

  /** The archive; it fails when the program does, so that nothing is made of half a system. */
  async *archive(): AsyncGenerator<Uint8Array, undefined> {
    const { child } = this;
    if (!child) return;
    for await (const chunk of child.stdout) yield chunk;
    const code = await child.exited;
    this.signal?.throwIfAborted();
    if (code === 0) return;
    throw new NaruError("unavailable", `mmdebstrap failed (exit code ${code}): ${this.complaints.join("; ")}`);
  }

  /** What the program says, a line each. */
  async *progress(): AsyncGenerator<string, void> {
    if (!this.child) return;
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stderr) {
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split(/[\r\n]+/);
      rest = lines.pop() ?? "";
      for (const line of lines.filter((text) => text.trim() !== "")) {
        this.remember(line);
        const said = readableLine(line);
        if (said !== undefined) yield said;
      }
    }
  }

  /** Ends the program if it runs still. */
  async end(): Promise<void> {
    if (!this.child) return;
    this.kill();
    await this.child.exited;
  }

  private kill(): void {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
    try {
      process.kill(-this.child.pid, "SIGTERM");
    } catch {
      // Ended meanwhile.
    }
  }

  /** The first complaints name the cause, the later ones only what failed in consequence. */
  private remember(line: string): void {
    if (line.startsWith("E: ") && this.complaints.length < 3) this.complaints.push(line.slice(3).trim());
  }
}

const NOISE =
  /^(using |removing tempdir|running --setup-hook|finding |automatically |chroot |main\(\)|done|success |Download is performed unsandboxed|gpg --version failed)/;

/** The program's steps and complaints; progress bars and what only its authors need are left out. */
function readableLine(line: string): string | undefined {
  const step = /^[IWE]: (.*)$/.exec(line)?.[1] ?? "";
  if (step === "" || NOISE.test(step)) return undefined;
  return line.startsWith("I: ") ? step : line;
}

/** Seconds: the same packages give the same layer for a day, and no file claims to be older than it is. */
function startOfDay(): string {
  return String(Math.floor(Date.now() / 86_400_000) * 86_400);
}

function proxySettings(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]!]] : [])));
}
