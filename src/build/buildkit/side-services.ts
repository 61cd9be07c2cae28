/** Services beside the builder's own that clients use: health checks, and traces, which naru takes and does not keep. */
import type { GrpcMethods } from "../grpc/grpc-server.ts";
import { oneMessage } from "./one-message.ts";

/** grpc.health.v1.HealthCheckResponse: status (field 1) SERVING (1). */
const SERVING = Uint8Array.of(0x08, 0x01);
const EMPTY = new Uint8Array(0);

export function sideMethods(): GrpcMethods {
  return {
    "/grpc.health.v1.Health/Check": async (call) => {
      await oneMessage(call);
      await call.send(SERVING);
    },
    // The state never changes, so the stream only ends with the client.
    "/grpc.health.v1.Health/Watch": async (call) => {
      await oneMessage(call);
      await call.send(SERVING);
      const { promise, resolve } = Promise.withResolvers<void>();
      call.signal.addEventListener("abort", () => resolve(), { once: true });
      if (call.signal.aborted) resolve();
      await promise;
    },
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": async (call) => {
      await oneMessage(call);
      await call.send(EMPTY);
    },
  };
}
