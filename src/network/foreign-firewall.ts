/**
 * Gets along with other firewalls. A running Docker, for one, drops whatever it does not forward itself (policy of the
 * FORWARD chain), and an accept in our own table cannot undo that. So where such chains exist, our bridges are accepted
 * in them too; our own table still decides what may really pass.
 */

import { existsSync, readFileSync } from "node:fs";
import { errorText } from "../lib/errors.ts";
import { NetlinkSocket } from "../linux/netlink-socket.ts";
import { decodeChain, type ListedChain, listChainsQuery, type NftFamily } from "../linux/nftables-message.ts";

const TABLE = "filter";
/** Where Docker wants the administrator's rules: before its own. */
const USER_CHAIN = "DOCKER-USER";
const FORWARD_CHAIN = "FORWARD";

/** The same chains exist twice: in nftables, and in the older tables of kernels or programs that still use those. */
const NEWER: readonly { command: string; family: NftFamily }[] = [
  { command: "iptables-nft", family: "ip" },
  { command: "ip6tables-nft", family: "ip6" },
];
const OLDER: readonly { command: string; tables: string }[] = [
  { command: "iptables-legacy", tables: "/proc/net/ip_tables_names" },
  { command: "ip6tables-legacy", tables: "/proc/net/ip6_tables_names" },
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
  /** What an older table held when our rules needed nothing more, by command. */
  readonly #seen = new Map<string, string>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    /** Marks our rules: "naru-1a2b3c4d". */
    readonly comment: string,
    readonly warn: (message: string) => void,
  ) {}

  /** Puts our rules where they are needed and missing. Calls take turns. */
  accept(patterns: readonly string[]): Promise<void> {
    return this.#inTurn(async () => {
      for (const { command, family } of NEWER) {
        const listed = this.#socket.query(listChainsQuery(family), "list the chains of other firewalls");
        await this.#acceptIn(command, listed.map(decodeChain), patterns);
      }
      this.#seen.clear();
      await this.#acceptInOlder(patterns);
    });
  }

  /**
   * The same for the older tables alone. They tell nobody of changes, so this is to be called again and again: a process
   * where such tables are used, two small files elsewhere.
   */
  acceptInOlderTables(patterns: readonly string[]): Promise<void> {
    if (!OLDER.some(isUsed)) return this.#running;
    return this.#inTurn(() => this.#acceptInOlder(patterns));
  }

  /** Removes our rules wherever they are. */
  remove(): Promise<void> {
    return this.#inTurn(() => this.#removeNow());
  }

  close(): void {
    this.#socket.close();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).catch((error) => this.warn(errorText(error)));
    return this.#running;
  }

  async #acceptInOlder(patterns: readonly string[]): Promise<void> {
    // Asking the command would load the old tables where nobody uses them.
    for (const { command } of OLDER.filter(isUsed)) {
      const { stdout } = await run(command, ["-w", "-S"]);
      if (stdout === this.#seen.get(command)) continue;
      // What was added is looked at once more: somebody may have removed it at the same moment.
      if (await this.#acceptIn(command, parseChains(stdout), patterns)) this.#seen.delete(command);
      else this.#seen.set(command, stdout);
    }
  }

  /** @returns whether anything was added */
  async #acceptIn(command: string, chains: readonly ListedChain[], patterns: readonly string[]): Promise<boolean> {
    const chain = chainInTheWay(chains);
    if (chain === undefined) return false;
    let isAdded = false;
    for (const rule of patterns.flatMap((pattern) => acceptRules(pattern, this.comment))) {
      if (await this.#ensureRule(command, chain, rule)) isAdded = true;
    }
    this.#placed.set(`${command} ${chain}`, { command, chain, patterns: [...patterns] });
    return isAdded;
  }

  /** @returns whether it was added */
  async #ensureRule(command: string, chain: string, rule: readonly string[]): Promise<boolean> {
    const present = await run(command, ["-w", "-C", chain, ...rule]);
    if (present.exitCode === 0) return false;
    const added = await run(command, ["-w", "-I", chain, ...rule]);
    if (added.exitCode === 0) return true;
    this.warn(`${command} keeps containers from the network: cannot add an accept to ${chain}: ${added.stderr.trim()}`);
    return false;
  }

  async #removeNow(): Promise<void> {
    for (const { command, chain, patterns } of this.#placed.values()) {
      for (const pattern of patterns) {
        for (const rule of acceptRules(pattern, this.comment)) await run(command, ["-w", "-D", chain, ...rule]);
      }
    }
    this.#placed.clear();
    this.#seen.clear();
  }
}

/**
 * Synchronous, since the kernel answers from memory at once: to wait in a thread would bring ten megabytes of the runtime's code back
 * into an idle daemon, again and again.
 */
function isUsed({ tables }: (typeof OLDER)[number]): boolean {
  return existsSync(tables) && readFileSync(tables, "utf8").split("\n").includes(TABLE);
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
