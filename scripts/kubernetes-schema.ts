/**
 * Writes src/kube/schema/builtin-types.txt: the fields of Kubernetes' types with what merging and checking needs of them, a line a type,
 * from a Kubernetes OpenAPI v2 description (`bun scripts/kubernetes-schema.ts swagger.json[.gz]`). Only names and types are
 * taken, no sentences. The format is explained in src/kube/schema/builtin-types.ts, which reads it.
 */
import { gunzipSync } from "bun";

interface Schema {
  type?: string;
  format?: string;
  $ref?: string;
  items?: Schema;
  additionalProperties?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
  "x-kubernetes-list-type"?: string;
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: string;
  "x-kubernetes-patch-strategy"?: string;
  "x-kubernetes-patch-merge-key"?: string;
}

/** Groups that naru serves; types of other groups are left out. */
const SERVED = new Set([
  "meta.v1",
  "core.v1",
  "apps.v1",
  "batch.v1",
  "autoscaling.v1",
  "autoscaling.v2",
  "authentication.v1",
  "authorization.v1",
  "certificates.v1",
  "coordination.v1",
  "discovery.v1",
  "events.v1",
  "flowcontrol.v1",
  "networking.v1",
  "node.v1",
  "policy.v1",
  "rbac.v1",
  "scheduling.v1",
  "storage.v1",
  "admissionregistration.v1",
  "apiextensions.v1",
  "apiregistration.v1",
]);
const SCALARS: Record<string, string> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "q",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "x",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "t",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "u",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "*",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "*",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "*",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "*",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "*",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray": "*",
};
/** Members of list keys that may be left out, and what they are then. */
const KEY_DEFAULTS: Record<string, string> = {
  "core.v1.ContainerPort.protocol": "TCP",
  "core.v1.ServicePort.protocol": "TCP",
};
const PREFIXES = [
  "io.k8s.api.",
  "io.k8s.apimachinery.pkg.apis.",
  "io.k8s.apiextensions-apiserver.pkg.apis.",
  "io.k8s.kube-aggregator.pkg.apis.",
];

const source = process.argv[2];
if (source === undefined) throw new Error("name an OpenAPI v2 file: kubernetes-schema.ts swagger.json.gz");
const bytes = new Uint8Array(await Bun.file(source).arrayBuffer());
const text = new TextDecoder().decode(source.endsWith(".gz") ? gunzipSync(bytes) : bytes);
const definitions = JSON.parse(text).definitions as Record<string, Schema>;

function shortName(name: string): string | undefined {
  const prefix = PREFIXES.find((one) => name.startsWith(one));
  const short = prefix === undefined ? undefined : name.slice(prefix.length);
  return short !== undefined && SERVED.has(short.slice(0, short.lastIndexOf("."))) ? short : undefined;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace("#/definitions/", "");
    if (SCALARS[name] !== undefined) return SCALARS[name];
    const short = shortName(name);
    if (short === undefined) throw new Error(`${name} is of a group that is not served`);
    return definitions[name]?.properties === undefined ? "*" : `@${short}`;
  }
  switch (schema.type) {
    case "array":
      return `[${typeOf(schema.items ?? {})}`;
    case "object":
      return schema.additionalProperties ? `{${typeOf(schema.additionalProperties)}` : "*";
    case "integer":
      return schema.format === "int64" ? "l" : "i";
    case "number":
      return "n";
    case "boolean":
      return "b";
    case "string":
      return schema.format === "byte" ? "y" : schema.format === "date-time" ? "t" : "s";
    default:
      return "*";
  }
}

function attributesOf(schema: Schema): string {
  const parts: string[] = [];
  const list = schema["x-kubernetes-list-type"];
  if (list === "set") parts.push("s");
  if (list === "map") parts.push(`m=${schema["x-kubernetes-list-map-keys"]!.join(",")}`);
  if (schema["x-kubernetes-map-type"] === "atomic") parts.push("a");
  const key = schema["x-kubernetes-patch-merge-key"];
  const strategies = schema["x-kubernetes-patch-strategy"]?.split(",") ?? [];
  if (strategies.includes("merge")) parts.push(key === undefined ? "p" : `p=${key}`);
  if (strategies.includes("retainKeys")) parts.push("r");
  return parts.map((part) => `;${part}`).join("");
}

const lines: string[] = [];
for (const name of Object.keys(definitions).sort()) {
  const short = shortName(name);
  const definition = definitions[name]!;
  if (short === undefined || definition.properties === undefined || SCALARS[name] !== undefined) continue;
  const required = new Set(definition.required ?? []);
  const fields = Object.entries(definition.properties).map(([field, schema]) => {
    const fallback = KEY_DEFAULTS[`${short}.${field}`];
    const attributes = `${attributesOf(schema)}${fallback === undefined ? "" : `;d=${fallback}`}`;
    return `${field}${required.has(field) ? "!" : ""}:${typeOf(schema)}${attributes}`;
  });
  const kinds = definition["x-kubernetes-group-version-kind"] ?? [];
  const own = kinds.length === 1 ? [`${kinds[0]!.group}/${kinds[0]!.version}/${kinds[0]!.kind}`] : [];
  const flags = [...(definition["x-kubernetes-map-type"] === "atomic" ? ["atomic"] : []), ...own].join(" ");
  lines.push(`${short}\t${flags}\t${fields.join(" ")}`);
}
await Bun.write("src/kube/schema/builtin-types.txt", `${lines.join("\n")}\n`);
