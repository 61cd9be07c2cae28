import { describe, expect, test } from "bun:test";
import { type RowKind, rowsText } from "../../../src/cli/format.ts";
import { compileTemplate } from "../../../src/lib/go-template/template.ts";
import { GoNil, GoStruct, GoTime } from "../../../src/lib/go-template/values.ts";
import recorded from "./docker-replies.json";

/** The one row that docker's client prints for `context ls --format` without any configuration. */
const contextRow: RowKind<null> = {
  typeName: "*formatter.clientContextContext",
  table: "",
  fields: {
    Name: { header: "NAME", value: () => "default" },
    Current: { value: () => true },
    Description: { header: "DESCRIPTION", value: () => "Current DOCKER_HOST based configuration" },
    DockerEndpoint: { header: "DOCKER ENDPOINT", value: () => "unix:///var/run/docker.sock" },
    Error: { header: "ERROR", value: () => "" },
  },
};

describe("templates answer as docker's client did (docker-replies.json: template, output)", () => {
  for (const [template, reply] of recorded as [string, string][]) {
    test(JSON.stringify(template), () => {
      let text: string;
      try {
        text = rowsText(contextRow, [null], { format: template });
      } catch (error) {
        text = `${(error as Error).message}\n`;
      }
      expect(text).toBe(reply);
    });
  }
});

describe("values", () => {
  const state = new GoStruct("container.State", { Status: "running", Running: true, Pid: 12, Error: "", Health: null });
  const data = {
    State: state,
    Labels: { b: "2", a: "1" },
    Binds: new GoNil("slice"),
    Volumes: new GoNil("map"),
    Created: new GoTime("2024-05-01T12:00:00.5Z"),
    Ports: { "80/tcp": [{ HostPort: "8080" }] },
    Mixed: { n: 1, s: "x", f: 1.5, nothing: null, list: [1, "a", [true]] },
    Big: 9007199254740993n,
  };
  const cases: [template: string, text: string][] = [
    ["{{.State}}", "{running true 12  <nil>}"],
    ['{{printf "%+v" .State}}', "{Status:running Running:true Pid:12 Error: Health:<nil>}"],
    ["{{.State.Status}} {{.State.Running}}", "running true"],
    ["{{.Labels}}", "map[a:1 b:2]"],
    ["{{.Labels.a}} {{.Labels.none}}", "1 <no value>"],
    ['{{index .Labels "none"}}|', "|"],
    ["{{.Binds}} {{.Volumes}}", "[] map[]"],
    ["{{json .Binds}} {{len .Volumes}}", "null 0"],
    ["{{.Created}}", "2024-05-01 12:00:00.5 +0000 UTC"],
    ["{{json .Created}}", '"2024-05-01T12:00:00.5Z"'],
    ["{{range $port, $hosts := .Ports}}{{$port}}->{{(index $hosts 0).HostPort}}{{end}}", "80/tcp->8080"],
    ['{{(index (index .Ports "80/tcp") 0).HostPort}}', "8080"],
    ["{{.Mixed}}", "map[f:1.5 list:[1 a [true]] n:1 nothing:<nil> s:x]"],
    ["{{json .Mixed}}", '{"n":1,"s":"x","f":1.5,"nothing":null,"list":[1,"a",[true]]}'],
    ["{{.Big}}", "9007199254740993"],
    ["{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "a=1 b=2 "],
    ['{{with index .Labels "a"}}{{.}}{{end}}', "1"],
    ["{{len .Labels}} {{len .Mixed.list}}", "2 3"],
  ];
  for (const [template, text] of cases) {
    test(template, () => expect(compileTemplate(template).execute(data)).toBe(text));
  }

  test("a struct refuses a field that it lacks", () => {
    expect(() => compileTemplate("{{.State.Nope}}").execute(data)).toThrow(
      'template: :1:8: executing "" at <.State.Nope>: can\'t evaluate field Nope in type container.State',
    );
  });

  test("missingKey: error refuses a key that a map lacks", () => {
    expect(() => compileTemplate("{{.Nope}}", { missingKey: "error" }).execute(data)).toThrow(
      'template: :1:2: executing "" at <.Nope>: map has no entry for key "Nope"',
    );
  });
});
