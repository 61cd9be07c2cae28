import type { Ulimit } from "../../model/container.ts";
import { addUlimit } from "../container-options/resources.ts";
import { contentTrust } from "../content-trust.ts";
import { strings } from "../csv-flag.ts";
import { bool, bytes, custom, int, list, string } from "../flag-types.ts";
import type { FlagValues } from "../flags.ts";

/** stringArray of docker's builder: repeatable, commas belong to the value. */
const texts = (usage: string, short?: string) => list(usage, { type: "stringArray", ...(short ? { short } : {}) });

/** The flags of `build`: those of docker's builder, and of the classic one before it (hidden, as docker hides them). */
export const buildFlags = {
  "add-host": strings("A line for /etc/hosts while building, as name:address"),
  allow: texts("What the build may have beyond the usual: network.host, security.insecure, device"),
  annotation: texts("A note on the image, as [manifest|index:]key=value"),
  attest: texts("A statement about the image: type=sbom or type=provenance,mode=min|max"),
  "build-arg": texts("Value of an ARG as NAME=value; a bare NAME takes it from the environment"),
  "build-context": texts(
    "Further files as NAME=directory, NAME=docker-image://IMAGE, NAME=oci-layout://DIRECTORY[:TAG], NAME=https://… or a git address",
  ),
  builder: string("Name of the builder; there is one, called default"),
  "cache-from": texts("Where a cache is taken from: IMAGE, type=registry,ref=IMAGE or type=local,src=directory"),
  "cache-to": texts("Where the cache is written: type=inline, type=registry,ref=IMAGE or type=local,dest=directory"),
  call: string('What to do with the Dockerfile ("check", "outline", "targets")', { initial: "build" }),
  "cgroup-parent": string("Cgroup to put those of RUN instructions under"),
  check: bool("Look for mistakes without building; short for --call=check"),
  debug: bool("Say more", { short: "D" }),
  file: string('The Dockerfile: a path, "-" for standard input, or a URL (default: "PATH/Dockerfile")', { short: "f" }),
  iidfile: string("Write the image's id to this file"),
  label: texts("A label of the image, as key=value"),
  load: bool("Keep the image here; short for --output=type=docker"),
  "metadata-file": string("Write what was made to this file, as JSON"),
  network: string("Network of RUN instructions: default, none or host", { initial: "default" }),
  "no-cache": bool("Take nothing from the cache"),
  "no-cache-filter": texts("Stages that take nothing from the cache"),
  output: texts("Where the result goes: a directory, or type=image|docker|oci|tar|local|registry|cacheonly,…", "o"),
  platform: texts("Platform to build for"),
  progress: string('How progress is shown ("auto", "none", "plain", "quiet", "rawjson", "tty")', { initial: "auto" }),
  provenance: string("State how it was built; short for --attest=type=provenance"),
  pull: bool("Ask registries for newer base images"),
  push: bool("Send the image to its registry; short for --output=type=registry"),
  quiet: bool("Print nothing but the image's id", { short: "q" }),
  sbom: string("State what is installed; short for --attest=type=sbom"),
  secret: texts("Something that only RUN --mount=type=secret sees, as id=NAME[,src=FILE|,env=VARIABLE]"),
  "shm-size": bytes("Size of /dev/shm while building"),
  ssh: texts("SSH agent or keys for RUN --mount=type=ssh, as default|ID[=SOCKET|KEY[,KEY]]"),
  tag: texts("Name of the image, as NAME[:TAG]", "t"),
  target: string("Stage to build"),
  ulimit: custom<Ulimit[]>("ulimit", "Limits of processes while building", () => [], addUlimit, {
    defaultText: "[]",
  }),
  // Of the classic builder; docker hides them too.
  compress: bool("", { hidden: true }),
  "cpu-period": int("", { hidden: true }),
  "cpu-quota": int("", { hidden: true }),
  "cpu-shares": int("", { short: "c", hidden: true }),
  "cpuset-cpus": string("", { hidden: true }),
  "cpuset-mems": string("", { hidden: true }),
  "disable-content-trust": { ...contentTrust(""), hidden: true },
  "force-rm": bool("", { hidden: true }),
  isolation: string("", { hidden: true }),
  memory: bytes("", { short: "m", hidden: true }),
  "memory-swap": bytes("", { swap: true, hidden: true }),
  rm: bool("", { initial: true, hidden: true }),
  "security-opt": strings("", { hidden: true }),
  squash: bool("Put all that the build adds into one layer", { hidden: true }),
};

export type BuildFlags = FlagValues<typeof buildFlags>;
