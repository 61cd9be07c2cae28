/** OpenAPI documents of what is served now, made when they are asked for: nobody reads them often, and they are big. */

import { createHash } from "node:crypto";
import type { Registry, ServedKind } from "../machinery/registry.ts";
import { findType } from "./builtin-types.ts";
import { pathsOf } from "./open-api-paths.ts";
import { encodeOpenApi } from "./open-api-protobuf.ts";
import { type JsonSchema, type OpenApiVersion, TypeDocument } from "./open-api-types.ts";
import type { OpenSchemaSet } from "./schema-set.ts";

const SERVER = { title: "Kubernetes", version: "v1.34.0" };

/** Documents of other servers that belong to the API. */
interface MoreDocuments {
  /** Group versions that others tell of, and what changes with them. */
  places(): readonly { place: string; stamp: string }[];
  /** Whole documents in OpenAPI 2. */
  swaggers(): Promise<readonly Record<string, unknown>[]>;
}

export class OpenApiDocuments {
  private known: string | undefined;

  constructor(
    private readonly registry: Registry,
    private readonly schemas: OpenSchemaSet,
    private readonly more?: MoreDocuments,
  ) {
    registry.onChanged(() => {
      this.known = undefined;
    });
  }

  /** Changes when the documents do. */
  get stamp(): string {
    const others = this.more?.places() ?? [];
    if (others.length > 0) return stampOf([this.ownStamp, others]);
    return this.ownStamp;
  }

  private get ownStamp(): string {
    this.known ??= stampOf(this.registry.served().map(({ type }) => [type, this.schemas.documentOf(type)]));
    return this.known;
  }

  /** The whole API in OpenAPI 2, as JSON. */
  async v2(): Promise<string> {
    return JSON.stringify(await this.swagger());
  }

  /** The same in protobuf, as Go clients ask for it. */
  async v2Protobuf(): Promise<Buffer> {
    return encodeOpenApi(await this.swagger());
  }

  private async swagger(): Promise<Record<string, unknown>> {
    const document = new TypeDocument(2);
    const paths: Record<string, unknown> = {};
    for (const kind of this.registry.served()) {
      Object.assign(paths, this.describe(kind, document, 2));
      // One kind at a time: other requests go between.
      await Bun.sleep(0);
    }
    const definitions = document.schemas;
    for (const other of (await this.more?.swaggers()) ?? []) {
      // What both tell (object metadata and the like) is the same.
      Object.assign(paths, { ...(other.paths as object), ...paths });
      Object.assign(definitions, { ...(other.definitions as object), ...definitions });
    }
    return { swagger: "2.0", info: SERVER, paths, definitions };
  }

  /** "" is the list of documents; "api/v1", "apis/apps/v1" one group version in OpenAPI 3; undefined when it is not served. */
  async v3(path: string): Promise<string | undefined> {
    if (path === "") return JSON.stringify({ paths: this.index() });
    const kinds = this.registry.served().filter((kind) => placeOf(kind) === path);
    if (kinds.length === 0) return undefined;
    const document = new TypeDocument(3);
    const paths: Record<string, unknown> = {};
    for (const kind of kinds) Object.assign(paths, this.describe(kind, document, 3));
    return JSON.stringify({ openapi: "3.0.0", info: SERVER, paths, components: { schemas: document.schemas } });
  }

  private index(): Record<string, unknown> {
    const stamps = new Map(this.registry.served().map((kind) => [placeOf(kind), this.ownStamp]));
    for (const { place, stamp } of this.more?.places() ?? []) stamps.set(place, stamp);
    return Object.fromEntries(
      [...stamps].sort().map(([place, stamp]) => [place, { serverRelativeURL: `/openapi/v3/${place}?hash=${stamp}` }]),
    );
  }

  /** Puts a kind's types into the document; answers its paths. */
  private describe(kind: ServedKind, document: TypeDocument, version: OpenApiVersion): Record<string, unknown> {
    const { type, definition } = kind;
    const { group, version: served, kind: name } = type;
    const gvk = (word: string) => ({
      "x-kubernetes-group-version-kind": [{ group, version: served, kind: word }],
    });
    const own = this.schemas.documentOf(type);
    const builtin = this.schemas.typeOf(type);
    let object: JsonSchema = { type: "object" };
    let publicList = `${[...group.split(".")].reverse().join(".")}.${served}.${name}List`;
    if (own !== undefined) {
      const called = publicList.slice(0, -"List".length);
      const meta = findType("meta.v1.ObjectMeta");
      const properties = {
        ...((own.properties as object | undefined) ?? {}),
        apiVersion: { type: "string" },
        kind: { type: "string" },
        ...(meta === undefined
          ? {}
          : { metadata: version === 3 ? { allOf: [document.reference(meta)] } : document.reference(meta) }),
      };
      document.schemas[called] = { ...own, properties, ...gvk(name) };
      object = document.pointer(called);
    } else if (builtin !== undefined) {
      object = document.reference(builtin, gvk(name));
      publicList = `${Object.values(object)[0]}List`.split("/").at(-1) ?? publicList;
    }
    const listMeta = findType("meta.v1.ListMeta");
    document.schemas[publicList] = {
      type: "object",
      properties: {
        apiVersion: { type: "string" },
        kind: { type: "string" },
        items: { type: "array", items: object },
        ...(listMeta === undefined ? {} : { metadata: document.reference(listMeta) }),
      },
      required: ["items"],
      ...gvk(definition.listKind ?? `${name}List`),
    };
    const scale = definition.scale === undefined ? undefined : findType("autoscaling.v1.Scale");
    return pathsOf(kind, version, {
      object,
      list: document.pointer(publicList),
      isCustom: own !== undefined,
      ...(scale === undefined ? {} : { scale: document.reference(scale) }),
    });
  }
}

function stampOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 32).toUpperCase();
}

function placeOf({ type }: ServedKind): string {
  return type.group === "" ? `api/${type.version}` : `apis/${type.group}/${type.version}`;
}
