/** gRPC's status codes and failures (grpc.io, "Status codes and their use"). */
import { type ErrorKind, errorText, NaruError } from "../../lib/errors.ts";

export const GRPC = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** What the other side answered, or what it is to be told. `details`: an encoded google.rpc.Status. */
export class GrpcError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly details?: Uint8Array,
    /** What went wrong on this side in a way that nobody foresaw. */
    readonly fault?: unknown,
  ) {
    super(message);
    this.name = "GrpcError";
  }
}

const CODES: Record<ErrorKind, number> = {
  invalid: GRPC.invalidArgument,
  unauthorized: GRPC.unauthenticated,
  forbidden: GRPC.permissionDenied,
  "not-found": GRPC.notFound,
  conflict: GRPC.alreadyExists,
  "not-modified": GRPC.failedPrecondition,
  "rate-limited": GRPC.resourceExhausted,
  unavailable: GRPC.unavailable,
  "not-implemented": GRPC.unimplemented,
  internal: GRPC.unknown,
};

export function grpcErrorOf(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  if (error instanceof NaruError) return new GrpcError(CODES[error.kind], error.message);
  if (error instanceof Error && error.name === "AbortError") return new GrpcError(GRPC.cancelled, "context canceled");
  return new GrpcError(GRPC.unknown, errorText(error), undefined, error);
}
