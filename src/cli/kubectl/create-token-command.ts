import { parseDuration } from "../../lib/go-duration.ts";
import { CliError } from "../cli-error.ts";
import { list, string } from "../flag-types.ts";
import { oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";
import { durationText } from "./duration-flag.ts";
import { KubeApiError } from "./kube-api.ts";
import { objectPrinter, PRINT_FLAGS } from "./output-format.ts";

export const command = defineKubectlCommand({
  usage: "SERVICE_ACCOUNT_NAME [options]",
  summary: "Get a token of a service account",
  flags: {
    ...PRINT_FLAGS,
    audience: list("Who is to accept the token (may be repeated)", { type: "stringArray" }),
    "bound-object-kind": string("The token ends with an object of this kind: Pod, Secret or Node"),
    "bound-object-name": string("The name of that object"),
    "bound-object-uid": string("Its UID"),
    duration: durationText("How long the token lives (0: as the server likes)", { initial: "0s" }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    const seconds = Math.ceil(parseDuration(flags.duration) / 1e9);
    const [kind, bound, uid] = [flags["bound-object-kind"], flags["bound-object-name"], flags["bound-object-uid"]];
    if (kind === "" && bound !== "") {
      throw new CliError("error: --bound-object-name can only be set if --bound-object-kind is provided");
    }
    if (kind !== "" && bound === "") {
      throw new CliError("error: --bound-object-name is required if --bound-object-kind is provided");
    }
    const place = `/api/v1/namespaces/${encodeURIComponent(await context.namespace())}`;
    const path = `${place}/serviceaccounts/${encodeURIComponent(name)}/token`;
    const spec = {
      audiences: flags.audience,
      ...(seconds > 0 ? { expirationSeconds: seconds } : {}),
      ...(kind === ""
        ? {}
        : { boundObjectRef: { kind, apiVersion: "v1", name: bound, ...(uid === "" ? {} : { uid }) } }),
    };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec };
    const api = await context.api();
    const made = await api.json<{ status?: { token?: string } }>("POST", path, { body }).catch((error) => {
      if (!(error instanceof KubeApiError)) throw error;
      throw new CliError(`error: failed to create token: ${error.status.message ?? ""}`);
    });
    const printer = await objectPrinter(flags);
    context.print(printer === undefined ? `${made.status?.token ?? ""}\n` : printer(made));
  },
});
