import type { Network } from "../../model/network.ts";
import type { RowKind } from "../format.ts";
import { rowFields } from "./row-fields.ts";
import { goTime, joinLabels, shortId } from "./row-text.ts";

const HEADERS: Record<string, string> = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv4: "IPV4",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
};

/** Networks as `network ls` shows them. */
export const NETWORK_KIND: RowKind<ReturnType<typeof networkRow>> = {
  typeName: "*network.networkContext",
  fields: rowFields(HEADERS, ["Label"]),
  table: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
  quiet: "{{.ID}}",
  raw: "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n",
};

/** A network as templates see it. */
export function networkRow(network: Network, truncate: boolean) {
  const labels = network.Labels ?? {};
  return {
    ID: truncate ? shortId(network.Id) : network.Id,
    Name: network.Name,
    Driver: network.Driver,
    Scope: network.Scope,
    IPv4: String(network.EnableIPv4 ?? false),
    IPv6: String(network.EnableIPv6 ?? false),
    Internal: String(network.Internal ?? false),
    Labels: joinLabels(labels),
    Label: (name: string) => labels[name] ?? "",
    CreatedAt: goTime(network.Created),
  };
}
