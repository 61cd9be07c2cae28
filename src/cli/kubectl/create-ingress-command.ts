import { CliError } from "../cli-error.ts";
import { list, string } from "../flag-types.ts";
import { CREATE_FLAGS, create, keyValues, oneName } from "./create-flags.ts";
import { defineKubectlCommand } from "./declaration.ts";

export const command = defineKubectlCommand({
  usage: "NAME --rule=host/path=service:port[,tls[=secret]]  [options]",
  summary: "Make an ingress",
  flags: {
    ...CREATE_FLAGS,
    annotation: list("An annotation, as key=value (may be repeated)", { type: "stringArray" }),
    class: string("The class of the ingress"),
    "default-backend": string("Who answers what no rule names, as service:port"),
    rule: list("host/path=service:port[,tls[=secret]] (may be repeated); path* for all below it", {
      type: "stringArray",
    }),
  },
  async run({ flags, args, context }) {
    const name = oneName(args);
    if (flags.rule.length === 0 && flags["default-backend"] === "") {
      throw new CliError(
        "error: not enough information provided: every ingress has to either specify a default-backend (which catches all traffic) or a list of rules (which catch specific paths)",
      );
    }
    const parsed = flags.rule.map(parseRule);
    const rules = [...Map.groupBy(parsed, ({ host }) => host)].map(([host, ones]) => ({
      ...(host === "" ? {} : { host }),
      http: { paths: ones.map(({ path }) => path) },
    }));
    const secure = parsed.filter(({ secret }) => secret !== undefined);
    const tls = [...Map.groupBy(secure, ({ secret }) => secret!)].map(([secretName, ones]) => ({
      ...hostsOf(ones.map(({ host }) => host)),
      ...(secretName === "" ? {} : { secretName }),
    }));
    const annotations = Object.fromEntries(keyValues(flags.annotation, "annotation"));
    await create(context, flags, {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { ...(flags.annotation.length === 0 ? {} : { annotations }), name },
      spec: {
        ...(flags["default-backend"] === "" ? {} : { defaultBackend: backendOf(flags["default-backend"]) }),
        ...(flags.class === "" ? {} : { ingressClassName: flags.class }),
        ...(rules.length === 0 ? {} : { rules }),
        ...(tls.length === 0 ? {} : { tls }),
      },
      status: { loadBalancer: {} },
    });
  },
});

function hostsOf(hosts: readonly string[]): { hosts?: string[] } {
  const named = [...new Set(hosts.filter((host) => host !== ""))];
  return named.length === 0 ? {} : { hosts: named };
}

function parseRule(text: string) {
  const [, host = "", path = "", service = "", tls] =
    /^([^/=,]*)(\/[^=,]*)=([^,=:]+:[^,=:]+)(?:,(tls(?:=.*)?))?$/.exec(text) ?? [];
  if (service === "") {
    throw new CliError(
      `error: rule ${text} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]`,
    );
  }
  const isPrefix = path.endsWith("*");
  return {
    host,
    path: {
      backend: backendOf(service),
      path: isPrefix ? path.slice(0, -1) : path,
      pathType: isPrefix ? "Prefix" : "Exact",
    },
    /** Undefined without TLS, empty for the controller's own certificate. */
    secret: tls === undefined ? undefined : tls.slice("tls=".length),
  };
}

function backendOf(text: string) {
  const [name = "", port = ""] = text.split(":");
  if (name === "" || port === "")
    throw new CliError(`error: default backend should be in format servicename:serviceport`);
  return { service: { name, port: /^\d+$/.test(port) ? { number: Number(port) } : { name: port } } };
}
