import { resolve } from "node:path";
import { isTree, newTree, type Tree } from "../../compose/document.ts";
import type { ComposeProject } from "../../compose/load-project.ts";
import { portsOf } from "../../compose/ports.ts";
import { shellWords } from "../../compose/shell-words.ts";
import { fillServiceDefaults, listOf, mappingOf } from "../../compose/short-forms.ts";
import { mountOf } from "../../compose/volumes.ts";
import { serviceOf, servicesOf } from "./project-services.ts";

/** What `run` changes of a service. Empty texts and lists change nothing. */
interface OneOffWishes {
  containerName: string;
  command: readonly string[];
  entrypoint: string | undefined;
  /** `NAME=value`, or `NAME` for one that is taken away. */
  environment: readonly string[];
  /** `key=value` */
  labels: readonly string[];
  user: string;
  workingDir: string;
  capAdd: readonly string[];
  capDrop: readonly string[];
  volumes: readonly string[];
  /** Further ports. */
  publish: readonly string[];
  keepsPorts: boolean;
  tty: boolean;
  interactive: boolean;
}

/** The project with one service as `run` wants it; with `noDependencies` that one alone. Throws "invalid". */
export function withOneOffService(
  project: ComposeProject,
  name: string,
  wishes: OneOffWishes,
  noDependencies: boolean,
): ComposeProject {
  const service: Tree = Object.assign(newTree(), serviceOf(project, name));
  changeProcess(service, wishes);
  changeReach(service, wishes, project.folder);
  // It ends for good, and is one container, whatever the service is.
  delete service.restart;
  service.scale = 1;
  if (isTree(service.deploy)) {
    const { restart_policy: _policy, replicas: _replicas, ...deploy } = service.deploy;
    service.deploy = Object.assign(newTree(), deploy);
  }
  if (noDependencies) delete service.depends_on;
  const others = noDependencies ? {} : servicesOf(project);
  const services: Tree = Object.assign(newTree(), others, { [name]: service });
  return { ...project, tree: Object.assign(newTree(), project.tree, { services }) };
}

function changeProcess(service: Tree, wishes: OneOffWishes): void {
  service.container_name = wishes.containerName;
  service.tty = wishes.tty;
  service.stdin_open = wishes.interactive;
  if (wishes.command.length > 0) service.command = [...wishes.command];
  if (wishes.entrypoint !== undefined) {
    service.entrypoint = shellWords(wishes.entrypoint);
    // The service's command was meant for its own entrypoint.
    if (wishes.command.length === 0) service.command = [];
  }
  if (wishes.user !== "") service.user = wishes.user;
  if (wishes.workingDir !== "") service.working_dir = wishes.workingDir;
  service.environment = Object.assign(newTree(), mappingOf(service.environment), mappingOf([...wishes.environment]));
  service.labels = Object.assign(newTree(), mappingOf(service.labels), mappingOf([...wishes.labels]));
  for (const key in service.labels) service.labels[key] ??= "";
}

function changeReach(service: Tree, wishes: OneOffWishes, folder: string): void {
  const own = wishes.keepsPorts ? listOf(service.ports) : [];
  service.ports = [...own, ...wishes.publish.flatMap(portsOf)];
  const without = (list: Tree[string] | undefined, taken: readonly string[]) =>
    listOf(list).filter((each) => !taken.includes(String(each)));
  service.cap_add = [...without(service.cap_add, wishes.capDrop), ...wishes.capAdd];
  service.cap_drop = [...without(service.cap_drop, wishes.capAdd), ...wishes.capDrop];
  const mounts = wishes.volumes.map((text) => {
    const mount = mountOf(text);
    if (mount.type === "bind")
      mount.source = resolve(folder, String(mount.source).replace(/^~(?=\/|$)/, process.env.HOME ?? "~"));
    return mount;
  });
  const targets = new Set(mounts.map(({ target }) => target));
  const kept = listOf(service.volumes).filter((mount) => !isTree(mount) || !targets.has(mount.target!));
  service.volumes = [...kept, ...mounts];
  fillServiceDefaults(service);
}
