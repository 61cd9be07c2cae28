import { GRPC, GrpcError } from "../grpc/grpc-error.ts";
import type { GrpcCall } from "../grpc/grpc-server.ts";

/** The only request of a unary call. */
export async function oneMessage(call: GrpcCall): Promise<Uint8Array> {
  for await (const message of call.messages) return message;
  throw new GrpcError(GRPC.invalidArgument, "the call has no request");
}
