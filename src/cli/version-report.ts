/** The two halves of `version`, and their layout. */

export interface ClientVersion {
  Version: string;
  ApiVersion: string;
  DefaultAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  BuildTime: string;
  Context: string;
}

interface Component {
  Name: string;
  Version: string;
  Details?: Record<string, string> | null;
}

/** Body of GET /version. */
export interface ServerVersion {
  Platform?: { Name: string };
  Components?: Component[] | null;
  Version: string;
  ApiVersion: string;
  MinAPIVersion?: string;
  GitCommit?: string;
  GoVersion?: string;
  Os?: string;
  Arch?: string;
  BuildTime?: string;
  Experimental?: boolean;
  [other: string]: unknown;
}

const LABEL_COLUMNS = 20;

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A build time for people: `Tue Sep 15 11:02:57 2026`; other text stays as it is. */
export function buildTimeText(time: string): string {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d:\d\d)/.exec(time);
  if (!match) return time;
  const [, year, month, day, clock] = match;
  const weekday = DAYS[new Date(`${year}-${month}-${day}T00:00:00Z`).getUTCDay()];
  return `${weekday} ${MONTHS[Number(month) - 1]} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
}

/** The server's answer with what older daemons leave out, and its build times for people. */
export function completeServerVersion(server: ServerVersion): ServerVersion {
  const components = server.Components?.length ? server.Components : [engineComponent(server)];
  return {
    ...server,
    Components: components.map((component) => ({
      ...component,
      Details: mapValues(component.Details ?? {}, (key, value) => (key === "BuildTime" ? buildTimeText(value) : value)),
    })),
  };
}

function engineComponent(server: ServerVersion): Component {
  return {
    Name: "Engine",
    Version: server.Version,
    Details: {
      ApiVersion: server.ApiVersion,
      MinAPIVersion: server.MinAPIVersion ?? "",
      GitCommit: server.GitCommit ?? "",
      GoVersion: server.GoVersion ?? "",
      Os: server.Os ?? "",
      Arch: server.Arch ?? "",
      BuildTime: server.BuildTime ?? "",
      Experimental: String(server.Experimental ?? false),
    },
  };
}

function mapValues(entries: Record<string, string>, change: (key: string, value: string) => string) {
  return Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, change(key, value)]));
}

/** The text of `version`. Without a server only the client's half. */
export function versionText(client: ClientVersion, server: ServerVersion | undefined): string {
  const downgraded =
    client.ApiVersion === client.DefaultAPIVersion ? "" : ` (downgraded from ${client.DefaultAPIVersion})`;
  const lines = [
    "Client:",
    row(" Version:", client.Version),
    row(" API version:", `${client.ApiVersion}${downgraded}`),
    row(` ${runtimeLabel(client.GoVersion)}`, client.GoVersion),
    row(" Git commit:", client.GitCommit),
    ...(client.BuildTime === "" ? [] : [row(" Built:", client.BuildTime)]),
    row(" OS/Arch:", `${client.Os}/${client.Arch}`),
    row(" Context:", client.Context),
  ];
  if (server) {
    const platform = server.Platform?.Name ? ` ${server.Platform.Name}` : "";
    lines.push("", `Server:${platform}`, ...(server.Components ?? []).flatMap(componentLines));
  }
  return `${lines.join("\n")}\n`;
}

function componentLines({ Name, Version, Details }: Component): string[] {
  const details = Details ?? {};
  const heading = [` ${Name}:`, row("  Version:", Version)];
  if (Name !== "Engine") {
    const rest = Object.keys(details).sort();
    return [...heading, ...rest.map((key) => row(`  ${key}:`, details[key] ?? ""))];
  }
  const least = details.MinAPIVersion ? ` (minimum version ${details.MinAPIVersion})` : "";
  return [
    ...heading,
    row("  API version:", `${details.ApiVersion ?? ""}${least}`),
    row(`  ${runtimeLabel(details.GoVersion ?? "")}`, details.GoVersion ?? ""),
    row("  Git commit:", details.GitCommit ?? ""),
    row("  Built:", details.BuildTime ?? ""),
    row("  OS/Arch:", `${details.Os ?? ""}/${details.Arch ?? ""}`),
    row("  Experimental:", details.Experimental ?? "false"),
  ];
}

/** Docker's field is named after Go; a program on another runtime says so. */
function runtimeLabel(version: string): string {
  return version === "" || version.startsWith("go") ? "Go version:" : "Runtime:";
}

function row(label: string, value: string): string {
  return `${label.padEnd(LABEL_COLUMNS)}${value}`;
}
