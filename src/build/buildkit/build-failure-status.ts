/** A failed build as BuildKit tells it: the words, and the Dockerfile's place from which clients draw the excerpt. */
import { BuildFailure } from "../contract.ts";
import { GRPC, GrpcError, grpcErrorOf } from "../grpc/grpc-error.ts";
import { wireRange } from "./build-job.ts";
import { rpcStatus, sourceDetail } from "./messages.ts";

const SOURCE_TYPE = "github.com/moby/buildkit/errdefs.Source";
const LANGUAGE = "Dockerfile";

export function buildErrorOf(error: unknown): GrpcError {
  const told = plain(grpcErrorOf(error));
  if (!(error instanceof BuildFailure) || error.place === undefined) return told;
  const { file, text, ranges } = error.place;
  const source = sourceDetail.encode({
    info: { filename: file, data: text, language: LANGUAGE },
    ranges: ranges.map(wireRange),
  });
  const details = rpcStatus.encode({
    code: told.code,
    message: told.message,
    details: [{ type_url: SOURCE_TYPE, value: source }],
  });
  return new GrpcError(told.code, told.message, details);
}

/** Clients print the name of every code but this one before the words, and BuildKit's builds fail with this one. */
function plain(error: GrpcError): GrpcError {
  return error.code === GRPC.cancelled ? error : new GrpcError(GRPC.unknown, error.message, error.details, error.fault);
}
