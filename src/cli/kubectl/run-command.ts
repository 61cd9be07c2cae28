import { parseReference } from "../../lib/image-reference.ts";
import { CliError } from "../cli-error.ts";
import { bool, int, list, string, strings } from "../flag-types.ts";
import { cascade, propagationOf } from "./cascade.ts";
import { createObject } from "./create-object.ts";
import { defineKubectlCommand, type KubectlContext } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import type { KubeManifestObject } from "./manifest-files.ts";
import { PRINT_FLAGS } from "./output-format.ts";
import { OVERRIDE_FLAGS, withOverrides } from "./overrides.ts";
import { podOfFlags, type RunPodFlags, serviceOfFlags } from "./run-pod.ts";
import { dryRun } from "./write-flags.ts";

export const command = defineKubectlCommand({
  usage:
    'NAME --image=image [--env="key=value"] [--port=port] [--dry-run=server|client] [--overrides=inline-json] [--command] -- [COMMAND] [args...] [options]',
  summary: "Start a pod from an image",
  flags: {
    ...PRINT_FLAGS,
    ...OVERRIDE_FLAGS,
    annotations: list("Annotations of the pod, as key=value", { type: "stringArray" }),
    attach: bool("Wait for the pod and attach to it (default with -i)"),
    cascade: cascade(),
    command: bool("The words are the program, not its arguments"),
    "dry-run": dryRun(),
    env: list("Variables of the container, as NAME=value", { type: "stringArray" }),
    expose: bool("Make a service too; wants --port"),
    "field-manager": string("Who owns the fields that are set", { initial: "kubectl-run" }),
    filename: strings("Refused: `run` makes its pod from flags", { short: "f" }),
    force: bool("With --rm: do not wait for the end"),
    "grace-period": int("With --rm: seconds that the pod has to end; negative: its own", { initial: -1 }),
    image: string("The container's image"),
    "image-pull-policy": string("Always, IfNotPresent or Never"),
    kustomize: string("Refused: `run` makes its pod from flags", { short: "k" }),
    labels: string("Labels of the pod, as a=b,c=d (default: run=NAME)", { short: "l" }),
    "leave-stdin-open": bool("Input stays open after the first attach"),
    "pod-running-timeout": durationText("How long to wait for the pod to run", { initial: "1m0s" }),
    port: string("The port that the container listens on"),
    privileged: bool("The container may do what the node may"),
    quiet: bool("Print only what the container prints", { short: "q" }),
    recursive: bool("Refused: `run` makes its pod from flags", { short: "R" }),
    restart: string("Always, OnFailure or Never", { initial: "Always" }),
    rm: bool("Delete the pod when it has ended; only when attached"),
    "save-config": bool("Keep the object's text in an annotation, for later use of apply"),
    stdin: bool("Keep input open, and send ours", { short: "i" }),
    timeout: durationText("With --rm: how long to wait for the deletion", { initial: "0s" }),
    tty: bool("Give the container a terminal", { short: "t" }),
    wait: bool("With --rm: wait until the pod is gone"),
  },
  async run({ flags, args, given, afterDashes, context }) {
    const [name, ...before] = args;
    if (flags.filename.length > 0 || flags.kustomize !== "" || flags.recursive)
      throw new CliError("error: run makes its pod from flags: files (-f, -k, -R) belong to 'create' and 'apply'");
    if (flags.image === "") throw new CliError('error: required flag(s) "image" not set');
    const isAttached = given("attach") ? flags.attach : flags.stdin || flags.tty;
    const words = [...before, ...(afterDashes ?? [])];
    checkFlags(context, name, flags, isAttached);
    propagationOf(flags.cascade);
    const pod = withOverrides(podOfFlags(name!, words, flags), flags);
    const made: Made[] = [];
    if (flags.expose) {
      const service = serviceOfFlags(name!, flags);
      made.push(await send(context, flags, service, isAttached));
      if (flags["dry-run"] !== "none" && flags.output === "yaml") context.print("---\n");
    }
    made.push(await send(context, flags, pod, isAttached));
    if (!isAttached) return 0;
    const { attachAndWait } = await import("./run-attached.ts");
    return await attachAndWait(context, made, flags);
  },
});

/** An object that was sent, for --rm. */
export interface Made {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

async function send(
  context: KubectlContext,
  flags: Parameters<typeof createObject>[1],
  object: KubeManifestObject,
  isAttached: boolean,
): Promise<Made> {
  const type = (await context.types()).ofKind(object.apiVersion, object.kind);
  const namespace = await context.namespace();
  const placed = context.namespaceGiven ? { ...object, metadata: { ...object.metadata, namespace } } : object;
  // Attached, only what the container prints belongs on standard output.
  const quiet: KubectlContext = isAttached && flags.output === "" ? { ...context, print: () => {} } : context;
  await createObject(
    quiet,
    { ...flags, "save-config": flags["save-config"] === true && flags["dry-run"] === "none" },
    type,
    namespace,
    placed,
  );
  return { kind: object.kind, name: String(object.metadata?.name ?? ""), namespace };
}

function checkImage(image: string): void {
  try {
    parseReference(image);
  } catch {
    throw new CliError(`error: Invalid image name ${JSON.stringify(image)}: invalid reference format`);
  }
}

interface CheckedFlags extends RunPodFlags {
  readonly "dry-run": string;
  readonly expose: boolean;
  readonly rm: boolean;
}

function checkFlags(context: KubectlContext, name: string | undefined, flags: CheckedFlags, isAttached: boolean): void {
  const refuse = (why: string) => new CliError(`error: ${why}\nSee '${context.program} run -h' for help and examples`);
  if (name === undefined) throw refuse("NAME is required for run");
  checkImage(flags.image);
  if (flags.tty && !flags.stdin) throw refuse("-i/--stdin is required for containers with -t/--tty=true");
  if (flags.expose && flags.port === "") throw refuse("--port must be set when exposing a service");
  if (flags.rm && !isAttached) throw refuse("--rm should only be used for attached containers");
  if (isAttached && flags["dry-run"] !== "none") {
    throw refuse(
      "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)",
    );
  }
  if (!["Always", "OnFailure", "Never"].includes(flags.restart))
    throw refuse(`invalid restart policy: ${flags.restart}`);
  if (!["", "Always", "IfNotPresent", "Never"].includes(flags["image-pull-policy"]))
    throw refuse(`invalid image pull policy: ${flags["image-pull-policy"]}`);
}
