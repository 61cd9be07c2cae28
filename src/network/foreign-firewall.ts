/**
 * Gets along with other firewalls. A running Docker, for one, drops whatever it does not forward itself (policy of the
 * FORWARD chain), and an accept in our own table cannot undo that. So where such chains exist, our bridges are accepted
 * in them too; our own table still decides what may really pass.
 */

import { readFile } from "node:fs/promises";
import { errorText } from "../lib/errors.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import { decodeChain, type ListedChain, listChainsQuery, type NftFamily } from "../linux/nftables-message.ts";

const TABLE = "filter";
/** Where Docker wants the administrator's rules: before its own. */
const USER_CHAIN = "DOCKER-USER";
const FORWARD_CHAIN = "FORWARD";

/** The same chains exist twice: in nftables, and in the older tables of kernels or programs that still use those. */
type Variant = { command: string; family: NftFamily } | { command: string; legacyTables: string };
const VARIANTS: readonly Variant[] = [
  { command: "iptables-nft", family: "ip" },
  { command: "ip6tables-nft", family: "ip6" },
  { command: "iptables-legacy", legacyTables: "/proc/net/ip_tables_names" },
  { command: "ip6tables-legacy", legacyTables: "/proc/net/ip6_tables_names" },
];

/** The chain that needs our rules; undefined when nothing stands in the way. Pure. */
export function chainInTheWay(chains: readonly ListedChain[]): string | undefined {
  const ofFilter = chains.filter(({ table }) => table === TABLE);
  if (ofFilter.some(({ name }) => name === USER_CHAIN)) return USER_CHAIN;
  const forward = ofFilter.find(({ name }) => name === FORWARD_CHAIN);
  return forward?.policy === "drop" ? FORWARD_CHAIN : undefined;
}

/** The rules for one pattern of interface names ("nr1a2b3c-+"), as arguments behind "-I CHAIN". Pure. */
export function acceptRules(pattern: string, comment: string): string[][] {
  const mark = ["-m", "comment", "--comment", comment, "-j", "ACCEPT"];
  return [
    ["-i", pattern, ...mark],
    ["-o", pattern, ...mark],
  ];
}

export class ForeignFirewall {
  readonly #socket = NetlinkSocket.open("netfilter");
  /** "iptables DOCKER-USER" → patterns that are accepted there. */
  readonly #placed = new Map<string, { command: string; chain: string; patterns: string[] }>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    /** Marks our rules: "naru-1a2b3c4d". */
    readonly comment: string,
    readonly warn: (message: string) => void,
  ) {}

  /** Puts our rules where they are needed and missing. Calls take turns. */
  accept(patterns: readonly string[]): Promise<void> {
    this.#running = this.#running.then(() => this.#acceptNow(patterns)).catch((error) => this.warn(errorText(error)));
    return this.#running;
  }

  /** Removes our rules wherever they are. */
  remove(): Promise<void> {
    this.#running = this.#running.then(() => this.#removeNow()).catch((error) => this.warn(errorText(error)));
    return this.#running;
  }

  close(): void {
    this.#socket.close();
  }

  async #acceptNow(patterns: readonly string[]): Promise<void> {
    for (const variant of VARIANTS) {
      const { command } = variant;
      const chain = chainInTheWay(await this.#listChains(variant));
      if (chain === undefined) continue;
      for (const pattern of patterns) {
        for (const rule of acceptRules(pattern, this.comment)) await this.#ensureRule(command, chain, rule);
      }
      this.#placed.set(`${command} ${chain}`, { command, chain, patterns: [...patterns] });
    }
  }

  async #ensureRule(command: string, chain: string, rule: readonly string[]): Promise<void> {
    const present = await run(command, ["-w", "-C", chain, ...rule]);
    if (present.exitCode === 0) return;
    const added = await run(command, ["-w", "-I", chain, ...rule]);
    if (added.exitCode === 0) return;
    this.warn(`${command} keeps containers from the network: cannot add an accept to ${chain}: ${added.stderr.trim()}`);
  }

  async #removeNow(): Promise<void> {
    for (const { command, chain, patterns } of this.#placed.values()) {
      for (const pattern of patterns) {
        for (const rule of acceptRules(pattern, this.comment)) await run(command, ["-w", "-D", chain, ...rule]);
      }
    }
    this.#placed.clear();
  }

  async #listChains(variant: Variant): Promise<ListedChain[]> {
    if ("family" in variant) {
      return this.#socket.query(listChainsQuery(variant.family), "list the chains of other firewalls").map(decodeChain);
    }
    // Asking the command would load the old tables where nobody uses them.
    const tables = await readFile(variant.legacyTables, "utf8").catch(() => "");
    if (!tables.split("\n").includes(TABLE)) return [];
    return parseChains((await run(variant.command, ["-w", "-S"])).stdout);
  }
}

/** The chains in what `iptables -S` prints. Pure. */
export function parseChains(listing: string): ListedChain[] {
  return listing.split("\n").flatMap((line) => {
    const [flag, name, policy] = line.split(" ");
    if (name === undefined || (flag !== "-P" && flag !== "-N")) return [];
    return [{ table: TABLE, name, policy: flag === "-N" ? undefined : policy === "DROP" ? "drop" : "accept" }];
  });
}

interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A command that is not installed reads as one that failed. */
async function run(command: string, args: readonly string[]): Promise<CommandResult> {
  try {
    const child = Bun.spawn([command, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [exitCode, stdout, stderr] = await Promise.all([
      child.exited,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { exitCode, stdout, stderr };
  } catch (error) {
    return { exitCode: 127, stdout: "", stderr: errorText(error) };
  }
}
