import type { Command, CommandContext } from "../command.ts";
import type { FlagSet, FlagValues } from "../flags.ts";
import type { KubeApi } from "./kube-api.ts";
import type { ResourceTypes } from "./resource-types.ts";

/** What a command of `kubectl` gets to work with. Everything is made at first use. */
export interface KubectlContext extends CommandContext {
  /** The cluster that the kubeconfig names, or the one of the naru daemon where there is no kubeconfig. */
  api(): Promise<KubeApi>;
  /** What the cluster serves, by all names that users know it by. */
  types(): Promise<ResourceTypes>;
  /** The namespace of -n, else of the context, else "default". */
  namespace(): Promise<string>;
  /** True when -n was on the command line. */
  readonly namespaceGiven: boolean;
  /** --kuberc; empty when not given. */
  readonly kuberc: string;
  /** The file that `config` changes, and the files that are read. */
  readonly kubeconfig: KubeconfigChoice;
}

interface KubeconfigChoice {
  /** --kubeconfig; empty when not given. */
  readonly path: string;
  /** --context, --cluster, --user; empty when not given. */
  readonly context: string;
  readonly cluster: string;
  readonly user: string;
}

/** One use of a command. */
interface KubectlInvocation<F extends FlagSet> {
  readonly flags: FlagValues<F>;
  readonly args: string[];
  /** What stood behind "--", when that was there: a program and its words. */
  readonly afterDashes: readonly string[] | undefined;
  /** True when the flag was on the command line, whatever its value. */
  given(name: keyof F & string): boolean;
  readonly context: KubectlContext;
}

/** The declaration of a command of `kubectl`. */
export interface KubectlCommand<F extends FlagSet = FlagSet>
  extends Omit<Command<F>, "run" | "takesAllWords" | "helpsItself" | "aliases" | "args"> {
  /** Does the work. Returns the exit code (nothing for 0); throws CliError or KubeApiError to fail. */
  run(invocation: KubectlInvocation<F>): Promise<number | undefined> | Promise<void>;
}

/** Gives a declaration its types. */
export function defineKubectlCommand<F extends FlagSet>(command: KubectlCommand<F>): KubectlCommand<F> {
  return command;
}
