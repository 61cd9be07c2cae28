/**
 * What names, labels and keys may look like, in the words that Kubernetes' clients know. Each rule answers what is wrong, or nothing.
 */

type Rule = (value: string) => string[];

/** A rule by an expression, with examples for its message. */
function shape(maximum: number, what: string, examples: readonly string[], expression: string): Rule {
  const pattern = new RegExp(`^(?:${expression})$`);
  const shown = examples.map((one) => `'${one}'`).join(",  or ");
  const message = `${what} (e.g. ${shown}, regex used for validation is '${expression}')`;
  return (value) => {
    const faults: string[] = [];
    if (value.length > maximum) faults.push(mostBytes(maximum));
    if (!pattern.test(value)) faults.push(message);
    return faults;
  };
}

const mostBytes = (maximum: number) => `must be no more than ${maximum} bytes`;

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/** "web-1": names of namespaces, containers, ports of services. */
export const dnsLabelFaults = shape(
  63,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  ["my-name", "123-abc"],
  LABEL,
);
/** "web.example": names of most objects. */
export const dnsSubdomainFaults = shape(
  253,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  ["example.com"],
  `${LABEL}(\\.${LABEL})*`,
);
/** "web": as dnsLabelFaults, but beginning with a letter: names of services. */
export const dns1035LabelFaults = shape(
  63,
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  ["my-name", "abc-123"],
  "[a-z]([-a-z0-9]*[a-z0-9])?",
);
export const labelValueFaults = shape(
  63,
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  ["MyValue", "my_value", "12345"],
  `(${QUALIFIED})?`,
);
/** Keys of config maps and secrets. */
export function configKeyFaults(key: string): string[] {
  const faults = configKeyShape(key);
  if (key === ".") faults.push("must not be '.'");
  else if (key === "..") faults.push("must not be '..'");
  else if (key.startsWith("..")) faults.push("must not start with '..'");
  return faults;
}
const configKeyShape = shape(
  253,
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
  ["key.name", "KEY_NAME", "key-name"],
  "[-._a-zA-Z0-9]+",
);
const qualifiedPart = shape(
  63,
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  ["MyName", "my.name", "123-abc"],
  QUALIFIED,
);

/** "app", "example.com/app": keys of labels and annotations, names of resources, taints, conditions. */
export function qualifiedNameFaults(name: string): string[] {
  const parts = name.split("/");
  const faults: string[] = [];
  if (parts.length > 2) {
    const example =
      "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    return [
      `a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character ${example} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (parts.length === 2) {
    const prefix = parts[0] as string;
    if (prefix === "") faults.push("prefix part must be non-empty");
    else faults.push(...dnsSubdomainFaults(prefix).map((fault) => `prefix part ${fault}`));
  }
  const last = parts.at(-1) as string;
  if (last === "") faults.push("name part must be non-empty");
  faults.push(...qualifiedPart(last).map((fault) => `name part ${fault}`));
  return faults;
}

/** Names that become a part of a path: roles, bindings. */
export function pathSegmentFaults(name: string): string[] {
  if (name === "." || name === "..") return [`may not be '${name}'`];
  return ["/", "%"].filter((sign) => name.includes(sign)).map((sign) => `may not contain '${sign}'`);
}

/** Names of environment variables: any printable ASCII but "=". */
export function environmentNameFaults(name: string): string[] {
  return /^[ -<>-~]+$/.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Names of ports of containers: IANA service names. */
export function portNameFaults(name: string): string[] {
  const faults: string[] = [];
  if (name.length > 15) faults.push("must be no more than 15 bytes");
  if (!/^[-a-z0-9]+$/.test(name)) faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(name)) faults.push("must contain at least one letter (a-z)");
  if (name.includes("--")) faults.push("must not contain consecutive hyphens");
  if (name.startsWith("-") || name.endsWith("-")) faults.push("must not begin or end with a hyphen");
  return faults;
}

export function portNumberFaults(port: number): string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? [] : ["must be between 1 and 65535, inclusive"];
}
