/** An engine that answers from fixed values and records what it was asked; single parts are replaced by the tests. */
import type { AttachSession, Engine } from "../../../src/engine/contract.ts";
import { NaruError } from "../../../src/lib/errors.ts";
import type { ContainerInspect, ContainerSummary } from "../../../src/model/container.ts";
import type { EventMessage } from "../../../src/model/system.ts";
import type { OutputChunk } from "../../../src/runtime/contract.ts";

export const ID = "0123456789abcdef".repeat(4);

type Loose<T> = { [K in keyof T]?: T[K] extends object ? Partial<T[K]> : T[K] };

export interface FakeEngine extends Engine {
  calls: { name: string; args: unknown[] }[];
}

/** Every method that is not given fails with a word that names it. */
export function fakeEngine(parts: Loose<Engine> = {}): FakeEngine {
  const calls: { name: string; args: unknown[] }[] = [];
  const service = (name: keyof Engine): object =>
    new Proxy(
      {},
      {
        get: (_target, method: string) => {
          const given = (parts[name] as Record<string, unknown> | undefined)?.[method];
          return (...args: unknown[]) => {
            calls.push({ name: `${name}.${method}`, args });
            if (typeof given === "function") return given(...args);
            throw new NaruError("internal", `the fake has no ${name}.${method}`);
          };
        },
      },
    );
  return {
    calls,
    containers: service("containers"),
    execs: service("execs"),
    images: service("images"),
    networks: service("networks"),
    volumes: service("volumes"),
    system: service("system"),
  } as FakeEngine;
}

/** A session whose process is played by the test. */
export class FakeSession implements AttachSession {
  input = "";
  inputClosed = false;
  closed = false;
  #chunks: OutputChunk[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  onInput: (text: string) => void = () => {};
  onInputClosed: () => void = () => {};

  constructor(readonly tty = false) {}

  emit(text: string, stream: OutputChunk["stream"] = "stdout"): void {
    this.#chunks.push({ stream, data: Buffer.from(text) });
    this.#wake?.();
  }
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }
  get output(): AsyncIterable<OutputChunk> {
    return this.#read();
  }
  async *#read(): AsyncGenerator<OutputChunk> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#ended || this.closed) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
  async write(chunk: Uint8Array): Promise<void> {
    const text = Buffer.from(chunk).toString();
    this.input += text;
    this.onInput(text);
  }
  closeInput(): void {
    this.inputClosed = true;
    this.onInputClosed();
  }
  close(): void {
    this.closed = true;
    this.#wake?.();
  }
}

export function containerSummary(): ContainerSummary {
  return {
    Id: ID,
    Names: ["/web"],
    Image: "nginx",
    ImageID: `sha256:${ID}`,
    Command: "sh -c 'a && b > c'",
    Created: 1700000000,
    Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }],
    Labels: {},
    State: "running",
    Status: "Up 2 minutes",
    HostConfig: { NetworkMode: "bridge", Annotations: { a: "b" } },
    NetworkSettings: { Networks: {} },
    Mounts: [],
  };
}

export function containerInspect(): Partial<ContainerInspect> {
  return {
    Id: ID,
    Name: "/web",
    NetworkSettings: { Networks: { mine: { Aliases: ["web"] }, bridge: {} } } as never,
  };
}

export function eventMessage(): EventMessage {
  return {
    status: "start",
    id: ID,
    from: "nginx",
    Type: "container",
    Action: "start",
    Actor: { ID, Attributes: { name: "web" } },
    scope: "local",
    time: 1700000000,
    timeNano: 1700000000123456789n,
  };
}
