/** What converting a project to Kubernetes objects works with. */
import type { KubeObject } from "../../model/kubernetes/object.ts";
import type { Tree } from "../document.ts";
import type { ProjectModel, ServiceModel } from "../service-model.ts";

/** Where the contents of secrets and configs come from. */
export interface FileContents {
  /** Undefined for a file that is not there. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** A service, with what other services say about it. */
export interface KubeService {
  name: string;
  model: ServiceModel;
  /** With naru's own keys. */
  tree: Tree;
  /** Somebody waits until it has ended: it is a job. */
  isAwaited: boolean;
}

/** The objects, and what Kubernetes has no word for. */
export interface KubeProject {
  objects: KubeObject[];
  /** `web: ulimits have no counterpart`. */
  remarks: string[];
}

/** What the parts of the conversion are handed. */
export interface Conversion {
  project: ProjectModel;
  /** Notes what is left out or must be looked at. */
  remark(service: string, words: string): void;
}
